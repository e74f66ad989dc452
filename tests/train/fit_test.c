/* fit_test.c - the model file is the same for any number of threads, and whole or not there. */
// SPDX-License-Identifier: Apache-2.0
#include "train/fit.h"

#include <glob.h>

#include "base/fault.h"
#include "train/tiny.h"

static void threads_do_not_change_a_byte(void **state)
{
    (void)state;
    struct corpus corpus;
    struct error err;
    size_t size = 0;
    char *first = NULL;
    setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
    tiny_corpus(&corpus, NULL);
    for (unsigned threads = 1; threads <= 3; threads++) {
        static struct fit fit;
        const char *path = tiny_path("model.air");
        tiny_fit(&fit, &corpus, threads);
        assert_fine(fit_write(&fit, &corpus, &tiny_options, path, "test", &err), &err);
        fit_close(&fit);
        size_t other_size;
        char *other = tiny_get(path, &other_size);
        if (threads == 1) {
            first = other;
            size = other_size;
        } else {
            assert_int_equal(other_size, size);
            assert_memory_equal(other, first, size);
            free(other);
        }
        unlink(path);
    }
    assert_non_null(memmem(first, size, "2023-11-14T22:13:20Z", 20));
    free(first);
    corpus_close(&corpus);
}

static void another_seed_is_another_model(void **state)
{
    (void)state;
    struct corpus corpus;
    struct error err;
    static struct fit one, two;
    tiny_corpus(&corpus, NULL);
    tiny_fit(&one, &corpus, 1);
    struct crew *crew = tiny_crew(1);
    struct fit_options options = tiny_options;
    options.seed = 2;
    assert_fine(fit_open(&two, &corpus, &options, crew, NULL, &err), &err);
    assert_int_equal(one.bag.bow.features, two.bag.bow.features);
    assert_memory_not_equal(one.weight, two.weight, one.bag.bow.features * 6);
    crew_close(crew);
    fit_close(&one);
    fit_close(&two);
    corpus_close(&corpus);
}

static void held_out_cases_are_all_scored(void **state)
{
    (void)state;
    struct corpus corpus;
    static struct fit fit;
    tiny_corpus(&corpus, NULL);
    tiny_fit(&fit, &corpus, 2);
    struct score_sum sum = score_sum(&fit.held_out);
    assert_int_equal(sum.cases, 60);
    /* Not seen, so not all right; learnt, so far more than the sixth a guess gives. */
    assert_in_range(sum.right, 25, 59);
    assert_int_equal(fit.folds, 5);
    assert_int_equal(fit.model.canary_count, 6);
    assert_true(fit.cost == 0.5 || fit.cost == 1 || fit.cost == 2 || fit.cost == 4);
    fit_close(&fit);
    corpus_close(&corpus);
}

/* Forty labels of one case each: whatever the cost, no case held out is answered rightly. */
static void where_nothing_is_right_the_cost_stays_where_it_begins(void **state)
{
    (void)state;
    struct corpus corpus;
    static struct fit fit;
    char text[4096] = "subject,sbr\n";
    size_t used = strlen(text);
    for (int i = 0; i < 40; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "word%d of case%d,Label%d\n", i,
                                 i, i);
    tiny_corpus(&corpus, text);
    tiny_fit(&fit, &corpus, 1);
    assert_int_equal(score_sum(&fit.held_out).right, 0);
    assert_true(fit.cost == 1);
    fit_close(&fit);
    corpus_close(&corpus);
}

static void hopeless_cases_are_refused(void **state)
{
    (void)state;
    struct corpus corpus;
    static struct fit fit;
    struct error err;
    struct crew *crew = tiny_crew(2);
    tiny_corpus(&corpus, "subject,sbr\none,Only\ntwo,Only\n");
    assert_fails(fit_open(&fit, &corpus, &tiny_options, crew, NULL, &err), ERR_DATA,
                 "all 2 cases have the label 'Only'", &err);
    corpus_close(&corpus);
    tiny_corpus(&corpus, "subject,sbr\n,Only\n"); /* its only row is bad */
    assert_fails(fit_open(&fit, &corpus, &tiny_options, crew, NULL, &err), ERR_DATA,
                 "no usable cases", &err);
    corpus_close(&corpus);
    crew_close(crew);
}

