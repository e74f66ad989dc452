/* cmd_import.c - weights that fastai trained become a model file. */
// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "answer/reader.h"
#include "base/mem.h"
#include "base/tick.h"
#include "cli/cmd.h"
#include "cli/learning.h"
#include "cli/version.h"
#include "model/import.h"

static enum error_code check_options(const struct options *options, struct error *err)
{
    if (options->output == NULL)
        return error_set(err, ERR_USAGE, 0, "import needs -o MODEL, the file to write");
    if (options->vocab == NULL)
        return error_set(err, ERR_USAGE, 0, "import needs --vocab FILE, the words of the weights");
    if (options->labels == NULL && !options->language_model)
        return error_set(err, ERR_USAGE, 0, "import needs --labels FILE, the names of the classes");
    static const int of_classifier[] = {OPTION_AT_labels, OPTION_AT_fields, OPTION_AT_bptt,
                                        OPTION_AT_max_len, OPTION_AT_exact};
    const char *typed =
        options_typed(options, of_classifier, sizeof of_classifier / sizeof *of_classifier);
    if (options->language_model && typed != NULL)
        return error_set(err, ERR_USAGE, 0, "--%s: a language model has none", typed);
    TRY(learning_words(options, err));
    enum case_field fields[CASE_FIELDS];
    size_t field_count;
    TRY(reader_fields(fields, &field_count, slice_of(options->fields), err));
    return learning_output(options, err);
}

/* What answers need besides: every class answered however sure, none counted. */
struct ease {
    uint32_t *cases;  /* [classes], zeros */
    float *threshold; /* [classes], zeros */
    float target;
};

static void describe(const struct options *options, struct bundle_draft *draft)
{
    const char *slash = strrchr(options->operand[0], '/');
    bundle_draft_meta(draft, "program", version_text);
    bundle_draft_meta(draft, "language", options->language);
    bundle_draft_meta(draft, "tokenizer", options->tokenizer);
    bundle_draft_meta(draft, "imported_from", slash != NULL ? slash + 1 : options->operand[0]);
    if (options->language_model) return;
    bundle_draft_meta(draft, "members", "ulmfit");
    bundle_draft_meta(draft, "fields", options->fields);
    bundle_draft_meta(draft, "post_rule", "no"); /* as Learner.predict has it */
}

static void draft_ease(const struct ease *ease, size_t classes, struct bundle_draft *draft)
{
    bundle_draft_tensor(draft, "labels.cases", SAFETENSORS_U32, classes, 0, ease->cases);
    bundle_draft_tensor(draft, "answer.threshold", SAFETENSORS_F32, classes, 0, ease->threshold);
    bundle_draft_tensor(draft, "answer.target", SAFETENSORS_F32, 1, 0, &ease->target);
}

static enum error_code write_model(const struct options *options, struct import *import,
                                   const struct ease *ease, struct error *err)
{
    static struct bundle_draft draft;
    size_t classes = weights_classes(&import->load.weights.shape);
    TRY(bundle_draft_open(&draft, err));
    describe(options, &draft);
    import_draft(import, &draft);
    if (classes > 0) draft_ease(ease, classes, &draft);
    enum error_code code = bundle_draft_write(&draft, options->output, err);
    bundle_draft_close(&draft);
    return code;
}

static void report(const struct options *options, const struct import *import, double seconds)
{
    const struct weights_shape *shape = &import->load.weights.shape;
    char kind[64] = "an encoder";
    if (!weights_headless(shape))
        snprintf(kind, sizeof kind, "%zu labels", weights_classes(shape));
    else if (shape->decoder_bias)
        snprintf(kind, sizeof kind, "a language model");
    printf("%s: %u words, embedding %u, %u LSTM layers of %u, %s; imported in %.1f s\n",
           options->output, shape->vocab, shape->width, shape->layers, shape->hidden, kind,
           seconds);
    if (!options->language_model)
        printf("of a case the network reads: %s (as --fields has it)\n", options->fields);
}

static enum error_code run(const struct options *options, struct error *err)
{
    static struct import import;
    uint64_t begun = tick_now();
    TRY(check_options(options, err));
    struct import_options import_options = {.weights = options->operand[0],
                                            .vocab = options->vocab,
                                            .labels = options->labels,
                                            .bptt = (uint32_t)options->bptt,
                                            .max_len = (uint32_t)options->max_len,
                                            .exact = options->exact,
                                            .language_model = options->language_model};
    TRY(import_open(&import, &import_options, err));
    size_t classes = weights_classes(&import.load.weights.shape);
    struct ease ease = {0};
    enum error_code code = mem_take(&ease.cases, classes, sizeof *ease.cases, err);
    if (code == ERR_NONE) code = mem_take(&ease.threshold, classes, sizeof *ease.threshold, err);
    if (code == ERR_NONE) code = write_model(options, &import, &ease, err);
    if (code == ERR_NONE) report(options, &import, tick_seconds_since(begun));
    mem_free(ease.cases);
    mem_free(ease.threshold);
    import_close(&import);
    return code;
}

int cmd_import(const struct options *options)
{
    struct error err;
    return run(options, &err) == ERR_NONE ? 0 : cmd_failed(&err);
}
