/* gemm.h - the three products of a linear layer, over a team of threads.
 *
 *   forward   out [rows, outs] = x [rows, ins] W^T
 *   input     dx [rows, ins]   = dout [rows, outs] W
 *   weight    dw [outs, ins]   = dout^T x
 *
 * An engine holds the threads; a matrix holds the packed forms of one W. Whoever
 * changes W's values says so by gemm_renew().
 *
 * A product is asked for by the team's caller, and then the whole team works; or,
 * within a team_run(), by one member _alone for rows of its own, as the recurrence
 * does whose rows never meet, or by all members at the same point, each for its
 * _share. A share is written when its maker returns; team_wait() must stand before
 * others read it and before its operands are written anew.
 *
 * Memory   the engine a heap block; packed forms and converted operands come from
 *          an arena beforehand: gemm_lay(), gemm_matrix_lay()
 * Threads  one caller at a time, which is worker 0
 * Bits     depend on the arithmetic (bf16: on the processor's, too), not on the number of threads
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef NN_GEMM_H
#define NN_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "nn/team.h"

enum gemm_arithmetic {
    GEMM_PLAIN, /* the definition in C, for tests */
    GEMM_TILED, /* own kernels, f32 */
    GEMM_BF16,  /* the same of operands rounded to bf16, with sums in f32 */
    GEMM_ARITHMETICS
};

enum { GEMM_ROWS_GRAIN = 8 }; /* rows that share a pass over W at little cost */

struct gemm;

struct gemm_matrix {
    size_t outs, ins;
    const float *values;   /* [outs, ins] */
    void *forward, *input; /* packed forms, the arithmetic's own */
};

const char *gemm_name(enum gemm_arithmetic arithmetic);

/* False where none is called so. */
bool gemm_named(const char *name, enum gemm_arithmetic *out_arithmetic);

/* The fastest here: bf16 where the processor has instructions for it that are worth it. */
enum gemm_arithmetic gemm_best(void);

MUST_CHECK enum error_code gemm_open(struct gemm **out_gemm, enum gemm_arithmetic arithmetic,
                                     unsigned threads, struct error *err);
void gemm_close(struct gemm *gemm);

/* The threads, for what is to be done between products. */
struct team *gemm_team(struct gemm *gemm);

/* The largest of all products to come. */
struct gemm_room {
    size_t rows, outs, ins;
};

/* Room for converted operands; once, before the first product. */
void gemm_lay(struct gemm *gemm, const struct gemm_room *room, struct arena *arena);

/* Room for the packed forms of W; values may still be NULL while measuring. */
void gemm_matrix_lay(struct gemm *gemm, struct gemm_matrix *matrix, const float *values,
                     size_t outs, size_t ins, struct arena *arena);

/* The values are new: pack them. Before the first product, and after each change. */
void gemm_renew(struct gemm *gemm, struct gemm_matrix *matrix);

/* add: to what the result holds; else its old values are not read. */
void gemm_forward(struct gemm *gemm, const struct gemm_matrix *w, size_t rows, const float *x,
                  bool add, float *out);
void gemm_input(struct gemm *gemm, const struct gemm_matrix *w, size_t rows, const float *dout,
                bool add, float *dx);
void gemm_weight(struct gemm *gemm, size_t rows, const float *dout, size_t outs, const float *x,
                 size_t ins, bool add, float *dw);

void gemm_renew_share(struct gemm *gemm, unsigned worker, struct gemm_matrix *matrix);
void gemm_forward_alone(struct gemm *gemm, unsigned worker, const struct gemm_matrix *w,
                        size_t rows, const float *x, bool add, float *out);
void gemm_input_alone(struct gemm *gemm, unsigned worker, const struct gemm_matrix *w, size_t rows,
                      const float *dout, bool add, float *dx);
void gemm_weight_share(struct gemm *gemm, unsigned worker, size_t rows, const float *dout,
                       size_t outs, const float *x, size_t ins, bool add, float *dw);

/* The items of a member: whole grains, as even as they go. */
struct gemm_share {
    size_t from, to;
};
struct gemm_share gemm_share(const struct gemm *gemm, unsigned worker, size_t items, size_t grain);

#endif
