/* explain_test.c - weights sum to the difference they explain; those of the linear member to the
 * last digits, on a model that learnt real cases; what is left out shows where it matters. */
// SPDX-License-Identifier: Apache-2.0
#include "answer/explain.h"

#include <jansson.h>
#include <math.h>

#include "answer/imported.h"
#include "base/limits.h"
#include "train/tiny.h"

static char room[READER_TEXT_MAX];

/* The members as they are written, in braces. */
static json_t *written(const struct explain *explain)
{
    static char text[1 << 16];
    struct writer writer = writer_of(text, sizeof text);
    assert_true(explain_bound() <= sizeof text);
    writer_char(&writer, '{');
    explain_write(explain, &writer);
    assert_true(writer.used - 1 <= explain_bound());
    writer_char(&writer, '}');
    assert_false(writer.cut);
    json_error_t error;
    json_t *root = json_loadb(writer.data, writer.used, JSON_ALLOW_NUL, &error);
    assert_non_null(root);
    return root;
}

static double number_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* Every reason's text is where it says; the weight of the last one, all others summed up. */
static double check_reasons(const json_t *root, const struct case_text *text, double *out_sum)
{
    const json_t *reasons = json_object_get(root, "reasons");
    size_t count = json_array_size(reasons), i;
    double last = INFINITY;
    const json_t *reason;
    *out_sum = 0;
    assert_in_range(count, 1, EXPLAIN_REASONS + 1);
    json_array_foreach(reasons, i, reason)
    {
        enum case_field field =
            case_find(slice_of(json_string_value(json_object_get(reason, "field"))));
        assert_true(field < CASE_FIELDS);
        size_t start = (size_t)number_of(reason, "start"), end = (size_t)number_of(reason, "end");
        const json_t *shown = json_object_get(reason, "text");
        assert_true(start <= end && end <= text->field[field].size);
        assert_true(json_string_length(shown) <= end - start);
        assert_memory_equal(json_string_value(shown), text->field[field].data + start,
                            json_string_length(shown));
        double weight = number_of(reason, "weight");
        if (i + 1 == count) {
            assert_int_equal(start, end);
            last = weight;
            break;
        }
        assert_true(end > start);
        if (i > 0) {
            const json_t *before = json_array_get(reasons, i - 1);
            assert_true(fabs(weight) <= fabs(number_of(before, "weight")));
        }
        *out_sum += weight;
    }
    return last;
}

struct learnt {
    struct corpus corpus;
    struct fit fit;
    struct answer_context context;
};

/* Returns whether all of its words were told, so that only the bias is left. */
static bool check_learnt(struct learnt *learnt, const struct case_text *text)
{
    static struct explain explain;
    struct answer answer;
    struct case_text texts[EXPLAIN_ROUND];
    answer_case(&learnt->context, text, &answer);
    explain_open(&explain, &learnt->context, text, &answer, NULL);
    assert_int_equal(explain_ask(&explain, texts), 0);
    uint32_t ranked[2];
    answer_rank(&answer, learnt->fit.model.label_count, ranked, 2);
    const float *scores = answer.scores[ANSWER_LINEAR], *bias = learnt->fit.model.bow.bias;
    double difference = (double)scores[ranked[0]] - (double)scores[ranked[1]], sum;
    json_t *root = written(&explain);
    const json_t *runner_up = json_object_get(root, "runner_up");
    assert_true(slice_equal(slice_of(json_string_value(json_object_get(runner_up, "sbr"))),
                            answer_label(&learnt->fit.model, ranked[1])));
    assert_true(fabs(number_of(runner_up, "difference") - difference) < 1e-6);
    double last = check_reasons(root, text, &sum);
    assert_true(fabs(sum + last - difference) < 1e-6);
    bool all = json_array_size(json_object_get(root, "reasons")) <= EXPLAIN_REASONS;
    json_decref(root);
    if (all) assert_true(fabs(last - ((double)bias[ranked[0]] - (double)bias[ranked[1]])) < 1e-5);
    return all;
}

static void weights_sum_to_the_difference(void **state)
{
    (void)state;
    static struct learnt learnt;
    struct error err;
    tiny_corpus(&learnt.corpus, NULL);
    tiny_fit(&learnt.fit, &learnt.corpus, 2);
    assert_fine(answer_begin(&learnt.context, &learnt.fit.model, &err), &err);
    for (size_t i = 0; i < learnt.corpus.count; i++) {
        struct case_text text = learnt.corpus.cases[i].text;
        check_learnt(&learnt, &text);
        text.field[CASE_DESCRIPTION] = SLICE("");
        assert_true(check_learnt(&learnt, &text));
    }
    answer_end(&learnt.context);
    fit_close(&learnt.fit);
    corpus_close(&learnt.corpus);
}

struct imported {
    struct answer_model model;
    struct answer_context context;
    const char *path;
};

static void open_imported(struct imported *imported, bool linear)
{
    struct error err;
    struct answer_room slots = {.slots = 4, .threads = 1};
    imported->path = imported_write(linear);
    assert_fine(answer_open(&imported->model, imported->path, NULL, &err), &err);
    assert_fine(answer_begin_room(&imported->context, &imported->model, slots, &err), &err);
}

static void close_imported(struct imported *imported)
{
    answer_end(&imported->context);
    answer_close(&imported->model);
    unlink(imported->path);
}

static double lead(const struct answer *answer, const uint32_t *ranked)
{
    const float *scores = answer->scores[ANSWER_ULMFIT];
    return (double)scores[ranked[0]] - (double)scores[ranked[1]];
}

