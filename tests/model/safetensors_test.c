/* safetensors_test.c - what is written is read back; every kind of damage is refused by name. */
// SPDX-License-Identifier: Apache-2.0
#include "model/safetensors.h"

#include "base/fault.h"
#include "base/limits.h"
#include "train/tiny.h"

/* A file on the heap of exactly its size, so that the sanitizer sees a byte read too far. */
static struct slice file_of(const char *header, size_t header_size, size_t data_size)
{
    char *bytes = calloc(1, 8 + header_size + data_size);
    assert_non_null(bytes);
    for (unsigned i = 0; i < 8; i++) bytes[i] = (char)(header_size >> (8 * i) & 0xFF);
    memcpy(bytes + 8, header, header_size);
    for (size_t i = 0; i < data_size; i++) bytes[8 + header_size + i] = (char)(i + 1);
    return (struct slice){bytes, 8 + header_size + data_size};
}

static void refused(const char *header, size_t size, size_t data_size, const char *text)
{
    struct slice bytes = file_of(header, size, data_size);
    struct safetensors file;
    struct error err;
    memset(&file, 0x5A, sizeof file);
    struct safetensors before = file;
    assert_fails(safetensors_parse(&file, bytes, "the file", &err), ERR_MODEL, text, &err);
    assert_non_null(strstr(err.detail, "the file"));
    assert_memory_equal(&file, &before, sizeof file); /* out parameters stay untouched */
    free((void *)(size_t)bytes.data);
}

