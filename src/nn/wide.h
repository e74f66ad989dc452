/* wide.h - eight floats at once, exponential and what is made of it.
 *
 * Vectors that the compiler cuts to the machine's width: a function written with
 * them is compiled once for each instruction set and gives the same bits in all,
 * for lanes never mix and multiplication and addition are not fused. They are
 * passed by address: by value each instruction set would have its own calling
 * convention.
 *
 * wide_exp is good to two units in the last place within +-87; beyond, its
 * argument is taken for +-87.
 *
 * Source  range reduction and polynomial as in Cephes' expf (Moshier), coefficients
 *         of the Taylor series, which at |r| <= ln 2 / 2 and degree 7 errs by 5e-9
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef NN_WIDE_H
#define NN_WIDE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* As many as a register of AVX2 holds: of longer vectors gcc compares lane by lane there. */
enum { WIDE = 8 };

typedef float wide __attribute__((vector_size(WIDE * sizeof(float))));
typedef int32_t wide_whole __attribute__((vector_size(WIDE * sizeof(int32_t))));

/* The same anywhere in memory. */
typedef float wide_apart __attribute__((vector_size(sizeof(wide)), aligned(4), may_alias));

#define WIDE_INLINE static inline __attribute__((always_inline))

/* WIDE_VERSIONS(name, (float *x, size_t count), (x, count)) makes, of the WIDE_INLINE
 * function `name`, name_wide(), which runs it compiled for the widest registers here. */
#if defined __x86_64__
#define WIDE_VERSION(name, suffix, isa, parameters, arguments)                                     \
    __attribute__((target(isa))) static void name##suffix parameters { name arguments; }
#define WIDE_VERSIONS(name, parameters, arguments)                                                 \
    WIDE_VERSION(name, _avx512, "avx512f", parameters, arguments)                                  \
    WIDE_VERSION(name, _avx2, "avx2", parameters, arguments)                                       \
    static void name##_wide parameters                                                             \
    {                                                                                              \
        if (__builtin_cpu_supports("avx512f"))                                                     \
            name##_avx512 arguments;                                                               \
        else if (__builtin_cpu_supports("avx2"))                                                   \
            name##_avx2 arguments;                                                                 \
        else                                                                                       \
            name arguments;                                                                        \
    }
#else
#define WIDE_VERSIONS(name, parameters, arguments)                                                 \
    static void name##_wide parameters { name arguments; }
#endif

WIDE_INLINE void wide_load(wide *to, const float *from) { *to = *(const wide_apart *)from; }
WIDE_INLINE void wide_store(float *to, const wide *from) { *(wide_apart *)to = *from; }

/* mask ? a : b, lane by lane; mask is what a comparison of vectors gives. */
WIDE_INLINE void wide_choose(const wide_whole *mask, const wide *a, const wide *b, wide *out)
{
    *out = (wide)(((wide_whole)*a & *mask) | ((wide_whole)*b & ~*mask));
}

WIDE_INLINE void wide_max(wide *a, const wide *b)
{
    wide_whole more = *a > *b;
    wide_choose(&more, a, b, a);
}

WIDE_INLINE void wide_clamp(wide *x, float limit)
{
    wide high = limit - (wide){0}, low = -limit - (wide){0};
    wide_whole below = *x<high, above = *x> low;
    wide_choose(&below, x, &high, x);
    wide_choose(&above, x, &low, x);
}

/* x becomes what e^x is less than 1 for the rest r: r + r^2/2 + ...; and scale the power of 2 that
 * goes with it. n is the whole number next to x / ln 2, and x = n ln 2 + r. */
WIDE_INLINE void wide_reduce(wide *x, wide *scale)
{
    const float magic = 12582912.0f; /* 1.5 * 2^23: leaves no room for a fraction */
    wide_clamp(x, 87.0f);
    wide sum = *x * 1.44269504f + magic, n = sum - magic;
    wide r = *x - n * 0.693359375f; /* ln 2 in two parts: the first product is exact */
    r = r + n * 2.12194440e-4f;
    wide p = r * (1.0f / 5040) + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    *x = p * r * r + r;
    *scale = (wide)(((wide_whole)sum << 23) + 0x3f800000); /* n sits in the low bits of sum */
}

WIDE_INLINE void wide_exp(wide *x)
{
    wide scale;
    wide_reduce(x, &scale);
    *x = (*x + 1.0f) * scale;
}

WIDE_INLINE void wide_sigmoid(wide *x)
{
    *x = -*x;
    wide_exp(x);
    *x = 1.0f / (1.0f + *x);
}

/* By e^2x - 1, which is exact where x is small, as e^2x is not. */
WIDE_INLINE void wide_tanh(wide *x)
{
    wide scale;
    *x = *x + *x;
    wide_reduce(x, &scale);
    *x = *x * scale + (scale - 1.0f);
    *x = *x / (*x + 2.0f);
}

/* The lanes' sum and maximum, folded in halves. */
WIDE_INLINE float wide_total(const wide *x)
{
    float lanes[WIDE];
    wide_store(lanes, x);
    for (size_t half = WIDE / 2; half > 0; half /= 2)
        for (size_t lane = 0; lane < half; lane++) lanes[lane] += lanes[lane + half];
    return lanes[0];
}

WIDE_INLINE float wide_most(const wide *x)
{
    float lanes[WIDE], most;
    wide_store(lanes, x);
    most = lanes[0];
    for (size_t lane = 1; lane < WIDE; lane++) most = lanes[lane] > most ? lanes[lane] : most;
    return most;
}

/* Up to WIDE numbers, with this one in the lanes beyond; count numbers of a vector. */
WIDE_INLINE void wide_load_some(wide *to, const float *from, size_t count, float beyond)
{
    float lanes[WIDE];
    for (size_t lane = 0; lane < WIDE; lane++) lanes[lane] = beyond;
    memcpy(lanes, from, count * sizeof *from);
    wide_load(to, lanes);
}

WIDE_INLINE void wide_store_some(float *to, const wide *from, size_t count)
{
    memcpy(to, from, count * sizeof *to);
}

#endif
