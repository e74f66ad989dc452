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
 *         the order of tensors.def, rows at offset, which ARENA_ALIGN divides; zeros
 *         between. The optimiser's moments are its own
 * Threads one caller, who works as worker 0 of the engine's team
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_NET_H
#define MODEL_NET_H

#include "model/encoder.h"
#include "model/head.h"
#include "nn/loss.h"

struct net_options {
    struct weights_shape shape; /* no blocks of a head: a language model */
    size_t rows;                /* of a batch, at most */
    size_t length; /* classifier: tokens of the longest text (above max_len: as max_len) */
    size_t traces; /* classifier: blocks kept for the backward pass (0: 1); the others
                    * run forward twice, which saves memory and costs a third more time */
    struct encoder_drops drops; /* net_drops() has fastai's */
    float drop_head;            /* of the head's later blocks; its first has drops.output */
    float alpha, beta;          /* fastai: 2 and 1 */
    float smoothing;            /* classifier: share of a label that all get alike */
    uint64_t seed;              /* of the masks */
    bool clean;                 /* classifier: learn, too, on batches padded to whole blocks (5.3
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
    double total;   /* with activation regularisation and smoothing: what is differentiated */
};

/* What a language model has besides. */
struct net_lm {
    struct gemm_matrix decoder; /* the embedding */
    struct loss loss;
    struct encoder_trace trace;
    uint32_t *targets;     /* [steps, rows] */
    float *mask, *dropped; /* of the output: [rows, width], [steps, rows, width] */
    double *penalties;     /* [rows] */
};

/* What a classifier has besides; blocks are those that are pooled, see clas.c. */
struct net_clas {
    struct encoder_trace *traces; /* [options.traces] */
    size_t blocks;                /* at most */
    struct clas_place *places;    /* [rows] */
    float *states;                /* [blocks, encoder.state_count]: before each */
    size_t *state_rows;           /* [blocks] */
    float *edges;                 /* [blocks, 2, rows, width]: outputs of the first and last step */
    float *zeros;                 /* [width] */
    float *pooled, *dpooled;      /* [rows, 3 width] */
    uint32_t *peaks;              /* [rows, width] */
    double *penalties;            /* [rows] */
    struct net_head {
        float *x, *y; /* [rows, features]: what comes in; behind norm and dropout */
        struct norm_trace norm;
    } head[WEIGHTS_BLOCKS_MAX];
    float *logits;              /* [rows, classes] */
    float *dx;                  /* [rows, the widest features] */
    struct head_scratch answer; /* for judging */
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
    size_t state_count; /* numbers */
    size_t state_rows;  /* rows that hold one: 0 after lm_reset() */

    /* Groups below are frozen: their gradients are neither made nor touched, nor is time
     * spent on them. 0 at first. */
    unsigned first;

    struct encoder encoder; /* tests give it masks */
    struct net_lm lm;
    struct net_clas clas;
};

void net_lay(struct net *net, const struct net_options *options, struct gemm *gemm,
             struct arena *arena);

/* Initial values as fastai's: tensors.def names them. */
void net_start(struct net *net, uint64_t seed);

/* For lm.c and clas.c: sets the gradients that are learnt to zero, and says where the
 * encoder's are. */
void net_begin(struct net *net, struct encoder_gradients *out_gradients);

/* A parameter, and its gradients: NULL where it is frozen or fixed. */
float *net_parameters(const struct net *net, enum weights_id id, unsigned index);
float *net_gradients(const struct net *net, enum weights_id id, unsigned index);

#endif
