/* options_test.c - the two tables are sound, and every way to type an option works or is told. */
// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include "base/crew.h"
#include "fail.h"

enum { WORDS_MAX = 300 };

/* Parses words up to a NULL. */
static enum error_code parse(struct options *options, struct error *err, const char *const *words)
{
    static char *argv[WORDS_MAX]; /* copied: options hold pointers into it until the next call */
    int argc = 0;
    while (words[argc] != NULL) {
        assert_true(argc < WORDS_MAX);
        argv[argc] = (char *)(size_t)words[argc];
        argc++;
    }
    return options_parse(options, argc, argv, err);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* What was typed; until the next call. */
static const struct options *fine(const char *const *words)
{
    static struct options options;
    struct error err;
    assert_fine(parse(&options, &err, words), &err);
    return &options;
}

static void refused(const char *const *words, const char *why)
{
    static struct options options, before;
    struct error err;
    memset(&options, 0x5A, sizeof options);
    memcpy(&before, &options, sizeof options);
    assert_fails(parse(&options, &err, words), ERR_USAGE, why, &err);
    assert_memory_equal(&options, &before, sizeof options); /* untouched */
}

static void defaults_are_those_of_the_table(void **state)
{
    (void)state;
    const struct options *options = fine(WORDS("train", "cases.csv"));
    assert_int_equal(options->command, COMMAND_TRAIN);
    assert_int_equal(options->operands, 1);
    assert_string_equal(options->operand[0], "cases.csv");
    assert_null(options->output);
    assert_null(options->columns);
    assert_true(options->target == 0.9);
    assert_int_equal(options->seed, 1);
    assert_false(options->skip_bad);
    assert_int_equal(options->threads, 0);
    assert_string_equal(options->listen, "127.0.0.1:8080");
    assert_int_equal(options->body_max, 1024 * 1024);
    assert_int_equal(options_threads(options), crew_cores());
}

static void options_are_typed_in_every_form(void **state)
{
    (void)state;
    const char *const *forms[] = {
        WORDS("train", "-o", "m.air", "--seed", "7", "--target-precision", "0.75",
              "--skip-bad-rows", "a.csv", "b.csv"),
        WORDS("train", "--output=m.air", "--seed=7", "--target-precision=.75", "a.csv",
              "--skip-bad-rows", "b.csv"),
        WORDS("train", "a.csv", "b.csv", "--output", "m.air", "--seed=+7",
              "--target-precision=7.5e-1", "--skip-bad-rows"),
        WORDS("train", "--seed=1", "--seed=7", "-o", "x", "-o", "m.air", "--skip-bad-rows",
              "--skip-bad-rows", "--target-precision=0.75", "--", "a.csv", "b.csv"),
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const struct options *options = fine(forms[i]);
        assert_string_equal(options->output, "m.air");
        assert_int_equal(options->seed, 7);
        assert_true(options->target == 0.75);
        assert_true(options->skip_bad);
        assert_int_equal(options->operands, 2);
        assert_string_equal(options->operand[0], "a.csv");
        assert_string_equal(options->operand[1], "b.csv");
    }
}

static void dashes_can_be_operands_and_values(void **state)
{
    (void)state;
    const struct options *options = fine(WORDS("predict", "m.air", "-"));
    assert_string_equal(options->operand[1], "-");
    options = fine(WORDS("predict", "--", "--json", "-o"));
    assert_string_equal(options->operand[0], "--json");
    assert_string_equal(options->operand[1], "-o");
    options = fine(WORDS("train", "--output", "--seed", "--output=-", "--", "--", "x"));
    assert_string_equal(options->output, "-");
    assert_string_equal(options->operand[0], "--");
    options = fine(WORDS("train", "--columns=subject=title,sbr=queue", "x"));
    assert_string_equal(options->columns, "subject=title,sbr=queue");
    options = fine(WORDS("train", "--output=", "", ""));
    assert_string_equal(options->output, "");
    assert_int_equal(options->operands, 2);
}

static void help_is_had_everywhere(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    assert_int_equal(fine(none)->command, COMMAND_HELP);
    assert_false(fine(none)->help);
    assert_true(fine(WORDS("--help"))->help);
    assert_true(fine(WORDS("-h"))->help);
    for (enum command c = 0; c < COMMANDS; c++) { /* though operands are missing */
        const struct options *options = fine(WORDS(options_commands[c].name, "--help"));
        assert_true(options->help);
        assert_int_equal(options->command, c);
        assert_true(fine(WORDS(options_commands[c].name, "-h"))->help);
    }
    assert_true(fine(WORDS("help", "--man"))->man);
    assert_string_equal(fine(WORDS("help", "train"))->operand[0], "train");
}

static void mistakes_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *words[5];
        const char *why;
    } rows[] = {
        {{"tarin"}, "no command 'tarin'; see 'air-classifier help'"},
        {{""}, "no command ''"},
        {{"Train", "x"}, "no command 'Train'"},
        {{"--version"}, "no command '--version'"},
        {{"train", "x", "--sede", "1"},
         "train: no option '--sede'; see 'air-classifier help train'"},
        {{"train", "x", "--see=1"}, "no option '--see=1'"},
        {{"train", "x", "--seeds=1"}, "no option '--seeds=1'"},
        {{"train", "x", "--=1"}, "no option '--=1'"},
        {{"train", "x", "-x"}, "no option '-x'"},
        {{"train", "x", "-om.air"}, "no option '-om.air'"},
        {{"train", "x", "-output", "m"}, "no option '-output'"},
        {{"train", "x", "---seed"}, "no option '---seed'"},
        {{"predict", "m", "--seed=1"}, "predict: no option '--seed=1'"}, /* another's option */
        {{"predict", "m", "-o", "x"}, "predict: no option '-o'"},
        {{"train", "x", "--skip-bad-rows=yes"}, "--skip-bad-rows takes no value"},
        {{"train", "x", "--skip-bad-rows="}, "--skip-bad-rows takes no value"},
        {{"train", "x", "--output"}, "--output needs a value: "},
        {{"train", "x", "-o"}, "--output needs a value: "},
        {{"train", "x", "--seed"}, "--seed needs a value: "},
        {{"train", "x", "--seed", ""}, "--seed: '' is no whole number"},
        {{"train", "x", "--seed=1.5"}, "--seed: '1.5' is no whole number"},
        {{"train", "x", "--seed=0x10"}, "'0x10' is no whole number"},
        {{"train", "x", "--seed=1 "}, "'1 ' is no whole number"},
        {{"train", "x", "--seed=99999999999999999999"}, "is no whole number"},
        {{"train", "x", "--seed=-1"}, "--seed: -1 is not within 0 and 1000000000000000"},
        {{"train", "x", "--seed=1000000000000001"}, "is not within"},
        {{"train", "x", "--threads=0"}, "--threads: 0 is not within 1 and 256"},
        {{"train", "x", "--threads=257"}, "--threads: 257 is not within 1 and 256"},
        {{"train", "x", "--target-precision=high"}, "'high' is no number"},
        {{"train", "x", "--target-precision="}, "'' is no number"},
        {{"train", "x", "--target-precision=0,9"}, "'0,9' is no number"},
        {{"train", "x", "--target-precision=nan"}, "nan is not within 0.5 and 0.999"},
        {{"train", "x", "--target-precision=inf"}, "inf is not within"},
        {{"train", "x", "--target-precision=1"}, "1 is not within 0.5 and 0.999"},
        {{"train", "x", "--target-precision=0.4999"}, "is not within"},
        {{"train"}, "usage: air-classifier train [OPTIONS] CASES..."},
        {{"evaluate", "m"}, "usage: air-classifier evaluate [OPTIONS] MODEL CASES..."},
        {{"serve", "m", "n"}, "usage: air-classifier serve [OPTIONS] MODEL"},
        {{"predict", "m", "a", "b"}, "usage: air-classifier predict [OPTIONS] MODEL [CASES]"},
        {{"help", "train", "serve"}, "usage: air-classifier help [OPTIONS] [COMMAND]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) refused(rows[i].words, rows[i].why);
}

static void bounds_themselves_are_fine(void **state)
{
    (void)state;
    assert_int_equal(fine(WORDS("train", "x", "--seed=0"))->seed, 0);
    assert_int_equal(fine(WORDS("train", "x", "--seed=1000000000000000"))->seed, 1000000000000000);
    const struct options *options = fine(WORDS("train", "x", "--threads=256"));
    assert_int_equal(options_threads(options), 256);
    assert_true(fine(WORDS("train", "x", "--target-precision=0.5"))->target == 0.5);
    assert_true(fine(WORDS("train", "x", "--target-precision=0.999"))->target == 0.999);
}

static void operands_have_a_bound(void **state)
{
    (void)state;
    static const char *words[WORDS_MAX + 1] = {"evaluate"};
    for (size_t i = 1; i <= OPERANDS_MAX; i++) words[i] = "x";
    assert_int_equal(fine(words)->operands, OPERANDS_MAX);
    words[0] = "train"; /* one less */
    refused(words, "usage: air-classifier train");
    words[OPERANDS_MAX + 1] = "x";
    words[0] = "evaluate";
    refused(words, "more than 257 operands");
    words[0] = "--help"; /* which counts nothing, but holds no more either */
    refused(words, "more than 257 operands");
}

/* What every reader of the tables relies on. */
static void rows_are_sound(void **state)
{
    (void)state;
    assert_true(options_row_count > 0);
    for (size_t i = 0; i < options_row_count; i++) {
        const struct option_row *row = &options_rows[i];
        assert_true(row->commands != 0);
        assert_true(strlen(row->help) > 0);
        assert_int_equal(row->argument[0] == '\0', row->type == OPTION_FLAG);
        assert_int_equal(strspn(row->name, "abcdefghijklmnopqrstuvwxyz-"), strlen(row->name));
        if (row->type == OPTION_COUNT || row->type == OPTION_REAL)
            assert_true(row->low < row->high);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(row->name, options_rows[j].name);
            assert_true(row->letter == 0 || row->letter != options_rows[j].letter);
            assert_int_not_equal(row->offset, options_rows[j].offset);
        }
    }
    for (enum command c = 0; c < COMMANDS; c++) {
        const struct command_row *row = &options_commands[c];
        assert_true(row->least <= row->most && row->most <= OPERANDS_MAX);
        assert_non_null(row->run);
        assert_true(strlen(row->summary) > 0 && strlen(row->description) > 0);
        for (enum command d = 0; d < c; d++)
            assert_string_not_equal(row->name, options_commands[d].name);
    }
}

/* Every option, given to every command: taken by those of its row, refused by the others. */
static void options_belong_to_their_commands(void **state)
{
    (void)state;
    for (enum command c = 0; c < COMMANDS; c++)
        for (size_t i = 0; i < options_row_count; i++) {
            const struct option_row *row = &options_rows[i];
            char word[100], number[32];
            const char *value = row->type == OPTION_TEXT ? "linear" : number;
            snprintf(number, sizeof number, row->type == OPTION_COUNT ? "%.0f" : "%g", row->high);
            if (row->type == OPTION_FLAG)
                snprintf(word, sizeof word, "--%s", row->name);
            else
                snprintf(word, sizeof word, "--%s=%s", row->name, value);
            const char *const *words = WORDS(options_commands[c].name, "--help", word);
            if (row->commands & 1u << c)
                fine(words);
            else
                refused(words, "no option");
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_table),
        cmocka_unit_test(options_are_typed_in_every_form),
        cmocka_unit_test(dashes_can_be_operands_and_values),
        cmocka_unit_test(help_is_had_everywhere),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(bounds_themselves_are_fine),
        cmocka_unit_test(operands_have_a_bound),
        cmocka_unit_test(rows_are_sound),
        cmocka_unit_test(options_belong_to_their_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
