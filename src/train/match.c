/* match.c - a look-up a word; the mean in double, since a vocabulary is long. */
// SPDX-License-Identifier: Apache-2.0
#include "train/match.h"

#include <string.h>

#include "text/clean.h"

static void mean_row(const float *rows, size_t count, size_t width, float *out)
{
    for (size_t i = 0; i < width; i++) {
        double sum = 0;
        for (size_t r = 0; r < count; r++) sum += (double)rows[r * width + i];
        out[i] = (float)(sum / (double)count);
    }
}

size_t match_rows(const struct vocab *from, const float *rows, size_t width, const struct vocab *to,
                  float *out_rows)
{
    size_t shared = 0;
    uint32_t first = to->count; /* the first that took the mean */
    struct slice filler = SLICE("xxfake");
    uint32_t last = from->count - 1;
    bool filled = slice_equal(vocab_word(from, last), filler);
    for (uint32_t i = 0; i < to->count; i++) {
        struct slice word = vocab_word(to, i);
        float *out = out_rows + i * width;
        bool is_filler = slice_equal(word, filler);
        uint32_t id = is_filler ? last : vocab_id(from, word);
        bool known = is_filler ? filled : id != SPECIAL_UNKNOWN || i == SPECIAL_UNKNOWN;
        if (known)
            memcpy(out, rows + id * width, width * sizeof *out);
        else if (first < i)
            memcpy(out, out_rows + first * width, width * sizeof *out);
        else
            mean_row(rows, from->count, width, out);
        if (!known && first > i) first = i;
        shared += known && !is_filler && i >= SPECIAL_COUNT;
    }
    return shared;
}