#define T(type, shape, offsets)                                                                    \
    "{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void damage_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data;
        const char *text;
    } rows[] = {
        {"not JSON at all", 4, "the header is no JSON object"},
        {"{\"a\":", 4, "the header is no JSON object"},
        {"[]", 0, "the header is no JSON object"},
        {"null", 0, "the header is no JSON object"},
        {"{} x", 0, "the header is no JSON object"},
        {"{\"\xFF\":1}", 0, "the header is no JSON object"},
        {"{\"a\\u0000b\":1}", 0, "the header is no JSON object"},
        {"{\"a\":" T("U8", "[2]", "[0,2]") ",\"a\":" T("U8", "[2]", "[2,4]") "}", 4, "duplicate"},
        {"{\"a\":1}", 4, "a: dtype is missing or unknown"},
        {"{\"a\":[]}", 4, "a: dtype is missing or unknown"},
        {"{\"a\":" T("f32", "[1]", "[0,4]") "}", 4, "a: dtype is missing or unknown"},
        {"{\"a\":" T("C64", "[1]", "[0,4]") "}", 4, "a: dtype is missing or unknown"},
        {"{\"a\":{\"dtype\":7,\"shape\":[4],\"data_offsets\":[0,4]}}", 4, "a: dtype is missing"},
        {"{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,4]}}", 4, "a: shape is no list"},
        {"{\"a\":" T("U8", "4", "[0,4]") "}", 4, "a: shape is no list"},
        {"{\"a\":" T("U8", "[1,1,1,1,4]", "[0,4]") "}", 4, "a: shape is no list of at most 4"},
        {"{\"a\":" T("U8", "[-4]", "[0,4]") "}", 4, "a: shape holds no natural number"},
        {"{\"a\":" T("U8", "[4.0]", "[0,4]") "}", 4, "a: shape holds no natural number"},
        {"{\"a\":" T("U8", "[\"4\"]", "[0,4]") "}", 4, "a: shape holds no natural number"},
        {"{\"a\":" T("U8", "[null]", "[0,4]") "}", 4, "a: shape holds no natural number"},
        {"{\"a\":" T("F32", "[4294967296,4294967296]", "[0,4]") "}", 4, "a: shape is too large"},
        {"{\"a\":" T("F64", "[4611686018427387904]", "[0,4]") "}", 4, "a: shape is too large"},
        {"{\"a\":" T("U8", "[2147483648,2147483648,2147483648]", "[0,0]") "}", 0, "too large"},
        {"{\"a\":" T("U8", "[99999999999999999999]", "[0,4]") "}", 4, "no JSON object"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4]}}", 4, "a: data_offsets is no pair"},
        {"{\"a\":" T("U8", "[4]", "[0]") "}", 4, "a: data_offsets is no pair"},
        {"{\"a\":" T("U8", "[4]", "[0,4,4]") "}", 4, "a: data_offsets is no pair"},
        {"{\"a\":" T("U8", "[4]", "[0,4.0]") "}", 4, "a: data_offsets is no pair"},
        {"{\"a\":" T("U8", "[4]", "[\"0\",4]") "}", 4, "a: data_offsets is no pair"},
        {"{\"a\":" T("U8", "[4]", "{\"0\":4}") "}", 4, "a: data_offsets is no pair"},
        {"{\"a\":" T("U8", "[4]", "[-4,0]") "}", 4, "a: runs past the end"},
        {"{\"a\":" T("U8", "[4]", "[4,0]") "}", 4, "a: runs past the end"},
        {"{\"a\":" T("U8", "[5]", "[0,5]") "}", 4, "a: runs past the end"},
        {"{\"a\":" T("U8", "[4]", "[9223372036854775803,9223372036854775807]") "}", 4,
         "a: runs past the end"},
        {"{\"a\":" T("F32", "[2]", "[0,4]") "}", 4, "a: its bytes do not match"},
        {"{\"a\":" T("U8", "[3]", "[0,4]") "}", 4, "a: its bytes do not match"},
        {"{\"a\":" T("U8", "[0]", "[0,4]") "}", 4, "a: its bytes do not match"},
        {"{\"a\":" T("U8", "[4]", "[0,4]") ",\"b\":" T("U8", "[4]", "[2,6]") "}", 6,
         "b: overlaps another"},
        {"{\"a\":" T("U8", "[4]", "[0,4]") ",\"b\":" T("U8", "[4]", "[0,4]") "}", 4,
         "overlaps another"},
        {"{\"a\":" T("U8", "[4]", "[0,4]") ",\"b\":" T("U8", "[2]", "[1,3]") "}", 4,
         "b: overlaps another"},
        {"{\"a\":" T("U8", "[2]", "[0,2]") ",\"b\":" T("U8", "[2]", "[4,6]") "}", 6,
         "b: leaves a gap"},
        {"{\"a\":" T("U8", "[2]", "[2,4]") "}", 4, "a: leaves a gap"},
        {"{\"a\":" T("U8", "[2]", "[0,2]") "}", 4, "bytes follow the last tensor"},
        {"{}", 1, "bytes follow the last tensor"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        refused(rows[i].header, strlen(rows[i].header), rows[i].data, rows[i].text);
    refused("{}\0", 3, 0, "the header is no JSON object");
}

static void odd_but_valid_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data, count;
    } rows[] = {
        {"{}", 0, 0},
        {"{\"__metadata__\":3}", 0, 0}, /* strange, but nothing to follow */
        {"{\"a\":" T("F32", "[]", "[0,4]") "}", 4, 1},
        {"{\"a\":" T("F32", "[0]", "[0,0]") "}", 0, 1},
        {"{\"b\":" T("U8", "[2]", "[2,4]") ",\"z\":" T("F64", "[0,9]", "[2,2]") ",\"a\":" T(
             "U16", "[1]", "[0,2]") "}",
         4, 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct slice bytes = file_of(rows[i].header, strlen(rows[i].header), rows[i].data);
        struct safetensors file;
        struct error err;
        assert_fine(safetensors_parse(&file, bytes, "the file", &err), &err);
        assert_int_equal(file.count, rows[i].count);
        assert_null(safetensors_meta(&file, "x"));
        assert_null(safetensors_find(&file, "x"));
        safetensors_close(&file);
        free((void *)(size_t)bytes.data);
    }
}

