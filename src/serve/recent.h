/* recent.h - the last cases that were answered, for a model that wants to take over.
 *
 * They show what clients really send, which no stored case can: kept in memory only, the
 * newest in the place of the oldest, and not a case longer than RECENT_CASE_BYTES.
 *
 * Memory   all of it from recent_open on
 * Threads  any number note; nothing is noted while one looks (recent_begin to recent_end)
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_RECENT_H
#define SERVE_RECENT_H

#include <pthread.h>

#include "answer/answer.h"

enum { RECENT_CASE_BYTES = 8 * 1024 };

struct recent_case {
    struct case_text text; /* points into bytes */
    uint32_t label;        /* as it was answered, of recent->model */
    uint32_t next_label;   /* what the model says that wants to take over */
    char bytes[RECENT_CASE_BYTES];
};

struct recent {
    pthread_mutex_t lock;
    struct arena arena;
    const struct answer_model *model; /* that answered them */
    struct recent_case *cases;        /* [room] */
    size_t room, count, next;
};

/* What so many cases take. */
size_t recent_bytes(size_t cases);
MUST_CHECK enum error_code recent_open(struct recent *recent, size_t cases,
                                       const struct answer_model *model, struct error *err);
void recent_close(struct recent *recent);

/* Never waits: who comes while another notes or looks goes on without. */
void recent_note(struct recent *recent, const struct case_text *text, const struct answer *answer);

/* From here on cases[0 .. count - 1] stay as they are. */
void recent_begin(struct recent *recent);

/* Another model answers from now on: NULL, it is the same. What it said of the first `known`
 * cases stands in their next_label; the others are forgotten. */
void recent_end(struct recent *recent, const struct answer_model *model, size_t known);

#endif
