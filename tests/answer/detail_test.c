/* detail_test.c - what is told beside an answer, and that it fits its bound. */
// SPDX-License-Identifier: Apache-2.0
#include "answer/detail.h"

#include <jansson.h>

#include "imported.h"

static double number(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (!json_is_number(value)) fail_msg("%s is no number", key);
    return json_number_value(value);
}

static void assert_label(const json_t *object, const char *key, const struct answer_model *model,
                         uint32_t label)
{
    struct slice name = answer_label(model, label);
    json_t *value = json_object_get(object, key);
    assert_int_equal(json_string_length(value), name.size);
    assert_memory_equal(json_string_value(value), name.data, name.size);
}

static void assert_told(const json_t *root, const struct answer_model *model,
                        const struct answer *answer)
{
    assert_label(root, "predicted_sbr", model, answer->best);
    assert_true((float)number(root, "confidence") == answer->confidence);
    assert_int_equal(json_is_true(json_object_get(root, "abstained")), answer->abstained);
    assert_int_equal(json_is_true(json_object_get(root, "truncated")), answer->truncated);
    json_t *alternatives = json_object_get(root, "alternatives");
    assert_int_equal(json_array_size(alternatives), IMPORTED_LABELS - 1);
    uint32_t ranked[IMPORTED_LABELS];
    answer_rank(answer, IMPORTED_LABELS, ranked, IMPORTED_LABELS);
    double before = 2;
    for (size_t i = 0; i < IMPORTED_LABELS - 1; i++) {
        json_t *one = json_array_get(alternatives, i);
        assert_label(one, "sbr", model, ranked[i + 1]);
        double confidence = number(one, "confidence");
        assert_true((float)confidence == answer->probability[ranked[i + 1]]);
        assert_true(confidence <= before);
        before = confidence;
    }
    json_t *members = json_object_get(root, "members");
    assert_int_equal(json_object_size(members), 2);
    for (int m = 0; m < ANSWER_MEMBERS; m++) {
        json_t *member = json_object_get(members, answer_members[m]);
        assert_label(member, "predicted_sbr", model, answer->member[m].best);
        assert_true((float)number(member, "confidence") == answer->member[m].confidence);
    }
    json_t *told = json_object_get(root, "model");
    assert_string_equal(json_string_value(json_object_get(told, "checksum")),
                        model->bundle.checksum);
    assert_true(json_string_length(json_object_get(told, "version")) > 0);
}

static void all_is_told_to_the_bit(void **state)
{
    (void)state;
    struct error err;
    struct answer_model model;
    struct answer_context context;
    const char *path = imported_write(true);
    assert_fine(answer_open(&model, path, NULL, &err), &err);
    unlink(path);
    assert_fine(answer_begin(&context, &model, &err), &err);
    size_t bound = detail_bound(&model);
    for (unsigned i = 0; i < 20; i++) {
        char room[4000], line[8000];
        struct case_text text = imported_case(i, 1 + 10 * i, room, sizeof room);
        struct answer answer;
        answer_case(&context, &text, &answer);
        struct detail detail = detail_of(&model, &text, &answer);
        struct writer writer = writer_of(line, sizeof line);
        writer_char(&writer, '{');
        detail_write(&detail, &writer);
        writer_char(&writer, '}');
        assert_in_range(writer.used - 2, 1, bound);
        json_error_t error;
        json_t *root = json_loadb(line, writer.used, JSON_REJECT_DUPLICATES, &error);
        assert_non_null(root);
        assert_told(root, &model, &answer);
        const char *id = json_string_value(json_object_get(root, "decision_id"));
        struct decision decision;
        assert_fine(decision_parse(&decision, slice_of(id), &err), &err);
        assert_true(decision_equal(&decision, &detail.decision));
        json_decref(root);
    }
    answer_end(&context);
    answer_close(&model);
}

/* 256 bytes that each take six in JSON, for every label there is room for. */
static void the_longest_labels_fit(void **state)
{
    (void)state;
    enum { LABELS = 9, SIZE = 256 };
    static char text[LABELS * SIZE];
    static uint32_t start[LABELS + 1];
    static float probability[LABELS];
    memset(text, 1, sizeof text);
    for (uint32_t c = 0; c <= LABELS; c++) start[c] = c * SIZE;
    for (uint32_t c = 0; c < LABELS; c++) probability[c] = 1.17549435e-38f * (float)(c + 1);
    struct answer_model model = {
        .label_count = LABELS, .label_start = start, .label_text = text, .has = {true, false}};
    struct answer answer = {
        .best = LABELS - 1, .confidence = probability[LABELS - 1], .probability = probability};
    struct case_text none = {0};
    struct detail detail = detail_of(&model, &none, &answer);
    assert_int_equal(detail.alternatives, DETAIL_ALTERNATIVES);
    model.has[ANSWER_ULMFIT] = true; /* both members are written */
    static char line[40000];
    size_t bound = detail_bound(&model);
    assert_true(bound < sizeof line);
    struct writer writer = writer_of(line, bound);
    detail_write(&detail, &writer);
    assert_false(writer.cut);
    assert_true(writer.used > (1 + DETAIL_ALTERNATIVES + ANSWER_MEMBERS) * 6 * SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_told_to_the_bit),
        cmocka_unit_test(the_longest_labels_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
