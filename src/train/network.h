/* network.h - ULMFiT as a member of the ensemble: learnt from the cases, or kept as another model
 * has it.
 *
 *   network_open(&network, corpus, &options, ...)   texts that fit; or the other model
 *   network_hold_out(&network, seed, &out, ...)     the language; answers to cases not learnt
 *   network_finish(&network, ...)                   what the model will hold
 *   network_view(&network, &model), network_draft(&network, &draft)
 *
 * A learnt one is learnt several times: without each of the parts held out, and then from all
 * cases; the language is learnt once, from all texts, for labels play no part in it.
 *
 * Errors   a model of other labels is refused, and says which one differs; one that answers with
 *          no numbers, too; those of learn.h
 * Memory   network_close gives it back; it must live as long as the model that views it
 * Threads  one caller, who brings the crew
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_NETWORK_H
#define TRAIN_NETWORK_H

#include "answer/answer.h"
#include "train/learn.h"

struct network_options {
    const char *with; /* a model's file whose ULMFiT is kept; NULL: it is learnt */
    struct learn_options learn;
};

struct network {
    const struct corpus *corpus;
    const struct network_options *options;
    struct answer_model with; /* open where options->with is */
    struct learn learn;       /* open where it is not */
    struct shrink shrink;
    struct shrink_names names;
    struct canary_made canaries;
    struct ulmfit ulmfit;
};

/* Rows of ULMFiT's scores. */
struct network_held_out {
    uint32_t *cases; /* [count], heap: which cases of the corpus, rising */
    float *scores;   /* [count, labels], heap */
    size_t count;
};

MUST_CHECK enum error_code network_open(struct network *out_network, const struct corpus *corpus,
                                        const struct network_options *options, struct crew *crew,
                                        struct progress *progress, struct error *err);
void network_close(struct network *network);

/* Of a network that is kept: of all cases. seed: of the parts. */
MUST_CHECK enum error_code network_hold_out(struct network *network, uint64_t seed,
                                            struct network_held_out *out_held_out,
                                            struct crew *crew, struct progress *progress,
                                            struct error *err);
void network_forget(struct network_held_out *held_out);

MUST_CHECK enum error_code network_finish(struct network *network, struct progress *progress,
                                          struct error *err);

/* Sets what the model needs to answer with it. */
void network_view(const struct network *network, struct answer_model *model);

/* Its tensors, and how texts are read. */
void network_draft(struct network *network, struct bundle_draft *draft);

/* The file is written: nothing to resume from is left. */
void network_written(const struct network *network);

#endif
