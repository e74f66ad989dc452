/* lstm.h - one layer of LSTM over a stretch of time steps.
 *
 *   z = W_ih x + b_ih + W_hh h + b_hh      [4H], gates in the order i f g o
 *   c' = sigmoid(f) c + sigmoid(i) tanh(g)
 *   h' = sigmoid(o) tanh(c')
 *
 * In      x [steps, inputs]; h, c [units]: the state before
 * Out     out [steps, units]; h, c: the state after
 * Memory  the caller's; the trace keeps what the backward pass needs
 * Threads any number, each with its own state
 * Source  Hochreiter & Schmidhuber 1997, as torch.nn.LSTM runs it
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef NN_LSTM_H
#define NN_LSTM_H

#include <stddef.h>

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

#endif
