/* facts.h - what doctor has seen, as one flat struct of numbers and short texts.
 *
 * Everything that judges (overcommit, forkcast, checks, compare) reads this struct
 * and nothing else, so that a snapshot from another machine is judged as this one is.
 *
 * Memory  none of its own but the JSON, which the caller gives back by json_decref
 * Threads any number, each with its own struct
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_FACTS_H
#define DOCTOR_FACTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cgroup.h"
#include "base/error.h"
#include "base/writer.h"

enum { FACTS_TEXT_MAX = ROOT_TEXT_MAX };

#define FACTS_UNSEEN    ROOT_UNSEEN
#define FACTS_UNLIMITED ROOT_UNLIMITED

struct facts {
#define FACT(name, unit, weight, where) int64_t name;
#define TEXT(name, weight, where)       char name[FACTS_TEXT_MAX];
#include "doctor/facts.def"
#undef FACT
#undef TEXT
};

enum facts_unit { FACTS_FLAG, FACTS_COUNT, FACTS_BYTES, FACTS_CENTI, FACTS_TEXT };

/* Files may say anything: what enters a sum is at least nothing and at most this, and
 * products stop there, so that no arithmetic on facts can overflow. */
#define FACTS_MOST ROOT_MOST

static inline int64_t facts_term(int64_t value)
{
    return value < 0 ? 0 : value > FACTS_MOST ? FACTS_MOST : value;
}

static inline int64_t facts_times(int64_t a, int64_t b)
{
    int64_t product;
    bool over = __builtin_mul_overflow(facts_term(a), facts_term(b), &product);
    return over ? FACTS_MOST : facts_term(product);
}

/* One row of facts.def. */
struct facts_row {
    const char *name;
    const char *where;
    enum facts_unit unit;
    int weight;
    size_t offset;
};

size_t facts_row_count(void);
const struct facts_row *facts_row(size_t index);

/* Nothing seen. */
void facts_clear(struct facts *facts);

/* The number of a row that is not a text; the text of one that is. */
int64_t facts_number(const struct facts *facts, const struct facts_row *row);
const char *facts_text(const struct facts *facts, const struct facts_row *row);
bool facts_same(const struct facts *a, const struct facts *b, const struct facts_row *row);
void facts_copy_row(struct facts *to, const struct facts *from, const struct facts_row *row);

/* The rows that cgroup.def has too. */
void facts_set_cgroup(struct facts *facts, const struct cgroup *group);

/* A value for people: "19.4 GiB", "unlimited", "not seen". */
void facts_show(const struct facts *facts, const struct facts_row *row, struct writer *writer);

/* Bytes for people, at least three digits that count: "0.333 GiB", "512 KiB". The
 * text lives in one of eight buffers of this thread, used in turn. */
const char *facts_bytes(int64_t bytes);
const char *facts_count(int64_t count);

/* An object of all that was seen; NULL when memory is short. */
json_t *facts_to_json(const struct facts *facts);
MUST_CHECK enum error_code facts_from_json(struct facts *out_facts, const json_t *object,
                                           const char *path, struct error *err);

/* Whether RLIMIT_NPROC binds the process: not root, nor who may pass it, nor where its user was
 * not seen. */
bool facts_bound_by_nproc(const struct facts *facts);

/* Major and minor version of the kernel; false where the release was not seen. */
bool facts_release(const struct facts *facts, unsigned long *out_major, unsigned long *out_minor);

#endif
