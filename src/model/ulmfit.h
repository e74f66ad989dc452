/* ulmfit.h - token ids to logits: ULMFiT as the service runs it.
 *
 * Cases share the pass over the weights: as many as there are slots run side by
 * side, each at its own place in its own text, and when one ends the next takes
 * its slot. A case's answer is that of the text alone: the same bits in any
 * company, for any number of threads, by any kernel.
 *
 *   ulmfit_open, then ulmfit_lay twice (arena.h: measured, then taken),
 *   then ulmfit_forward for as many cases as come
 *
 * In      ids below the vocabulary's size
 * Out     logits [classes] a case
 * Memory  the weights stay in the mapped file; the pass lives in an arena, whose
 *         size depends on slots and threads, not on the length of texts
 * Threads one caller a pass; any number of passes over one ulmfit
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_ULMFIT_H
#define MODEL_ULMFIT_H

#include <stdbool.h>

#include "base/arena.h"
#include "model/awd.h"
#include "model/head.h"
#include "model/shrink.h"
#include "nn/team.h"

enum {
    ULMFIT_SLOTS_MAX = 64,
    /* Time steps whose input products are made in one go, over all slots together. Fewer
     * read the input weights more often, more push the recurrent ones out of the cache. */
    ULMFIT_ROWS = 96,
};

struct ulmfit {
    struct shrink shrink;
    const struct kernel *kernel; /* NULL: the exact weights in f32 */
};

struct ulmfit_case {
    const uint32_t *ids;
    size_t count;
    float *logits;
};

/* Where the cases of a pass come from and where they go, all on the caller's thread. A case
 * ends as soon as it is read, whoever runs beside it, and the next takes its slot at once. */
struct ulmfit_stream {
    void *context;
    /* A case that waits, or false; asked for while a slot is free. */
    bool (*next)(void *context, struct ulmfit_case *out_case);
    /* Its logits are there. */
    void (*ended)(void *context, const struct ulmfit_case *text);
    /* Now and then while cases run; NULL where that is of no use. */
    void (*between)(void *context);
};

struct ulmfit_worker; /* ulmfit.c */

struct ulmfit_pass {
    unsigned slots, threads;
    struct team *team;         /* of at most `threads`; the caller sets it after ulmfit_lay */
    struct ulmfit_case *fresh; /* [slots], which the caller's thread took in for all */
    size_t fresh_count;

    float *z;                     /* [rows][gates of the widest layer] */
    float *h[2];                  /* [slots][widest], in turns */
    float *highest[2];            /* [threads][slots], each thread's on lines of its own */
    float *c[WEIGHTS_LAYERS_MAX]; /* [slots][units] */
    float *pooled;                /* [slots][3 * width] */
    float *zeros;                 /* [width]: what a dead block gives; an arena begins as zeros */
    struct ulmfit_worker *workers;

    struct awd_scratch awd; /* the f32 path only */
    float *awd_pooled;
};

/* The kernel of that name, NULL for the best here; "exact" gives NULL. */
MUST_CHECK enum error_code ulmfit_pick(const char *name, const struct kernel **out_kernel,
                                       struct error *err);

/* Picks that kernel; the exact one needs weights kept by the import. The bundle must outlive
 * ulmfit. */
MUST_CHECK enum error_code ulmfit_open(struct ulmfit *out_ulmfit, const struct bundle *bundle,
                                       const char *kernel, struct error *err);

/* The same over weights already in memory. */
MUST_CHECK enum error_code ulmfit_over(struct ulmfit *out_ulmfit, const struct shrink *shrink,
                                       const char *kernel, struct error *err);

/* "exact" or the kernel's name. */
const char *ulmfit_kernel(const struct ulmfit *ulmfit);

void ulmfit_lay(struct ulmfit_pass *pass, const struct ulmfit *ulmfit, unsigned slots,
                unsigned threads, struct arena *arena);

/* Fills the logits of all cases. ERR_EMPTY_CASE if one of them has nothing to read
 * (err->line is its number from 1); no logits are written then. */
MUST_CHECK enum error_code ulmfit_forward(const struct ulmfit *ulmfit, struct ulmfit_pass *pass,
                                          const struct ulmfit_case *cases, size_t count,
                                          struct error *err);

/* Runs cases until none runs and none waits. Each must have something to read. */
void ulmfit_flow(const struct ulmfit *ulmfit, struct ulmfit_pass *pass,
                 const struct ulmfit_stream *stream);

#endif
