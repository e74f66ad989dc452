/* bow_test.c - the scores against the formula of the header, computed the slow way in double. */
// SPDX-License-Identifier: Apache-2.0
#include "model/bow.h"

#include <math.h>

#include "base/rng.h"
#include "help.h"
#include "vocab/ngram.h"

enum { HASHES_MAX = 20000, LABELS = 7, BITS = 5 };

/* Every different n-gram of a text, counted. */
struct bagged {
    size_t count;
    uint64_t hash[HASHES_MAX];
    uint32_t times[HASHES_MAX];
};

static void collect(void *context, const uint64_t *hashes, size_t count)
{
    struct bagged *bagged = context;
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        while (at < bagged->count && bagged->hash[at] != hashes[i]) at++;
        if (at == bagged->count) {
            assert_true(bagged->count < HASHES_MAX);
            bagged->hash[bagged->count++] = hashes[i];
        }
        bagged->times[at]++;
    }
}

static struct case_text case_of(const char *subject, const char *description, const char *product)
{
    struct case_text text;
    for (int f = 0; f < CASE_FIELDS; f++) text.field[f] = SLICE("");
    text.field[CASE_SUBJECT] = slice_of(subject);
    text.field[CASE_DESCRIPTION] = slice_of(description);
    text.field[CASE_PRODUCT] = slice_of(product);
    return text;
}

static const char *const texts[][3] = {
    {"disk full", "the disk /dev/sda is full, full, full", "RHEL"},
    {"Login fails", "kinit: Preauthentication failed while getting initial credentials", "IdM"},
    {"\xC3\x9C"
     "berlauf",
     "Die Festplatte ist voll: \xE7\xA3\x81\xE7\x9B\x98 full", ""},
    {"", "a b c d e", "Satellite"},
    {"nothing the model knows: zzyzx qqq", "", "Other"},
};
enum { TEXTS = sizeof texts / sizeof *texts };

static struct case_text nth(size_t i) { return case_of(texts[i][0], texts[i][1], texts[i][2]); }

/* A model of two thirds of what the first four texts hold, with weights drawn. */
struct made {
    struct bow bow;
    uint64_t hash[HASHES_MAX];
    uint32_t bucket[(1 << BITS) + 1], tag[HASHES_MAX];
    uint8_t idf[HASHES_MAX];
    float scale[HASHES_MAX], bias[LABELS];
    int8_t weight[HASHES_MAX * LABELS];
};
static struct made made;
static struct arena arena;
static struct bow_scratch scratch;

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int make(void **state)
{
    (void)state;
    static struct bagged all;
    uint32_t features = 0;
    for (size_t i = 0; i + 1 < TEXTS; i++) {
        struct case_text text = nth(i);
        ngram_scan(&text, collect, &all);
    }
    for (size_t i = 0; i < all.count; i++)
        if (rng_mix(all.hash[i]) % 3 != 0) made.hash[features++] = all.hash[i];
    qsort(made.hash, features, sizeof *made.hash, by_value);
    struct rng rng = rng_seed(5);
    for (uint32_t f = 0; f < features; f++) {
        made.bucket[(made.hash[f] >> (64 - BITS)) + 1]++;
        made.tag[f] = (uint32_t)made.hash[f];
        made.idf[f] = (uint8_t)rng_next(&rng);
        made.scale[f] = (float)rng_below(&rng, 1000) / 1e5f;
        for (uint32_t c = 0; c < LABELS; c++)
            made.weight[f * LABELS + c] = (int8_t)((int)rng_below(&rng, 255) - 127);
    }
    for (uint32_t c = 0; c < LABELS; c++) made.bias[c] = (float)c / 10;
    for (int b = 0; b < 1 << BITS; b++) made.bucket[b + 1] += made.bucket[b];
    made.bow = (struct bow){.features = features,
                            .labels = LABELS,
                            .shift = 64 - BITS,
                            .bucket = made.bucket,
                            .tag = made.tag,
                            .idf = made.idf,
                            .scale = made.scale,
                            .weight = made.weight,
                            .bias = made.bias,
                            .idf_step = 0.02f,
                            .idf_unknown = 5,
                            .value = 0.3f};
    struct error err;
    arena = arena_measure();
    bow_lay(&scratch, &made.bow, &arena);
    assert_fine(arena_open(&arena, arena.used, &err), &err);
    bow_lay(&scratch, &made.bow, &arena);
    return 0;
}

static int give(void **state)
{
    (void)state;
    arena_close(&arena);
    return 0;
}

