/* tune.c - the lesson of a language model: a stream of words, shuffled by texts. */
// SPDX-License-Identifier: Apache-2.0
#include "train/tune.h"

#include <stdio.h>

#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/stop.h"
#include "model/lm.h"
#include "train/budget.h"

/* The lesson */

static void begin(void *context, unsigned epoch, size_t batch)
{
    struct tune *tune = context;
    struct rng rng = rng_seed(rng_mix(tune->options->way->seed + 1) + epoch);
    for (size_t i = 0; i < tune->learn_count; i++) tune->order[i] = tune->learn[i];
    rng_shuffle(&rng, tune->order, tune->learn_count);
    minibatch_stream_begin(&tune->stream, tune->texts, tune->order, tune->learn_count,
                           tune->recipe.rows, RECIPE_STEPS, batch);
    if (batch == 0) lm_reset(&tune->net);
}

static bool next(struct tune *tune, struct lm_batch *out_batch)
{
    size_t steps;
    if (!minibatch_stream_next(&tune->stream, tune->x, tune->y, &steps)) return false;
    *out_batch = (struct lm_batch){
        .rows = tune->stream.rows, .steps = steps, .stride = steps, .x = tune->x, .y = tune->y};
    return true;
}

static enum error_code learn(void *context, uint64_t draw, struct net_loss *out_loss,
                             uint64_t *out_items, struct error *err)
{
    struct tune *tune = context;
    struct lm_batch batch;
    (void)err;
    check(next(tune, &batch));
    batch.draw = draw;
    lm_learn(&tune->net, &batch, out_loss);
    *out_items = batch.rows * batch.steps;
    return ERR_NONE;
}

static uint64_t tokens_of(const struct texts *texts, const uint32_t *chosen, size_t count)
{
    uint64_t tokens = 0;
    for (size_t i = 0; i < count; i++) tokens += texts_size(texts, chosen[i]);
    return tokens;
}

/* As many rows as the recipe has, or as few as the held-out texts fill with one batch each. */
static size_t valid_rows(const struct tune *tune)
{
    uint64_t most = tokens_of(tune->texts, tune->valid_texts, tune->valid_count) / RECIPE_STEPS;
    if (most < 1) most = 1;
    return most < tune->recipe.rows ? (size_t)most : tune->recipe.rows;
}

static double judge(void *context)
{
    struct tune *tune = context;
    struct lm_batch batch;
    double sum = 0, tokens = 0;
    minibatch_stream_begin(&tune->stream, tune->texts, tune->valid_texts, tune->valid_count,
                           valid_rows(tune), RECIPE_STEPS, 0);
    lm_reset(&tune->net);
    while (next(tune, &batch)) {
        double count = (double)(batch.rows * batch.steps);
        sum += lm_judge(&tune->net, &batch) * count;
        tokens += count;
    }
    lm_reset(&tune->net);
    return tokens > 0 ? sum / tokens : 0;
}

/* Texts that are learnt, and those held out: by a hash of their number. */

static bool is_held_out(const struct tune *tune, size_t text)
{
    uint64_t seed = rng_mix(tune->options->way->seed + 5);
    double draw = (double)(rng_mix(seed + text) >> 11) * 0x1p-53;
    return draw < tune->options->held_out;
}

/* Of one text none is held out. */
static void split(struct tune *tune)
{
    size_t count = tune->texts->count;
    tune->learn_count = tune->valid_count = 0;
    for (size_t i = 0; i < count; i++)
        if (is_held_out(tune, i) && (i + 1 < count || tune->learn_count > 0))
            tune->valid_texts[tune->valid_count++] = (uint32_t)i;
        else
            tune->learn[tune->learn_count++] = (uint32_t)i;
}

/* Memory */

static struct weights_shape shape_of(const struct tune *tune, size_t words)
{
    struct weights_shape shape = {
        .vocab = (uint32_t)words, .layers = 3, .bptt = RECIPE_STEPS, .max_len = RECIPE_STEPS};
    shape.decoder_bias = true;
    if (tune->options->prior != NULL) {
        const struct weights_shape *from = &tune->options->prior->weights.shape;
        shape.width = from->width;
        shape.hidden = from->hidden;
        shape.layers = from->layers;
    } else {
        shape.width = tune->options->size->width;
        shape.hidden = tune->options->size->hidden;
        shape.layers = tune->options->size->layers;
    }
    return shape;
}

static void lay(struct tune *tune, size_t rows, size_t words, struct arena *arena)
{
    struct weights_shape shape = shape_of(tune, words);
    struct net_options options = {.shape = shape,
                                  .rows = rows,
                                  .drops = net_drops(&shape, tune->recipe.drop_mult),
                                  .alpha = 2,
                                  .beta = 1,
                                  .seed = rng_mix(tune->options->way->seed + 2)};
    net_lay(&tune->net, &options, tune->gemm, arena);
    course_lay(&tune->course, &tune->net, arena);
    tune->x = arena_take(arena, rows * RECIPE_STEPS, sizeof *tune->x);
    tune->y = arena_take(arena, rows * RECIPE_STEPS, sizeof *tune->y);
    tune->learn = arena_take(arena, tune->texts->count, sizeof *tune->learn);
    tune->order = arena_take(arena, tune->texts->count, sizeof *tune->order);
    tune->valid_texts = arena_take(arena, tune->texts->count, sizeof *tune->valid_texts);
}

static uint64_t measure(void *context, size_t rows, size_t words)
{
    struct arena arena = arena_measure();
    lay(context, rows, words, &arena);
    return arena.used;
}

