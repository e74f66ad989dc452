/* checkpoint_test.c - pickle.c and pth.c from outside: every way the tiny model was saved gives the
 * same bits; bad files are refused by name. */
// SPDX-License-Identifier: Apache-2.0
#include "model/checkpoint.h"

#include <math.h>
#include <zip.h>

#include "fill.h"

#define GOLDEN "tests/golden/ulmfit/"

/* What the recipe says, whatever the file. */
static void same_as_recipe(const char *path)
{
    struct checkpoint checkpoint;
    struct error err = {0};
    struct fill_model model;
    fill_open(&model, &FILL_TINY_SHAPE, &FILL_TINY);
    assert_fine(checkpoint_open(&checkpoint, path, &err), &err);
    for (size_t i = 0; i < model.count; i++) {
        const struct weights_row *row = &model.rows[i];
        const struct checkpoint_tensor *tensor = checkpoint_find(&checkpoint, slice_of(row->name));
        assert_non_null(tensor);
        assert_int_equal(tensor->count, row->rows * row->columns);
        assert_int_equal(tensor->dims[tensor->rank - 1], row->columns);
        float *values = malloc(tensor->count * sizeof *values);
        assert_non_null(values);
        assert_fine(checkpoint_floats(tensor, values, &err), &err);
        assert_memory_equal(values, model.data[i], tensor->count * sizeof *values);
        free(values);
    }
    checkpoint_close(&checkpoint);
    fill_close(&model);
}

static void all_formats_hold_the_same(void **state)
{
    (void)state;
    same_as_recipe(GOLDEN "model.pth");
    same_as_recipe(GOLDEN "model_with_opt.pth");
    same_as_recipe(GOLDEN "model_with_rates.pth"); /* scalars of numpy, as after fit_one_cycle */
    same_as_recipe(GOLDEN "model_stream.pth");
    same_as_recipe(GOLDEN "model.safetensors");
}

/* A file in memory, to be spoilt. */
static struct slice file_bytes(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *data = malloc(1 << 20);
    assert_non_null(data);
    size_t size = fread(data, 1, 1 << 20, file);
    fclose(file);
    return (struct slice){data, size};
}

static void refused(struct slice bytes, const char *sentence)
{
    struct checkpoint checkpoint;
    struct error err = {0};
    assert_fails(checkpoint_read(&checkpoint, bytes, &err), ERR_WEIGHTS, sentence, &err);
}

/* One text of a file replaced by another of the same length. */
static void refused_with(const char *path, const char *old, const char *new, size_t length,
                         const char *sentence)
{
    struct slice bytes = file_bytes(path);
    char *at = memmem(bytes.data, bytes.size, old, length);
    assert_non_null(at);
    memcpy(at, new, length);
    refused(bytes, sentence);
    free((char *)bytes.data);
}

static void bad_pickles_are_refused(void **state)
{
    (void)state;
    const char *stream = GOLDEN "model_stream.pth";
    refused_with(stream, "collections\nOrderedDict", "posix\nsystem\nOrderedDict", 23,
                 "names the class posix.system");
    refused_with(stream, "FloatStorage", "EvilsStorage", 12, "the class torch.EvilsStorage");
    refused_with(stream,
                 "\x80\x02"
                 "ccoll",
                 "\x80\x02"
                 "icoll",
                 7, "the opcode 0x69");
    refused_with(stream, "X\x07\x00\x00\x00storage", "X\x07\x00\x00\x00stopage", 12,
                 "not named as torch names it");
    refused_with(stream, "X\x07\x00\x00\x00storage", "X\x07\x00\x00\x40storage", 12, "ends early");
    refused(SLICE("hello, this is no model"), "neither a .pth file");
    refused((struct slice){"", 0}, "neither a .pth file");
}

/* Where a stream is cut, no byte is read beyond and no answer comes. */
static void cut_files_are_refused(void **state)
{
    (void)state;
    static const char *const PATHS[] = {GOLDEN "model.pth", GOLDEN "model_stream.pth",
                                        GOLDEN "model.safetensors"};
    for (size_t p = 0; p < 3; p++) {
        struct slice bytes = file_bytes(PATHS[p]);
        for (size_t size = 0; size < bytes.size; size += size < 4000 ? 1 : 997) {
            struct checkpoint checkpoint;
            struct error err = {0};
            char *cut = malloc(size + 1);
            assert_non_null(cut);
            memcpy(cut, bytes.data, size);
            assert_int_equal(checkpoint_read(&checkpoint, (struct slice){cut, size}, &err),
                             ERR_WEIGHTS);
            free(cut);
        }
        free((char *)bytes.data);
    }
}

