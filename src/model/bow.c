/* bow.c - look up, count, norm, add rows.
 *
 * The time goes into cache misses: a 16 MB model does not fit the inner caches.
 * Hashes come in blocks, so the bucket, then the tags, then the rows of a block
 * are asked for ahead of their use.
 */
// SPDX-License-Identifier: Apache-2.0
#include "model/bow.h"

#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/check.h"
#include "vocab/ngram.h"

float bow_idf(uint32_t cases, size_t total)
{
    return (float)(log((1.0 + (double)total) / (1.0 + (double)cases)) + 1.0);
}

float bow_damp(uint32_t count) { return count <= 1 ? (float)count : 1.0f + logf((float)count); }

float bow_known(const float known_squares[2], const uint32_t unknown[2], float idf_unknown)
{
    float known = 0;
    int kinds = 0;
    for (int k = 0; k < 2; k++) {
        float all = known_squares[k] + (float)unknown[k] * idf_unknown * idf_unknown;
        if (all <= 0) continue;
        known += known_squares[k] / all;
        kinds++;
    }
    return kinds > 0 ? sqrtf(known / (float)kinds) : 0;
}

struct counting {
    const struct bow *bow;
    struct bow_scratch *scratch;
    struct bow_counts counts;
};

static void count_block(void *context, const uint64_t *hashes, size_t count)
{
    struct counting *counting = context;
    const struct bow *bow = counting->bow;
    _Static_assert(sizeof counting->counts.unknown / sizeof(uint32_t) == NGRAM_KINDS, "kinds");
    uint32_t start[NGRAM_BLOCK];
    for (size_t i = 0; i < count; i++) __builtin_prefetch(&bow->bucket[hashes[i] >> bow->shift]);
    for (size_t i = 0; i < count; i++) {
        start[i] = bow->bucket[hashes[i] >> bow->shift];
        __builtin_prefetch(&bow->tag[start[i]]);
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t end = bow->bucket[(hashes[i] >> bow->shift) + 1], tag = (uint32_t)hashes[i];
        uint32_t f = start[i];
        while (f < end && bow->tag[f] != tag) f++;
        if (f == end) {
            counting->counts.unknown[ngram_kind_of(hashes[i])]++;
            continue;
        }
        uint16_t *times = &counting->scratch->count[f];
        if (*times == 0) counting->scratch->seen[counting->counts.seen++] = f;
        if (*times < UINT16_MAX) ++*times;
    }
}

struct bow_counts bow_count(const struct bow *bow, struct bow_scratch *scratch,
                            const struct case_text *text)
{
    struct counting counting = {.bow = bow, .scratch = scratch};
    ngram_scan(text, count_block, &counting);
    return counting.counts;
}

float bow_weigh(const struct bow *bow, const struct bow_scratch *scratch, uint32_t feature)
{
    uint32_t times = scratch->count[feature];
    float damped = times < BOW_DAMP_TABLE ? scratch->damp[times] : bow_damp(times);
    return damped * bow_idf_of(bow, feature);
}

static void add_row(float *restrict scores, const int8_t *restrict row, float x, uint32_t labels)
{
    for (uint32_t c = 0; c < labels; c++) scores[c] += x * (float)row[c];
}

#if defined(__x86_64__)
/* Adding rows is most of the work: eight labels at a time where the CPU widens bytes in one
 * instruction (compilers make eight of it). No products are fused, so both forms give the same
 * bits. */
__attribute__((target("avx2"))) static void
add_row_avx2(float *restrict scores, const int8_t *restrict row, float x, uint32_t labels)
{
    uint32_t c = 0;
    __m256 factor = _mm256_set1_ps(x);
    for (; c + 8 <= labels; c += 8) {
        __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)(row + c));
        __m256 weights = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
        __m256 sums = _mm256_loadu_ps(scores + c);
        _mm256_storeu_ps(scores + c, _mm256_add_ps(sums, _mm256_mul_ps(factor, weights)));
    }
    for (; c < labels; c++) scores[c] += x * (float)row[c];
}
#endif

void bow_lay(struct bow_scratch *scratch, const struct bow *bow, struct arena *arena)
{
    scratch->damp = arena_take(arena, BOW_DAMP_TABLE, sizeof *scratch->damp);
    if (scratch->damp != NULL)
        for (uint32_t i = 0; i < BOW_DAMP_TABLE; i++) scratch->damp[i] = bow_damp(i);
    scratch->add_row = add_row;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) scratch->add_row = add_row_avx2;