/* From two cases on there is a model, even where no n-gram is worth keeping. */
static void the_smallest_sets_are_learnt(void **state)
{
    (void)state;
    static const char *const sets[] = {
        "subject,sbr\nalpha,A\nbeta,B\n",
        "subject,sbr\n-,A\n+,B\n",
        "subject,sbr\nsame,A\nsame,B\n",
        "subject,sbr\nalpha,A\nbeta,B\ngamma,C\n",
        "subject,sbr\nalpha,\" \"\nbeta,\"\xE2\x82\xAC\"\n",
    };
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        struct corpus corpus;
        static struct fit fit;
        static struct answer_model model;
        struct error err;
        const char *path = tiny_path("smallest.air");
        tiny_corpus(&corpus, sets[i]);
        tiny_fit(&fit, &corpus, 2);
        assert_fine(fit_write(&fit, &corpus, &tiny_options, path, "test", &err), &err);
        assert_fine(answer_open(&model, path, NULL, &err), &err);
        assert_int_equal(model.label_count, corpus.label_count);
        for (uint32_t c = 0; c < model.label_count; c++) /* each is seen once */
            assert_true(model.threshold[c] == 0.9f);
        answer_close(&model);
        fit_close(&fit);
        corpus_close(&corpus);
        unlink(path);
    }
}

static size_t files_like(const char *path)
{
    char pattern[5000];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s*", path);
    size_t count = glob(pattern, 0, NULL, &found) == 0 ? found.gl_pathc : 0;
    globfree(&found);
    return count;
}

/* Every allocation and write of learning fails once; sanitizers see what would be lost. */
static void every_fault_is_a_clean_error(void **state)
{
    (void)state;
    static struct corpus corpus;
    const char *path = tiny_path("faulty.air");
    tiny_corpus(&corpus, "subject,product,sbr\n"
                         "disk full,R,A\nfull disk,R,A\ndisk,S,A\n"
                         "login fails,R,B\nno login,S,B\nlogin,S,B\n"
                         "panic,R,C\nkernel panic,R,C\noops,S,C\n");
    struct crew *crew = tiny_crew(2);
    tiny_put(path, "earlier", 7);
    long nth = 1, writing = 0;
    for (;; nth++) {
        static struct fit fit;
        struct error err = {0};
        fault_arm(nth);
        enum error_code code = fit_open(&fit, &corpus, &tiny_options, crew, NULL, &err);
        bool open = code == ERR_NONE;
        if (open) {
            code = fit_write(&fit, &corpus, &tiny_options, path, "test", &err);
            fit_close(&fit);
        }
        bool struck = fault_struck();
        fault_arm(0);
        assert_int_equal(code != ERR_NONE, struck);
        assert_int_equal(files_like(path), 1); /* no temporary is left */
        if (!struck) break;
        writing += open;
        bool synced = code != ERR_SYNC; /* else the new one is there */
        assert_true(open ? code == ERR_CREATE || code == ERR_WRITE || !synced
                         : code == ERR_MEMORY || code == ERR_UNAVAILABLE);
        assert_int_equal(err.code, code);
        assert_true(err.detail[0] != '\0');
        if (!synced) continue;
        size_t size;
        char *bytes = tiny_get(path, &size);
        assert_int_equal(size, 7);
        assert_string_equal(bytes, "earlier");
        free(bytes);
    }
    assert_true(nth > 200 && writing > 20);
    crew_close(crew);
    corpus_close(&corpus);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_do_not_change_a_byte),
        cmocka_unit_test(another_seed_is_another_model),
        cmocka_unit_test(held_out_cases_are_all_scored),
        cmocka_unit_test(where_nothing_is_right_the_cost_stays_where_it_begins),
        cmocka_unit_test(hopeless_cases_are_refused),
        cmocka_unit_test(the_smallest_sets_are_learnt),
        cmocka_unit_test(every_fault_is_a_clean_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
