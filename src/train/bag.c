/* bag.c - counts n-grams, keeps those that fit, looks every case up again.
 *
 * Counting goes into one dictionary a thread, an open table of hashes; they are
 * added up afterwards. Which n-grams are kept depends on their counts alone
 * (ties by hash), so on no order. How many fit: the member may take
 * BOW_BYTES_MAX, of which a feature takes a byte a label and FEATURE_BYTES.
 */
// SPDX-License-Identifier: Apache-2.0
#include "train/bag.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "vocab/ngram.h"

enum {
    KIND_FEATURES_MAX = 200000,    /* of words and of characters each, as the peers have it */
    FEATURE_BYTES = 4 + 1 + 4 + 2, /* tag, idf, scale, share of the buckets */
    SHARE_CASES = 64,              /* cases a crew's item stands for */
    FEATURES_A_BUCKET = 4,
    MANY_CASES = 6000, /* from here on words, too, must recur */
};

/* x of a field value, beside word and character blocks of norm 1. */
static const float value_x = 0.3f;

struct entry {
    uint64_t hash; /* 0: free */
    uint32_t cases, times, last_case;
};

struct dictionary {
    struct entry *entries;
    size_t size, used; /* size: a power of two */
};

static enum error_code dictionary_open(struct dictionary *dictionary, size_t size,
                                       struct error *err)
{
    *dictionary = (struct dictionary){.size = size};
    return mem_take(&dictionary->entries, size, sizeof *dictionary->entries, err);
}

static struct entry *dictionary_find(const struct dictionary *dictionary, uint64_t hash)
{
    size_t mask = dictionary->size - 1, at = (size_t)(hash >> 20) & mask;
    while (dictionary->entries[at].hash != 0 && dictionary->entries[at].hash != hash)
        at = (at + 1) & mask;
    return &dictionary->entries[at];
}

static enum error_code dictionary_grow(struct dictionary *dictionary, struct error *err)
{
    struct dictionary grown;
    TRY(dictionary_open(&grown, dictionary->size * 2, err));
    for (size_t i = 0; i < dictionary->size; i++)
        if (dictionary->entries[i].hash != 0)
            *dictionary_find(&grown, dictionary->entries[i].hash) = dictionary->entries[i];
    grown.used = dictionary->used;
    mem_free(dictionary->entries);
    *dictionary = grown;
    return ERR_NONE;
}

struct counting {
    const struct corpus *corpus;
    struct dictionary dictionaries[CREW_THREADS_MAX];
    /* of the case being counted, by worker */
    struct counter {
        struct dictionary *dictionary;
        uint32_t number;
        enum error_code code;
        struct error *err;
    } counters[CREW_THREADS_MAX];
};

static void count_hashes(void *context, const uint64_t *hashes, size_t count)
{
    struct counter *counter = context;
    struct dictionary *dictionary = counter->dictionary;
    if (counter->code != ERR_NONE) return;
    if ((dictionary->used + count) * 2 > dictionary->size) {
        counter->code = dictionary_grow(dictionary, counter->err);
        if (counter->code != ERR_NONE) return;
    }
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(
            &dictionary->entries[(size_t)(hashes[i] >> 20) & (dictionary->size - 1)]);
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = dictionary_find(dictionary, hashes[i]);
        if (entry->hash == 0) {
            *entry = (struct entry){.hash = hashes[i], .last_case = UINT32_MAX};
            dictionary->used++;
        }
        entry->times++;
        if (entry->last_case != counter->number) {
            entry->last_case = counter->number;
            entry->cases++;
        }
    }
}

static enum error_code count_share(void *context, size_t item, unsigned worker, struct error *err)
{
    struct counting *counting = context;
    struct counter *counter = &counting->counters[worker];
    *counter = (struct counter){.dictionary = &counting->dictionaries[worker], .err = err};
    if (counter->dictionary->entries == NULL)
        TRY(dictionary_open(counter->dictionary, 1 << 16, err));
    size_t end = (item + 1) * SHARE_CASES;
    if (end > counting->corpus->count) end = counting->corpus->count;
    for (size_t i = item * SHARE_CASES; i < end && counter->code == ERR_NONE; i++) {
        counter->number = (uint32_t)i;
        ngram_scan(&counting->corpus->cases[i].text, count_hashes, counter);
    }
    return counter->code;
}

