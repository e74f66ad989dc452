/* language_test.c - fastai's language models in, the same values mapped from our file; what does
 * not fit is named (the reading of checkpoints: src/model/load.c). */
// SPDX-License-Identifier: Apache-2.0
#include "model/language.h"

#include <math.h>
#include <unistd.h>

#include "fill.h"
#include "model/import.h"

#define GOLDEN "tests/golden/ulmfit/"

static const struct import_options TINY = {
    .weights = GOLDEN "lm_model.pth", .vocab = GOLDEN "vocab.json", .language_model = true};

static const char *temporary(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/language_test.%d.%s", test_folder(), (int)getpid(), name);
    return path;
}

/* Imports, writes, opens again; the caller closes the bundle. */
static void taken(const char *weights_path, struct bundle *bundle, struct weights *weights)
{
    static struct import import;
    static struct bundle_draft draft;
    struct error err = {0};
    struct import_options options = TINY;
    options.weights = weights_path;
    assert_fine(import_open(&import, &options, &err), &err);
    assert_fine(bundle_draft_open(&draft, &err), &err);
    import_draft(&import, &draft);
    assert_fine(bundle_draft_write(&draft, temporary("air"), &err), &err);
    bundle_draft_close(&draft);
    import_close(&import);
    assert_fine(bundle_open(bundle, temporary("air"), &err), &err);
    assert_true(language_is(bundle));
    assert_fine(language_bind(weights, bundle, &err), &err);
    remove(temporary("air"));
}

/* The golden model was filled by recipe, so every value is known. */
static void every_value_arrives(void **state)
{
    (void)state;
    static const char *const FILES[] = {GOLDEN "lm_model.pth", GOLDEN "lm_model.safetensors"};
    for (size_t f = 0; f < 2; f++) {
        struct bundle bundle;
        struct weights weights;
        struct weights_row rows[WEIGHTS_ROWS_MAX];
        taken(FILES[f], &bundle, &weights);
        assert_int_equal(weights.shape.vocab, 200);
        assert_int_equal(weights.shape.width, 16);
        assert_int_equal(weights.shape.hidden, 24);
        assert_int_equal(weights.shape.layers, 3);
        assert_true(weights.shape.decoder_bias);
        size_t count = weights_list(&weights.shape, rows);
        assert_int_equal(count, 14);
        assert_string_equal(rows[0].name, "0.encoder.weight");
        assert_string_equal(rows[count - 1].name, "1.decoder.bias");
        for (size_t i = 0; i < count; i++) {
            float *expected = fill_row(&rows[i], &FILL_TINY);
            assert_memory_equal(weights_data(&weights, &rows[i]), expected,
                                rows[i].rows * rows[i].columns * sizeof *expected);
            free(expected);
        }
        bundle_close(&bundle);
    }
}

/* What save_encoder writes: no prefix, no decoder. */
static void an_encoder_comes_without_a_bias(void **state)
{
    (void)state;
    struct bundle bundle;
    struct weights weights;
    struct weights_row row = {.rows = 200, .columns = 16, .id = WEIGHTS_EMBEDDING};
    taken(GOLDEN "encoder.pth", &bundle, &weights);
    assert_false(weights.shape.decoder_bias);
    assert_null(weights.decoder_bias);
    strcpy(row.name, "0.module.encoder.weight"); /* under which the recipe filled it */
    float *expected = fill_row(&row, &FILL_TINY);
    assert_memory_equal(weights.embedding, expected, 200 * 16 * sizeof *expected);
    free(expected);
    bundle_close(&bundle);
}

static void refused(const char *path, const char *sentence)
{
    static struct import import;
    struct error err = {0};
    struct import_options options = TINY;
    options.weights = path;
    assert_fails(import_open(&import, &options, &err), ERR_WEIGHTS, sentence, &err);
}

static void write_entries(const struct safetensors_entry *entries, size_t count)
{
    struct error err = {0};
    json_t *metadata = json_object();
    assert_fine(safetensors_write(temporary("safetensors"), metadata, entries, count, &err), &err);
    json_decref(metadata);
}

