/* answer_test.c - a model answers from its file as it did in memory; a model whose tensors are
 * wrong is refused although its checksum is right. */
// SPDX-License-Identifier: Apache-2.0
#include "answer/answer.h"

#include <math.h>

#include "base/limits.h"
#include "train/tiny.h"

static struct corpus corpus;
static struct fit fit;
static struct answer_model model;
static struct arena arena;
static struct answer_context context;
static const char *path;

static void lay(struct answer_context *out, const struct answer_model *of, struct arena *from)
{
    struct error err;
    struct arena measured = arena_measure();
    answer_lay(out, of, &measured);
    assert_fine(arena_open(from, measured.used, &err), &err);
    answer_lay(out, of, from);
}

static int make(void **state)
{
    (void)state;
    struct error err;
    static char kept[4096];
    strcpy(kept, tiny_path("answer.air"));
    path = kept;
    tiny_corpus(&corpus, NULL);
    tiny_fit(&fit, &corpus, 2);
    assert_fine(fit_write(&fit, &corpus, &tiny_options, path, "test", &err), &err);
    assert_fine(answer_open(&model, path, NULL, &err), &err);
    lay(&context, &model, &arena);
    return 0;
}

static int give(void **state)
{
    (void)state;
    arena_close(&arena);
    answer_close(&model);
    fit_close(&fit);
    corpus_close(&corpus);
    unlink(path);
    return 0;
}

static void the_file_answers_as_memory_did(void **state)
{
    (void)state;
    struct arena other_arena;
    struct answer_context other;
    lay(&other, &fit.model, &other_arena);
    size_t abstained = 0;
    for (size_t i = 0; i < corpus.count; i++) {
        struct answer a, b;
        answer_case(&context, &corpus.cases[i].text, &a);
        answer_case(&other, &corpus.cases[i].text, &b);
        assert_int_equal(a.best, b.best);
        assert_true(a.confidence == b.confidence);
        assert_int_equal(a.abstained, b.abstained);
        assert_memory_equal(a.probability, b.probability, 6 * sizeof(float));
        assert_int_equal(a.best, corpus.cases[i].label);
        assert_true(a.confidence == a.probability[a.best]);
        assert_int_equal(a.abstained, a.confidence < model.threshold[a.best]);
        assert_int_equal(a.member[ANSWER_LINEAR].best, a.best);
        abstained += a.abstained;
    }
    assert_in_range(abstained, 1, corpus.count - 1);
    arena_close(&other_arena);
}

static void labels_are_found_by_name(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < model.label_count; c++) {
        assert_true(slice_equal(answer_label(&model, c), corpus.labels[c]));
        assert_int_equal(answer_find(&model, corpus.labels[c]), c);
        assert_int_equal(model.label_cases[c], 10);
    }
    assert_int_equal(answer_find(&model, SLICE("Kerne")), model.label_count);
    assert_int_equal(answer_find(&model, SLICE("Kernels")), model.label_count);
    assert_int_equal(answer_find(&model, SLICE("")), model.label_count);
    assert_int_equal(answer_find(&model, SLICE("Zzz")), model.label_count);
}

static void ranks_fall(void **state)
{
    (void)state;
    struct answer answer;
    for (size_t i = 0; i < corpus.count; i++) {
        uint32_t ranked[6], seen = 0, first[2];
        answer_case(&context, &corpus.cases[i].text, &answer);
        answer_rank(&answer, model.label_count, ranked, 6);
        assert_int_equal(ranked[0], answer.best);
        for (int r = 0; r < 6; r++) seen |= 1u << ranked[r];
        assert_int_equal(seen, 63);
        for (int r = 1; r < 6; r++)
            assert_true(answer.probability[ranked[r - 1]] >= answer.probability[ranked[r]]);
        answer_rank(&answer, model.label_count, first, 2);
        assert_memory_equal(first, ranked, sizeof first);
    }
}

