/* bag.h - the cases of a corpus as sparse vectors, and the features they are made of.
 *
 * Two walks over the texts: the first counts every n-gram, the most frequent are
 * kept, the second looks the kept ones up just as serving will (bow_count).
 * Sums do not depend on the number of threads.
 *
 * Memory   bag_close frees all
 * Threads  one caller, who brings the crew; read-only afterwards
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_BAG_H
#define TRAIN_BAG_H

#include <linear.h>

#include "base/crew.h"
#include "model/bow.h"
#include "train/corpus.h"
#include "vocab/ngram.h"

/* What one case holds. */
struct bag_case {
    struct feature_node *x; /* ascending ranks, the bias, then -1 */
    uint32_t nodes;         /* without bias and end */
    float squares[2];       /* before the norm, by kind */
    uint32_t unknown[2];    /* n-grams left out of the features, by kind */
};

struct bag {
    struct bow bow; /* bucket, tag and idf; no weights yet */
    struct bag_case *cases;
    size_t count;
    /* liblinear numbers features by how many cases have them, the most frequent first, so that
     * the weights it touches most lie together in the cache. Ranks begin at 1. */
    uint32_t *rank;    /* [features] of a feature of bow */
    uint32_t *feature; /* [features + 1] of a rank */
    /* what bow points to */
    uint32_t *bucket, *tag;
    uint8_t *idf;
};

/* Of the feature with this rank. */
static inline enum ngram_kind bag_kind(const struct bag *bag, int rank)
{
    return (enum ngram_kind)(bag->bow.tag[bag->feature[rank]] & 3);
}

MUST_CHECK enum error_code bag_open(struct bag *out_bag, const struct corpus *corpus,
                                    struct crew *crew, struct progress *progress,
                                    struct error *err);
/* Gives the cases' vectors back, which are most of it, and keeps the features. */
void bag_shed(struct bag *bag);
void bag_close(struct bag *bag);

#endif
