/* bundle.c - what makes a safetensors file a model of ours. */
// SPDX-License-Identifier: Apache-2.0
#include "model/bundle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

#include "base/check.h"

#define HEADER_CHECKSUM "header_checksum"

static void print_checksum(char out[BUNDLE_CHECKSUM_SIZE + 1], XXH128_hash_t hash)
{
    snprintf(out, BUNDLE_CHECKSUM_SIZE + 1, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
}

static enum error_code check_identity(const struct bundle *bundle, const char *path,
                                      struct error *err)
{
    if (strcmp(bundle_meta(bundle, "format"), BUNDLE_FORMAT) != 0)
        return error_set(err, ERR_MODEL, 0,
                         "%s: a safetensors file, but not a model of air-classifier; 'import' "
                         "reads fastai's weights",
                         path);
    const char *version = bundle_meta(bundle, "format_version");
    long number = strtol(version, NULL, 10);
    if (number > BUNDLE_VERSION)
        return error_set(err, ERR_MODEL_NEWER, 0,
                         "%s: format version %s; this program reads up to %d", path, version,
                         BUNDLE_VERSION);
    if (number < 1)
        return error_set(err, ERR_MODEL, 0, "%s: format version '%s' is none", path, version);
    if (number < BUNDLE_VERSION)
        return error_set(err, ERR_MODEL, 0,
                         "%s: format version %s, of before the release; this program reads %d",
                         path, version, BUNDLE_VERSION);
    return ERR_NONE;
}

/* Of the header in one spelling, without what says when, by whom, and this itself. */
static enum error_code digest_header(const json_t *header, char out[BUNDLE_CHECKSUM_SIZE + 1],
                                     struct error *err)
{
    static const char *const others[] = {"created", "program", HEADER_CHECKSUM};
    json_t *copy = json_deep_copy(header), *meta = json_object_get(copy, "__metadata__");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        (void)json_object_del(meta, others[i]);
    char *text = copy != NULL ? json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(copy);
    if (text == NULL) return error_set(err, ERR_MEMORY, 0, "no memory for a model's header");
    print_checksum(out, XXH3_128bits(text, strlen(text)));
    free(text);
    return ERR_NONE;
}

static enum error_code check_damage(struct bundle *bundle, const char *path, struct error *err)
{
    const char *header = bundle_meta(bundle, HEADER_CHECKSUM);
    print_checksum(bundle->checksum, XXH3_128bits(bundle->file.data.data, bundle->file.data.size));
    TRY(digest_header(bundle->file.header, bundle->header, err));
    const struct {
        const char *what, *is, *expected;
    } sums[] = {
        {"checksum", bundle->checksum, bundle_meta(bundle, "checksum")},
        {"checksum of the header", bundle->header, header[0] != '\0' ? header : bundle->header}};
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
        if (strcmp(sums[i].is, sums[i].expected) != 0)
            return error_set(err, ERR_MODEL, 0, "%s: damaged: %s %s, expected %.64s", path,
                             sums[i].what, sums[i].is, sums[i].expected);
    return ERR_NONE;
}

enum error_code bundle_open(struct bundle *out_bundle, const char *path, struct error *err)
{
    struct bundle bundle;
    TRY(safetensors_open(&bundle.file, path, err));
    enum error_code code = check_identity(&bundle, path, err);
    if (code == ERR_NONE) code = check_damage(&bundle, path, err);
    if (code != ERR_NONE) {
        safetensors_close(&bundle.file);
        return code;
    }
    *out_bundle = bundle;
    return ERR_NONE;
}

void bundle_close(struct bundle *bundle) { safetensors_close(&bundle->file); }

bool bundle_has(const struct bundle *bundle, const char *name)
{
    return safetensors_find(&bundle->file, name) != NULL;
}

enum error_code bundle_extent(const struct bundle *bundle, const char *name, unsigned d,
                              size_t *out_extent, struct error *err)
{
    const struct safetensors_entry *entry = safetensors_find(&bundle->file, name);
    if (entry == NULL || d >= entry->dimensions)
        return error_set(err, ERR_MODEL, 0, "the model has no tensor '%s' of %u dimensions", name,
                         d + 1);
    *out_extent = entry->shape[d];
    return ERR_NONE;
}

enum error_code bundle_tensor(const struct bundle *bundle, const char *name,
                              enum safetensors_type type, size_t rows, size_t columns,
                              void *out_data, struct error *err)
{
    const struct safetensors_entry *entry = safetensors_find(&bundle->file, name);
    if (entry == NULL) return error_set(err, ERR_MODEL, 0, "the model has no tensor '%s'", name);
    unsigned dimensions = columns > 0 ? 2 : 1;
    if (entry->type != type || entry->dimensions != dimensions || entry->shape[0] != rows ||
        (columns > 0 && entry->shape[1] != columns))
        return error_set(err, ERR_MODEL, 0, "the model's tensor '%s' is not %s [%zu, %zu]", name,
                         safetensors_types[type].name, rows, columns);
    /* Written aligned; a foreign writer may not have. */
    if ((uintptr_t)entry->data.data % safetensors_types[type].size != 0)
        return error_set(err, ERR_MODEL, 0, "the model's tensor '%s' is not aligned", name);
    memcpy(out_data, &entry->data.data, sizeof entry->data.data);
    return ERR_NONE;
}

const char *bundle_meta(const struct bundle *bundle, const char *key)
{
    const char *value = safetensors_meta(&bundle->file, key);
    return value != NULL ? value : "";
}

enum error_code bundle_draft_open(struct bundle_draft *out_draft, struct error *err)
{
    json_t *metadata = json_object();
    if (metadata == NULL) return error_set(err, ERR_MEMORY, 0, "no memory for a model's header");
    memset(out_draft, 0, sizeof *out_draft);
    out_draft->metadata = metadata;
    return ERR_NONE;
}

void bundle_draft_close(struct bundle_draft *draft)
{
    json_decref(draft->metadata);
    draft->metadata = NULL;
}

void bundle_draft_meta(struct bundle_draft *draft, const char *key, const char *value)
{
    json_object_set_new(draft->metadata, key, json_string(value));
}

void bundle_draft_count(struct bundle_draft *draft, const char *key, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    bundle_draft_meta(draft, key, text);
}

void bundle_draft_number(struct bundle_draft *draft, const char *key, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.6g", value);
    bundle_draft_meta(draft, key, text);
}

void bundle_draft_tensor(struct bundle_draft *draft, const char *name, enum safetensors_type type,
                         size_t rows, size_t columns, const void *data)
{
    check(draft->count < BUNDLE_TENSORS_MAX);
    size_t items = columns > 0 ? rows * columns : rows;
    draft->entries[draft->count++] = (struct safetensors_entry){
        .name = name,
        .type = type,
        .dimensions = columns > 0 ? 2 : 1,
        .shape = {rows, columns},
        .data = {data, items * safetensors_types[type].size},
    };
}

enum error_code bundle_date(char out[BUNDLE_DATE_SIZE], struct error *err)
{
    static const long long end = 253402300800; /* of the year 9999 */
    const char *fixed = getenv("SOURCE_DATE_EPOCH");
    time_t now = time(NULL);
    if (fixed != NULL) {
        size_t digits = strspn(fixed, "0123456789");
        long long seconds = digits > 0 && digits <= 12 ? strtoll(fixed, NULL, 10) : end;
        if (fixed[digits] != '\0' || seconds >= end)
            return error_set(err, ERR_USAGE, 0,
                             "SOURCE_DATE_EPOCH in the environment is '%.40s', and no time in "
                             "seconds since 1970, as date +%%s prints it; mend it, or unset it",
                             fixed);
        now = (time_t)seconds;
    }
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(out, BUNDLE_DATE_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return ERR_NONE;
}

enum error_code bundle_draft_write(struct bundle_draft *draft, const char *path, struct error *err)
{
    static const char zeros[SAFETENSORS_ALIGN];
    char checksum[BUNDLE_CHECKSUM_SIZE + 1], version[16], created[BUNDLE_DATE_SIZE];
    TRY(bundle_date(created, err));
    XXH3_state_t *state = XXH3_createState();
    if (state == NULL) return error_set(err, ERR_MEMORY, 0, "no memory for a checksum");
    XXH3_128bits_reset(state);
    for (size_t i = 0; i < draft->count; i++) {
        struct slice data = draft->entries[i].data;
        size_t pad = (SAFETENSORS_ALIGN - data.size % SAFETENSORS_ALIGN) % SAFETENSORS_ALIGN;
        XXH3_128bits_update(state, data.data, data.size);
        if (i + 1 < draft->count) XXH3_128bits_update(state, zeros, pad);
    }
    print_checksum(checksum, XXH3_128bits_digest(state));
    XXH3_freeState(state);
    snprintf(version, sizeof version, "%d", BUNDLE_VERSION);
    bundle_draft_meta(draft, "created", created);
    bundle_draft_meta(draft, "format", BUNDLE_FORMAT);
    bundle_draft_meta(draft, "format_version", version);
    bundle_draft_meta(draft, "checksum", checksum);
    json_t *header = safetensors_header(draft->metadata, draft->entries, draft->count);
    enum error_code code = digest_header(header, checksum, err);
    json_decref(header);
    if (code != ERR_NONE) return code;
    bundle_draft_meta(draft, HEADER_CHECKSUM, checksum);
    return safetensors_write(path, draft->metadata, draft->entries, draft->count, err);
}
