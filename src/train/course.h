/* course.h - a network goes through its stages: steps, rates, checkpoints, Ctrl-C.
 *
 * What a step learns from is the lesson's affair, so a language model and a
 * classifier go the same way. Everything a step depends on is written down, so whoever
 * resumes goes on to the same bits (at the same number of threads).
 *
 * Errors   ERR_STOPPED after Ctrl-C or SIGTERM, when all is written down; ERR_DATA where
 *          the loss is no number, with the step; ERR_WRITE: what was written before stays
 * Memory   laid into the caller's arena
 * Threads  one caller, who works as worker 0 of the engine's team
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_COURSE_H
#define TRAIN_COURSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct history;

/* What all trainings of a run share. */
struct course_way {
    uint64_t seed;
    unsigned threads;
    const char *output;      /* the file that will be made; checkpoints lie beside it */
    bool resume;             /* go on from checkpoints, where there are any */
    double pause_seconds;    /* between two checkpoints */
    uint64_t memory_max;     /* 0: what host and container leave */
    struct history *history; /* what each step was like, or NULL */
};

#endif
