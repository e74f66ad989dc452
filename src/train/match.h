/* match.h - rows of one vocabulary's words for another's.
 *
 * A word that both have keeps its row; others take the mean of all rows. Fillers
 * take the row of the other's last filler, if it has one.
 *
 * Threads  any number
 * Source   fastai's match_embeds: ULMFiT, section 7.6
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_MATCH_H
#define TRAIN_MATCH_H

#include "vocab/vocab.h"

/* rows [from->count, width] become out_rows [to->count, width]. Returns how many words
 * both have, markers and fillers left out. */
size_t match_rows(const struct vocab *from, const float *rows, size_t width, const struct vocab *to,
                  float *out_rows);

#endif