/* One tensor more, fewer, of another type or size, or a decoder of its own. */
static void tensors_must_fit(void **state)
{
    (void)state;
    static struct safetensors file;
    static struct safetensors_entry entries[64];
    static float decoder[200 * 16];
    struct error err = {0};
    assert_fine(safetensors_open(&file, GOLDEN "lm_model.safetensors", &err), &err);
    size_t count = file.count;
    memcpy(entries, file.entries, count * sizeof *entries);
    for (size_t i = 0; i < count; i++) {
        struct safetensors_entry kept = entries[i];
        entries[i].name = "0.surprise";
        write_entries(entries, count);
        refused(temporary("safetensors"), "the tensor ");
        entries[i] = kept;
        entries[i].type = SAFETENSORS_I32;
        write_entries(entries, count);
        refused(temporary("safetensors"), kept.name);
        refused(temporary("safetensors"), "is of type I32; F32 is needed");
        entries[i] = kept;
        entries[i].shape[0] /= 2;
        entries[i].data.size /= 2;
        write_entries(entries, count);
        refused(temporary("safetensors"), "is needed");
        entries[i] = kept;
        if (strcmp(kept.name, "0.encoder.weight") == 0)
            memcpy(decoder, kept.data.data, sizeof decoder);
    }
    entries[count] = entries[0];
    entries[count].name = "0.surprise";
    write_entries(entries, count + 1);
    refused(temporary("safetensors"), "0.surprise is none of a language model's");
    entries[count] = (struct safetensors_entry){.name = "1.decoder.weight",
                                                .type = SAFETENSORS_F32,
                                                .dimensions = 2,
                                                .shape = {200, 16},
                                                .data = {(char *)decoder, sizeof decoder}};
    static struct import import;
    struct import_options options = TINY;
    write_entries(entries, count + 1); /* the embedding once more: tied */
    options.weights = temporary("safetensors");
    assert_fine(import_open(&import, &options, &err), &err);
    import_close(&import);
    decoder[7] += 1;
    write_entries(entries, count + 1);
    refused(temporary("safetensors"), "only language models with tied weights");
    safetensors_close(&file);
    remove(temporary("safetensors"));
    refused(GOLDEN "model.pth", "weights of a classifier, not of a language model");
    refused(GOLDEN "labels.json", "neither");
}

/* A file of ours that is not what it says. */
static void a_damaged_file_is_refused(void **state)
{
    (void)state;
    static struct bundle_draft draft;
    struct bundle bundle;
    struct weights weights, found;
    struct error err = {0};
    for (int damage = 0; damage < 3; damage++) {
        static struct language_names names;
        struct fill_model model;
        struct weights_shape shape = FILL_TINY_SHAPE;
        shape.blocks = 0;
        shape.decoder_bias = true;
        fill_open(&model, &shape, &FILL_TINY);
        if (damage == 2) model.data[3][5] = NAN;
        weights = model.weights;
        assert_fine(bundle_draft_open(&draft, &err), &err);
        language_draft(&weights, &names, &draft);
        if (damage == 0) names.shape[0] = 0;
        if (damage == 1) names.shape[2] = 23;
        assert_fine(bundle_draft_write(&draft, temporary("air"), &err), &err);
        bundle_draft_close(&draft);
        assert_fine(bundle_open(&bundle, temporary("air"), &err), &err);
        static const char *const SENTENCES[] = {"'lm.shape' cannot be", "is not F32",
                                                "holds a value that is no number"};
        assert_fails(language_bind(&found, &bundle, &err), ERR_MODEL, SENTENCES[damage], &err);
        bundle_close(&bundle);
        fill_close(&model);
    }
    remove(temporary("air"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_arrives),
        cmocka_unit_test(an_encoder_comes_without_a_bias),
        cmocka_unit_test(tensors_must_fit),
        cmocka_unit_test(a_damaged_file_is_refused),
    };
    return cmocka_run_group_tests_name("language", tests, NULL, NULL);
}