static void naive(const struct case_text *text, double *scores, double *out_known)
{
    static struct bagged held;
    held = (struct bagged){0};
    ngram_scan(text, collect, &held);
    double squares[NGRAM_KINDS] = {0}, unknown[NGRAM_KINDS] = {0};
    static double x[HASHES_MAX];
    for (size_t i = 0; i < held.count; i++) {
        uint32_t f = 0;
        while (f < made.bow.features && made.hash[f] != held.hash[i]) f++;
        unsigned kind = held.hash[i] & 3;
        x[i] = 0;
        if (f == made.bow.features) {
            unknown[kind] += held.times[i];
            continue;
        }
        x[i] = (1 + log(held.times[i])) * (1 + made.idf[f] * 0.02);
        squares[kind] += x[i] * x[i];
    }
    for (int c = 0; c < LABELS; c++) scores[c] = (double)made.bias[c];
    for (size_t i = 0; i < held.count; i++) {
        uint32_t f = 0;
        while (f < made.bow.features && made.hash[f] != held.hash[i]) f++;
        if (f == made.bow.features) continue;
        unsigned kind = held.hash[i] & 3;
        double value = kind == NGRAM_VALUE ? 0.3 : x[i] / sqrt(squares[kind]);
        for (int c = 0; c < LABELS; c++)
            scores[c] += value * (double)made.scale[f] * made.weight[f * LABELS + (uint32_t)c];
    }
    double sum = 0;
    int kinds = 0;
    for (int k = 0; k < NGRAM_VALUE; k++) {
        double whole = squares[k] + unknown[k] * 25;
        if (whole <= 0) continue;
        sum += squares[k] / whole;
        kinds++;
    }
    *out_known = kinds > 0 ? sqrt(sum / kinds) : 0;
}

static void scores_are_those_of_the_formula(void **state)
{
    (void)state;
    bool told_apart = false;
    for (int round = 0; round < 2; round++) /* again, on the scratch the first round left */
        for (size_t i = 0; i < TEXTS; i++) {
            struct case_text text = nth(i);
            float scores[LABELS], known;
            double expected[LABELS], expected_known;
            naive(&text, expected, &expected_known);
            bow_score(&made.bow, &scratch, &text, scores, &known);
            for (int c = 0; c < LABELS; c++) {
                assert_true(fabs(expected[c] - (double)scores[c]) < 1e-4);
                told_apart |= fabs(expected[c] - (double)made.bias[c]) > 0.01;
            }
            assert_true(fabs(expected_known - (double)known) < 1e-5);
            for (uint32_t f = 0; f < made.bow.features; f++) assert_int_equal(scratch.count[f], 0);
        }
    assert_true(told_apart);
}

static void a_text_of_nothing_known_is_its_bias(void **state)
{
    (void)state;
    struct case_text text = case_of("\xE2\x82\xAC\xE2\x82\xAC", "", "");
    float scores[LABELS], known = 1;
    bow_score(&made.bow, &scratch, &text, scores, &known);
    assert_memory_equal(scores, made.bias, sizeof scores);
    assert_true(known == 0.0f);
    text = case_of(" ", "", "");
    bow_score(&made.bow, &scratch, &text, scores, &known);
    assert_memory_equal(scores, made.bias, sizeof scores);
    assert_true(known == 0.0f);
}

static void counts_are_those_of_the_text(void **state)
{
    (void)state;
    static struct bagged held;
    for (size_t i = 0; i < TEXTS; i++) {
        struct case_text text = nth(i);
        struct bow_counts counts = bow_count(&made.bow, &scratch, &text);
        uint32_t unknown[NGRAM_KINDS] = {0}, seen = 0;
        held = (struct bagged){0};
        ngram_scan(&text, collect, &held);
        for (size_t h = 0; h < held.count; h++) {
            uint32_t f = 0;
            while (f < made.bow.features && made.hash[f] != held.hash[h]) f++;
            if (f == made.bow.features) {
                unknown[held.hash[h] & 3] += held.times[h];
                continue;
            }
            seen++;
            assert_int_equal(scratch.count[f], held.times[h]);
        }
        assert_int_equal(counts.seen, seen);
        assert_memory_equal(counts.unknown, unknown, sizeof unknown);
        for (uint32_t s = 0; s < counts.seen; s++) scratch.count[scratch.seen[s]] = 0;
    }
}