static void a_deep_header_is_refused(void **state)
{
    (void)state;
    size_t depth = 100000;
    char *deep = malloc(depth);
    memset(deep, '[', depth);
    refused(deep, depth, 0, "the header is no JSON object");
    memset(deep, ' ', depth);
    refused(deep, depth, 0, "the header is no JSON object");
    free(deep);
}

static void too_many_tensors_are_refused(void **state)
{
    (void)state;
    size_t room = 80 * (SAFETENSORS_MAX + 3), used = 1;
    char *header = malloc(room);
    header[0] = '{';
    for (int i = 0; i < SAFETENSORS_MAX + 2; i++)
        used += (size_t)snprintf(header + used, room - used, "%s\"%d\":" T("U8", "[0]", "[0,0]"),
                                 i > 0 ? "," : "", i);
    header[used++] = '}';
    refused(header, used, 0, "too many tensors");
    free(header);
}

static void a_size_that_can_not_be_is_refused(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0,
                                     3,
                                     BUNDLE_HEADER_MAX,
                                     (uint64_t)BUNDLE_HEADER_MAX + 1,
                                     UINT64_MAX,
                                     UINT64_MAX - 7,
                                     (uint64_t)1 << 63};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *bytes = malloc(10);
        for (unsigned b = 0; b < 8; b++) bytes[b] = (char)(sizes[i] >> (8 * b) & 0xFF);
        memcpy(bytes + 8, "{}", 2);
        struct safetensors file;
        struct error err;
        assert_fails(safetensors_parse(&file, (struct slice){bytes, 10}, "the file", &err),
                     ERR_MODEL, "not a safetensors file, or cut short", &err);
        free(bytes);
    }
}

static const float floats[] = {1.5f, -2, 3e30f};
static const uint16_t shorts[] = {1, 2, 3, 4, 5, 6, 7, 8};
static const char text[] = "eighteen bytes her";

static const struct safetensors_entry entries[] = {
    {"floats", SAFETENSORS_F32, 1, {3}, {(const char *)floats, sizeof floats}},
    {"none", SAFETENSORS_I64, 2, {0, 7}, {"", 0}},
    {"shorts", SAFETENSORS_U16, 3, {2, 2, 2}, {(const char *)shorts, sizeof shorts}},
    {"text", SAFETENSORS_U8, 1, {18}, {text, 18}},
};
enum { ENTRIES = 4 };

static json_t *metadata(void)
{
    return json_pack("{s:s, s:s}", "a", "b", "quoted \"", "\n\xC3\xA4");
}

static const char *written(void)
{
    const char *path = tiny_path("safetensors");
    struct error err;
    json_t *meta = metadata();
    assert_fine(safetensors_write(path, meta, entries, ENTRIES, &err), &err);
    json_decref(meta);
    return path;
}

static void what_is_written_is_read_back_aligned(void **state)
{
    (void)state;
    struct safetensors file;
    struct error err;
    const char *path = written();
    assert_fine(safetensors_open(&file, path, &err), &err);
    assert_int_equal((uintptr_t)file.data.data % SAFETENSORS_ALIGN, 0);
    for (int i = 0; i < ENTRIES; i++) {
        const struct safetensors_entry *found = safetensors_find(&file, entries[i].name);
        assert_non_null(found);
        assert_int_equal(found->type, entries[i].type);
        assert_int_equal(found->dimensions, entries[i].dimensions);
        for (unsigned d = 0; d < found->dimensions; d++)
            assert_int_equal(found->shape[d], entries[i].shape[d]);
        assert_int_equal(found->data.size, entries[i].data.size);
        assert_memory_equal(found->data.data, entries[i].data.data, found->data.size);
        assert_int_equal((uintptr_t)found->data.data % SAFETENSORS_ALIGN, 0);
    }
    assert_string_equal(safetensors_meta(&file, "quoted \""), "\n\xC3\xA4");
    safetensors_close(&file);
    unlink(path);
}

