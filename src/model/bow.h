/* bow.h - the linear member: a weight for every n-gram and label, in a form to map.
 *
 *   x_f    = (1 + ln count) idf_f / norm of its kind    (field values: one constant)
 *   score  = bias + sum over f of x_f scale_f weight[f]      [labels]
 *
 * The three norms are over the n-grams the model knows. How much of the text it
 * knows is told as `known` in (0, 1], because calibration trusts strange texts less.
 *
 * Features are sorted by hash; bucket[hash >> shift] says where its neighbours
 * begin, tag holds the lower 32 bits of each. An unknown n-gram is taken for a
 * known one with a chance of 2^-30 or so.
 *
 * Memory   the struct points into a mapped model; scratch is taken from an arena
 * Threads  any number, each with its own scratch
 * Source   sublinear TF-IDF as in scikit-learn; L2-loss linear SVM, one against rest
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_BOW_H
#define MODEL_BOW_H

#include <stdint.h>

#include "base/arena.h"
#include "text/case.h"
#include "vocab/ngram.h"

struct bow {
    uint32_t features, labels, shift; /* shift: of the hash, to the bucket number */
    const uint32_t *bucket;           /* [buckets + 1] */
    const uint32_t *tag;              /* [features] */
    const uint8_t *idf;               /* [features], in steps of idf_step above 1 */
    const float *scale;               /* [features] */
    const int8_t *weight;             /* [features, labels] */
    const float *bias;                /* [labels] */
    float idf_step, idf_unknown;      /* idf_unknown: of an n-gram never seen */
    float value;                      /* x of a field value */
};

enum { BOW_DAMP_TABLE = 256 };

struct bow_scratch {
    /* scores[c] += x row[c], in the widest form this CPU has */
    void (*add_row)(float *restrict scores, const int8_t *restrict row, float x, uint32_t labels);
    float *damp;     /* [BOW_DAMP_TABLE], bow_damp of small counts */
    uint16_t *count; /* [features], all zero between calls */
    uint32_t *seen;  /* [features], those counted, in order of the text */
};

/* The idf of a feature known in `cases` of `total`, before rounding to steps. */
float bow_idf(uint32_t cases, size_t total);
static inline float bow_idf_of(const struct bow *bow, uint32_t feature)
{
    return 1.0f + (float)bow->idf[feature] * bow->idf_step;
}

/* (1 + ln count), for any count. */
float bow_damp(uint32_t count);

/* Share of a text that is known, from sums of squares (known) and counts (unknown) of the two
 * kinds of n-gram. */
float bow_known(const float known_squares[2], const uint32_t unknown[2], float idf_unknown);

void bow_lay(struct bow_scratch *scratch, const struct bow *bow, struct arena *arena);

/* What a text holds: features seen[0, known) with their count[], and how many n-grams of each
 * kind the model does not know. Training looks at texts through this as well. */
struct bow_counts {
    uint32_t seen;
    uint32_t unknown[3];
};
struct bow_counts bow_count(const struct bow *bow, struct bow_scratch *scratch,
                            const struct case_text *text);

/* x of a counted feature before its norm. */
float bow_weigh(const struct bow *bow, const struct bow_scratch *scratch, uint32_t feature);

/* out_scores [labels]; *out_known in (0, 1], 0 for a text without any known n-gram. */
void bow_score(const struct bow *bow, struct bow_scratch *scratch, const struct case_text *text,
               float *restrict out_scores, float *out_known);

/* Is told of every n-gram, known or not, what it adds to the score of one label beyond what it
 * adds to the other's; an n-gram that comes several times shares it out evenly. */
typedef void bow_hearer(void *context, const struct ngram_place *place, enum ngram_kind kind,
                        double adds);

/* Why the label has this much more than the other: all that is told, and the difference of
 * their biases, is the difference of their scores. */
void bow_explain(const struct bow *bow, struct bow_scratch *scratch, const struct case_text *text,
                 uint32_t label, uint32_t other, bow_hearer *hear, void *context);

#endif