static enum error_code add_up(struct dictionary *sum, const struct dictionary *other,
                              struct error *err)
{
    for (size_t i = 0; i < other->size; i++) {
        const struct entry *from = &other->entries[i];
        if (from->hash == 0) continue;
        struct entry *to = dictionary_find(sum, from->hash);
        if (to->hash == 0) {
            if ((sum->used + 1) * 2 > sum->size) {
                TRY(dictionary_grow(sum, err));
                to = dictionary_find(sum, from->hash);
            }
            to->hash = from->hash;
            sum->used++;
        }
        to->cases += from->cases;
        to->times += from->times;
    }
    return ERR_NONE;
}

static int by_times(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->times != y->times) return x->times < y->times ? 1 : -1;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static int by_hash(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

/* Keeps the most frequent of each kind at the front of entries, sorted by hash. */
static size_t keep_frequent(struct entry *entries, size_t count, size_t budget)
{
    qsort(entries, count, sizeof *entries, by_times);
    size_t limit[NGRAM_KINDS] = {KIND_FEATURES_MAX, KIND_FEATURES_MAX, KIND_FEATURES_MAX};
    size_t have[NGRAM_KINDS] = {0}, kept = 0;
    for (size_t i = 0; i < count; i++) have[ngram_kind_of(entries[i].hash)]++;
    /* Values are few and mean much; the two kinds of n-gram share the rest evenly. */
    size_t values = have[NGRAM_VALUE] < budget / 4 ? have[NGRAM_VALUE] : budget / 4;
    limit[NGRAM_VALUE] = values;
    for (int k = 0; k < NGRAM_VALUE; k++) {
        size_t other = have[!k] < KIND_FEATURES_MAX ? have[!k] : KIND_FEATURES_MAX;
        size_t half = (budget - values) / 2;
        size_t room = other < half ? budget - values - other : half;
        if (room < limit[k]) limit[k] = room;
    }
    size_t taken[NGRAM_KINDS] = {0};
    for (size_t i = 0; i < count; i++) {
        enum ngram_kind kind = ngram_kind_of(entries[i].hash);
        if (taken[kind] == limit[kind]) continue;
        taken[kind]++;
        entries[kept++] = entries[i];
    }
    qsort(entries, kept, sizeof *entries, by_hash);
    return kept;
}

static enum error_code index_features(struct bag *bag, const struct entry *entries, size_t count,
                                      size_t cases, struct error *err)
{
    struct bow *bow = &bag->bow;
    uint32_t bits = 1;
    while (((size_t)FEATURES_A_BUCKET << bits) < count) bits++;
    size_t buckets = (size_t)1 << bits;
    TRY(mem_take(&bag->bucket, buckets + 1, sizeof *bag->bucket, err));
    TRY(mem_take(&bag->tag, count, sizeof *bag->tag, err));
    TRY(mem_take(&bag->idf, count, sizeof *bag->idf, err));
    bow->features = (uint32_t)count;
    bow->shift = 64 - bits;
    bow->idf_unknown = bow_idf(0, cases);
    bow->idf_step = (bow_idf(1, cases) - 1.0f) / 255.0f;
    if (bow->idf_step <= 0) bow->idf_step = 1.0f / 255.0f;
    bow->value = value_x;
    for (size_t f = 0; f < count; f++) {
        bag->bucket[(entries[f].hash >> bow->shift) + 1]++;
        bag->tag[f] = (uint32_t)entries[f].hash;
        float steps = (bow_idf(entries[f].cases, cases) - 1.0f) / bow->idf_step;
        bag->idf[f] = (uint8_t)lrintf(fminf(fmaxf(steps, 0), 255));
    }
    for (size_t b = 0; b < buckets; b++) bag->bucket[b + 1] += bag->bucket[b];
    bow->bucket = bag->bucket;
    bow->tag = bag->tag;
    bow->idf = bag->idf;
    return ERR_NONE;
}

struct ranked {
    uint32_t cases, feature;
};

static int by_cases(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->cases != y->cases) return x->cases < y->cases ? 1 : -1;
    return (x->feature > y->feature) - (x->feature < y->feature);
}

