/* ngram_fuzz.c - any UTF-8 as a case: hashes of known kinds, blocks full but the last, and none
 * more for more blanks. */
// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/rng.h"
#include "text/utf8.h"
#include "vocab/ngram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
    uint64_t sum;
    size_t count;
    bool partial; /* a block that was not full has come: it must be the last */
};

static void take(void *context, const uint64_t *hashes, size_t count)
{
    struct sum *sum = context;
    check(count > 0 && count <= NGRAM_BLOCK && !sum->partial);
    sum->partial = count < NGRAM_BLOCK;
    sum->count += count;
    for (size_t i = 0; i < count; i++) {
        check(ngram_kind_of(hashes[i]) < NGRAM_KINDS);
        sum->sum = rng_mix(sum->sum ^ hashes[i]);
    }
}

static struct sum sum_of(const struct case_text *text)
{
    struct sum sum = {0};
    ngram_scan(text, take, &sum);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice all = {(const char *)data, size};
    size_t bad;
    if (!utf8_valid(all, &bad)) {
        check(bad < size);
        all.size = bad; /* what stands before is valid */
        check(utf8_valid(all, NULL));
    }
    size_t half = all.size / 2;
    while (half < all.size && (all.data[half] & 0xC0) == 0x80) half++;
    struct case_text text = {.field = {[CASE_SUBJECT] = {all.data, half},
                                       [CASE_DESCRIPTION] = slice_from(all, half),
                                       [CASE_VERSION] = {all.data, half}}};
    struct sum plain = sum_of(&text);
    check(plain.count <= 5 * all.size + 8);

    char *spaced = malloc(all.size + 2);
    check(spaced != NULL);
    spaced[0] = spaced[all.size + 1] = '\n';
    if (all.size > 0) memcpy(spaced + 1, all.data, all.size);
    text.field[CASE_SUBJECT] = (struct slice){spaced, half + 1};
    text.field[CASE_DESCRIPTION] = (struct slice){spaced + 1 + half, all.size - half + 1};
    text.field[CASE_VERSION] = (struct slice){spaced, half + 1};
    struct sum more = sum_of(&text);
    check(more.count == plain.count && more.sum == plain.sum);
    free(spaced);
    return 0;
}
