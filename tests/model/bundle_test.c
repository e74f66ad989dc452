/* bundle_test.c - a model file is ours, whole, not newer, and its tensors are what they must be. */
// SPDX-License-Identifier: Apache-2.0
#include "model/bundle.h"

#include <xxhash.h>

#include "base/fault.h"
#include "train/tiny.h"

static const uint32_t numbers[] = {3, 1, 4, 1, 5, 9};
static const char text[] = "abc";

static struct bundle_draft draft_of(void)
{
    struct bundle_draft draft;
    struct error err;
    assert_fine(bundle_draft_open(&draft, &err), &err);
    bundle_draft_meta(&draft, "who", "me");
    bundle_draft_tensor(&draft, "text", SAFETENSORS_U8, 3, 0, text);
    bundle_draft_tensor(&draft, "numbers", SAFETENSORS_U32, 2, 3, numbers);
    bundle_draft_tensor(&draft, "row", SAFETENSORS_U32, 6, 0, numbers);
    return draft;
}

static const char *written(void)
{
    const char *path = tiny_path("bundle.air");
    struct error err;
    struct bundle_draft draft = draft_of();
    assert_fine(bundle_draft_write(&draft, path, &err), &err);
    bundle_draft_close(&draft);
    return path;
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    const char *path = written();
    struct bundle bundle;
    struct error err;
    assert_fine(bundle_open(&bundle, path, &err), &err);
    assert_string_equal(bundle_meta(&bundle, "who"), "me");
    assert_string_equal(bundle_meta(&bundle, "nobody"), "");
    assert_string_equal(bundle_meta(&bundle, "checksum"), bundle.checksum);
    assert_true(bundle_has(&bundle, "text"));
    assert_false(bundle_has(&bundle, "tex"));
    const uint32_t *data;
    assert_fine(bundle_tensor(&bundle, "numbers", SAFETENSORS_U32, 2, 3, &data, &err), &err);
    assert_memory_equal(data, numbers, sizeof numbers);
    size_t extent;
    assert_fine(bundle_extent(&bundle, "numbers", 1, &extent, &err), &err);
    assert_int_equal(extent, 3);
    bundle_close(&bundle);
    unlink(path);
}

