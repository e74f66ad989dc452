/* bar.c - rate and time left from the mean so far; redrawn at most ten times a second. */
// SPDX-License-Identifier: Apache-2.0
#include "cli/bar.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/tick.h"

static const uint64_t second = 1000000000u;
enum { CELLS = 24 };

/* "37 s", "12 min", "3 h 05 min" */
static void write_time(char *out, size_t size, double seconds)
{
    unsigned long minutes = (unsigned long)(seconds / 60 + 0.5);
    if (seconds < 100)
        snprintf(out, size, "%.0f s", seconds);
    else if (minutes < 60)
        snprintf(out, size, "%lu min", minutes);
    else
        snprintf(out, size, "%lu h %02lu min", minutes / 60, minutes % 60);
}

static void draw(struct bar *bar, uint64_t done, uint64_t total, const char *unit, double elapsed)
{
    /* What was done before the bar began, by a run that is resumed, tells nothing of speed. */
    double fresh = (double)(done - bar->first);
    double rate = elapsed > 0 ? fresh / elapsed : 0;
    const char *prefix = "";
    if (rate >= 1e6) {
        rate /= 1e6;
        prefix = "M";
    } else if (rate >= 1e4) {
        rate /= 1e3;
        prefix = "k";
    }
    char cells[CELLS + 1];
    int full = total > 0 ? (int)((double)done * CELLS / (double)total) : 0;
    if (full > CELLS) full = CELLS;
    memset(cells, '-', CELLS);
    memset(cells, '#', (size_t)full);
    cells[CELLS] = '\0';
    if (bar->terminal) fprintf(stderr, "\r\033[K");
    if (total > 0) {
        char left[32];
        write_time(left, sizeof left,
                   fresh > 0 ? elapsed * ((double)total - (double)done) / fresh : 0);
        fprintf(stderr, "%s [%s] %3.0f %%  %.1f %s%s/s  %s left", bar->title, cells,
                100.0 * (double)done / (double)total, rate, prefix, unit, left);
    } else {
        fprintf(stderr, "%s: %llu %s, %.1f %s%s/s", bar->title, (unsigned long long)done, unit,
                rate, prefix, unit);
    }
    if (bar->progress.note[0] != '\0') fprintf(stderr, "  %s", bar->progress.note);
    if (!bar->terminal) fputc('\n', stderr);
    fflush(stderr);
    bar->visible = bar->terminal;
}

static void report(struct progress *progress, const char *title, uint64_t done, uint64_t total,
                   const char *unit)
{
    struct bar *bar = (struct bar *)progress;
    uint64_t now = tick_now();
    /* A step that begins anew, or another one. */
    if (bar->title == NULL || strcmp(bar->title, title) != 0 || done < bar->last) {
        bar_close(bar);
        bar->title = title;
        bar->begun = bar->drawn = now;
        bar->first = done;
    }
    bar->last = done;
    uint64_t pause = bar->terminal ? second / 10 : 10 * second;
    if (now - bar->begun < second || now - bar->drawn < pause) return;
    bar->drawn = now;
    draw(bar, done, total, unit, (double)(now - bar->begun) / (double)second);
}

struct bar bar_open(void)
{
    return (struct bar){.progress = {.report = report}, .terminal = isatty(STDERR_FILENO) == 1};
}

void bar_close(struct bar *bar)
{
    if (bar->visible) fprintf(stderr, "\r\033[K");
    bar->visible = false;
    bar->title = NULL;
    bar->last = 0;
    bar->progress.note[0] = '\0';
}
