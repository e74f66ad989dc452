/* canary.h - whether a model still answers as it did when it was imported.
 *
 * A model file holds sequences of token ids with the logits of the exact path.
 * The path that serves must find the same best answer, probabilities within
 * CANARY_BOUND; where the best two lie closer than that, either will do.
 *
 * Threads one caller a pass
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_CANARY_H
#define MODEL_CANARY_H

#include "model/ulmfit.h"

#define CANARY_BOUND 0.05f

struct canary {
    uint32_t count;
    const uint32_t *start, *ids; /* [count + 1]; all below the vocabulary's size */
    const float *logits;         /* [count, classes], of the exact path */
    float *found;                /* [classes] */
};

/* Points into the file and checks every index, and that the logits are numbers. */
MUST_CHECK enum error_code canary_bind(struct canary *out_canary, const struct ulmfit *ulmfit,
                                       const struct bundle *bundle, struct error *err);
void canary_lay(struct canary *canary, const struct ulmfit *ulmfit, struct arena *arena);

/* Runs the first `count` of them; ERR_MODEL names the one that is answered wrongly. */
MUST_CHECK enum error_code canary_run(const struct canary *canary, const struct ulmfit *ulmfit,
                                      struct ulmfit_pass *pass, uint32_t count, struct error *err);

/* Canaries of a new model, and what the exact path says of them. */
enum { CANARY_MADE = 4, CANARY_MADE_TOKENS = 32 + 8 + 80 + 1 };

struct canary_made {
    uint32_t start[CANARY_MADE + 1], ids[CANARY_MADE_TOKENS];
    float *logits; /* [CANARY_MADE, classes], heap */
    size_t classes;
};

/* ERR_WEIGHTS: the network answers with no numbers. */
MUST_CHECK enum error_code canary_make(struct canary_made *out_made, const struct weights *weights,
                                       struct error *err);
void canary_made_close(struct canary_made *made);

/* The same before they are written; made must live as long. */
struct canary canary_of_made(const struct canary_made *made);

/* The tensors ulmfit.canary.start, .ids and .logits; made must live until they are written. */
void canary_draft(const struct canary_made *made, struct bundle_draft *draft);

#endif
