/* lstm.h - one layer of LSTM over a stretch of time steps, forward and backward.
 *
 *   z = W_ih x + b_ih + W_hh h + b_hh      [4H], gates in the order i f g o
 *   c' = sigmoid(f) c + sigmoid(i) tanh(g)
 *   h' = sigmoid(o) tanh(c')
 *
 * In      x [steps, inputs]; h, c [units]: the state before
 * Out     out [steps, units]; h, c: the state after
 * Memory  the caller's
 * Threads lstm_forward: any number, each with its own state; blocks: see there
 * Source  Hochreiter & Schmidhuber 1997, as torch.nn.LSTM runs it
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef NN_LSTM_H
#define NN_LSTM_H

#include <stddef.h>

#include "nn/gemm.h"

struct lstm_weights {
    size_t inputs, units;
    const float *input;          /* W_ih [4H, inputs] */
    const float *recurrent;      /* W_hh [4H, H] */
    const float *bias_input;     /* b_ih [4H] */
    const float *bias_recurrent; /* b_hh [4H] */
};

struct lstm_trace {
    float *gates; /* [steps, 4H], after their sigmoid or tanh */
    float *cells; /* [steps, H], c after each step */
};

void lstm_forward(const struct lstm_weights *weights, size_t steps, const float *x, float *h,
                  float *c, struct lstm_trace *trace, float *out);

/* As learning runs it: a block of time steps over the rows of a batch, by every member of
 * a team_run(). Rows of one step lie together. Products with x, and those of the weights'
 * gradients, are made for the whole block; in the recurrence each member has rows of its
 * own, and none waits for another. */
struct lstm_block {
    size_t rows, steps, units;
    struct gemm *gemm;
    const struct gemm_matrix *input, *recurrent; /* packed */
    const float *bias;                           /* [4H], the sum of both */
    const float *x;                              /* [steps, rows, inputs] */
    float *gates;         /* [steps, rows, 4H]: after sigmoid or tanh; backward makes them dz */
    float *cells, *outs;  /* [1 + steps, rows, H], the state before in front */
    const float *factors; /* [rows, H]: of a dropout behind the layer, and */
    float *dropped;       /* [steps, rows, H], outs times them; or both NULL */
};

/* Members must meet before others read the results. */
void lstm_block_forward(const struct lstm_block *block, unsigned worker);

struct lstm_backward {
    float *douts; /* [steps, rows, H], of outs without the dropout; spoilt */
    float *dx;    /* [steps, rows, inputs], or NULL: not needed */
    /* Added to; or all NULL: frozen. With fresh_recurrent drecurrent is written instead. */
    float *dinput, *drecurrent, *dbias_input, *dbias_recurrent;
    bool fresh_recurrent;
    float *dcells; /* room: [rows, H] */
    float *sums;   /* room: [threads, 4H] */
};

/* After all members have met. Gradients end with the block: the state before gets none. */
void lstm_block_backward(const struct lstm_block *block, const struct lstm_backward *backward,
                         unsigned worker);

#endif
