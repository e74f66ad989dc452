/* canary_test.c - what is no number never passes for an answer: not when canaries are made, not
 * when they are read, not when they are run. */
// SPDX-License-Identifier: Apache-2.0
#include "model/canary.h"

#include <math.h>
#include <unistd.h>

#include "help.h"
#include "model/import.h"

#define GOLDEN "tests/golden/ulmfit/"

static const struct import_options tiny = {.weights = GOLDEN "model.safetensors",
                                           .vocab = GOLDEN "vocab.json",
                                           .labels = GOLDEN "labels.json",
                                           .bptt = 8,
                                           .max_len = 40};
static struct import import;

static int take(void **state)
{
    (void)state;
    struct error err;
    assert_fine(import_open(&import, &tiny, &err), &err);
    return 0;
}

static int give(void **state)
{
    (void)state;
    import_close(&import);
    return 0;
}

/* The last layer's weights; they are the import's own. */
static float *dense(void) { return (float *)import.load.weights.blocks[1].dense; }

static enum error_code run(struct error *err)
{
    struct ulmfit ulmfit;
    struct ulmfit_pass pass;
    struct canary canary = canary_of_made(&import.canaries);
    struct arena arena = arena_measure();
    assert_fine(ulmfit_over(&ulmfit, &import.shrink, NULL, err), err);
    for (int round = 0; round < 2; round++) {
        if (round == 1) assert_fine(arena_open(&arena, arena.used, err), err);
        ulmfit_lay(&pass, &ulmfit, 1, 1, &arena);
        canary_lay(&canary, &ulmfit, &arena);
    }
    assert_fine(team_open(&pass.team, 1, err), err);
    enum error_code code = canary_run(&canary, &ulmfit, &pass, CANARY_MADE, err);
    team_close(pass.team);
    arena_close(&arena);
    return code;
}

static void an_answer_that_is_no_number_is_wrong(void **state)
{
    (void)state;
    struct error err;
    float *expected = import.canaries.logits;
    assert_fine(run(&err), &err);
    for (size_t i = 0; i < 5 * (size_t)50; i++) dense()[i] = 1e38f;
    expected[0] = 100; /* of the first class, which the highest of none is as well */
    assert_fails(run(&err), ERR_MODEL, "canary 1 is answered", &err);
    expected[0] = NAN; /* as little a number as what is found */
    assert_fails(run(&err), ERR_MODEL, "canary 1 is answered", &err);
}

/* Every weight is a number, and no answer is. */
static void weights_too_large_make_no_canaries(void **state)
{
    (void)state;
    struct error err;
    struct canary_made made;
    for (size_t i = 0; i < 5 * (size_t)50; i++) dense()[i] = 1e38f;
    assert_fails(canary_make(&made, &import.load.weights, &err), ERR_WEIGHTS,
                 "answers that are no numbers", &err);
}

static void a_file_of_such_canaries_is_refused(void **state)
{
    (void)state;
    static const float none[] = {NAN, INFINITY, -INFINITY};
    static struct bundle_draft draft;
    char path[512];
    snprintf(path, sizeof path, "%s/canary_test.%d.air", test_folder(), (int)getpid());
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        struct error err;
        struct bundle bundle;
        struct ulmfit ulmfit;
        struct canary canary;
        import.canaries.logits[i] = none[i];
        assert_fine(bundle_draft_open(&draft, &err), &err);
        import_draft(&import, &draft);
        assert_fine(bundle_draft_write(&draft, path, &err), &err);
        bundle_draft_close(&draft);
        assert_fine(bundle_open(&bundle, path, &err), &err);
        assert_fine(ulmfit_open(&ulmfit, &bundle, NULL, &err), &err);
        assert_fails(canary_bind(&canary, &ulmfit, &bundle, &err), ERR_MODEL,
                     "canaries of the model are answered with no numbers", &err);
        bundle_close(&bundle);
        import.canaries.logits[i] = 0;
    }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_that_is_no_number_is_wrong, take, give),
        cmocka_unit_test_setup_teardown(weights_too_large_make_no_canaries, take, give),
        cmocka_unit_test_setup_teardown(a_file_of_such_canaries_is_refused, take, give),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
