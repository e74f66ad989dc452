/* minibatch.h - which tokens and texts make a step, in fastai's order.
 *
 * Language model: the texts chosen are joined, in the order of the epoch, into one
 * stream, which is cut into as many rows as a batch has. Row r is the stream from
 * r * row_length on; a batch is the next `steps` columns of every row, its targets
 * are the same shifted by one. The last batch is shorter, left-over tokens are
 * dropped. Nothing is copied but a batch.
 *
 * Classifier: texts of about the same length share a batch, longest first.
 *
 * Memory   the caller's
 * Threads  one at a time
 * Source   fastai's LMDataLoader and SortedDL: ULMFiT, section 6
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_MINIBATCH_H
#define TRAIN_MINIBATCH_H

#include "base/rng.h"
#include "train/texts.h"

enum { MINIBATCH_ROWS_MAX = 512 };

struct minibatch_stream {
    const struct texts *texts;
    const uint32_t *order; /* [count] */
    size_t count, rows, steps;
    uint64_t row_length;
    size_t batch, batches;
    struct minibatch_cursor {
        size_t place;   /* in order */
        uint64_t token; /* of that text */
    } cursor[MINIBATCH_ROWS_MAX];
};

/* Before the batch `first` of an epoch over the texts order[0..count). A stream too short for
 * one column has no batches. */
void minibatch_stream_begin(struct minibatch_stream *out_stream, const struct texts *texts,
                            const uint32_t *order, size_t count, size_t rows, size_t steps,
                            size_t first);

/* x and y [rows, *out_steps]; false at the end of the epoch. */
bool minibatch_stream_next(struct minibatch_stream *stream, uint32_t *out_x, uint32_t *out_y,
                           size_t *out_steps);

/* How many batches so many tokens make. */
size_t minibatch_stream_batches(uint64_t tokens, size_t rows, size_t steps);

/* The texts chosen in the order in which batches of `rows` take them: shuffled, the longest one
 * in the first batch. Where there are fewer texts than rows, one batch holds them all, else the
 * incomplete last batch is left out. Returns how many batches there are. */
size_t minibatch_learn_order(const struct texts *texts, uint32_t *chosen, size_t count, size_t rows,
                             struct rng *rng);

/* Where a beginning of a text ends: at `least` words or more, by chance, and as likely between 10
 * and 20 as between 100 and 200. A shorter text ends where it does. */
size_t minibatch_cut(size_t words, size_t least, struct rng *rng);

/* Longest first, equal lengths in their order. */
void minibatch_answer_order(const struct texts *texts, uint32_t *chosen, size_t count);

#endif
