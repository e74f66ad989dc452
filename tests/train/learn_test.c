/* learn_test.c - pretraining, tuning and classifying a handful of texts: the same bits again,
 * resumed, and from the same language model; every failure told. Names labels.c, tune.c, prior.c,
 * pretrain.c. */
// SPDX-License-Identifier: Apache-2.0
#include "train/learn.h"

#include "fail.h"
#include "train/labels.h"
#include "train/pretrain.h"
#include "train/tiny.h"

static const struct recipe_size mite = {"mite", 8, 12, 2};

static const char paragraphs[] = "The disk of the server is full and the volume cannot be grown.\n"
                                 "\n"
                                 "The login of the user fails on the server, kinit says no.\n"
                                 "The cluster of the user fails when the disk is full.\n";

/* With a bound of its own: what the host leaves may stay unseen, and is no failure then. */
static struct course_way way_to(const char *output)
{
    return (struct course_way){.seed = 1,
                               .threads = 1,
                               .arithmetic = GEMM_PLAIN,
                               .output = output,
                               .pause_seconds = 1e6,
                               .memory_max = 1 << 30};
}

static struct learn_options options_to(const char *output)
{
    return (struct learn_options){.size = &mite,
                                  .epochs = 2,
                                  .words_max = 1000,
                                  .language = "en",
                                  .tokenizer = "spacy3",
                                  .way = way_to(output)};
}

struct fixture {
    struct corpus corpus;
    struct crew *crew;
    uint32_t all[64], some[64];
    size_t count, some_count;
    char output[4096], text[4096], lm[4096];
};

static int set_up(void **state)
{
    static struct fixture f;
    tiny_corpus(&f.corpus, NULL);
    f.crew = tiny_crew(2);
    f.count = f.corpus.count;
    assert_true(f.count <= sizeof f.all / sizeof *f.all);
    for (size_t i = 0; i < f.count; i++) {
        f.all[i] = (uint32_t)i;
        if (i % 3 != 0) f.some[f.some_count++] = (uint32_t)i;
    }
    snprintf(f.output, sizeof f.output, "%s", tiny_path("learnt.air"));
    snprintf(f.text, sizeof f.text, "%s", tiny_path("text"));
    snprintf(f.lm, sizeof f.lm, "%s", tiny_path("lm.air"));
    tiny_put(f.text, paragraphs, sizeof paragraphs - 1);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    crew_close(f->crew);
    corpus_close(&f->corpus);
    unlink(f->text);
    unlink(f->lm);
    return 0;
}

static enum error_code pretrain(struct fixture *f, const char *init, struct pretrain *out,
                                struct error *err)
{
    static const char *paths[1];
    static struct pretrain_options options;
    paths[0] = f->text;
    options = (struct pretrain_options){.paths = paths,
                                        .path_count = 1,
                                        .size = &mite,
                                        .epochs = 2,
                                        .words_max = 1000,
                                        .held_out = 0,
                                        .init = init,
                                        .language = "en",
                                        .tokenizer = "spacy3",
                                        .way = way_to(f->lm)};
    TRY(pretrain_open(out, &options, f->crew, NULL, err));
    return ERR_NONE;
}

static void write_lm(struct fixture *f)
{
    struct error err;
    struct pretrain made;
    assert_fine(pretrain(f, NULL, &made, &err), &err);
    assert_fine(pretrain_write(&made, "test", &err), &err);
    pretrain_close(&made);
}

/* The sum of all bits: equal only where the weights are. */
static double fingerprint(const struct weights *weights)
{
    struct weights_row rows[WEIGHTS_ROWS_MAX];
    double sum = 0;
    for (size_t r = 0, count = weights_list(&weights->shape, rows); r < count; r++) {
        const float *data = weights_data(weights, &rows[r]);
        for (size_t i = 0; i < rows[r].rows * rows[r].columns; i++)
            sum += (double)data[i] * (double)(i % 1009 + 1);
    }
    return sum;
}

/* Texts and their language. */
static enum error_code open_learn(struct fixture *f, const struct learn_options *options,
                                  struct learn *out_learn, struct error *err)
{
    TRY(learn_open(out_learn, &f->corpus, options, f->crew, NULL, err));
    enum error_code code = learn_language(out_learn, NULL, err);
    if (code != ERR_NONE) learn_close(out_learn);
    return code;
}

