/* pth.h - reads what torch.save wrote: a state dict, or fastai's {model, opt}.
 *
 * The zip (torch 1.6 and later): members must be stored, not packed, as torch
 * stores them, so nothing can unfold beyond the file's own size. The stream
 * (before): pickles one after another, then each storage with its length.
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_PTH_H
#define MODEL_PTH_H

#include "model/checkpoint.h"

bool pth_is(struct slice bytes);

/* Fills an empty checkpoint; the caller closes it also after a failure. */
MUST_CHECK enum error_code pth_read(struct checkpoint *checkpoint, struct slice bytes,
                                    struct error *err);

#endif
