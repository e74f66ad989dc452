/* window.c - the arithmetic of fastai's truncation and masks. */
// SPDX-License-Identifier: Apache-2.0
#include "model/window.h"

#include "base/check.h"

static size_t masked(const uint32_t *ids, size_t from, size_t to)
{
    size_t count = 0;
    for (size_t t = from; t < to; t++) count += ids[t] == WEIGHTS_PAD;
    return count;
}

enum error_code window_of(const struct weights_shape *shape, const uint32_t *ids, size_t count,
                          struct window *out_window, struct error *err)
{
    size_t bptt = shape->bptt;
    if (count == 0) return error_set(err, ERR_EMPTY_CASE, 0, "the case has no tokens");
    for (size_t t = 0; t < count; t++) check(ids[t] < shape->vocab);
    struct window window = {0};
    if (count > shape->max_len) window.start = (count - shape->max_len + bptt - 1) / bptt * bptt;
    window.steps = count - window.start - masked(ids, window.start, count);
    if (window.steps == 0)
        return error_set(err, ERR_EMPTY_CASE, 0, "the case holds nothing but padding");
    /* fastai counts the masked among the last bptt steps and walks back as many,
     * wherever they stand. */
    size_t tail = count - window.start < bptt ? window.start : count - bptt;
    window.last = count - 1 - masked(ids, tail, count);
    *out_window = window;
    return ERR_NONE;
}