#endif
    scratch->count = arena_take(arena, bow->features, sizeof *scratch->count);
    scratch->seen = arena_take(arena, bow->features, sizeof *scratch->seen);
}

/* A row may lie on several lines; the first two are asked for, the hardware guesses the rest. */
static void prefetch_row(const struct bow *bow, uint32_t feature)
{
    const int8_t *row = bow->weight + (size_t)feature * bow->labels;
    __builtin_prefetch(row);
    __builtin_prefetch(row + 64);
}

/* What the features that were counted are divided by. */
static void sum_up(const struct bow *bow, const struct bow_scratch *scratch, uint32_t seen,
                   float out_squares[NGRAM_KINDS], float out_norm[NGRAM_KINDS])
{
    for (int k = 0; k < NGRAM_KINDS; k++) out_squares[k] = out_norm[k] = 0;
    for (uint32_t i = 0; i < seen; i++) {
        uint32_t f = scratch->seen[i];
        enum ngram_kind kind = bow->tag[f] & 3;
        if (kind == NGRAM_VALUE) continue;
        float x = bow_weigh(bow, scratch, f);
        out_squares[kind] += x * x;
    }
    for (int k = 0; k < NGRAM_VALUE; k++)
        out_norm[k] = out_squares[k] > 0 ? 1.0f / sqrtf(out_squares[k]) : 0;
}

void bow_score(const struct bow *bow, struct bow_scratch *scratch, const struct case_text *text,
               float *restrict out_scores, float *out_known)
{
    struct bow_counts counts = bow_count(bow, scratch, text);
    float squares[NGRAM_KINDS], norm[NGRAM_KINDS];
    sum_up(bow, scratch, counts.seen, squares, norm);
    memcpy(out_scores, bow->bias, bow->labels * sizeof *out_scores);
    for (uint32_t i = 0; i < counts.seen; i++) {
        uint32_t f = scratch->seen[i];
        if (i + 8 < counts.seen) prefetch_row(bow, scratch->seen[i + 8]);
        enum ngram_kind kind = bow->tag[f] & 3;
        float x = kind == NGRAM_VALUE ? bow->value : norm[kind] * bow_weigh(bow, scratch, f);
        scratch->count[f] = 0;
        scratch->add_row(out_scores, bow->weight + (size_t)f * bow->labels, x * bow->scale[f],
                         bow->labels);
    }
    *out_known = bow_known(squares, counts.unknown, bow->idf_unknown);
}

struct explaining {
    const struct bow *bow;
    const struct bow_scratch *scratch;
    const float *norm;
    uint32_t label, other;
    bow_hearer *hear;
    void *context;
};

/* The feature of this hash, bow->features where the model has none. */
static uint32_t find(const struct bow *bow, uint64_t hash)
{
    uint32_t end = bow->bucket[(hash >> bow->shift) + 1], tag = (uint32_t)hash;
    for (uint32_t f = bow->bucket[hash >> bow->shift]; f < end; f++)
        if (bow->tag[f] == tag) return f;
    return bow->features;
}

static void explain(void *context, uint64_t hash, const struct ngram_place *place)
{
    const struct explaining *explaining = context;
    const struct bow *bow = explaining->bow;
    enum ngram_kind kind = ngram_kind_of(hash);
    uint32_t f = find(bow, hash);
    double adds = 0;
    /* Of one that comes more often than was counted, nobody knows how often it came. */
    if (f < bow->features && explaining->scratch->count[f] < UINT16_MAX) {
        const int8_t *row = bow->weight + (size_t)f * bow->labels;
        float x = kind == NGRAM_VALUE
                      ? bow->value
                      : explaining->norm[kind] * bow_weigh(bow, explaining->scratch, f);
        adds = (double)(x * bow->scale[f]) * (row[explaining->label] - row[explaining->other]) /
               explaining->scratch->count[f];
    }
    explaining->hear(explaining->context, place, kind, adds);
}

void bow_explain(const struct bow *bow, struct bow_scratch *scratch, const struct case_text *text,
                 uint32_t label, uint32_t other, bow_hearer *hear, void *context)
{
    struct bow_counts counts = bow_count(bow, scratch, text);
    float squares[NGRAM_KINDS], norm[NGRAM_KINDS];
    sum_up(bow, scratch, counts.seen, squares, norm);
    struct explaining explaining = {bow, scratch, norm, label, other, hear, context};
    ngram_visit(text, explain, &explaining);
    for (uint32_t i = 0; i < counts.seen; i++) scratch->count[scratch->seen[i]] = 0;
}