/* The copy of what was learnt, too. */
static uint64_t need(void *context, size_t rows, size_t words)
{
    struct tune *tune = context;
    uint64_t arena = measure(tune, rows, words);
    return arena + (tune->options->copied ? tune->net.count * sizeof *tune->net.parameters : 0);
}

static bool is_smallest(const struct tune *tune)
{
    return tune->options->prior != NULL || tune->options->size == recipe_size_of("small");
}

static enum error_code require(struct tune *tune, void (*tell)(const char *), struct error *err)
{
    struct headroom headroom;
    struct budget budget = {.what = "the language model",
                            .rows = tune->recipe.rows,
                            .words = tune->texts->vocab.count,
                            .bytes = need,
                            .context = tune,
                            .smallest = is_smallest(tune),
                            .tell = tell};
    TRY(budget_look(tune->options->way->memory_max, &headroom, err));
    return budget_require(&budget, &headroom, err);
}

static enum error_code take(struct tune *tune, struct error *err)
{
    size_t words = tune->texts->vocab.count;
    TRY(arena_open(&tune->arena, measure(tune, tune->recipe.rows, words), err));
    lay(tune, tune->recipe.rows, words, &tune->arena);
    arena_seal(&tune->arena);
    return ERR_NONE;
}

/* The whole */

static void plan(struct tune *tune)
{
    uint64_t tokens = tune->texts->start[tune->texts->count];
    struct recipe_facts facts = {.kind = tune->options->recipe,
                                 .texts = tune->texts->count,
                                 .tokens = tokens,
                                 .pretrained = tune->options->pretrained,
                                 .epochs = tune->options->epochs,
                                 .rows = tune->options->rows};
    recipe_language(&tune->recipe, &facts);
    /* A row of a few words teaches nothing. */
    if (tune->recipe.rows > tokens / RECIPE_STEPS + 1)
        tune->recipe.rows = (size_t)(tokens / RECIPE_STEPS) + 1;
}

static enum error_code set_lesson(struct tune *tune, struct error *err)
{
    uint64_t tokens = tokens_of(tune->texts, tune->learn, tune->learn_count);
    size_t rows = tune->recipe.rows, batches = minibatch_stream_batches(tokens, rows, RECIPE_STEPS);
    if (batches == 0)
        return error_set(err, ERR_DATA, 0,
                         "%llu words are too few to learn a language from; give more text",
                         (unsigned long long)tokens);
    tune->lesson = (struct course_lesson){.training = COURSE_LANGUAGE,
                                          .title = "learning the language",
                                          .unit = "words",
                                          .perplexity = true,
                                          .batches = batches,
                                          .items = (tokens - 1) / rows * rows,
                                          .context = tune,
                                          .begin = begin,
                                          .learn = learn,
                                          .judge = tune->valid_count > 0 ? judge : NULL};
    return ERR_NONE;
}

/* Of the texts, which of them are learnt, and what is begun from. */
static uint64_t hash_of(const struct tune *tune)
{
    const struct texts *texts = tune->texts;
    uint64_t hash = XXH3_64bits(texts->ids, texts->start[texts->count] * sizeof *texts->ids);
    hash = rng_mix(hash) ^ XXH3_64bits(texts->start, (texts->count + 1) * sizeof *texts->start);
    hash = rng_mix(hash) ^ XXH3_64bits(texts->image, texts->image_bytes);
    hash = rng_mix(hash) ^ XXH3_64bits(tune->learn, tune->learn_count * sizeof *tune->learn);
    return rng_mix(hash) ^
           XXH3_64bits(tune->net.parameters, tune->net.count * sizeof *tune->net.parameters);
}

static enum error_code run(struct tune *tune, struct progress *progress, struct error *err)
{
    const struct course_way *way = tune->options->way;
    TRY(take(tune, err));
    split(tune);
    TRY(set_lesson(tune, err));
    net_start(&tune->net, way->seed);
    if (tune->options->prior != NULL)
        tune->known = prior_fill(tune->options->prior, &tune->texts->vocab, &tune->net);
    tune->course.recipe = &tune->recipe;
    tune->course.way = way;
    tune->course.lesson = &tune->lesson;
    tune->course.data = hash_of(tune);
    stop_arm(); /* from here on there is something to go on from */
    TRY(course_run(&tune->course, progress, err));
    tune->loss = course_loss(&tune->course);
    tune->valid = course_valid(&tune->course);
    return ERR_NONE;
}

/* Planned, nothing taken yet. */
static enum error_code make(struct tune **out_tune, const struct texts *texts,
                            const struct tune_options *options, struct error *err)
{
    struct tune *tune;
    TRY(mem_take(&tune, 1, sizeof *tune, err));
    tune->texts = texts;
    tune->options = options;
    plan(tune);
    *out_tune = tune;
    return gemm_open(&tune->gemm, options->way->arithmetic, options->way->threads, err);
}

enum error_code tune_budget(const struct texts *texts, const struct tune_options *options,
                            void (*tell)(const char *sentence), struct error *err)
{
    struct tune *tune = NULL;
    enum error_code code = make(&tune, texts, options, err);
    if (code == ERR_NONE) code = require(tune, tell, err);
    tune_close(tune);
    return code;
}

enum error_code tune_open(struct tune **out_tune, const struct texts *texts,
                          const struct tune_options *options, struct progress *progress,
                          struct error *err)
{
    struct tune *tune = NULL;
    enum error_code code = make(&tune, texts, options, err);
    if (code == ERR_NONE) code = run(tune, progress, err);
    if (code != ERR_NONE) {
        tune_close(tune);
        return code;
    }
    *out_tune = tune;
    return ERR_NONE;
}

void tune_close(struct tune *tune)
{
    if (tune == NULL) return;
    arena_close(&tune->arena);
    gemm_close(tune->gemm);
    mem_free(tune);
}
