/* import_test.c - fastai's files in, fastai's answers out; what does not fit is named
 * (lists of words: src/model/strings.c). */
// SPDX-License-Identifier: Apache-2.0
#include "model/import.h"

#include <math.h>
#include <unistd.h>

#include "fill.h"
#include "model/canary.h"

#define GOLDEN "tests/golden/ulmfit/"

static const struct import_options TINY = {.weights = GOLDEN "model.pth",
                                           .vocab = GOLDEN "vocab.json",
                                           .labels = GOLDEN "labels.json",
                                           .bptt = 8,
                                           .max_len = 40,
                                           .exact = true};

static const char *temporary(const char *name)
{
    static char path[2][512];
    static int turn;
    char *to = path[turn ^= 1];
    snprintf(to, sizeof path[0], "%s/import_test.%d.%s", test_folder(), (int)getpid(), name);
    return to;
}

/* Imports, writes, opens again; logits of all golden texts by a kernel. */
static void answers(const struct import_options *options, const char *kernel, float (*out)[5],
                    double *out_worst)
{
    static struct import import;
    static struct bundle_draft draft;
    static struct fill_golden golden;
    struct bundle bundle;
    struct error err = {0};
    const char *path = temporary("air");
    assert_fine(import_open(&import, options, &err), &err);
    assert_fine(bundle_draft_open(&draft, &err), &err);
    import_draft(&import, &draft);
    assert_fine(bundle_draft_write(&draft, path, &err), &err);
    bundle_draft_close(&draft);
    import_close(&import);
    assert_fine(bundle_open(&bundle, path, &err), &err);
    struct ulmfit ulmfit;
    struct ulmfit_pass pass;
    struct canary canary;
    struct arena arena = arena_measure();
    assert_fine(ulmfit_open(&ulmfit, &bundle, kernel, &err), &err);
    assert_fine(canary_bind(&canary, &ulmfit, &bundle, &err), &err);
    for (int round = 0; round < 2; round++) {
        if (round == 1) assert_fine(arena_open(&arena, arena.used, &err), &err);
        ulmfit_lay(&pass, &ulmfit, 2, 1, &arena);
        canary_lay(&canary, &ulmfit, &arena);
    }
    assert_fine(team_open(&pass.team, 1, &err), &err);
    assert_fine(canary_run(&canary, &ulmfit, &pass, CANARY_MADE, &err), &err);
    FILE *file = fopen(GOLDEN "tiny.jsonl", "r");
    assert_non_null(file);
    *out_worst = 0;
    for (size_t i = 0; fill_golden_next(file, 200, &golden); i++) {
        struct ulmfit_case text = {golden.ids, golden.count, out[i]};
        assert_fine(ulmfit_forward(&ulmfit, &pass, &text, 1, &err), &err);
        for (size_t c = 0; c < 5; c++)
            *out_worst = fmax(*out_worst, fabs(out[i][c] - golden.logits[c]));
    }
    fclose(file);
    team_close(pass.team);
    arena_close(&arena);
    bundle_close(&bundle);
    remove(path);
}

static void every_format_gives_the_same_bits(void **state)
{
    (void)state;
    static const char *const FILES[] = {GOLDEN "model.safetensors", GOLDEN "model_with_opt.pth",
                                        GOLDEN "model_stream.pth"};
    static const char *const KERNELS[] = {"exact", NULL};
    for (size_t k = 0; k < 2; k++) {
        float first[40][5], other[40][5];
        double worst;
        answers(&TINY, KERNELS[k], first, &worst);
        assert_true(worst < (k == 0 ? 1e-5 : 0.05));
        for (size_t f = 0; f < 3; f++) {
            struct import_options options = TINY;
            options.weights = FILES[f];
            options.vocab = f == 0 ? GOLDEN "vocab.pkl" : TINY.vocab;
            answers(&options, KERNELS[k], other, &worst);
            assert_memory_equal(first, other, sizeof first);
        }
    }
}

