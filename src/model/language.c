/* language.c - the rows of weights_list() under "lm.". */
// SPDX-License-Identifier: Apache-2.0
#include "model/language.h"

#include <math.h>
#include <stdio.h>

#include "base/check.h"

static void name_of(char out[WEIGHTS_NAME_MAX + 8], const struct weights_row *row)
{
    snprintf(out, WEIGHTS_NAME_MAX + 8, "lm.%s", row->name);
}

void language_draft(const struct weights *weights, struct language_names *names,
                    struct bundle_draft *draft)
{
    const struct weights_shape *s = &weights->shape;
    const uint32_t shape[LANGUAGE_SHAPE] = {s->vocab, s->width, s->hidden, s->layers,
                                            s->decoder_bias};
    struct weights_row rows[WEIGHTS_ROWS_MAX];
    check(weights_headless(s));
    for (size_t i = 0; i < LANGUAGE_SHAPE; i++) names->shape[i] = shape[i];
    bundle_draft_tensor(draft, "lm.shape", SAFETENSORS_U32, LANGUAGE_SHAPE, 0, names->shape);
    size_t count = weights_list(s, rows);
    for (size_t i = 0; i < count; i++) {
        name_of(names->text[i], &rows[i]);
        bundle_draft_tensor(draft, names->text[i], SAFETENSORS_F32,
                            rows[i].vector ? rows[i].columns : rows[i].rows,
                            rows[i].vector ? 0 : rows[i].columns, weights_data(weights, &rows[i]));
    }
}

bool language_is(const struct bundle *bundle) { return bundle_has(bundle, "lm.shape"); }

static enum error_code shape_read(const struct bundle *bundle, struct weights_shape *out_shape,
                                  struct error *err)
{
    const uint32_t *words = NULL;
    TRY(bundle_tensor(bundle, "lm.shape", SAFETENSORS_U32, LANGUAGE_SHAPE, 0, &words, err));
    struct weights_shape shape = {.vocab = words[0],
                                  .width = words[1],
                                  .hidden = words[2],
                                  .layers = words[3],
                                  .decoder_bias = words[4] == 1};
    if (words[4] > 1 || weights_shape_check(&shape, err) != ERR_NONE)
        return error_set(err, ERR_MODEL, 0, "the model's tensor 'lm.shape' cannot be");
    *out_shape = shape;
    return ERR_NONE;
}

enum error_code language_bind(struct weights *out_weights, const struct bundle *bundle,
                              struct error *err)
{
    struct weights_row rows[WEIGHTS_ROWS_MAX];
    struct weights_shape shape;
    struct weights weights;
    TRY(shape_read(bundle, &shape, err));
    weights_begin(&weights, &shape);
    size_t count = weights_list(&shape, rows);
    for (size_t i = 0; i < count; i++) {
        char name[WEIGHTS_NAME_MAX + 8];
        const float *data = NULL;
        name_of(name, &rows[i]);
        TRY(bundle_tensor(bundle, name, SAFETENSORS_F32,
                          rows[i].vector ? rows[i].columns : rows[i].rows,
                          rows[i].vector ? 0 : rows[i].columns, &data, err));
        for (size_t k = 0; k < rows[i].rows * rows[i].columns; k++)
            if (!isfinite(data[k]))
                return error_set(err, ERR_MODEL, 0,
                                 "the model's tensor '%s' holds a value that is no number", name);
        weights_bind(&weights, &rows[i], data);
    }
    *out_weights = weights;
    return ERR_NONE;
}