static void canaries_hold(void **state)
{
    (void)state;
    struct error err;
    assert_int_equal(model.canary_count, 6);
    assert_fine(answer_canaries(&context, UINT32_MAX, &err), &err);
    struct case_text text = answer_canary(&model, 0);
    assert_true(slice_equal(text.field[CASE_SUBJECT], corpus.cases[3].text.field[CASE_SUBJECT]));
}

/* The same file with one tensor given other bytes or another shape, and the checksum made right. */
struct change {
    const char *name;
    const void *data;
    size_t rows, columns; /* rows 0: shape and size as before, the data's first bytes replaced */
    size_t at, size;      /* which bytes, counted from the end if at is > the tensor */
    bool drop;
    const struct change *next; /* one more, or NULL */
};

static const struct change *change_of(const struct change *change, const char *name)
{
    while (change != NULL && strcmp(change->name, name) != 0) change = change->next;
    return change;
}

static enum error_code reopened(const struct change *changes, struct answer_model *out,
                                struct error *err)
{
    static struct bundle_draft draft;
    const char *changed = tiny_path("changed.air");
    char *copy = NULL;
    bool found = false;
    assert_fine(bundle_draft_open(&draft, err), err);
    for (size_t i = 0; i < model.bundle.file.count; i++) {
        const struct safetensors_entry *entry = &model.bundle.file.entries[i];
        if (strncmp(entry->name, "pad.", 4) == 0) continue;
        size_t rows = entry->shape[0], columns = entry->dimensions > 1 ? entry->shape[1] : 0;
        const void *data = entry->data.data;
        const struct change *change = change_of(changes, entry->name);
        found |= change != NULL;
        if (change != NULL && change->drop) continue;
        if (change != NULL && change->rows > 0) {
            rows = change->rows;
            columns = change->columns;
            data = change->data;
        } else if (change != NULL) {
            size_t last = entry->data.size - change->size;
            copy = malloc(entry->data.size);
            memcpy(copy, entry->data.data, entry->data.size);
            memcpy(copy + (change->at < last ? change->at : last), change->data, change->size);
            data = copy;
        }
        bundle_draft_tensor(&draft, entry->name, entry->type, rows, columns, data);
    }
    assert_true(found);
    assert_fine(bundle_draft_write(&draft, changed, err), err);
    bundle_draft_close(&draft);
    free(copy);
    enum error_code code = answer_open(out, changed, NULL, err);
    if (code != ERR_NONE) assert_non_null(strstr(err->detail, "changed.air: "));
    unlink(changed);
    return code;
}

enum { END = 1 << 30 };
static const uint32_t zero, seven = 7, huge = UINT32_MAX, ones[600] = {1, 1, 1, 1, 1, 1, 1};
static const float nan_value = NAN, infinite = INFINITY;

