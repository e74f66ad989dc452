/* tile_body.h - the inner loop, compiled anew for each instruction set.
 *
 * tile.c defines, before each inclusion, TILE_NAME (which the function gets),
 * TILE_TARGET (the attribute that names the instruction set), TILE_LANES (floats of a
 * register), TILE_ADD(sum, cell, panel): sum += cell times panel, and TILE_ROWS: two
 * registers of a panel's row times so many rows of sums must fit the registers beside
 * them, and be enough to hide a multiplication's latency.
 */
// SPDX-License-Identifier: Apache-2.0

#define JOIN_(a, b) a##_##b
#define JOIN(a, b)  JOIN_(a, b)
#define LANES       JOIN(lanes, TILE_NAME)
#define BITS        JOIN(bits, TILE_NAME)
#define ROWS_AT     JOIN(rows_at, TILE_NAME)

typedef float LANES __attribute__((vector_size(TILE_LANES * sizeof(float))));
typedef uint32_t BITS __attribute__((vector_size(TILE_LANES * sizeof(float))));

/* rows and step are constants where this is inlined: the sums live in registers. */
TILE_TARGET static inline __attribute__((always_inline)) void
ROWS_AT(const struct tile_work *w, const size_t rows, const size_t step)
{
    LANES left[TILE_ROWS], right[TILE_ROWS], low, high;
    const float *a = w->a, *panel = w->panel, *end = panel + w->depth * 2 * TILE_LANES;
    const float *next = w->next;
    size_t row = w->row, next_step = w->next_step;
#pragma GCC unroll 12
    for (size_t r = 0; r < rows; r++) left[r] = right[r] = (LANES){0};
    for (; panel < end; panel += 2 * TILE_LANES, a += step) {
        memcpy(&low, panel, sizeof low);
        memcpy(&high, panel + TILE_LANES, sizeof high);
        __builtin_prefetch(next);
        if (TILE_LANES == 16) __builtin_prefetch(next + TILE_LANES); /* steps of two lines */
        next += next_step;
#pragma GCC unroll 12
        for (size_t r = 0; r < rows; r++) {
            TILE_ADD(left[r], a + r * row, low);
            TILE_ADD(right[r], a + r * row, high);
        }
    }
#pragma GCC unroll 12
    for (size_t r = 0; r < rows; r++) {
        float *c = w->c + r * w->stride;
        if (w->add) {
            memcpy(&low, c, sizeof low);
            memcpy(&high, c + TILE_LANES, sizeof high);
            left[r] = low + left[r];
            right[r] = high + right[r];
        }
        memcpy(c, &left[r], sizeof left[r]);
        memcpy(c + TILE_LANES, &right[r], sizeof right[r]);
    }
}

#define CASE(count)                                                                                \
    case count:                                                                                    \
        if (w->packed)                                                                             \
            ROWS_AT(w, count, TILE_ROWS);                                                          \
        else                                                                                       \
            ROWS_AT(w, count, 1);                                                                  \
        break;

TILE_TARGET static void TILE_NAME(const struct tile_work *w)
{
    switch (w->rows) {
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
#if TILE_ROWS > 4
        CASE(5)
        CASE(6)
#endif
#if TILE_ROWS > 6
        CASE(7)
        CASE(8)
        CASE(9)
        CASE(10)
        CASE(11)
        CASE(12)
#endif
    default:
        check(false);
    }
}

#undef CASE
#undef ROWS_AT
#undef LANES
#undef BITS
#undef JOIN
#undef JOIN_
#undef TILE_NAME
#undef TILE_TARGET
#undef TILE_LANES
#undef TILE_ROWS
#undef TILE_ADD
