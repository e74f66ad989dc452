/* network_test.c - both members through fit.c: the file answers as the model did, a ULMFiT is kept
 * bit by bit, and every failing operation is told. Names ensemble.c, holdout.c, logits.c,
 * settings.c. */
// SPDX-License-Identifier: Apache-2.0
#include "train/network.h"

#include "fail.h"
#include "train/evaluate.h"
#include "train/tiny.h"

static const struct recipe_size mite = {"mite", 8, 12, 2};

static struct fit_options options_to(const char *output)
{
    return (struct fit_options){.target_precision = 0.9f,
                                .seed = 1,
                                .network = {.learn = {.size = &mite,
                                                      .epochs = 1,
                                                      .words_max = 1000,
                                                      .language = "en",
                                                      .tokenizer = "spacy3",
                                                      .way = {.seed = 1,
                                                              .threads = 1,
                                                              .arithmetic = GEMM_PLAIN,
                                                              .output = output,
                                                              .pause_seconds = 1e6,
                                                              .memory_max = 1 << 30}}}};
}

struct fixture {
    struct corpus corpus;
    struct crew *crew;
    char path[4096], other[4096];
};

static enum error_code make(struct fixture *f, const struct fit_options *options, const char *path,
                            struct error *err)
{
    static struct fit fit;
    TRY(fit_open(&fit, &f->corpus, options, f->crew, NULL, err));
    assert_int_equal(score_sum(&fit.held_out).cases, score_sum(&fit.member[ANSWER_ULMFIT]).cases);
    assert_true(fit.share >= 0 && fit.share <= 1);
    assert_int_equal(fit.folds, fit.has[ANSWER_LINEAR] ? 10 : 0); /* alone five: fit_test.c */
    enum error_code code = fit_write(&fit, &f->corpus, options, path, "test", err);
    fit_close(&fit);
    return code;
}

static int set_up(void **state)
{
    static struct fixture f;
    struct error err;
    tiny_corpus(&f.corpus, NULL);
    f.crew = tiny_crew(1);
    snprintf(f.path, sizeof f.path, "%s", tiny_path("both.air"));
    snprintf(f.other, sizeof f.other, "%s", tiny_path("other.air"));
    struct fit_options options = options_to(f.path);
    assert_fine(make(&f, &options, f.path, &err), &err);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    crew_close(f->crew);
    corpus_close(&f->corpus);
    unlink(f->path);
    return 0;
}

static void the_file_answers_as_the_model_did(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct answer_model model;
    struct answer_context context;
    assert_fine(answer_open(&model, f->path, NULL, &err), &err);
    assert_true(model.has[ANSWER_LINEAR] && model.has[ANSWER_ULMFIT] && !model.softmax);
    assert_true(model.canary_count > 0);
    assert_fine(answer_begin(&context, &model, &err), &err);
    assert_fine(answer_canaries(&context, UINT32_MAX, &err), &err);
    answer_end(&context);
    answer_close(&model);
}

static bool is_kept(const char *name)
{
    return (strncmp(name, "ulmfit.", 7) == 0 && strcmp(name, "ulmfit.calibration") != 0) ||
           strcmp(name, "vocab.image") == 0;
}

/* The same bytes under the same names; only the blend, and with it the linear member, are new. */
static void a_ulmfit_is_kept_bit_by_bit(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct bundle before, after;
    for (int unseen = 0; unseen < 2; unseen++) {
        struct fit_options options = options_to(f->other);
        options.network.with = f->path;
        options.unseen = unseen == 1;
        assert_fine(make(f, &options, f->other, &err), &err);
        assert_fine(bundle_open(&before, f->path, &err), &err);
        assert_fine(bundle_open(&after, f->other, &err), &err);
        size_t kept = 0;
        for (size_t i = 0; i < before.file.count; i++) {
            const struct safetensors_entry *old = &before.file.entries[i];
            if (!is_kept(old->name)) continue;
            const struct safetensors_entry *new = safetensors_find(&after.file, old->name);
            assert_non_null(new);
            assert_int_equal(new->data.size, old->data.size);
            assert_memory_equal(new->data.data, old->data.data, old->data.size);
            kept++;
        }
        assert_true(kept > 10);
        assert_int_equal(bundle_has(&after, "ulmfit.calibration"), unseen);
        assert_string_equal(bundle_meta(&after, "fields"), bundle_meta(&before, "fields"));
        bundle_close(&before);
        bundle_close(&after);
        unlink(f->other);
    }
}