static enum error_code rank_features(struct bag *bag, const struct entry *entries, size_t count,
                                     struct error *err)
{
    struct ranked *ranked;
    TRY(mem_take(&bag->rank, count, sizeof *bag->rank, err));
    TRY(mem_take(&bag->feature, count + 1, sizeof *bag->feature, err));
    TRY(mem_take(&ranked, count, sizeof *ranked, err));
    for (size_t f = 0; f < count; f++) ranked[f] = (struct ranked){entries[f].cases, (uint32_t)f};
    qsort(ranked, count, sizeof *ranked, by_cases);
    for (size_t r = 0; r < count; r++) {
        bag->feature[r + 1] = ranked[r].feature;
        bag->rank[ranked[r].feature] = (uint32_t)r + 1;
    }
    mem_free(ranked);
    return ERR_NONE;
}

/* What one case has does not recur, what every case has tells none apart (it would only be a
 * second bias). In a small set a word of one case is kept: words are few and mean much. */
static bool tells_something(const struct entry *entry, size_t cases)
{
    switch (ngram_kind_of(entry->hash)) {
    case NGRAM_CHARS:
        return entry->cases >= 2;
    case NGRAM_WORDS:
        return entry->cases >= (cases > MANY_CASES ? 2 : 1);
    default:
        return entry->cases < cases;
    }
}

static enum error_code choose_features(struct bag *bag, struct counting *counting,
                                       const struct corpus *corpus, struct error *err)
{
    struct dictionary *sum = &counting->dictionaries[0];
    for (unsigned i = 1; i < CREW_THREADS_MAX; i++) {
        struct dictionary *other = &counting->dictionaries[i];
        if (other->entries == NULL) continue;
        if (sum->entries == NULL) TRY(dictionary_open(sum, 1 << 16, err));
        TRY(add_up(sum, other, err));
        mem_free(other->entries);
        other->entries = NULL;
    }
    size_t count = 0;
    for (size_t i = 0; i < sum->size; i++)
        if (sum->entries[i].hash != 0) sum->entries[count++] = sum->entries[i];
    size_t budget = (size_t)BOW_BYTES_MAX / (corpus->label_count + FEATURE_BYTES);
    if (count == 0) return error_set(err, ERR_DATA, 0, "the cases hold no words to learn from");
    size_t telling = 0;
    for (size_t i = 0; i < count; i++)
        if (tells_something(&sum->entries[i], corpus->count))
            sum->entries[telling++] = sum->entries[i];
    count = keep_frequent(sum->entries, telling, budget);
    TRY(index_features(bag, sum->entries, count, corpus->count, err));
    return rank_features(bag, sum->entries, count, err);
}

struct looking {
    struct bag *bag;
    const struct corpus *corpus;
    struct bow_scratch scratch[CREW_THREADS_MAX];
    struct arena arena[CREW_THREADS_MAX];
};

