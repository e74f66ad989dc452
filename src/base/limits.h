/* limits.h - every bound of the program with the reason of its number. */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

enum {
    /* More threads than this share no work worth the switching; also the size of arrays. */
    CREW_THREADS_MAX = 256,
    /* Stated, because the default of 8 MiB a thread is address space nobody uses. */
    CREW_STACK_BYTES = 256 * 1024,

    /* spaCy refuses longer texts, and so do the clients' expectations. */
    TEXT_CODE_POINTS_MAX = 1000000,
    /* The same in bytes: four a code point at most. */
    TEXT_BYTES_MAX = 4 * TEXT_CODE_POINTS_MAX,

    BODY_BYTES_DEFAULT = 1024 * 1024,
    BATCH_CASES_DEFAULT = 64,
    QUEUE_CASES_DEFAULT = 128,
    /* Bodies of waiting cases together: 128 of 64 KiB, or eight of the longest. */
    QUEUE_BYTES_DEFAULT = 8 * 1024 * 1024,
    JSON_DEPTH_MAX = 16,

    /* A label becomes a column of every table; 65,535 fits its index into 16 bits. */
    LABELS_MAX = 65535,
    LABEL_BYTES_MAX = 256,

    /* Of a vocabulary learnt here; fewer are markers and little else. */
    WORDS_LEAST = 100,

    /* Bad rows that train and evaluate name before they stop. */
    BAD_ROWS_NAMED = 20,

    /* The linear member's share of a model file: small enough to map anywhere. */
    BOW_BYTES_MAX = 16 * 1000 * 1000,

    /* A JSON header beyond this is not a model of ours (safetensors' own bound). */
    BUNDLE_HEADER_MAX = 100 * 1000 * 1000,
};

#endif
