/* cmd_inspect.c - a model file told to people and programs. */
// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer/answer.h"
#include "cli/cmd.h"
#include "cli/table.h"
#include "train/prior.h"

static json_t *describe_tensors(const struct safetensors *file)
{
    json_t *list = json_array();
    for (size_t i = 0; i < file->count; i++) {
        const struct safetensors_entry *entry = &file->entries[i];
        if (strncmp(entry->name, "pad.", 4) == 0) continue;
        json_t *shape = json_array();
        for (unsigned d = 0; d < entry->dimensions; d++)
            json_array_append_new(shape, json_integer((json_int_t)entry->shape[d]));
        json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:I}", "name", entry->name, "dtype",
                                              safetensors_types[entry->type].name, "shape", shape,
                                              "bytes", (json_int_t)entry->data.size));
    }
    return list;
}

static json_t *describe_labels(const struct answer_model *model)
{
    json_t *list = json_array();
    for (uint32_t c = 0; c < model->label_count; c++) {
        struct slice name = answer_label(model, c);
        json_array_append_new(list, json_pack("{s:s%, s:I, s:f}", "sbr", name.data, name.size,
                                              "cases", (json_int_t)model->label_cases[c],
                                              "threshold", (double)model->threshold[c]));
    }
    return list;
}

/* What every file has, around what its kind adds. */
static enum error_code print_json(const struct bundle *bundle, json_t *more, struct error *err)
{
    json_t *root = json_pack("{s:I, s:O}", "bytes", (json_int_t)bundle->file.map.bytes.size,
                             "metadata", json_object_get(bundle->file.header, "__metadata__"));
    json_object_update(root, more);
    json_decref(more);
    json_object_set_new(root, "tensors", describe_tensors(&bundle->file));
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(root);
    if (text == NULL) return error_set(err, ERR_MEMORY, 0, "no memory for the description");
    puts(text);
    free(text);
    return ERR_NONE;
}

static void print_metadata(const struct bundle *bundle)
{
    printf("%-28s %zu\n", "bytes", bundle->file.map.bytes.size);
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(bundle->file.header, "__metadata__"), key, value)
    {
        table_text(stdout, slice_of(key), 28);
        putchar(' ');
        table_text(stdout, (struct slice){json_string_value(value), json_string_length(value)}, 0);
        putchar('\n');
    }
}

static void print_tensors(const struct bundle *bundle)
{
    printf("\n%-36s %-5s %12s  %s\n", "tensor", "type", "bytes", "shape");
    for (size_t i = 0; i < bundle->file.count; i++) {
        const struct safetensors_entry *entry = &bundle->file.entries[i];
        if (strncmp(entry->name, "pad.", 4) == 0) continue;
        table_text(stdout, slice_of(entry->name), 36);
        printf(" %-5s %12zu  [", safetensors_types[entry->type].name, entry->data.size);
        for (unsigned d = 0; d < entry->dimensions; d++)
            printf("%s%zu", d > 0 ? ", " : "", entry->shape[d]);
        printf("]\n");
    }
}

/* How a network's words are read. */
static json_t *describe_words(const struct vocab *vocab)
{
    return json_pack("{s:I, s:b}", "words", (json_int_t)vocab->count, "pieces", vocab->pieces);
}

static void print_words(const struct vocab *vocab)
{
    printf("%-28s %" PRIu32 "; others are read %s\n", "words", vocab->count,
           vocab->pieces ? "by their pieces" : "as unknown");
}

static json_t *describe_model(const struct answer_model *model)
{
    json_t *root = json_pack("{s:I, s:f, s:o}", "canaries", (json_int_t)model->canary_count,
                             "target_precision", (double)model->target_precision, "labels",
                             describe_labels(model));
    if (model->has[ANSWER_ULMFIT])
        json_object_set_new(root, "vocabulary", describe_words(&model->reader.vocab));
    return root;
}

static void print_model(const struct answer_model *model)
{
    if (model->has[ANSWER_ULMFIT]) print_words(&model->reader.vocab);
    printf("%-28s %" PRIu32 "\n", "canaries", model->canary_count);
    printf("\n%-32s %8s %10s\n", "SBR", "cases", "threshold");
    for (uint32_t c = 0; c < model->label_count; c++) {
        table_text(stdout, answer_label(model, c), 32);
        printf(" %8" PRIu32 " ", model->label_cases[c]);
        if (model->threshold[c] > 1)
            printf("%10s\n", "never");
        else
            printf("%10.3f\n", (double)model->threshold[c]);
    }
}

static enum error_code inspect_model(const struct options *options, struct error *err)
{
    struct answer_model model;
    enum error_code code = ERR_NONE;
    TRY(answer_open(&model, options->operand[0], NULL, err));
    if (options->json) {
        code = print_json(&model.bundle, describe_model(&model), err);
    } else {
        print_metadata(&model.bundle);
        print_model(&model);
        print_tensors(&model.bundle);
    }
    answer_close(&model);
    return code;
}

static json_t *describe_language(const struct prior *prior)
{
    const struct weights_shape *shape = &prior->weights.shape;
    return json_pack("{s:{s:I, s:I, s:I, s:I, s:b}, s:o}", "language_model", "words",
                     (json_int_t)shape->vocab, "embedding", (json_int_t)shape->width, "hidden",
                     (json_int_t)shape->hidden, "layers", (json_int_t)shape->layers, "decoder_bias",
                     shape->decoder_bias, "vocabulary", describe_words(&prior->vocab));
}

/* Whether it can also guess the next word shows in its decoder's bias. */
static void print_language(const struct prior *prior)
{
    const struct weights_shape *shape = &prior->weights.shape;
    print_words(&prior->vocab);
    printf("%-28s %" PRIu32 "\n%-28s %" PRIu32 " of %" PRIu32 "\n%-28s %s\n", "embedding",
           shape->width, "LSTM layers", shape->layers, shape->hidden, "decoder bias",
           shape->decoder_bias ? "yes" : "no");
}

static enum error_code inspect_language(const struct options *options, struct error *err)
{
    struct prior prior;
    enum error_code code = ERR_NONE;
    TRY(prior_open(&prior, options->operand[0], err));
    if (options->json) {
        code = print_json(&prior.bundle, describe_language(&prior), err);
    } else {
        print_metadata(&prior.bundle);
        print_language(&prior);
        print_tensors(&prior.bundle);
    }
    prior_close(&prior);
    return code;
}

static enum error_code run(const struct options *options, struct error *err)
{
    struct bundle bundle;
    TRY(bundle_open(&bundle, options->operand[0], err));
    bool language = language_is(&bundle);
    bundle_close(&bundle);
    return language ? inspect_language(options, err) : inspect_model(options, err);
}

int cmd_inspect(const struct options *options)
{
    struct error err;
    return run(options, &err) == ERR_NONE ? 0 : cmd_failed(&err);
}