static double learn_once(struct fixture *f, const struct learn_options *options, bool twice)
{
    struct error err;
    struct learn learn;
    assert_fine(open_learn(f, options, &learn, &err), &err);
    if (twice) {
        assert_fine(learn_labels(&learn, 1, f->some, f->some_count, NULL, &err), &err);
        assert_int_equal(learn.weights.shape.outs[1], f->corpus.label_count);
    }
    assert_fine(learn_labels(&learn, 0, f->all, f->count, NULL, &err), &err);
    assert_int_equal(learn.weights.shape.vocab, learn.texts.vocab.count);
    assert_int_equal(learn.weights.shape.width, 8);
    assert_true(learn.loss > 0 && learn.perplexity > 1);
    double print = fingerprint(&learn.weights);
    assert_true(print == print && print != 0);
    learn_forget(&learn);
    learn_close(&learn);
    return print;
}

/* Another classifier in between changes nothing: both begin from the same language model. */
static void the_same_weights_again(void **state)
{
    struct fixture *f = *state;
    struct learn_options options = options_to(f->output);
    double first = learn_once(f, &options, false);
    assert_true(learn_once(f, &options, false) == first);
    assert_true(learn_once(f, &options, true) == first);
    options.way.seed = 2;
    assert_true(learn_once(f, &options, false) != first);
}

/* What had ended is read back: the order of calls is all that counts. */
static void ended_trainings_are_read_back(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct learn_options options = options_to(f->output);
    double first = learn_once(f, &options, true);
    struct learn learn;
    assert_fine(open_learn(f, &options, &learn, &err), &err);
    assert_fine(learn_labels(&learn, 1, f->some, f->some_count, NULL, &err), &err);
    learn_close(&learn); /* as after a kill: its files are there */
    options.way.resume = true;
    assert_true(learn_once(f, &options, true) == first);
}

/* The ids of a case, learnt from and answered; returns how many words were cut into pieces. */
static size_t reads_alike(const struct learn *learn, uint32_t i)
{
    struct error err;
    struct arena arena = arena_measure();
    struct reader_scratch scratch;
    uint32_t *ids;
    for (int pass = 0; pass < 2; pass++) {
        reader_lay(&scratch, &arena);
        ids = arena_take(&arena, READER_TOKENS_MAX, sizeof *ids);
        if (pass == 0) assert_fine(arena_open(&arena, arena.used, &err), &err);
    }
    struct reader_ids read;
    reader_read(&learn->reader, &scratch, &learn->corpus->cases[i].text, ids, &read);
    assert_false(read.truncated);
    assert_int_equal(read.count, texts_size(&learn->texts, i));
    assert_memory_equal(ids, learn->texts.ids + learn->texts.start[i], read.count * sizeof *ids);
    bool cut;
    struct token_list tokens;
    struct slice joined =
        reader_join(&learn->reader, &learn->corpus->cases[i].text, scratch.text, &cut);
    token_one(&learn->reader.way, joined, &scratch.tokens, &tokens);
    assert_true(read.count >= tokens.count);
    size_t more = read.count - tokens.count;
    arena_close(&arena);
    return more;
}

/* What is read to learn from is what is read to answer. */
static void texts_are_those_of_the_reader(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct learn learn;
    struct learn_options options = options_to(f->output);
    assert_fine(open_learn(f, &options, &learn, &err), &err);
    assert_string_equal(learn.fields, "subject,description,product,version,severity,origin");
    struct clas_text text = labels_text(&learn.texts, 0);
    assert_true(text.count > 4);
    assert_true(slice_equal(vocab_word(&learn.texts.vocab, text.ids[0]), SLICE("xxbos")));
    assert_true(slice_equal(vocab_word(&learn.texts.vocab, text.ids[1]), SLICE("xxfld")));
    size_t pieces = 0;
    for (uint32_t i = 0; i < f->count; i++) pieces += reads_alike(&learn, i);
    assert_true(pieces > 0);
    learn_forget(&learn);
    learn_close(&learn);
}

