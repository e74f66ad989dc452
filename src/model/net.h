/* net.h - ULMFiT as it learns: its parameters, their gradients, the memory of a step.
 *
 *   struct arena a = arena_measure();  net_lay(&net, &options, gemm, &a);   a.used: the bytes
 *   TRY(arena_open(&a, a.used, err));  net_lay(&net, &options, gemm, &a);
 *   net_start(&net, seed);             or fill net.parameters, row by row
 *
 *   lm_learn(), clas_learn()           forward, loss, backward: net.gradients is new
 *   then the optimiser                 reads gradients, writes parameters, both by net.rows
 *   lm_judge(), clas_judge()           the loss alone, without dropout
 *
 * Parameters may be written between any two calls. A step depends on the parameters,
 * on the batch, on its `draw` (the number of its masks), and for a language model on
 * the state: who restores those four goes on bit by bit (at the same number of threads).
 *
 * Memory  laid into an arena; parameters and gradients are one block of f32 each, in
 *         the order of tensors.def, rows at offset. The optimiser's moments are its own
 * Threads one caller, who works as worker 0 of the engine's team
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_NET_H
#define MODEL_NET_H

#include "model/encoder.h"

struct net_options {
    struct weights_shape shape; /* no blocks of a head: a language model */
    size_t rows;                /* of a batch, at most */
    size_t length; /* classifier: tokens of the longest text (above max_len: as max_len) */
    size_t traces; /* classifier: blocks kept for the backward pass (0: 1); the others
                    * run forward twice, which saves memory and costs a third more time */
    struct encoder_drops drops;
    float drop_head;   /* of the head's later blocks; its first has drops.output */
    float alpha, beta; /* fastai: 2 and 1 */
    uint64_t seed;     /* of the masks */
    bool clean;        /* classifier: learn, too, on batches padded to whole blocks (5.3
                        * of the facts), where a text does not depend on its mates */
};

/* fastai's defaults for a language model and for a classifier, times drop_mult. */
struct encoder_drops net_drops(const struct weights_shape *shape, float drop_mult);

enum { NET_FIXED = -1 };

/* One parameter. Groups are fastai's: a classifier's embedding, layers, head; a language
 * model's layers, then embedding with decoder bias. NET_FIXED: statistics, not learnt. */
struct net_row {
    struct weights_row row; /* name, rows, columns */
    size_t offset, count;   /* in parameters and gradients */
    int group;
    bool decays; /* by weight decay: all but the norms' and the decoder's bias */
};

struct net_loss {
    double entropy; /* mean cross entropy: what is reported */
    double total;   /* with activation regularisation: what is differentiated */
};

struct net {
    struct net_options options;
    struct gemm *gemm;
    struct net_row rows[WEIGHTS_ROWS_MAX];
    size_t row_count;
    unsigned groups;
    size_t count; /* numbers in parameters */
    float *parameters, *gradients;
    struct weights weights; /* the same parameters, by name */

    /* A language model's state between batches; write it to go on from a checkpoint. */
    float *state;
    size_t state_count;
    size_t state_rows; /* rows that hold one: 0 after lm_reset() */

    /* Groups below are frozen: their gradients are neither made nor touched, nor is time
     * spent on them. 0 at first. */
    unsigned first;

    encoder_given *given; /* for tests */
    void *given_context;
};

void net_lay(struct net *net, const struct net_options *options, struct gemm *gemm,
             struct arena *arena);

/* Initial values as fastai's: tensors.def names them. */
void net_start(struct net *net, uint64_t seed);

#endif
