/* drop.c - sixteen random bits a number, four numbers a draw of the generator.
 *
 * A grain has a generator of its own, seeded by the key and its place: so it does not
 * matter who makes which grains, or how often. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/drop.h"

#include <string.h>

#include "base/check.h"
#include "base/rng.h"
#include "nn/wide.h"

enum { DRAWS = DROP_GRAIN / 4 };

bool drop_none(const struct drop *drop) { return drop->p == 0 && drop->given == NULL; }

/* Factors of the numbers [first, first + DROP_GRAIN). */
static void draw(const struct drop *drop, size_t first, float *restrict out)
{
    const float kept = 1.0f / (1.0f - drop->p);
    const int32_t bound = (int32_t)(drop->p * 65536.0f + 0.5f);
    uint64_t draws[DRAWS];
    uint16_t numbers[DROP_GRAIN];
    struct rng rng = rng_seed(rng_mix(drop->key + first / DROP_GRAIN));
    for (size_t i = 0; i < DRAWS; i++) draws[i] = rng_next(&rng);
    memcpy(numbers, draws, sizeof numbers);
    for (size_t i = 0; i < DROP_GRAIN; i++) out[i] = numbers[i] < bound ? 0.0f : kept;
}

/* The factors of [first, first + count), in `room` where they are not at hand. */
static const float *factors(const struct drop *drop, size_t first, float room[DROP_GRAIN])
{
    if (drop->given != NULL) return drop->given + first;
    draw(drop, first, room);
    return room;
}

static void keep_all(size_t count, const float *x, bool add, float *out)
{
    if (!add) memmove(out, x, count * sizeof *out);
    for (size_t i = 0; add && i < count; i++) out[i] += x[i];
}

void drop_apply(const struct drop *drop, size_t from, size_t to, const float *x, bool add,
                float *out)
{
    float room[DROP_GRAIN];
    check(from % DROP_GRAIN == 0 && drop->p >= 0 && drop->p < 1);
    if (drop_none(drop)) {
        keep_all(to - from, x + from, add, out + from);
        return;
    }
    for (size_t first = from; first < to; first += DROP_GRAIN) {
        size_t count = to - first < DROP_GRAIN ? to - first : DROP_GRAIN;
        const float *factor = factors(drop, first, room);
        for (size_t i = 0; i < count; i++) {
            float value = x[first + i] * factor[i];
            out[first + i] = add ? out[first + i] + value : value;
        }
    }
}

void drop_mask(const struct drop *drop, size_t from, size_t to, float *out)
{
    float room[DROP_GRAIN];
    check(from % DROP_GRAIN == 0 && drop->p >= 0 && drop->p < 1);
    for (size_t first = from; first < to; first += DROP_GRAIN) {
        size_t count = to - first < DROP_GRAIN ? to - first : DROP_GRAIN;
        memcpy(out + first, factors(drop, first, room), count * sizeof *out);
    }
}

WIDE_INLINE void multiply(size_t count, const float *x, const float *mask, float *out)
{
    wide a, b;
    size_t i = 0;
    for (; i + WIDE <= count; i += WIDE) {
        wide_load(&a, x + i);
        wide_load(&b, mask + i);
        a = a * b;
        wide_store(out + i, &a);
    }
    for (; i < count; i++) out[i] = x[i] * mask[i];
}
WIDE_VERSIONS(multiply, (size_t count, const float *x, const float *mask, float *out),
              (count, x, mask, out))

void drop_multiply(size_t count, const float *x, const float *mask, float *out)
{
    multiply_wide(count, x, mask, out);
}