/* More often than a counter holds: it stays at its end instead of beginning anew. */
static void a_word_repeated_without_end_stays_finite(void **state)
{
    (void)state;
    size_t times = 70000;
    char *much = malloc(5 * times + 1);
    for (size_t i = 0; i < times; i++) memcpy(much + 5 * i, "full ", 5);
    much[5 * times] = '\0';
    struct case_text text = case_of("disk", much, "RHEL"), once = case_of("disk", "full ", "RHEL");
    struct bow_counts counts = bow_count(&made.bow, &scratch, &text);
    uint16_t most = 0;
    for (uint32_t s = 0; s < counts.seen; s++) {
        uint16_t *count = &scratch.count[scratch.seen[s]];
        if (*count > most) most = *count;
        *count = 0;
    }
    assert_int_equal(most, UINT16_MAX);
    float scores[LABELS], known;
    bow_score(&made.bow, &scratch, &text, scores, &known);
    for (int c = 0; c < LABELS; c++) assert_true(isfinite(scores[c]));
    assert_true(known >= 0 && known <= 1);
    float of_once[LABELS];
    bow_score(&made.bow, &scratch, &once, of_once, &known);
    for (int c = 0; c < LABELS; c++) assert_true(fabsf(scores[c]) < 10 + fabsf(of_once[c]));
    free(much);
}

static void damping_and_idf_are_scikit_learns(void **state)
{
    (void)state;
    assert_true(bow_damp(0) == 0.0f && bow_damp(1) == 1.0f);
    assert_true(fabsf(bow_damp(7) - 2.9459101f) < 1e-6f);    /* 1 + ln 7 */
    assert_true(fabsf(bow_idf(3, 99) - 4.2188758f) < 1e-6f); /* ln(100 / 4) + 1 */
    assert_true(bow_idf(9, 9) == 1.0f);
    for (uint32_t i = 0; i < BOW_DAMP_TABLE; i++) assert_true(scratch.damp[i] == bow_damp(i));
}

static void known_is_a_share(void **state)
{
    (void)state;
    static const uint32_t none[2] = {0, 0}, some[2] = {2, 0};
    assert_true(bow_known((float[]){3, 0}, none, 2) == 1.0f);
    assert_true(bow_known((float[]){0, 0}, none, 2) == 0.0f);
    assert_true(bow_known((float[]){0, 0}, some, 2) == 0.0f);
    assert_true(fabsf(bow_known((float[]){8, 0}, some, 2) - 0.70710678f) < 1e-6f);
    assert_true(fabsf(bow_known((float[]){8, 1}, some, 2) - 0.8660254f) < 1e-6f);
}

struct heard {
    double sum, of_value, in_subject;
    size_t count;
};

static void hear(void *context, const struct ngram_place *place, enum ngram_kind kind, double adds)
{
    struct heard *heard = context;
    heard->sum += adds;
    if (kind == NGRAM_VALUE) heard->of_value += adds;
    if (place->field == CASE_SUBJECT) heard->in_subject += adds;
    heard->count++;
}

/* All of a difference of scores, to the last digits that a float has. */
static void what_is_explained_is_the_difference(void **state)
{
    (void)state;
    size_t of_values = 0;
    for (size_t i = 0; i < TEXTS; i++)
        for (uint32_t label = 0; label < LABELS; label++) {
            struct case_text text = nth(i);
            uint32_t other = (label + 3) % LABELS;
            float scores[LABELS], known;
            struct heard heard = {0};
            bow_score(&made.bow, &scratch, &text, scores, &known);
            bow_explain(&made.bow, &scratch, &text, label, other, hear, &heard);
            double difference = (double)scores[label] - (double)scores[other];
            double bias = (double)made.bias[label] - (double)made.bias[other];
            assert_true(fabs(heard.sum + bias - difference) < 1e-5);
            assert_true(heard.count > 5);
            of_values += fabs(heard.of_value) > 0;
            if (text.field[CASE_SUBJECT].size == 0) assert_true(fabs(heard.in_subject) <= 0);
            for (uint32_t f = 0; f < made.bow.features; f++) assert_int_equal(scratch.count[f], 0);
        }
    assert_true(of_values > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_of_the_formula),
        cmocka_unit_test(a_text_of_nothing_known_is_its_bias),
        cmocka_unit_test(counts_are_those_of_the_text),
        cmocka_unit_test(a_word_repeated_without_end_stays_finite),
        cmocka_unit_test(damping_and_idf_are_scikit_learns),
        cmocka_unit_test(known_is_a_share),
        cmocka_unit_test(what_is_explained_is_the_difference),
    };
    return cmocka_run_group_tests(tests, make, give);
}