/* The same file, but for weights of its head that are finite and too large. */
static void enlarge(const char *path, const char *out)
{
    static struct bundle_draft draft;
    static const char *const dense = "ulmfit.1.layers.1.2.weight";
    struct bundle bundle;
    struct error err;
    assert_fine(bundle_open(&bundle, path, &err), &err);
    assert_fine(bundle_draft_open(&draft, &err), &err);
    const struct safetensors_entry *large = safetensors_find(&bundle.file, dense);
    assert_non_null(large);
    size_t count = large->data.size / sizeof(float);
    float *weight = malloc(large->data.size);
    for (size_t i = 0; i < count; i++) weight[i] = 3e38f;
    for (size_t i = 0; i < bundle.file.count; i++) {
        const struct safetensors_entry *entry = &bundle.file.entries[i];
        if (strncmp(entry->name, "pad.", 4) == 0) continue;
        bundle_draft_tensor(&draft, entry->name, entry->type, entry->shape[0],
                            entry->dimensions > 1 ? entry->shape[1] : 0,
                            entry == large ? (void *)weight : entry->data.data);
    }
    static const char *const keys[] = {"fields", "language", "tokenizer", "post_rule"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        bundle_draft_meta(&draft, keys[i], bundle_meta(&bundle, keys[i]));
    assert_fine(bundle_draft_write(&draft, out, &err), &err);
    bundle_draft_close(&draft);
    bundle_close(&bundle);
    free(weight);
}

static void a_kept_ulmfit_that_answers_with_no_numbers_is_refused(void **state)
{
    struct fixture *f = *state;
    struct error err;
    enlarge(f->path, f->other);
    struct fit_options options = options_to(f->other);
    options.network.with = f->other;
    assert_fails(make(f, &options, f->other, &err), ERR_MODEL,
                 "other.air: its ULMFiT answers cases with no numbers", &err);
    unlink(f->other);
}

/* One that answers by its own softmax, whose canaries nobody has run. */
static void nor_is_it_evaluated(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct answer_model model;
    struct evaluate evaluate;
    struct fit_options options = options_to(f->other);
    options.network.with = f->path;
    assert_fine(make(f, &options, f->other, &err), &err);
    enlarge(f->other, f->other);
    assert_fine(answer_open(&model, f->other, NULL, &err), &err);
    assert_true(model.softmax);
    assert_fails(evaluate_open(&evaluate, &model, &f->corpus, f->crew, NULL, &err), ERR_MODEL,
                 "the model's answer to case 1, of line 2, is no number", &err);
    answer_close(&model);
    unlink(f->other);
}

/* What had ended before a failure is read back, or every failure would cost five trainings. */
static enum error_code walk_learnt(void *context, struct error *err)
{
    struct fixture *f = context;
    struct fit_options options = options_to(f->other);
    options.without[ANSWER_LINEAR] = true; /* whose faults fit_test walks */
    options.network.learn.way.resume = true;
    enum error_code code = make(f, &options, f->other, err);
    unlink(f->other);
    return code;
}

static enum error_code walk_kept(void *context, struct error *err)
{
    struct fixture *f = context;
    struct fit_options options = options_to(f->other);
    options.network.with = f->path;
    options.without[ANSWER_LINEAR] = true;
    enum error_code code = make(f, &options, f->other, err);
    unlink(f->other);
    return code;
}

static void every_failure_is_told(void **state)
{
    assert_true(fail_walk(walk_learnt, *state) > 20);
    assert_true(fail_walk(walk_kept, *state) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_answers_as_the_model_did),
        cmocka_unit_test(a_ulmfit_is_kept_bit_by_bit),
        cmocka_unit_test(a_kept_ulmfit_that_answers_with_no_numbers_is_refused),
        cmocka_unit_test(nor_is_it_evaluated),
        cmocka_unit_test(every_failure_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
