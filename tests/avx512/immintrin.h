/* immintrin.h - stands before the compiler's: SIMDe has the intrinsics in plain C, so that what
 * is written for AVX-512 runs on any processor. Nothing may be compiled for it, of course, and
 * every processor counts as one that has it. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_AVX512_IMMINTRIN_H
#define TESTS_AVX512_IMMINTRIN_H

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx2.h>
#include <simde/x86/avx512.h>

#define target(...)
#define __builtin_cpu_supports(feature) 1

#endif