/* What is said of a word is what happens without it. */
static void left_out_words_are_gone(void **state)
{
    (void)state;
    for (int linear = 0; linear < 2; linear++) {
        struct imported imported;
        open_imported(&imported, linear);
        static char words[4096], without[4096];
        struct case_text text = imported_case(3, 60, words, sizeof words);
        static struct explain explain;
        struct answer answer;
        uint32_t ranked[2];
        answer_case(&imported.context, &text, &answer);
        answer_rank(&answer, IMPORTED_LABELS, ranked, 2);
        double read = lead(&answer, ranked), share = linear ? (double)imported_blend[1] : 1;
        assert_true(explain_room(&imported.model, &text) <= sizeof room);
        explain_open(&explain, &imported.context, &text, &answer, room);
        explain_run(&explain, &imported.context, 1e9);
        assert_int_equal(explain.rounds, EXPLAIN_ROUNDS_MAX);
        size_t single = 0, all = 0;
        for (size_t i = 0; i < explain.parts; i++) {
            const struct explain_part *part = &explain.part[i];
            struct slice field = text.field[part->field];
            all += part->words;
            single += part->words == 1;
            memcpy(without, field.data, part->start);
            memcpy(without + part->start, field.data + part->end, field.size - part->end);
            struct case_text shorter = text;
            shorter.field[part->field] =
                (struct slice){without, field.size - (part->end - part->start)};
            answer_case(&imported.context, &shorter, &answer);
            assert_true(part->known);
            assert_true(fabs(part->weight - share * (read - lead(&answer, ranked))) < 1e-9);
        }
        assert_int_equal(all, 62); /* "Printer fails" besides: all words are in one part each */
        assert_true(single > 20);
        json_t *root = written(&explain);
        double sum, last = check_reasons(root, &text, &sum);
        assert_true(fabs(sum + last - explain.difference) < 1e-5);
        json_decref(root);
        close_imported(&imported);
    }
}

static void time_and_rounds_are_bounded(void **state)
{
    (void)state;
    struct imported imported;
    open_imported(&imported, false);
    static char words[65536];
    struct case_text text = imported_case(9, 3000, words, sizeof words);
    struct case_text texts[EXPLAIN_ROUND];
    static struct explain explain;
    struct answer answer;
    answer_case(&imported.context, &text, &answer);
    explain_open(&explain, &imported.context, &text, &answer, room);
    explain_run(&explain, &imported.context, 0);
    assert_int_equal(explain.rounds, 1);
    assert_int_equal(explain.parts, 2); /* subject and description */
    /* A round that is not to be leaves what was known. */
    struct explain before = explain;
    assert_true(explain_ask(&explain, texts) > 0);
    assert_true(explain.parts > before.parts);
    explain_withdraw(&explain);
    assert_int_equal(explain.parts, before.parts);
    for (size_t i = 0; i < before.parts; i++) {
        assert_true(explain.part[i].known);
        assert_int_equal(explain.part[i].end, before.part[i].end);
        assert_true(explain.part[i].weight <= before.part[i].weight);
        assert_true(explain.part[i].weight >= before.part[i].weight);
    }
    /* No answers at all: nothing is known of words, and the rest is everything. */
    explain_open(&explain, &imported.context, &text, &answer, room);
    size_t asked, rounds = 0;
    while ((asked = explain_ask(&explain, texts)) > 0) {
        assert_in_range(asked, 1, EXPLAIN_ROUND);
        for (size_t i = 0; i < asked; i++) explain_take(&explain, i, NULL);
        rounds++;
    }
    assert_int_equal(rounds, 1);
    json_t *root = written(&explain);
    double sum, last = check_reasons(root, &text, &sum);
    assert_int_equal(json_array_size(json_object_get(root, "reasons")), 1);
    assert_true(sum <= 0 && fabs(last - explain.difference) < 1e-6);
    json_decref(root);
    close_imported(&imported);
}

/* A megabyte in one field, and characters of several bytes where it is cut. */
static void long_texts_stay_in_their_room(void **state)
{
    (void)state;
    struct imported imported;
    open_imported(&imported, true);
    enum { BYTES = 999999 };
    static char bytes[BYTES];
    for (size_t i = 0; i < BYTES; i += 3) memcpy(bytes + i, i % 5 ? "\xE7\xA3\x81" : "ab ", 3);
    struct case_text text = {.field = {[CASE_DESCRIPTION] = {bytes, BYTES}}};
    static struct explain explain;
    struct answer answer;
    answer_case(&imported.context, &text, &answer);
    size_t size = explain_room(&imported.model, &text);
    assert_true(size <= explain_room_max(&imported.model));
    char *exact = malloc(size);
    assert_non_null(exact);
    explain_open(&explain, &imported.context, &text, &answer, exact);
    struct case_text texts[EXPLAIN_ROUND];
    size_t asked;
    while ((asked = explain_ask(&explain, texts)) > 0)
        for (size_t i = 0; i < asked; i++) {
            struct error err;
            assert_fine(case_check_utf8(texts[i].field[CASE_DESCRIPTION], "", 0, &err), &err);
            explain_take(&explain, i, &answer);
        }
    json_t *root = written(&explain);
    double sum;
    check_reasons(root, &text, &sum);
    json_decref(root);
    free(exact);
    close_imported(&imported);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_sum_to_the_difference),
        cmocka_unit_test(left_out_words_are_gone),
        cmocka_unit_test(time_and_rounds_are_bounded),
        cmocka_unit_test(long_texts_stay_in_their_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