static void a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    size_t size;
    const char *path = written();
    char *whole = tiny_get(path, &size);
    for (size_t cut = 0; cut < size; cut++) {
        char *bytes = malloc(cut > 0 ? cut : 1);
        memcpy(bytes, whole, cut);
        struct safetensors file;
        struct error err;
        assert_fails(safetensors_parse(&file, (struct slice){bytes, cut}, "cut", &err), ERR_MODEL,
                     "cut: ", &err);
        free(bytes);
    }
    free(whole);
    unlink(path);
}

/* A flipped bit may be in a name or the data; whatever comes of it, nothing is read too far. */
static void a_flipped_bit_never_breaks_bounds(void **state)
{
    (void)state;
    size_t size, refusals = 0;
    const char *path = written();
    char *whole = tiny_get(path, &size);
    for (size_t i = 0; i < size * 8; i++) {
        char *bytes = malloc(size);
        memcpy(bytes, whole, size);
        bytes[i / 8] = (char)(bytes[i / 8] ^ 1 << i % 8);
        struct safetensors file;
        struct error err;
        if (safetensors_parse(&file, (struct slice){bytes, size}, "flipped", &err) == ERR_NONE) {
            for (size_t e = 0; e < file.count; e++) {
                struct slice data = file.entries[e].data;
                assert_true(data.data >= bytes + 8 && data.data + data.size <= bytes + size);
            }
            safetensors_close(&file);
        } else {
            assert_int_equal(err.code, ERR_MODEL);
            refusals++;
        }
        free(bytes);
    }
    assert_true(refusals > size); /* of the header's bits most */
    free(whole);
    unlink(path);
}

static void a_write_that_fails_leaves_the_earlier_file(void **state)
{
    (void)state;
    const char *path = tiny_path("earlier");
    struct error err;
    json_t *meta = metadata();
    long nth = 1;
    for (;; nth++) {
        tiny_put(path, "earlier", 7);
        fault_arm(nth);
        enum error_code code = safetensors_write(path, meta, entries, ENTRIES, &err);
        bool struck = fault_struck();
        fault_arm(0);
        if (!struck) {
            assert_int_equal(code, ERR_NONE);
            break;
        }
        assert_true(code == ERR_CREATE || code == ERR_WRITE || code == ERR_SYNC);
        size_t size;
        char *bytes = tiny_get(path, &size);
        assert_int_equal(strcmp(bytes, "earlier") == 0, code != ERR_SYNC);
        free(bytes);
        char temporary[5000];
        snprintf(temporary, sizeof temporary, "%s.tmp.%ld.0", path, (long)getpid());
        assert_int_equal(access(temporary, F_OK), -1);
    }
    assert_true(nth > ENTRIES); /* every write was made to fail once */
    json_decref(meta);
    unlink(path);
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    struct safetensors file;
    struct error err;
    assert_fails(safetensors_open(&file, "/nowhere/x", &err), ERR_NO_INPUT, "/nowhere/x", &err);
    assert_fails(safetensors_open(&file, "tests", &err), ERR_NO_INPUT, "directory", &err);
    assert_fails(safetensors_open(&file, "/dev/null", &err), ERR_NO_INPUT, "regular", &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_is_refused_by_name),
        cmocka_unit_test(odd_but_valid_is_read),
        cmocka_unit_test(a_deep_header_is_refused),
        cmocka_unit_test(too_many_tensors_are_refused),
        cmocka_unit_test(a_size_that_can_not_be_is_refused),
        cmocka_unit_test(what_is_written_is_read_back_aligned),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(a_flipped_bit_never_breaks_bounds),
        cmocka_unit_test(a_write_that_fails_leaves_the_earlier_file),
        cmocka_unit_test(a_missing_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
