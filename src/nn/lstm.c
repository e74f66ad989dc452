/* lstm.c - the reference, readable as the paper.
 *
 * The products with x do not depend on the state, so they are made for the
 * whole stretch first; what is left to do a step is W_hh h. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/lstm.h"

#include <math.h>
#include <string.h>

#include "nn/dense.h"

static float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

/* z [4H] becomes the activated gates; c and h move on by one step. */
static void step(size_t units, float *restrict z, float *restrict c, float *restrict h)
{
    float *in = z, *forget = z + units, *cell = z + 2 * units, *out = z + 3 * units;
    for (size_t u = 0; u < units; u++) {
        in[u] = sigmoid(in[u]);
        forget[u] = sigmoid(forget[u]);
        cell[u] = tanhf(cell[u]);
        out[u] = sigmoid(out[u]);
        c[u] = forget[u] * c[u] + in[u] * cell[u];
        h[u] = out[u] * tanhf(c[u]);
    }
}

void lstm_forward(const struct lstm_weights *weights, size_t steps, const float *x, float *h,
                  float *c, struct lstm_trace *trace, float *out)
{
    size_t units = weights->units, gates = 4 * units;
    dense_forward(x, steps, weights->inputs, weights->input, weights->bias_input, gates,
                  trace->gates);
    for (size_t t = 0; t < steps; t++) {
        float *z = trace->gates + t * gates;
        for (size_t g = 0; g < gates; g++) z[g] += weights->bias_recurrent[g];
        dense_add(h, 1, units, weights->recurrent, gates, z);
        step(units, z, c, h);
        memcpy(trace->cells + t * units, c, units * sizeof *c);
        memcpy(out + t * units, h, units * sizeof *h);
    }
}