static void wrong_tensors_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct change change;
        const char *text;
    } rows[] = {
        {{"labels.start", &seven, 0, 0, 0, 4, false, NULL}, "label offsets"},
        {{"labels.start", &huge, 0, 0, 4, 4, false, NULL}, "label offsets"},
        {{"labels.start", &zero, 0, 0, 8, 4, false, NULL}, "label offsets"},
        {{"labels.start", &huge, 0, 0, END, 4, false, NULL}, "label offsets"},
        {{"labels.start", &zero, 1, 0, 0, 0, false, NULL}, "labels; it needs 2 to"},
        {{"labels.start", ones, 2, 0, 0, 0, false, NULL}, "labels; it needs 2 to"},
        {{"labels.start", ones, 3, 2, 0, 0, false, NULL}, "labels.start"},
        {{"labels.start", NULL, 0, 0, 0, 0, true, NULL}, "no tensor 'labels.start'"},
        {{"labels.text", "\xFF", 0, 0, 3, 1, false, NULL}, "not UTF-8"},
        {{"labels.text", "Zz", 0, 0, 0, 2, false, NULL}, "sorted"},
        {{"labels.cases", ones, 5, 0, 0, 0, false, NULL}, "labels.cases"},
        {{"answer.threshold", &nan_value, 0, 0, 8, 4, false, NULL}, "thresholds"},
        {{"answer.threshold", ones, 7, 0, 0, 0, false, NULL}, "answer.threshold"},
        {{"answer.target", &infinite, 0, 0, 0, 4, false, NULL}, "target precision"},
        {{"linear.bucket", &huge, 0, 0, 64, 4, false, NULL}, "bucket borders"},
        {{"linear.bucket", &huge, 0, 0, END, 4, false, NULL}, "bucket borders"},
        {{"linear.bucket", &zero, 0, 0, END, 4, false, NULL}, "bucket borders"},
        {{"linear.bucket", &seven, 0, 0, 0, 4, false, NULL}, "bucket borders"},
        {{"linear.bucket", ones, 600, 0, 0, 0, false, NULL}, "no power of two + 1"},
        {{"linear.bucket", ones, 1, 0, 0, 0, false, NULL}, "no power of two + 1"},
        {{"linear.bucket", ones, 2, 0, 0, 0, false, NULL}, "no power of two + 1"},
        {{"linear.bucket", ones, 3, 0, 0, 0, false, NULL}, "bucket borders"},
        {{"linear.tag", ones, 600, 0, 0, 0, false, NULL}, "linear.idf"},
        {{"linear.scale", &nan_value, 0, 0, END, 4, false, NULL}, "weights hold a value"},
        {{"linear.bias", &infinite, 0, 0, 0, 4, false, NULL}, "weights hold a value"},
        {{"linear.weight", ones, 4, 6, 0, 0, false, NULL}, "linear.weight"},
        {{"linear.weight", NULL, 0, 0, 0, 0, true, NULL}, "no tensor 'linear.weight'"},
        {{"linear.parameters", &nan_value, 0, 0, 4, 4, false, NULL}, "parameters"},
        {{"linear.parameters", ones, 4, 0, 0, 0, false, NULL}, "linear.parameters"},
        {{"linear.calibration", &nan_value, 0, 0, 0, 4, false, NULL}, "calibration"},
        {{"linear.calibration", ones, 3, 0, 0, 0, false, NULL}, "linear.calibration"},
        {{"canary.start", &huge, 0, 0, 8, 4, false, NULL}, "canary offsets"},
        {{"canary.start", &zero, 0, 0, END, 4, false, NULL}, "canary offsets"},
        {{"canary.start", ones, 4, 0, 0, 0, false, NULL}, "canary.start"},
        {{"canary.text", "\xC0", 0, 0, 40, 1, false, NULL}, "not UTF-8"},
        {{"canary.label", ones, 5, 0, 0, 0, false, NULL}, "canary.start"},
        {{"canary.confidence", ones, 5, 0, 0, 0, false, NULL}, "canary.confidence"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static struct answer_model out, before;
        struct error err = {0};
        memset(&out, 0x5A, sizeof out);
        before = out;
        enum error_code code = reopened(&rows[i].change, &out, &err);
        if (code != ERR_MODEL || strstr(err.detail, rows[i].text) == NULL)
            fail_msg("row %zu, %s: %d '%s'", i, rows[i].change.name, (int)code, err.detail);
        assert_memory_equal(&out, &before, sizeof out);
    }
}