static void another_type_or_shape_is_refused(void **state)
{
    (void)state;
    const char *path = written();
    struct bundle bundle;
    struct error err;
    size_t extent = 77;
    const void *data = &extent;
    assert_fine(bundle_open(&bundle, path, &err), &err);
    static const struct {
        const char *name;
        enum safetensors_type type;
        size_t rows, columns;
    } rows[] = {
        {"nothing", SAFETENSORS_U8, 3, 0},  {"text", SAFETENSORS_I8, 3, 0},
        {"text", SAFETENSORS_U8, 2, 0},     {"text", SAFETENSORS_U8, 3, 1},
        {"numbers", SAFETENSORS_U32, 6, 0}, {"numbers", SAFETENSORS_U32, 3, 2},
        {"numbers", SAFETENSORS_F32, 2, 3}, {"row", SAFETENSORS_U32, 2, 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_fails(bundle_tensor(&bundle, rows[i].name, rows[i].type, rows[i].rows,
                                   rows[i].columns, &data, &err),
                     ERR_MODEL, rows[i].name, &err);
    assert_fails(bundle_extent(&bundle, "nothing", 0, &extent, &err), ERR_MODEL, "nothing", &err);
    assert_fails(bundle_extent(&bundle, "row", 1, &extent, &err), ERR_MODEL, "row", &err);
    assert_ptr_equal(data, &extent);
    assert_int_equal(extent, 77);
    bundle_close(&bundle);
    unlink(path);
}

static void every_damaged_data_byte_is_seen(void **state)
{
    (void)state;
    const char *path = written();
    size_t size;
    char *bytes = tiny_get(path, &size);
    size_t data = 8 + (unsigned char)bytes[0] + ((size_t)(unsigned char)bytes[1] << 8);
    struct bundle bundle;
    struct error err;
    for (size_t i = data; i < size; i++) {
        bytes[i] ^= 4;
        tiny_put(path, bytes, size);
        bytes[i] ^= 4;
        assert_fails(bundle_open(&bundle, path, &err), ERR_MODEL, "damaged: checksum", &err);
    }
    for (size_t cut = 0; cut < size; cut++) {
        tiny_put(path, bytes, cut);
        assert_int_equal(bundle_open(&bundle, path, &err), ERR_MODEL);
    }
    tiny_put(path, bytes, size);
    assert_fine(bundle_open(&bundle, path, &err), &err);
    bundle_close(&bundle);
    free(bytes);
    unlink(path);
}

static enum error_code open_with(const char *format, const char *version, struct error *err)
{
    const char *path = tiny_path("foreign.air");
    json_t *meta = json_object();
    if (format != NULL) json_object_set_new(meta, "format", json_string(format));
    if (version != NULL) json_object_set_new(meta, "format_version", json_string(version));
    struct safetensors_entry entry = {"text", SAFETENSORS_U8, 1, {3}, {text, 3}};
    assert_fine(safetensors_write(path, meta, &entry, 1, err), err);
    json_decref(meta);
    struct bundle bundle;
    enum error_code code = bundle_open(&bundle, path, err);
    assert_int_not_equal(code, ERR_NONE);
    unlink(path);
    return code;
}

static void a_foreign_older_or_newer_file_is_refused(void **state)
{
    (void)state;
    struct error err;
    assert_fails(open_with(NULL, NULL, &err), ERR_MODEL, "not a model of air-classifier", &err);
    assert_fails(open_with("pt", "2", &err), ERR_MODEL, "not a model of air-classifier", &err);
    assert_fails(open_with(BUNDLE_FORMAT, "3", &err), ERR_MODEL_NEWER, "format version 3", &err);
    assert_fails(open_with(BUNDLE_FORMAT, "99999999999999999999", &err), ERR_MODEL_NEWER, "9",
                 &err);
    assert_fails(open_with(BUNDLE_FORMAT, "0", &err), ERR_MODEL, "'0' is none", &err);
    assert_fails(open_with(BUNDLE_FORMAT, "one", &err), ERR_MODEL, "'one' is none", &err);
    assert_fails(open_with(BUNDLE_FORMAT, NULL, &err), ERR_MODEL, "'' is none", &err);
    assert_fails(open_with(BUNDLE_FORMAT, "2", &err), ERR_MODEL, "damaged: checksum", &err);
    assert_fails(open_with(BUNDLE_FORMAT, "1", &err), ERR_MODEL, "version 1, of before", &err);
}

/* Written by somebody else: the checksum is right, but a tensor of words begins at an odd byte. */
static void a_tensor_not_aligned_is_refused(void **state)
{
    (void)state;
    static const char data[] = "x\1\0\0\0"; /* 1 byte, then 4 */
    XXH128_hash_t hash = XXH3_128bits(data, 5);
    char header[512], bytes[600];
    int size =
        snprintf(header, sizeof header,
                 "{\"__metadata__\":{\"format\":\"" BUNDLE_FORMAT "\",\"format_version\":\"2\","
                 "\"checksum\":\"%016llx%016llx\"},"
                 "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                 "\"b\":{\"dtype\":\"U32\",\"shape\":[1],\"data_offsets\":[1,5]}}",
                 (unsigned long long)hash.high64, (unsigned long long)hash.low64);
    while (size % 8 != 0) header[size++] = ' ';
    memset(bytes, 0, 8);
    bytes[0] = (char)(size & 0xFF);
    bytes[1] = (char)(size >> 8);
    memcpy(bytes + 8, header, (size_t)size);
    memcpy(bytes + 8 + size, data, 5);
    const char *path = tiny_path("odd.air");
    tiny_put(path, bytes, (size_t)size + 13);
    struct bundle bundle;
    struct error err;
    const uint32_t *word;
    assert_fine(bundle_open(&bundle, path, &err), &err);
    assert_fails(bundle_tensor(&bundle, "b", SAFETENSORS_U32, 1, 0, &word, &err), ERR_MODEL,
                 "not aligned", &err);
    bundle_close(&bundle);
    unlink(path);
}

static void a_failing_write_says_so(void **state)
{
    (void)state;
    static struct bundle_draft draft;
    struct error err;
    static const long faults[] = {1, 3, 0};
    for (int i = 0; i < 3; i++) {
        const char *path = faults[i] > 0 ? tiny_path("full.air") : "/nowhere/x.air";
        draft = draft_of();
        fault_arm(faults[i]);
        assert_int_equal(bundle_draft_write(&draft, path, &err), i == 1 ? ERR_WRITE : ERR_CREATE);
        fault_arm(0);
        assert_int_equal(access(path, F_OK), -1);
        bundle_draft_close(&draft);
    }
}

/* It goes out in answers, as the model's version. */
static void a_date_is_one_or_told(void **state)
{
    (void)state;
    static const struct {
        const char *epoch, *date;
    } rows[] = {
        {"0", "1970-01-01T00:00:00Z"},
        {"1700000000", "2023-11-14T22:13:20Z"},
        {"253402300799", "9999-12-31T23:59:59Z"},
        {"253402300800", NULL},
        {"9999999999999999999", NULL},
        {"", NULL},
        {"abc", NULL},
        {"-1", NULL},
        {"+1", NULL},
        {" 1", NULL},
        {"1 ", NULL},
    };
    static struct bundle_draft draft;
    struct error err;
    char date[BUNDLE_DATE_SIZE];
    const char *path = tiny_path("dated.air");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        setenv("SOURCE_DATE_EPOCH", rows[i].epoch, 1);
        if (rows[i].date != NULL) {
            assert_fine(bundle_date(date, &err), &err);
            assert_string_equal(date, rows[i].date);
            continue;
        }
        draft = draft_of();
        assert_fails(bundle_draft_write(&draft, path, &err), ERR_USAGE, "SOURCE_DATE_EPOCH", &err);
        assert_int_equal(access(path, F_OK), -1);
        bundle_draft_close(&draft);
    }
    unsetenv("SOURCE_DATE_EPOCH");
    assert_fine(bundle_date(date, &err), &err);
    assert_int_equal(strlen(date), BUNDLE_DATE_SIZE - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(another_type_or_shape_is_refused),
        cmocka_unit_test(every_damaged_data_byte_is_seen),
        cmocka_unit_test(a_foreign_older_or_newer_file_is_refused),
        cmocka_unit_test(a_tensor_not_aligned_is_refused),
        cmocka_unit_test(a_failing_write_says_so),
        cmocka_unit_test(a_date_is_one_or_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
