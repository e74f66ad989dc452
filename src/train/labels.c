/* labels.c - the lesson of a classifier: batches of about equally long texts, or of their
 * beginnings.
 *
 * A batch of long texts takes much memory for its backward pass; only some blocks of 72 words are
 * kept, and the others run again. */
// SPDX-License-Identifier: Apache-2.0
#include "train/labels.h"

#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include "answer/reader.h"
#include "base/check.h"
#include "base/mem.h"
#include "train/budget.h"

enum {
    BPTT = 72,
    MAX_LEN = 1440,
    HEAD = 50, /* features between the head's two blocks, as fastai's */
    BLOCKS_KEPT = 4,
};

static const float drop_head = 0.1f; /* of its second block, whatever drop_mult */

struct clas_text labels_text(const struct texts *texts, size_t text)
{
    uint64_t size = texts_size(texts, text);
    return (struct clas_text){.ids = texts->ids + texts->start[text],
                              .count = size < READER_TOKENS_MAX ? size : READER_TOKENS_MAX};
}

/* The lesson */

static void begin(void *context, unsigned epoch, size_t batch)
{
    struct labels *labels = context;
    struct rng rng = rng_seed(rng_mix(labels->options->way->seed + 3) + epoch);
    for (size_t i = 0; i < labels->count; i++) labels->order[i] = labels->chosen[i];
    minibatch_learn_order(labels->options->texts, labels->order, labels->count, labels->recipe.rows,
                          &rng);
    labels->at = batch;
}

/* Some batches, by chance, end at a word that falls: what their texts begin with must do. They are
 * about equally long, so one place serves all. */
static void cut(struct labels *labels, uint64_t draw)
{
    struct rng rng = rng_seed(rng_mix(labels->options->way->seed + 6) + draw);
    if (rng_below(&rng, 100) >= labels->recipe.cut.percent) return;
    size_t end = minibatch_cut(labels->rows[0].count, labels->recipe.cut.least, &rng);
    for (size_t r = 0; r < labels->recipe.rows; r++)
        if (labels->rows[r].count > end) labels->rows[r].count = end;
}

static enum error_code learn(void *context, uint64_t draw, struct net_loss *out_loss,
                             uint64_t *out_items, struct error *err)
{
    struct labels *labels = context;
    size_t rows = labels->recipe.rows;
    check(labels->at < labels->lesson.batches);
    const uint32_t *order = labels->order + labels->at++ * rows;
    for (size_t r = 0; r < rows; r++) {
        labels->rows[r] = labels_text(labels->options->texts, order[r]);
        labels->row_labels[r] = labels->options->label[order[r]];
    }
    cut(labels, draw);
    struct clas_batch batch = {
        .rows = rows, .texts = labels->rows, .labels = labels->row_labels, .draw = draw};
    *out_items = rows;
    return clas_learn(&labels->net, &batch, NULL, out_loss, err);
}

/* Memory */

static void lay(struct labels *labels, size_t rows, size_t words, struct arena *arena)
{
    struct weights_shape shape = labels->options->shape;
    shape.vocab = (uint32_t)words;
    shape.decoder_bias = false;
    shape.blocks = 2;
    shape.outs[0] = HEAD;
    shape.outs[1] = labels->options->classes;
    shape.bptt = BPTT;
    shape.max_len = MAX_LEN;
    struct net_options options = {.shape = shape,
                                  .rows = rows,
                                  .length = labels->longest,
                                  .traces = labels->blocks,
                                  .smoothing = (float)labels->options->way->smoothing,
                                  .drops = net_drops(&shape, labels->recipe.drop_mult),
                                  .drop_head = drop_head,
                                  .alpha = 2,
                                  .beta = 1,
                                  .seed = rng_mix(labels->options->way->seed + 4),
                                  .clean = labels->recipe.clean};
    net_lay(&labels->net, &options, labels->gemm, arena);
    course_lay(&labels->course, &labels->net, arena);
    labels->order = arena_take(arena, labels->count, sizeof *labels->order);
    labels->rows = arena_take(arena, rows, sizeof *labels->rows);
    labels->row_labels = arena_take(arena, rows, sizeof *labels->row_labels);
}

static uint64_t measure(void *context, size_t rows, size_t words)
{
    struct arena arena = arena_measure();
    lay(context, rows, words, &arena);
    return arena.used;
}

/* With copies of the language model's parameters and of the classifier's own. */
static uint64_t need(void *context, size_t rows, size_t words)
{
    struct labels *labels = context;
    uint64_t arena = measure(labels, rows, words);
    return arena + labels->copies * labels->net.count * sizeof *labels->net.parameters;
}

/* Fewer blocks are kept where all would not fit. */
static void spare(struct labels *labels, const struct headroom *headroom)
{
    size_t words = labels->options->shape.vocab;
    if (need(labels, labels->recipe.rows, words) > (uint64_t)headroom->bytes) labels->blocks = 1;
}

static enum error_code require(struct labels *labels, void (*tell)(const char *), struct error *err)
{
    struct headroom headroom;
    struct budget budget = {.what = "the classifier",
                            .rows = labels->recipe.rows,
                            .words = labels->options->shape.vocab,
                            .bytes = need,
                            .context = labels,
                            .smallest = labels->options->smallest,
                            .tell = tell};
    TRY(budget_look(labels->options->way->memory_max, &headroom, err));
    spare(labels, &headroom);
    return budget_require(&budget, &headroom, err);
}

/* The whole */

