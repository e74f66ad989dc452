/* budget.c - bisection over batches, then over vocabularies: memory grows with both. */
// SPDX-License-Identifier: Apache-2.0
#include "train/budget.h"

#include <stdio.h>

#include "base/headroom.h"

enum { ROWS_LEAST = 2, WORDS_LEAST = 1000 };

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

static size_t most_words(const struct budget *budget, uint64_t room)
{
    size_t low = WORDS_LEAST, high = budget->words;
    if (high <= low || bytes_of(budget, budget->rows, low) > room) return 0;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (bytes_of(budget, budget->rows, middle) <= room)
            low = middle;
        else
            high = middle;
    }
    /* A filler may come on top (vocab/vocab.h). */
    return low > WORDS_LEAST + 8 ? low - 8 : low;
}

/* What there is, beside what the process has already. */
static void look(uint64_t memory_max, struct headroom *out_headroom)
{
    struct root root = root_of(NULL);
    if (memory_max == 0) {
        headroom_read(&root, out_headroom);
        return;
    }
    *out_headroom = (struct headroom){.bytes = ROOT_UNLIMITED};
    headroom_bound(out_headroom, (int64_t)memory_max, "--memory");
}

bool budget_fits(uint64_t bytes, uint64_t memory_max)
{
    struct headroom headroom;
    look(memory_max, &headroom);
    return bytes <= (uint64_t)headroom.bytes;
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

enum error_code budget_require(const struct budget *budget, uint64_t memory_max, struct error *err)
{
    struct headroom headroom;
    char needs[BUDGET_SIZE_MAX], leaves[BUDGET_SIZE_MAX], fits[64];
    look(memory_max, &headroom);
    uint64_t room = (uint64_t)headroom.bytes, need = bytes_of(budget, budget->rows, budget->words);
    if (need <= room) {
        announce(budget, &headroom, need);
        return ERR_NONE;
    }
    size_t rows = most_rows(budget, room), words = most_words(budget, room);
    if (rows > 0)
        snprintf(fits, sizeof fits, "--batch %zu would fit", rows);
    else if (words > 0)
        snprintf(fits, sizeof fits, "--words %zu would fit", words);
    else
        snprintf(fits, sizeof fits, "a smaller --size may fit");
    return error_set(err, ERR_MEMORY, 0, "%s needs %s and %s leaves %s; %s", budget->what,
                     budget_size(needs, need), headroom.who, budget_size(leaves, room), fits);
}