/* Makes a zip with one member, packed or stored. */
static struct slice zip_bytes(const char *name, struct slice content, zip_int32_t method)
{
    zip_error_t why;
    zip_source_t *buffer = zip_source_buffer_create(NULL, 0, 0, &why);
    zip_source_keep(buffer);
    zip_t *zip = zip_open_from_source(buffer, ZIP_TRUNCATE, &why);
    assert_non_null(zip);
    zip_int64_t index = zip_file_add(
        zip, name, zip_source_buffer(zip, content.data, content.size, 0), ZIP_FL_OVERWRITE);
    assert_true(index >= 0);
    assert_int_equal(zip_set_file_compression(zip, (zip_uint64_t)index, method, 0), 0);
    assert_int_equal(zip_close(zip), 0);
    char *data = malloc(1 << 20);
    assert_non_null(data);
    assert_int_equal(zip_source_open(buffer), 0);
    zip_int64_t size = zip_source_read(buffer, data, 1 << 20);
    assert_true(size > 0);
    zip_source_close(buffer);
    zip_source_free(buffer);
    return (struct slice){data, (size_t)size};
}

static void bombs_are_refused(void **state)
{
    (void)state;
    static char zeros[1 << 20];
    struct slice packed =
        zip_bytes("model/data.pkl", (struct slice){zeros, sizeof zeros}, ZIP_CM_DEFLATE);
    assert_true(packed.size < 4096);
    refused(packed, "is packed");
    /* The size of a stored member, claimed to be huge in both headers. */
    struct slice stored = zip_bytes("model/data.pkl", SLICE("\x80\x02xxxxxxxx"), ZIP_CM_STORE);
    refused(stored, "the opcode 0x78");
    char *at = (char *)stored.data + stored.size;
    while (memcmp(--at, "PK\x01\x02", 4) != 0) continue;
    memcpy(at + 20, "\xff\xff\xff\x7f\xff\xff\xff\x7f", 8);
    memcpy((char *)stored.data + 18, "\xff\xff\xff\x7f\xff\xff\xff\x7f", 8);
    refused(stored, "");
    struct slice foreign = zip_bytes("word/document.xml", SLICE("x"), ZIP_CM_STORE);
    refused(foreign, "without torch's data.pkl");
    free((char *)packed.data), free((char *)stored.data), free((char *)foreign.data);
}

/* A .safetensors of this header and so many bytes of data. */
static void header_refused(const char *header, size_t data, const char *sentence)
{
    static char bytes[4096];
    uint64_t length = strlen(header);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, length);
    refused((struct slice){bytes, 8 + length + data}, sentence);
}

/* What each header may say wrong is tests/model/safetensors_test.c; here: it is refused. */
static void bad_headers_are_refused(void **state)
{
    (void)state;
    header_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4,
                   "a: runs past the end");
    header_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                   "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
                   12, "overlap");
    header_refused("{\"a\":7", 8, "no JSON object");
}

static void other_types_and_wild_numbers_are_refused(void **state)
{
    (void)state;
    float values[2] = {1, NAN}, out[2];
    struct error err = {0};
    struct checkpoint_tensor tensor = {
        .name = SLICE("w"), .type = PICKLE_F32, .count = 2, .bytes = (const char *)values};
    assert_fails(checkpoint_floats(&tensor, out, &err), ERR_WEIGHTS, "w holds NaN at element 1",
                 &err);
    values[1] = -INFINITY;
    assert_fails(checkpoint_floats(&tensor, out, &err), ERR_WEIGHTS, "infinity", &err);
    tensor.type = PICKLE_F16;
    assert_fails(checkpoint_floats(&tensor, out, &err), ERR_WEIGHTS, "of type F16", &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_formats_hold_the_same),
        cmocka_unit_test(bad_pickles_are_refused),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(bombs_are_refused),
        cmocka_unit_test(bad_headers_are_refused),
        cmocka_unit_test(other_types_and_wild_numbers_are_refused),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
