/* budget.c - bisection over batches, then over vocabularies: memory grows with both. */
// SPDX-License-Identifier: Apache-2.0
#include "train/budget.h"

#include <stdio.h>

#include "base/limits.h"
#include "vocab/vocab.h"

enum { ROWS_LEAST = 2, ADVICE_MAX = 64 };

const char *budget_size(char out[BUDGET_SIZE_MAX], uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1000 && unit + 1 < sizeof units / sizeof *units; unit++) value /= 1024;
    snprintf(out, BUDGET_SIZE_MAX,
             value < 10 && unit > 0    ? "%.2f %s"
             : value < 100 && unit > 0 ? "%.1f %s"
                                       : "%.0f %s",
             value, units[unit]);
    return out;
}

static uint64_t bytes_of(const struct budget *budget, size_t rows, size_t words)
{
    return budget->bytes(budget->context, rows, words);
}

/* The largest that fits; 0 where not even the least does. */
static size_t most_rows(const struct budget *budget, uint64_t room)
{
    size_t low = ROWS_LEAST, high = budget->rows;
    if (high <= low || bytes_of(budget, low, budget->words) > room) return 0;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (bytes_of(budget, middle, budget->words) <= room)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Whether a vocabulary asked for with --words so would fit, with its filler. */
static bool words_fit(const struct budget *budget, size_t words, uint64_t room)
{
    return bytes_of(budget, budget->rows, vocab_filled(words)) <= room;
}

static size_t most_words(const struct budget *budget, uint64_t room)
{
    size_t low = WORDS_LEAST, high = budget->words;
    if (high <= low || !words_fit(budget, low, room)) return 0;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (words_fit(budget, middle, room))
            low = middle;
        else
            high = middle;
    }
    /* As many by eights: with filler they are as many as these. */
    return low - low % 8 > WORDS_LEAST ? low - low % 8 : WORDS_LEAST;
}

enum error_code budget_look(uint64_t memory_max, struct headroom *out_headroom, struct error *err)
{
    struct root root = root_of(NULL);
    if (memory_max == 0)
        headroom_read(&root, out_headroom);
    else if (!headroom_within(&root, (int64_t)memory_max, "--memory", out_headroom))
        return error_set(err, ERR_MEMORY, 0,
                         "--memory: what this process has taken already cannot be seen "
                         "(/proc/self/status); leave it out");
    return ERR_NONE;
}

static void announce(const struct budget *budget, const struct headroom *headroom, uint64_t need)
{
    char needs[BUDGET_SIZE_MAX], all[BUDGET_SIZE_MAX], leaves[BUDGET_SIZE_MAX], sentence[512];
    uint64_t resident = headroom->resident > 0 ? (uint64_t)headroom->resident : 0;
    if (budget->tell == NULL) return;
    snprintf(sentence, sizeof sentence, "memory: %s takes %s, %s in all; %s leaves %s",
             budget->what, budget_size(needs, need), budget_size(all, need + resident),
             headroom->who, budget_size(leaves, (uint64_t)headroom->bytes));
    budget->tell(sentence);
}

/* Of both, where neither alone is enough: the least batch, and the words that it leaves room for.
 */
static size_t most_words_of_least(const struct budget *budget, uint64_t room)
{
    struct budget least = *budget;
    least.rows = ROWS_LEAST;
    return budget->rows > ROWS_LEAST ? most_words(&least, room) : 0;
}

static void advise(const struct budget *budget, uint64_t room, char out[ADVICE_MAX])
{
    size_t rows = most_rows(budget, room), words = most_words(budget, room);
    size_t both = rows == 0 && words == 0 ? most_words_of_least(budget, room) : 0;
    if (rows > 0)
        snprintf(out, ADVICE_MAX, "--batch %zu would fit", rows);
    else if (words > 0)
        snprintf(out, ADVICE_MAX, "--words %zu would fit", words);
    else if (both > 0)
        snprintf(out, ADVICE_MAX, "--batch %d --words %zu would fit", ROWS_LEAST, both);
    else
        snprintf(out, ADVICE_MAX, "%s",
                 budget->smallest ? "no smaller batch and no fewer words would fit"
                                  : "a smaller --size may fit");
}

enum error_code budget_require(const struct budget *budget, const struct headroom *headroom,
                               struct error *err)
{
    char needs[BUDGET_SIZE_MAX], leaves[BUDGET_SIZE_MAX], advice[ADVICE_MAX];
    uint64_t room = (uint64_t)headroom->bytes, need = bytes_of(budget, budget->rows, budget->words);
    if (need <= room) {
        announce(budget, headroom, need);
        return ERR_NONE;
    }
    advise(budget, room, advice);
    return error_set(err, ERR_MEMORY, 0, "%s needs %s and %s leaves %s; %s", budget->what,
                     budget_size(needs, need), headroom->who, budget_size(leaves, room), advice);
}
