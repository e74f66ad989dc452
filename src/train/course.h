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

#include "base/progress.h"
#include "train/adam.h"
#include "train/history.h"
#include "train/recipe.h"

/* What all trainings of a run share. */
struct course_way {
    uint64_t seed;
    unsigned threads;
    enum gemm_arithmetic arithmetic;
    const char *output;                 /* the file that will be made; checkpoints lie beside it */
    bool resume;                        /* go on from checkpoints, where there are any */
    double pause_seconds;               /* between two checkpoints */
    double rate;                        /* times the recipe's; 0: 1 */
    double clip;                        /* the gradients' norm is at most this; 0: as it is */
    double smoothing;                   /* of labels: the share that all get alike */
    uint64_t memory_max;                /* 0: what host and container leave */
    struct history *history;            /* what each step was like, or NULL */
    void (*tell)(const char *sentence); /* for people, "memory: ..."; or NULL */
};

#define COURSE_LANGUAGE "language" /* the training that every run begins with */

/* What is learnt from. Epochs are counted through all stages, from 0. */
struct course_lesson {
    const char *training; /* COURSE_LANGUAGE: names the checkpoint, too */
    const char *title;    /* for the bar: "learning the language" */
    const char *unit;     /* "tokens" */
    bool perplexity;      /* say something of this loss */
    size_t batches;       /* of an epoch, at least 1 */
    uint64_t items;       /* units of an epoch */
    void *context;
    /* The next batch will be this one of this epoch. */
    void (*begin)(void *context, unsigned epoch, size_t batch);
    /* Makes the net's gradients from it. */
    enum error_code (*learn)(void *context, uint64_t draw, struct net_loss *out_loss,
                             uint64_t *out_items, struct error *err);
    /* The loss of what is held out, at an epoch's end; NULL where nothing is. */
    double (*judge)(void *context);
};

enum { COURSE_PLACES = 8, COURSE_SUMS = 4, COURSE_PATH_MAX = 4096 };

struct course {
    struct net *net;
    const struct recipe *recipe;
    const struct course_way *way;
    const struct course_lesson *lesson;
    uint64_t data; /* a hash of what is learnt from */

    struct adam adam;
    uint64_t place[COURSE_PLACES]; /* where it stands */
    double sums[COURSE_SUMS];      /* of the losses of this epoch and the last */
    uint64_t written;              /* when the last checkpoint was, and how long it took */
    double write_seconds;
    char path[COURSE_PATH_MAX]; /* of the checkpoint */
    char settings[512];
};

/* Room for the optimiser; the net is laid, not yet filled. */
void course_lay(struct course *course, struct net *net, struct arena *arena);

/* All stages, from the start or from a checkpoint; the other members are set, and the net holds
 * initial parameters. At the end a checkpoint says that it has ended. */
MUST_CHECK enum error_code course_run(struct course *course, struct progress *progress,
                                      struct error *err);

/* Mean loss of the last epoch: in training, and held out (0 where nothing was). */
double course_loss(const struct course *course);
double course_valid(const struct course *course);

/* Whether a run that was to make this output left a checkpoint: that of its first training stays
 * until the output is there. */
bool course_begun(const char *output);

/* Removes the checkpoint of a training: its result is where it should be. */
void course_forget(const char *output, const char *training);

#endif
