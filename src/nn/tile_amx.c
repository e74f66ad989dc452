/* tile_amx.c - two registers of rows times two of columns, so that each one read is used twice.
 *
 * A register holds sixteen rows of sixteen cells, as many as its configuration says. The
 * last cells of a depth that sixteen does not divide are copied among zeros, for another
 * configuration would clear the sums. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/tile_amx.h"

#if defined __x86_64__

#include <asm/prctl.h>
#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"

enum { SIDE = 16, COLUMNS = 2 * SIDE, ROWS = 2 * SIDE };

/* Registers are named by literals. */
#define TOP_LEFT  0
#define TOP_RIGHT 1
#define LOW_LEFT  2
#define LOW_RIGHT 3
#define TOP       4
#define LOW       5
#define LEFT      6
#define RIGHT     7

#define AMX       __attribute__((target("avx512f,amx-tile,amx-bf16")))

/* As LDTILECFG reads it. */
struct shapes {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16]; /* of a row */
    uint8_t rows[16];
};
_Static_assert(sizeof(struct shapes) == 64, "the processor's own form");

AMX static void configure(size_t top, size_t low)
{
    const size_t rows[] = {top, top, low, low, top, low, SIDE, SIDE}; /* by register */
    struct shapes shapes = {.palette = 1};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        shapes.rows[i] = (uint8_t)rows[i];
        shapes.bytes[i] = rows[i] == 0 ? 0 : SIDE * sizeof(float);
    }
    atomic_signal_fence(memory_order_seq_cst); /* compilers do not see that all of it is read */
    _tile_loadconfig(&shapes);
}

/* Sixteen cells of the depth: rows at a, `row` numbers apart, and a panel. */
struct step {
    const float *a;
    size_t row;
    const float *panel;
};

AMX static inline __attribute__((always_inline)) void multiply(const struct step *step, bool low)
{
    size_t row = step->row * sizeof(float), line = COLUMNS * sizeof(float);
    _tile_loadd(TOP, step->a, row);
    _tile_loadd(LEFT, step->panel, line);
    _tile_dpbf16ps(TOP_LEFT, TOP, LEFT);
    _tile_loadd(RIGHT, step->panel + SIDE, line);
    _tile_dpbf16ps(TOP_RIGHT, TOP, RIGHT);
    if (!low) return;
    _tile_loadd(LOW, step->a + SIDE * step->row, row);
    _tile_dpbf16ps(LOW_LEFT, LOW, LEFT);
    _tile_dpbf16ps(LOW_RIGHT, LOW, RIGHT);
}

/* The last `count` cells of the depth. */
AMX static void multiply_last(const struct step *step, size_t rows, size_t count)
{
    float a[ROWS][SIDE] = {0}, panel[SIDE][COLUMNS] = {0};
    for (size_t r = 0; r < rows; r++) memcpy(a[r], step->a + r * step->row, count * sizeof **a);
    memcpy(panel, step->panel, count * sizeof *panel);
    atomic_signal_fence(memory_order_seq_cst);
    multiply(&(struct step){a[0], SIDE, panel[0]}, rows > SIDE);
}

AMX static void begin(const struct tile_work *w, bool low)
{
    size_t stride = w->stride * sizeof(float);
    const float *below = w->c + SIDE * w->stride;
    if (!w->add) {
        _tile_zero(TOP_LEFT);
        _tile_zero(TOP_RIGHT);
        if (!low) return;
        _tile_zero(LOW_LEFT);
        _tile_zero(LOW_RIGHT);
        return;
    }
    _tile_loadd(TOP_LEFT, w->c, stride);
    _tile_loadd(TOP_RIGHT, w->c + SIDE, stride);
    if (!low) return;
    _tile_loadd(LOW_LEFT, below, stride);
    _tile_loadd(LOW_RIGHT, below + SIDE, stride);
}

AMX static void end(const struct tile_work *w, bool low)
{
    size_t stride = w->stride * sizeof(float);
    float *below = w->c + SIDE * w->stride;
    _tile_stored(TOP_LEFT, w->c, stride);
    _tile_stored(TOP_RIGHT, w->c + SIDE, stride);
    if (low) {
        _tile_stored(LOW_LEFT, below, stride);
        _tile_stored(LOW_RIGHT, below + SIDE, stride);
    }
    _tile_release();
}

AMX void tile_amx(const struct tile_work *w)
{
    check(!w->packed && w->rows > 0 && w->rows <= ROWS);
    bool low = w->rows > SIDE;
    struct step step = {w->a, w->row, w->panel};
    const float *next = w->next;
    size_t left = w->depth;
    configure(low ? SIDE : w->rows, low ? w->rows - SIDE : 0);
    begin(w, low);
    for (; left >= SIDE; left -= SIDE) {
        for (size_t i = 0; i < SIDE; i++, next += w->next_step) {
            __builtin_prefetch(next);
            __builtin_prefetch(next + SIDE);
        }
        multiply(&step, low);
        step.a += SIDE;
        step.panel += SIDE * COLUMNS;
    }
    if (left > 0) multiply_last(&step, w->rows, left);
    end(w, low);
}

bool tile_amx_here(void)
{
    enum { LEAF = 7, BF16 = 1 << 22, TILE = 1 << 24, STATE = 18 /* the registers' number */ };
    unsigned a, b, c, d;
    return __get_cpuid_count(LEAF, 0, &a, &b, &c, &d) && (d & BF16) != 0 && (d & TILE) != 0 &&
           syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, STATE) == 0;
}

#endif