/* Unknown words by their pieces, or whole, as fastai reads them. */
static void recipes_read_unknown_words(void **state)
{
    struct fixture *f = *state;
    struct error err;
    for (int kind = RECIPE_OWN; kind <= RECIPE_FASTAI; kind++) {
        struct learn learn;
        struct learn_options options = options_to(f->output);
        options.recipe = (enum recipe_kind)kind;
        options.epochs = 1;
        assert_fine(open_learn(f, &options, &learn, &err), &err);
        assert_int_equal(learn.texts.vocab.pieces, kind == RECIPE_OWN);
        assert_int_equal(learn.reader.vocab.pieces, kind == RECIPE_OWN);
        learn_forget(&learn);
        learn_close(&learn);
    }
    struct pretrain made;
    assert_fine(pretrain(f, NULL, &made, &err), &err);
    assert_true(made.texts.vocab.pieces);
    course_forget(f->lm, "language");
    pretrain_close(&made);
}

/* A language model is made, read, begun from, and tuned further. */
static void words_known_are_brought_along(void **state)
{
    struct fixture *f = *state;
    struct error err;
    write_lm(f);
    struct prior prior;
    assert_fine(prior_open(&prior, f->lm, &err), &err);
    assert_int_equal(prior.weights.shape.width, 8);
    assert_int_equal(prior.vocab.count, prior.weights.shape.vocab);
    assert_string_equal(prior.language, "en");
    prior_close(&prior);

    struct learn learn;
    struct learn_options options = options_to(f->output);
    options.init = f->lm;
    options.size = NULL;
    assert_fine(open_learn(f, &options, &learn, &err), &err);
    assert_true(learn.known > 0);
    learn_forget(&learn);
    learn_close(&learn);

    struct pretrain further;
    char first[4096];
    snprintf(first, sizeof first, "%s", tiny_path("first.air"));
    assert_int_equal(rename(f->lm, first), 0);
    assert_fine(pretrain(f, first, &further, &err), &err);
    /* All of its own words but the fillers. */
    assert_true(further.tune->known > 0);
    course_forget(f->lm, "language");
    pretrain_close(&further);
    unlink(first);
}

static void refused(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct learn learn;
    struct prior prior;
    struct learn_options options = options_to(f->output);
    options.way.memory_max = 1000;
    assert_fails(open_learn(f, &options, &learn, &err), ERR_MEMORY, "--memory leaves", &err);
    assert_fails(prior_open(&prior, f->text, &err), ERR_MODEL, "", &err);
    options = options_to(f->output);
    options.init = "/nowhere/lm.air";
    assert_fails(open_learn(f, &options, &learn, &err), ERR_NO_INPUT, "/nowhere/lm.air", &err);
    options = options_to(f->output);
    assert_fine(open_learn(f, &options, &learn, &err), &err);
    assert_fails(learn_labels(&learn, 0, f->all, 1, NULL, &err), ERR_DATA, "too few", &err);
    learn_forget(&learn);
    learn_close(&learn);
}

static enum error_code walk_learning(void *context, struct error *err)
{
    struct fixture *f = context;
    struct learn learn;
    struct learn_options options = options_to(f->output);
    options.epochs = 1;
    TRY(open_learn(f, &options, &learn, err));
    enum error_code code = learn_labels(&learn, 0, f->all, f->count, NULL, err);
    learn_forget(&learn);
    learn_close(&learn);
    return code;
}

static enum error_code walk_pretraining(void *context, struct error *err)
{
    struct fixture *f = context;
    struct pretrain made;
    TRY(pretrain(f, NULL, &made, err));
    enum error_code code = pretrain_write(&made, "test", err);
    pretrain_close(&made);
    return code;
}

static void every_failure_is_told(void **state)
{
    struct fixture *f = *state;
    crew_close(f->crew);
    f->crew = tiny_crew(1); /* so that the order of operations is known */
    assert_true(fail_walk(walk_learning, f) > 10);
    assert_true(fail_walk(walk_pretraining, f) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_weights_again),
        cmocka_unit_test(ended_trainings_are_read_back),
        cmocka_unit_test(texts_are_those_of_the_reader),
        cmocka_unit_test(recipes_read_unknown_words),
        cmocka_unit_test(words_known_are_brought_along),
        cmocka_unit_test(refused),
        cmocka_unit_test(every_failure_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