/* Longer than a label may be: lines of 'predict' have room for the longest only. */
static void a_label_without_end_is_refused(void **state)
{
    (void)state;
    static struct answer_model out;
    struct error err;
    for (uint32_t extra = 0; extra < 2; extra++) {
        static char text[LABEL_BYTES_MAX + 6];
        uint32_t start[7] = {0}, size = LABEL_BYTES_MAX + extra;
        memset(text, 'A', sizeof text);
        for (uint32_t c = 0; c < 6; c++) start[c + 1] = size + c;
        for (uint32_t c = 1; c < 6; c++) text[size + c - 1] = (char)('A' + c);
        struct change starts = {.name = "labels.start", .data = start, .rows = 7};
        struct change texts = {
            .name = "labels.text", .data = text, .rows = size + 5, .next = &starts};
        enum error_code code = reopened(&texts, &out, &err);
        assert_int_equal(code, extra > 0 ? ERR_MODEL : ERR_NONE);
        if (code != ERR_NONE)
            assert_non_null(strstr(err.detail, "longer than 256 bytes"));
        else
            answer_close(&out);
    }
}

/* Finite numbers, but such as no training gives: answers stay numbers all the same. */
static void extreme_numbers_stay_numbers(void **state)
{
    (void)state;
    enum { refused = 9 };
    static const float extremes[][4] = {
        {3e38f, 1.5f, 1, 0}, {-1, 1.5f, 1, 0},   {0, 1.5f, 1, 0},      {1, -3e38f, 1, 0},
        {1, 3e38f, 1, 0},    {1, 1, 3e38f, 0},   {1, 1, -1, 0},        {1, 1, 1, 3e38f},
        {1, 1, 1, -3e38f},   {1e6f, 0, 1e6f, 0}, {1e-6f, 16, 1, 1e6f}, {1e6f, 1, 0.05f, -1e6f},
    };
    for (size_t i = 0; i < sizeof extremes / sizeof *extremes; i++) {
        static struct answer_model out;
        struct error err;
        struct change change = {.name = "linear.calibration", .data = extremes[i], .size = 16};
        if (i < refused) {
            assert_fails(reopened(&change, &out, &err), ERR_MODEL, "calibration", &err);
            continue;
        }
        assert_fine(reopened(&change, &out, &err), &err);
        struct arena other_arena;
        struct answer_context other;
        lay(&other, &out, &other_arena);
        for (size_t n = 0; n < corpus.count; n++) {
            struct answer answer;
            answer_case(&other, &corpus.cases[n].text, &answer);
            double sum = 0;
            for (int c = 0; c < 6; c++) sum += (double)answer.probability[c];
            assert_true(fabs(sum - 1) < 1e-4);
        }
        arena_close(&other_arena);
        answer_close(&out);
    }
}

static void canaries_notice_other_weights(void **state)
{
    (void)state;
    static struct answer_model out;
    struct error err;
    static const float bias[] = {0, 3, 0, 0, 0, 0};
    struct change change = {.name = "linear.bias", .data = bias, .size = sizeof bias};
    assert_fine(reopened(&change, &out, &err), &err);
    struct arena other_arena;
    struct answer_context other;
    lay(&other, &out, &other_arena);
    assert_fails(answer_canaries(&other, UINT32_MAX, &err), ERR_MODEL, "canary 1 ", &err);
    assert_fine(answer_canaries(&other, 0, &err), &err);
    arena_close(&other_arena);
    answer_close(&out);
}

static void an_unchanged_copy_is_fine(void **state)
{
    (void)state;
    static struct answer_model out;
    struct error err;
    struct change change = {.name = "labels.text", .data = "", .size = 0};
    assert_fine(reopened(&change, &out, &err), &err);
    assert_string_equal(out.bundle.checksum, model.bundle.checksum);
    answer_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_answers_as_memory_did),
        cmocka_unit_test(labels_are_found_by_name),
        cmocka_unit_test(ranks_fall),
        cmocka_unit_test(canaries_hold),
        cmocka_unit_test(an_unchanged_copy_is_fine),
        cmocka_unit_test(wrong_tensors_are_refused),
        cmocka_unit_test(a_label_without_end_is_refused),
        cmocka_unit_test(extreme_numbers_stay_numbers),
        cmocka_unit_test(canaries_notice_other_weights),
    };
    return cmocka_run_group_tests(tests, make, give);
}