static int by_index(const void *a, const void *b)
{
    const struct feature_node *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

static enum error_code look_up(struct bag *bag, struct bow_scratch *scratch,
                               const struct case_text *text, struct bag_case *out,
                               struct error *err)
{
    const struct bow *bow = &bag->bow;
    struct bow_counts counts = bow_count(bow, scratch, text);
    struct bag_case found = {.nodes = counts.seen};
    memcpy(found.unknown, counts.unknown, sizeof found.unknown);
    enum error_code code = mem_take(&found.x, counts.seen + 2, sizeof *found.x, err);
    float norm[NGRAM_KINDS] = {0};
    for (uint32_t i = 0; i < counts.seen; i++) {
        uint32_t f = scratch->seen[i];
        enum ngram_kind kind = bow->tag[f] & 3;
        float x = kind == NGRAM_VALUE ? bow->value : bow_weigh(bow, scratch, f);
        scratch->count[f] = 0;
        if (code != ERR_NONE) continue; /* the scratch is left clean all the same */
        if (kind != NGRAM_VALUE) found.squares[kind] += x * x;
        found.x[i] = (struct feature_node){.index = (int)bag->rank[f], .value = x};
    }
    if (code != ERR_NONE) return code;
    for (int k = 0; k < NGRAM_VALUE; k++)
        norm[k] = found.squares[k] > 0 ? 1.0f / sqrtf(found.squares[k]) : 0;
    norm[NGRAM_VALUE] = 1;
    for (uint32_t i = 0; i < counts.seen; i++)
        found.x[i].value *= (double)norm[bag_kind(bag, found.x[i].index)];
    qsort(found.x, counts.seen, sizeof *found.x, by_index);
    found.x[counts.seen] = (struct feature_node){.index = (int)bow->features + 1, .value = 1};
    found.x[counts.seen + 1] = (struct feature_node){.index = -1};
    *out = found;
    return ERR_NONE;
}

static enum error_code look_up_share(void *context, size_t item, unsigned worker, struct error *err)
{
    struct looking *looking = context;
    struct arena *arena = &looking->arena[worker];
    if (arena->base == NULL) {
        struct arena measured = arena_measure();
        bow_lay(&looking->scratch[worker], &looking->bag->bow, &measured);
        TRY(arena_open(arena, measured.used, err));
        bow_lay(&looking->scratch[worker], &looking->bag->bow, arena);
    }
    size_t end = (item + 1) * SHARE_CASES;
    if (end > looking->corpus->count) end = looking->corpus->count;
    for (size_t i = item * SHARE_CASES; i < end; i++)
        TRY(look_up(looking->bag, &looking->scratch[worker], &looking->corpus->cases[i].text,
                    &looking->bag->cases[i], err));
    return ERR_NONE;
}

static enum error_code count_features(struct bag *bag, const struct corpus *corpus,
                                      struct crew *crew, struct progress *progress,
                                      struct error *err)
{
    struct counting *counting;
    TRY(mem_take(&counting, 1, sizeof *counting, err));
    counting->corpus = corpus;
    size_t shares = (corpus->count + SHARE_CASES - 1) / SHARE_CASES;
    enum error_code code = crew_run(
        crew, &(struct crew_step){count_share, counting, shares, "counting n-grams", "shares"},
        progress, err);
    if (code == ERR_NONE) code = choose_features(bag, counting, corpus, err);
    for (unsigned i = 0; i < CREW_THREADS_MAX; i++) mem_free(counting->dictionaries[i].entries);
    mem_free(counting);
    return code;
}

enum error_code bag_open(struct bag *out_bag, const struct corpus *corpus, struct crew *crew,
                         struct progress *progress, struct error *err)
{
    struct bag bag = {.count = corpus->count};
    struct looking *looking = NULL;
    enum error_code code = count_features(&bag, corpus, crew, progress, err);
    if (code == ERR_NONE) code = mem_take(&bag.cases, bag.count, sizeof *bag.cases, err);
    if (code == ERR_NONE) code = mem_take(&looking, 1, sizeof *looking, err);
    if (code == ERR_NONE) {
        *looking = (struct looking){.bag = &bag, .corpus = corpus};
        size_t shares = (corpus->count + SHARE_CASES - 1) / SHARE_CASES;
        code = crew_run(
            crew, &(struct crew_step){look_up_share, looking, shares, "looking cases up", "shares"},
            progress, err);
        for (unsigned i = 0; i < CREW_THREADS_MAX; i++) arena_close(&looking->arena[i]);
    }
    mem_free(looking);
    if (code != ERR_NONE) {
        bag_close(&bag);
        return code;
    }
    *out_bag = bag;
    return ERR_NONE;
}

void bag_shed(struct bag *bag)
{
    for (size_t i = 0; bag->cases != NULL && i < bag->count; i++) mem_free(bag->cases[i].x);
    mem_free(bag->cases);
    bag->cases = NULL;
}

void bag_close(struct bag *bag)
{
    bag_shed(bag);
    mem_free(bag->bucket);
    mem_free(bag->tag);
    mem_free(bag->idf);
    mem_free(bag->rank);
    mem_free(bag->feature);
    *bag = (struct bag){0};
}