/* A file with these bytes. */
static const char *written(const char *name, const char *text)
{
    const char *path = temporary(name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static void refused(struct import_options options, const char *sentence)
{
    static struct import import;
    struct error err = {0};
    assert_fails(import_open(&import, &options, &err), ERR_WEIGHTS, sentence, &err);
}

static void labels_and_words_must_fit(void **state)
{
    (void)state;
    struct import_options options = TINY;
    options.labels = written("labels", "[\"a\",\"b\"]");
    refused(options, "there are 2 labels, the head has 5 outputs");
    options.labels = written("labels", "[\"a\",\"b\",\"c\",\"a\",\"e\"]");
    refused(options, "the label a is there twice");
    options.labels = written("labels", "[\"a\",\"b\",\"\",\"d\",\"e\"]");
    refused(options, "label 3 has 0 bytes");
    options.labels = written("labels", "[\"a\",7]");
    refused(options, "item 2 is no string");
    options.labels = written("labels", "[]");
    refused(options, "the list is empty");
    options.labels = written("labels", "{\"a\":1}");
    refused(options, "no JSON array");
    options = TINY;
    options.vocab = written("vocab", "[\"xxunk\",\"xxpad\"]");
    refused(options, "the vocabulary has 2 words, the embedding 200 rows");
    options.vocab = GOLDEN "labels.json";
    refused(options, "the vocabulary has 5 words");
    options.vocab = written("vocab", "\x80\x02"
                                     "cposix\nsystem\n.");
    refused(options, options.vocab);
    refused(options, "names the class posix.system");
    options = TINY;
    options.bptt = 0;
    refused(options, "bptt is 0");
    options = TINY;
    options.weights = GOLDEN "encoder.pth";
    refused(options, "not of a classifier");
    remove(temporary("labels")), remove(temporary("vocab"));
    remove(temporary("labels")), remove(temporary("vocab"));
}

/* Labels in another order: the same label gets the same logit. */
static void labels_are_sorted_with_their_rows(void **state)
{
    (void)state;
    float sorted[40][5], mixed[40][5];
    double worst;
    struct import_options options = TINY;
    answers(&options, "exact", sorted, &worst);
    options.labels = written("labels", "[\"e\",\"d\",\"c\",\"b\",\"a\"]");
    answers(&options, "exact", mixed, &worst);
    for (size_t i = 0; i < 40; i++)
        for (size_t c = 0; c < 5; c++) assert_true(sorted[i][c] == mixed[i][4 - c]);
    remove(options.labels);
}

/* fastai computes with the second name of the embedding. */
static void second_name_must_be_the_same(struct safetensors_entry *entries, size_t count,
                                         const json_t *metadata, struct import_options options)
{
    static float other[200 * 16];
    struct error err = {0};
    entries[count] = (struct safetensors_entry){.name = "0.module.encoder_dp.emb.weight",
                                                .type = SAFETENSORS_F32,
                                                .shape = {200, 16},
                                                .dimensions = 2,
                                                .data = {(const char *)other, sizeof other}};
    size_t at = 0;
    while (at < count && strcmp(entries[at].name, entries[count].name) != 0) at++;
    entries[at] = entries[count];
    assert_fine(
        safetensors_write(options.weights, metadata, entries, at < count ? count : at + 1, &err),
        &err);
    refused(options, "encoder_dp.emb.weight is not 0.module.encoder.weight once more");
}

/* A .safetensors with one tensor more, fewer or of another size. */
static void tensors_must_fit(void **state)
{
    (void)state;
    static struct safetensors file;
    static struct safetensors_entry entries[64];
    struct error err = {0};
    struct import_options options = TINY;
    json_t *metadata = json_object();
    const char *path = temporary("safetensors");
    options.weights = path;
    assert_fine(safetensors_open(&file, GOLDEN "model.safetensors", &err), &err);
    size_t count = file.count;
    memcpy(entries, file.entries, count * sizeof *entries);
    for (size_t i = 0; i < count; i++) {
        if (strstr(entries[i].name, "num_batches") != NULL ||
            strstr(entries[i].name, "encoder_dp") != NULL)
            continue;
        struct safetensors_entry kept = entries[i];
        entries[i].name = "0.module.surprise";
        assert_fine(safetensors_write(path, metadata, entries, count, &err), &err);
        refused(options, "the tensor");
        entries[i] = kept;
        entries[i].shape[0] /= 2;
        entries[i].data.size /= 2;
        assert_fine(safetensors_write(path, metadata, entries, count, &err), &err);
        refused(options, "");
        entries[i] = kept;
    }
    entries[count] = entries[0];
    entries[count].name = "0.module.surprise";
    assert_fine(safetensors_write(path, metadata, entries, count + 1, &err), &err);
    refused(options, "0.module.surprise is none of a classifier's");
    second_name_must_be_the_same(entries, count, metadata, options);
    json_decref(metadata);
    safetensors_close(&file);
    remove(path);
}

/* A head of one output, and its one label: a model that no command could answer with. */
static void one_label_is_refused(void **state)
{
    (void)state;
    static struct safetensors file;
    struct error err = {0};
    struct import_options options = TINY;
    json_t *metadata = json_object();
    const char *path = temporary("one");
    assert_fine(safetensors_open(&file, GOLDEN "model.safetensors", &err), &err);
    for (size_t i = 0; i < file.count; i++)
        if (strcmp(file.entries[i].name, "1.layers.1.2.weight") == 0) {
            file.entries[i].data.size /= file.entries[i].shape[0];
            file.entries[i].shape[0] = 1;
        }
    assert_fine(safetensors_write(path, metadata, file.entries, file.count, &err), &err);
    options.weights = path;
    options.labels = written("labels", "[\"a\"]");
    refused(options, "one label alone");
    remove(options.labels), remove(path);
    json_decref(metadata);
    safetensors_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_gives_the_same_bits),
        cmocka_unit_test(labels_and_words_must_fit),
        cmocka_unit_test(labels_are_sorted_with_their_rows),
        cmocka_unit_test(tensors_must_fit),
        cmocka_unit_test(one_label_is_refused),
    };
    return cmocka_run_group_tests_name("import", tests, NULL, NULL);
}
