/* clas.h - the classifier's step: the label of every text of a batch.
 *
 * Learning copies fastai's padding with its two traps (a row may run on its neighbour's
 * turn, a last vector may lie in the padding), because trained weights depend on them;
 * judging pads to whole blocks, where every text gets the answer it gets alone.
 *
 * In      texts of ids, the longest first, each at least 1; their labels
 * Out     net->gradients, the batch norms' running statistics; logits; the loss
 * Bound   rows and length at most those of net->options; learning needs 2 rows or more
 * Errors  ERR_EMPTY_CASE where a text has nothing to pool; err->line is its number from 1
 * Memory  the net's
 * Threads see net.h
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_CLAS_H
#define MODEL_CLAS_H

#include "model/net.h"

struct clas_text {
    const uint32_t *ids;
    size_t count;
};

struct clas_batch {
    size_t rows;
    const struct clas_text *texts;
    const uint32_t *labels; /* judging: NULL if there are none */
    uint64_t draw;          /* number of this batch's masks */
};

/* For net_lay(). */
void clas_lay(struct net *net, struct arena *arena);

/* logits [rows, classes] or NULL. */
MUST_CHECK enum error_code clas_learn(struct net *net, const struct clas_batch *batch,
                                      float *logits, struct net_loss *out_loss, struct error *err);

/* No dropout, no gradients; out_entropy may be NULL, and must be without labels. */
MUST_CHECK enum error_code clas_judge(struct net *net, const struct clas_batch *batch,
                                      float *logits, double *out_entropy, struct error *err);

#endif
