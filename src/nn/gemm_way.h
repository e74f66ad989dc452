/* gemm_way.h - what an arithmetic of gemm.h has to be able to do: a member's part.
 *
 * forward and input are given the member's own rows, weight and renew find their share
 * by themselves; all members call those two at the same point, and weight may wait for
 * the others. Contracts otherwise as in gemm.h.
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef NN_GEMM_WAY_H
#define NN_GEMM_WAY_H

#include "nn/gemm.h"

/* Who works, and with what. */
struct gemm_seat {
    void *own; /* the arithmetic's, from open */
    struct team *team;
    unsigned worker;
};

struct gemm_weight_part {
    size_t rows, outs, ins;
    const float *dout, *x;
    bool add;
    float *dw;
};

struct gemm_way {
    const char *name;
    enum error_code (*open)(void **out_own, unsigned threads, struct error *err);
    void (*close)(void *own);
    void (*lay)(void *own, unsigned threads, const struct gemm_room *room, struct arena *arena);
    void (*matrix_lay)(void *own, struct gemm_matrix *matrix, struct arena *arena);
    void (*renew)(const struct gemm_seat *seat, struct gemm_matrix *matrix);
    void (*forward)(const struct gemm_seat *seat, const struct gemm_matrix *w, size_t rows,
                    const float *x, bool add, float *out);
    void (*input)(const struct gemm_seat *seat, const struct gemm_matrix *w, size_t rows,
                  const float *dout, bool add, float *dx);
    void (*weight)(const struct gemm_seat *seat, const struct gemm_weight_part *part);
};

extern const struct gemm_way gemm_plain, gemm_tiled, gemm_tiled_pairs;

/* Member `worker` of so many: whole grains, as even as they go. */
static inline struct gemm_share gemm_way_share(const struct gemm_seat *seat, size_t items,
                                               size_t grain)
{
    size_t grains = (items + grain - 1) / grain, workers = team_size(seat->team);
    size_t from = grains * seat->worker / workers * grain;
    size_t to = grains * (seat->worker + 1) / workers * grain;
    return (struct gemm_share){from < items ? from : items, to < items ? to : items};
}

#endif