static enum error_code plan(struct labels *labels, struct error *err)
{
    const struct labels_options *options = labels->options;
    struct recipe_facts facts = {.kind = options->recipe,
                                 .texts = options->texts->count,
                                 .tokens = options->texts->start[options->texts->count],
                                 .pretrained = options->pretrained,
                                 .epochs = options->epochs,
                                 .rows = options->rows};
    if (labels->count < 2)
        return error_set(err, ERR_DATA, 0, "%zu cases are too few to learn their SBRs",
                         labels->count);
    for (size_t i = 0; i < labels->count; i++) {
        struct clas_text text = labels_text(options->texts, labels->chosen[i]);
        if (text.count > labels->longest) labels->longest = text.count;
    }
    recipe_labels(&labels->recipe, &facts);
    if (labels->recipe.rows > labels->count) labels->recipe.rows = labels->count;
    labels->blocks = (labels->longest + BPTT - 1) / BPTT;
    if (labels->blocks > BLOCKS_KEPT) labels->blocks = BLOCKS_KEPT;
    return ERR_NONE;
}

static void set_lesson(struct labels *labels, unsigned turn)
{
    size_t batches = labels->count / labels->recipe.rows;
    snprintf(labels->training, sizeof labels->training, "labels-%u", turn + 1);
    labels->lesson = (struct course_lesson){.training = labels->training,
                                            .title = "learning the labels",
                                            .unit = "cases",
                                            .batches = batches,
                                            .items = batches * labels->recipe.rows,
                                            .context = labels,
                                            .begin = begin,
                                            .learn = learn};
}

/* The head begins as it falls, the rest as the language model ended. */
static void fill(struct labels *labels)
{
    struct net *net = &labels->net;
    net_start(net, labels->options->way->seed);
    for (size_t r = 0; r < net->row_count; r++) {
        const struct net_row *row = &net->rows[r];
        if (row->row.group == WEIGHTS_GROUP_HEAD || row->row.group == WEIGHTS_GROUP_FIXED) continue;
        memcpy(net->parameters + row->offset, weights_data(labels->options->language, &row->row),
               row->count * sizeof(float));
    }
}

/* Of the texts chosen, their labels, and what is begun from. */
static uint64_t hash_of(const struct labels *labels)
{
    uint64_t hash = labels->options->classes;
    for (size_t i = 0; i < labels->count; i++) {
        uint32_t text = labels->chosen[i];
        struct clas_text ids = labels_text(labels->options->texts, text);
        hash = rng_mix(hash + XXH3_64bits(ids.ids, ids.count * sizeof *ids.ids)) ^ text;
        hash = rng_mix(hash) + labels->options->label[text];
    }
    return rng_mix(hash) ^
           XXH3_64bits(labels->net.parameters, labels->net.count * sizeof *labels->net.parameters);
}

static enum error_code run(struct labels *labels, unsigned turn, struct progress *progress,
                           struct error *err)
{
    const struct course_way *way = labels->options->way;
    struct headroom headroom;
    TRY(plan(labels, err));
    TRY(gemm_open(&labels->gemm, way->arithmetic, way->threads, err));
    TRY(budget_look(way->memory_max, &headroom, err));
    labels->copies = 1; /* the language model's is there */
    spare(labels, &headroom);
    size_t rows = labels->recipe.rows, words = labels->options->shape.vocab;
    TRY(arena_open(&labels->arena, measure(labels, rows, words), err));
    lay(labels, rows, words, &labels->arena);
    arena_seal(&labels->arena);
    set_lesson(labels, turn);
    fill(labels);
    labels->course.recipe = &labels->recipe;
    labels->course.way = way;
    labels->course.lesson = &labels->lesson;
    labels->course.data = hash_of(labels);
    TRY(course_run(&labels->course, progress, err));
    labels->loss = course_loss(&labels->course);
    return ERR_NONE;
}

static enum error_code make(struct labels **out_labels, const struct labels_options *options,
                            const uint32_t *chosen, size_t count, struct error *err)
{
    TRY(mem_take(out_labels, 1, sizeof **out_labels, err));
    (*out_labels)->options = options;
    (*out_labels)->chosen = chosen;
    (*out_labels)->count = count;
    (*out_labels)->copies = 2;
    return ERR_NONE;
}

enum error_code labels_open(struct labels **out_labels, const struct labels_options *options,
                            unsigned turn, const uint32_t *chosen, size_t count,
                            struct progress *progress, struct error *err)
{
    struct labels *labels;
    TRY(make(&labels, options, chosen, count, err));
    enum error_code code = run(labels, turn, progress, err);
    if (code == ERR_NONE)
        *out_labels = labels;
    else
        labels_close(labels);
    return code;
}

void labels_close(struct labels *labels)
{
    if (labels == NULL) return;
    arena_close(&labels->arena);
    gemm_close(labels->gemm);
    mem_free(labels);
}

enum error_code labels_budget(const struct labels_options *options, const uint32_t *chosen,
                              size_t count, void (*tell)(const char *sentence), struct error *err)
{
    struct labels *labels;
    TRY(make(&labels, options, chosen, count, err));
    enum error_code code = plan(labels, err);
    if (code == ERR_NONE)
        code = gemm_open(&labels->gemm, options->way->arithmetic, options->way->threads, err);
    if (code == ERR_NONE) code = require(labels, tell, err);
    labels_close(labels);
    return code;
}

void labels_forget(const char *output, unsigned turn)
{
    char training[32];
    snprintf(training, sizeof training, "labels-%u", turn + 1);
    course_forget(output, training);
}
