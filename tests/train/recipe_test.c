/* recipe_test.c - names, and what somebody may ask for instead. */
// SPDX-License-Identifier: Apache-2.0
#include "train/recipe.h"

#include "help.h"

static void test_names(void **state)
{
    (void)state;
    enum recipe_kind kind;
    assert_int_equal(recipe_size_of("small")->width, 64);
    assert_int_equal(recipe_size_of("full")->hidden, 1152);
    assert_null(recipe_size_of("huge"));
    assert_true(recipe_kind_of("fastai", &kind) && kind == RECIPE_FASTAI);
    assert_true(recipe_kind_of("own", &kind) && kind == RECIPE_OWN);
    assert_false(recipe_kind_of("", &kind));
}

/* Groups thaw from the last on, and the first stage of all begins with few. */
static void test_thaws_gradually(void **state)
{
    (void)state;
    struct recipe recipe;
    struct recipe_facts facts = {.kind = RECIPE_FASTAI, .texts = 1000, .tokens = 20000};
    recipe_labels(&recipe, &facts);
    assert_int_equal(recipe.stage_count, 4);
    for (size_t i = 0; i < 3; i++) assert_int_equal(recipe.stages[i].thawed, i + 1);
    assert_int_equal(recipe.stages[3].thawed, 0);
    recipe_language(&recipe, &facts);
    assert_int_equal(recipe.stage_count, 1);
    facts.pretrained = true;
    recipe_language(&recipe, &facts);
    assert_int_equal(recipe.stage_count, 2);
    assert_int_equal(recipe.stages[0].thawed, 1);
}

static void test_asked_otherwise(void **state)
{
    (void)state;
    struct recipe recipe;
    struct recipe_facts facts = {
        .kind = RECIPE_FASTAI, .texts = 1000, .tokens = 20000, .epochs = 3, .rows = 7};
    recipe_labels(&recipe, &facts);
    assert_int_equal(recipe.rows, 7);
    assert_int_equal(recipe.stages[3].epochs, 3);
    assert_int_equal(recipe.stages[0].epochs, 2);
}

static double rate_of(const struct recipe_facts *facts)
{
    struct recipe recipe;
    recipe_labels(&recipe, facts);
    return recipe.stages[0].high;
}

/* From the desk's own texts alone: everything at one rate, and more epochs of what is little. */
static void test_own(void **state)
{
    (void)state;
    struct recipe recipe;
    struct recipe_facts facts = {.kind = RECIPE_OWN, .texts = 1000, .tokens = 20000};
    recipe_labels(&recipe, &facts);
    assert_int_equal(recipe.stage_count, 1);
    assert_int_equal(recipe.stages[0].thawed, 0);
    assert_true(recipe.stages[0].low == recipe.stages[0].high);
    facts.texts = 100;
    recipe_labels(&recipe, &facts);
    assert_int_equal(recipe.stages[0].epochs, 60); /* thirteen steps each */
    facts.texts = 800;
    recipe_labels(&recipe, &facts);
    assert_int_equal(recipe.stages[0].epochs, 20); /* a hundred steps each */
    facts.texts = 100000;
    recipe_labels(&recipe, &facts);
    assert_int_equal(recipe.stages[0].epochs, 20);
    recipe_language(&recipe, &facts);
    assert_int_equal(recipe.stage_count, 1);
    assert_int_equal(recipe.stages[0].epochs, 8);
    facts.tokens = 1000000;
    recipe_language(&recipe, &facts);
    assert_int_equal(recipe.stages[0].epochs, 5); /* 1,736 steps each */
    facts.tokens = 12000000;
    recipe_language(&recipe, &facts);
    assert_int_equal(recipe.stages[0].epochs, 2);
    facts.tokens = 0;
    recipe_language(&recipe, &facts);
    assert_int_equal(recipe.stages[0].epochs, 8);
    facts.pretrained = true;
    recipe_language(&recipe, &facts);
    assert_int_equal(recipe.stage_count, 2);
    assert_int_equal(recipe.stages[1].epochs, 3);
    double rate = rate_of(&facts);
    facts.pretrained = false;
    assert_true(rate == 2 * rate_of(&facts));
}

/* Begun from a language model, many cases are learnt in fewer epochs, as long as these are steps
 * enough; few in more. */
static void test_epochs(void **state)
{
    (void)state;
    static const struct {
        uint64_t texts;
        unsigned epochs;
    } rows[] = {{30, 60},  {200, 26}, {2600, 12}, {2912, 11},
                {5300, 7}, {5312, 7}, {5344, 6},  {1000000, 6}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct recipe recipe;
        struct recipe_facts facts = {
            .kind = RECIPE_OWN, .texts = rows[i].texts, .pretrained = true};
        recipe_labels(&recipe, &facts);
        assert_int_equal(recipe.stages[0].epochs, rows[i].epochs);
    }
}

/* Few cases are learnt in small batches, many in large ones; fastai's always in the same. */
static void test_rows(void **state)
{
    (void)state;
    static const struct {
        enum recipe_kind kind;
        bool pretrained;
        uint64_t texts;
        size_t rows;
    } rows[] = {
        {RECIPE_OWN, false, 30, 8},     {RECIPE_OWN, false, 4992, 8},
        {RECIPE_OWN, false, 9984, 8},   {RECIPE_OWN, false, 10000, 16},
        {RECIPE_OWN, false, 20000, 32}, {RECIPE_OWN, true, 200, 8},
        {RECIPE_OWN, true, 2000, 16},   {RECIPE_OWN, true, 3000, 32},
        {RECIPE_FASTAI, false, 30, 32}, {RECIPE_FASTAI, true, 30, 32},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct recipe recipe;
        struct recipe_facts facts = {
            .kind = rows[i].kind, .texts = rows[i].texts, .pretrained = rows[i].pretrained};
        recipe_labels(&recipe, &facts);
        assert_int_equal(recipe.rows, rows[i].rows);
    }
    struct recipe recipe;
    struct recipe_facts facts = {.kind = RECIPE_OWN, .tokens = 80000};
    recipe_language(&recipe, &facts);
    assert_int_equal(recipe.rows, 8);
    facts.tokens = 12000000;
    recipe_language(&recipe, &facts);
    assert_int_equal(recipe.rows, 32);
}

/* Of long texts, by 100 words on the mean, beginnings are learnt, too, in half as many epochs
 * again, by a network that knows the language. */
static void test_cuts(void **state)
{
    (void)state;
    static const struct {
        enum recipe_kind kind;
        bool pretrained;
        uint64_t tokens;
        unsigned percent, epochs; /* of the first stage */
    } rows[] = {{RECIPE_OWN, true, 99999, 0, 12},
                {RECIPE_OWN, true, 100000, 75, 18},
                {RECIPE_OWN, false, 100000, 0, 20},
                {RECIPE_FASTAI, true, 100000, 0, 2}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct recipe recipe;
        struct recipe_facts facts = {.kind = rows[i].kind,
                                     .texts = 1000,
                                     .tokens = rows[i].tokens,
                                     .pretrained = rows[i].pretrained};
        recipe_labels(&recipe, &facts);
        assert_int_equal(recipe.cut.percent, rows[i].percent);
        assert_int_equal(recipe.cut.least, rows[i].percent > 0 ? 10 : 0);
        assert_int_equal(recipe.stages[0].epochs, rows[i].epochs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_thaws_gradually),
        cmocka_unit_test(test_asked_otherwise),
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_epochs),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
