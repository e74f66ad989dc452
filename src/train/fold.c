/* fold.c - sorted by label, then by a shuffled hash of the text, then dealt like cards.
 *
 * A text that comes with several labels is dealt with the first of them, whole. */
// SPDX-License-Identifier: Apache-2.0
#include "train/fold.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"

enum { MANY_CASES = 5000 };

struct card {
    uint64_t hash;
    uint32_t label, place;
};

uint32_t fold_count(size_t cases) { return cases > MANY_CASES ? 3 : 5; }

static int by_hash_label(const void *a, const void *b)
{
    const struct card *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return (x->label > y->label) - (x->label < y->label);
}

static int by_label_hash(const void *a, const void *b)
{
    const struct card *x = a, *y = b;
    if (x->label != y->label) return x->label < y->label ? -1 : 1;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

enum error_code fold_deal(const struct corpus *corpus, const uint32_t *chosen, size_t count,
                          uint32_t folds, uint64_t seed, uint32_t *out_fold, struct error *err)
{
    struct card *cards;
    TRY(mem_take(&cards, count, sizeof *cards, err));
    for (size_t i = 0; i < count; i++) {
        const struct corpus_case *item = &corpus->cases[chosen[i]];
        cards[i] = (struct card){rng_mix(item->hash + seed), item->label, (uint32_t)i};
    }
    qsort(cards, count, sizeof *cards, by_hash_label);
    for (size_t i = 1; i < count; i++)
        if (cards[i].hash == cards[i - 1].hash) cards[i].label = cards[i - 1].label;
    qsort(cards, count, sizeof *cards, by_label_hash);
    /* The deal goes on across labels, so that small labels do not all begin at part 0. */
    uint32_t next = 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && cards[i].hash != cards[i - 1].hash) next = (next + 1) % folds;
        out_fold[cards[i].place] = next;
    }
    mem_free(cards);
    return ERR_NONE;
}
