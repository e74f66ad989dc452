/* bundle.h - our model file: safetensors with a format, a version and a checksum.
 *
 * In       a *.air file; mapped read-only, checked whole, never copied. How a case's text is made
 *          stands in the metadata, so the header has a checksum of its own, which leaves out when
 *          and by which program it was made; a file without one is taken as it is
 * Out      typed pointers into the mapping, each checked for its shape
 * Errors   a damaged, truncated, foreign or newer file is refused with the reason
 * Threads  read-only once open
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_BUNDLE_H
#define MODEL_BUNDLE_H

#include "model/safetensors.h"

#define BUNDLE_FORMAT "air-classifier"
enum {
    BUNDLE_VERSION = 2,
    BUNDLE_TENSORS_MAX = 128,
    BUNDLE_CHECKSUM_SIZE = 32,
    BUNDLE_DATE_SIZE = 21
};

struct bundle {
    struct safetensors file;
    char checksum[BUNDLE_CHECKSUM_SIZE + 1]; /* XXH3-128 of the tensors' bytes, hex */
    char header[BUNDLE_CHECKSUM_SIZE + 1];   /* of the header */
};

MUST_CHECK enum error_code bundle_open(struct bundle *out_bundle, const char *path,
                                       struct error *err);
void bundle_close(struct bundle *bundle);

bool bundle_has(const struct bundle *bundle, const char *name);

/* Extent d of a tensor that must be there; ERR_MODEL if not. */
MUST_CHECK enum error_code bundle_extent(const struct bundle *bundle, const char *name, unsigned d,
                                         size_t *out_extent, struct error *err);

/* The data of a tensor of exactly this type and shape (columns 0: one dimension).
 * out_data is the address of a pointer of its type. */
MUST_CHECK enum error_code bundle_tensor(const struct bundle *bundle, const char *name,
                                         enum safetensors_type type, size_t rows, size_t columns,
                                         void *out_data, struct error *err);

/* A string of the metadata, "" where there is none. */
const char *bundle_meta(const struct bundle *bundle, const char *key);

/* What a file is made of, collected before it is written; nothing is copied. */
struct bundle_draft {
    json_t *metadata;
    struct safetensors_entry entries[BUNDLE_TENSORS_MAX];
    size_t count;
};

MUST_CHECK enum error_code bundle_draft_open(struct bundle_draft *out_draft, struct error *err);
void bundle_draft_close(struct bundle_draft *draft);
void bundle_draft_meta(struct bundle_draft *draft, const char *key, const char *value);
void bundle_draft_count(struct bundle_draft *draft, const char *key, uint64_t value);
void bundle_draft_number(struct bundle_draft *draft, const char *key, double value);
void bundle_draft_tensor(struct bundle_draft *draft, const char *name, enum safetensors_type type,
                         size_t rows, size_t columns, const void *data);

/* The date that a file written now gets: the clock's, or SOURCE_DATE_EPOCH's, so that a build can
 * be repeated to the byte; ERR_USAGE where that is no time. */
MUST_CHECK enum error_code bundle_date(char out[BUNDLE_DATE_SIZE], struct error *err);

/* Adds format, version, date and checksum and writes the file whole or not at all. */
MUST_CHECK enum error_code bundle_draft_write(struct bundle_draft *draft, const char *path,
                                              struct error *err);

#endif
