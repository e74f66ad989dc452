/* token_test.c - golden lines of every rule set, bounds, hostile inputs. */
// SPDX-License-Identifier: Apache-2.0
#include "golden.h"

#include <time.h>

#include "text/clean.h"
#include "token/tables.h"

enum { LINE_TEXT_MAX = 128 * 1024 };

/* Such a text takes two thirds of a second of an idle core, one that took quadratic time hours.
 * Between them there is room for a busy machine and for instrumented code. */
enum { HOSTILE_SECONDS = 60 };

static struct arena arena;
static struct token_scratch scratch;

/* One golden line: the cleaned text, the tokens without and with the rules. */
static int line_differs(unsigned rule_set, const json_t *line)
{
    struct slice text = golden_string(line, "text");
    struct token_list list;
    int bad = 0;
    if (rule_set < RULES_ENGLISH_2) {
        struct clean clean = {.buffers = {scratch.buffers[0], scratch.buffers[1]},
                              .size = scratch.buffer_size};
        unsigned buffer;
        bad |= !slice_equal(clean_text(&clean, text, &buffer), golden_string(line, "pre"));
        assert_false(clean.cut);
    }
    struct token_way way = {.rule_set = rule_set, .no_rules = true};
    token_one(&way, text, &scratch, &list);
    bad |= golden_differs(&list, json_object_get(line, "spacy"), "spacy");
    way.no_rules = false;
    token_one(&way, text, &scratch, &list);
    bad |= golden_differs(&list, json_object_get(line, "fastai"), "fastai");
    return bad;
}

/* Returns the lines read, 0 if there is no such file. */
static size_t golden_file(const char *path, unsigned rule_set)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) return 0;
    char *buffer = NULL;
    size_t capacity = 0, lines = 0, bad = 0;
    for (ssize_t size; (size = getline(&buffer, &capacity, file)) > 0; lines++) {
        json_t *line = json_loadb(buffer, (size_t)size, JSON_ALLOW_NUL, NULL);
        assert_non_null(line);
        if (line_differs(rule_set, line)) {
            bad++;
            printf("%s, line %zu\n", path, lines + 1);
        }
        json_decref(line);
    }
    free(buffer);
    fclose(file);
    assert_int_equal(bad, 0);
    return lines;
}

static void golden_lines_are_equal(void **state)
{
    (void)state;
    static const char *const NAMES[TABLES_RULE_SETS] = {"english3", "german3", "neutral3",
                                                        "english2", "german2", "neutral2"};
    for (unsigned set = 0; set < TABLES_RULE_SETS; set++) {
        char path[128];
        snprintf(path, sizeof path, "tests/golden/tokens/%s.jsonl", NAMES[set]);
        assert_true(golden_file(path, set) >= 50);
    }
    golden_file("../shared/golden/tokenization.jsonl", RULES_ENGLISH_3); /* where it is there */
}

static struct token_list tokens_of(const char *language, const char *profile, struct slice text)
{
    enum token_profile which;
    assert_true(token_profile_of(slice_of(profile), &which));
    assert_string_equal(token_profile_name(which), profile);
    struct token_way way = token_way_of(slice_of(language), which);
    struct token_list list;
    token_one(&way, text, &scratch, &list);
    return list;
}

/* The tokens joined by '|'. */
static const char *joined(struct token_list list)
{
    static char text[4096];
    struct writer out = writer_of(text, sizeof text - 1);
    for (size_t i = 0; i < list.count; i++) {
        if (i > 0) writer_char(&out, '|');
        writer_add(&out, token_slice(&list, i));
    }
    text[out.used] = '\0';
    return text;
}

static void language_chooses_the_way(void **state)
{
    (void)state;
    struct slice text = SLICE("z.B. geht's 16-bit am 3.5.");
    assert_string_equal(joined(tokens_of("de", "spacy3", text)),
                        "xxbos|z.b.|geht's|16-bit|am|3.5.");
    assert_string_equal(joined(tokens_of("", "spacy3", text)),
                        "xxbos|z.b|.|geht|'s|16|-|bit|am|3.5|.");
    assert_string_equal(joined(tokens_of("", "spacy2", text)),
                        "xxbos|z.b|.|geht|'s|16-bit|am|3.5|.");
    assert_string_equal(joined(tokens_of("tlh", "spacy3", text)),
                        joined(tokens_of("en", "spacy3", text)));
    assert_string_equal(joined(tokens_of("fr-CA", "spacy3", SLICE("16-bit can't"))),
                        "xxbos|16-bit|can't");
    assert_string_equal(joined(tokens_of("ZH_cn", "spacy3", SLICE("\u6211\u559c\u6b22 Linux"))),
                        "xxbos|\u6211|\u559c|\u6b22|xxmaj|linux");
    assert_string_equal(
        joined(tokens_of("ja", "spacy3", SLICE("\u30ab\u30bf\u30ab\u30ca\u3068 v1.2"))),
        "xxbos|\u30ab\u30bf\u30ab\u30ca|\u3068|v1.2");
}

static void profile_names_are_checked(void **state)
{
    (void)state;
    enum token_profile profile;
    assert_false(token_profile_of(SLICE("spacy4"), &profile));
    assert_false(token_profile_of(SLICE(""), &profile));
}

static void post_rule_can_be_left_out(void **state)
{
    (void)state;
    struct token_way way = token_way_of(SLICE("en"), TOKEN_SPACY3);
    struct token_list list;
    token_one(&way, SLICE("a\n b"), &scratch, &list);
    assert_string_equal(joined(list), "xxbos|a|\n\u2581|b");
    way.no_post = true;
    token_one(&way, SLICE("a\n b"), &scratch, &list);
    assert_string_equal(joined(list), "xxbos|a|\n |b");
}

/* A smaller buffer gives exactly the first of all tokens, and says so. */
static void cut_tokens_are_the_first(void **state)
{
    (void)state;
    static char text[6000];
    static const char PIECE[] = "(:(-: :):-)) a.b 8-) can't foo:) >:( \xC2\xB0"
                                "C. ";
    for (size_t i = 0; i < sizeof text; i++) text[i] = PIECE[i % (sizeof PIECE - 1)];
    size_t size = sizeof text - sizeof text % (sizeof PIECE - 1);
    struct slice whole_text = {text, size};
    struct token_way way = token_way_of(SLICE("en"), TOKEN_SPACY3);
    way.no_rules = true;
    struct token_list whole, part;
    token_one(&way, whole_text, &scratch, &whole);
    assert_false(whole.cut);
    for (size_t max = 1; max < whole.count; max += 7) {
        struct arena count = arena_measure(), small_arena;
        struct token_scratch small;
        struct error err;
        token_lay(&small, size, max, &count);
        assert_fine(arena_open(&small_arena, count.used, &err), &err);
        token_lay(&small, size, max, &small_arena);
        token_one(&way, whole_text, &small, &part);
        assert_true(part.cut ? part.count <= max : part.count == whole.count);
        assert_true(part.cut || max + TOKEN_MARGIN >= whole.count);
        assert_memory_equal(part.tokens, whole.tokens, part.count * sizeof *part.tokens);
        arena_close(&small_arena);
    }
}

static void odd_texts(void **state)
{
    (void)state;
    assert_string_equal(joined(tokens_of("en", "spacy3", SLICE(""))), "xxbos");
    assert_string_equal(joined(tokens_of("en", "spacy3", SLICE(" \n\t "))), "xxbos");
    struct token_list list = tokens_of("en", "spacy3", SLICE("a \0 \xEF\xBF\xBF\xCD\xB8"));
    assert_int_equal(list.count, 4);
    assert_int_equal(token_slice(&list, 2).size, 1);
    assert_int_equal(token_slice(&list, 2).data[0], 0);
}

static double core_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Ten megabytes of one unit, cleaned and cut within a second. */
static void hostile_texts_take_linear_time(void **state)
{
    (void)state;
    skip_emulated();
    static const char *const UNITS[] = {"a@",
                                        "http://",
                                        "((((",
                                        "xxrep ",
                                        "a",
                                        " ",
                                        "\n",
                                        ".",
                                        "'",
                                        "&",
                                        "&#",
                                        "&amp",
                                        "a.",
                                        "@.",
                                        "a a ",
                                        "no ",
                                        "/",
                                        "\xCE\xA3",
                                        "'\xCE\xA3",
                                        "A.",
                                        "A",
                                        "-",
                                        ":)",
                                        "1.",
                                        "\xC2\xB0"
                                        "C.",
                                        "\\n",
                                        "<br />",
                                        "\xCD\x81",
                                        "\xE6\xBC\xA2",
                                        "...",
                                        "a-",
                                        "!?",
                                        "1:",
                                        "...a",
                                        "x\n ",
                                        "/A!",
                                        "aaaBc",
                                        "10.0.0.1.",
                                        "x://",
                                        "\xE2\x80\xA6",
                                        "8-"};
    enum { SIZE = 10 * 1000 * 1000 };
    struct arena big_arena;
    struct token_scratch big;
    golden_scratch(&big, &big_arena, SIZE);
    char *text = malloc(SIZE);
    assert_non_null(text);
    for (size_t u = 0; u <= sizeof UNITS / sizeof *UNITS; u++) {
        const char *unit = u < sizeof UNITS / sizeof *UNITS ? UNITS[u] : "random";
        size_t unit_size = strlen(unit), size = SIZE / unit_size * unit_size;
        for (size_t i = 0; i < size; i++) text[i] = unit[i % unit_size];
        uint64_t mixed = 88172645463325252u;
        for (size_t i = 0; u == sizeof UNITS / sizeof *UNITS && i < size; i++) {
            mixed ^= mixed << 13, mixed ^= mixed >> 7, mixed ^= mixed << 17;
            text[i] = (char)(mixed & 0x7F); /* random, and UTF-8 */
        }
        for (int mode = 0; mode < 3; mode++) {
            struct token_way way =
                token_way_of(mode == 1 ? SLICE("th") : SLICE("en"), TOKEN_SPACY3);
            way.no_rules = mode == 2;
            struct token_list list;
            double seconds = HOSTILE_SECONDS;
            for (int tries = 0; tries < 3 && seconds >= HOSTILE_SECONDS; tries++) {
                double start = core_seconds(); /* others may use the core as well */
                token_one(&way, (struct slice){text, size}, &big, &list);
                seconds = core_seconds() - start;
            }
            printf("%-8s %d %.3f s, %zu tokens\n", u == 6 ? "\\n" : unit, mode, seconds,
                   list.count);
            assert_false(list.cut);
            assert_true(seconds < HOSTILE_SECONDS);
        }
    }
    free(text);
    arena_close(&big_arena);
}

int main(void)
{
    golden_scratch(&scratch, &arena, LINE_TEXT_MAX);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_lines_are_equal),
        cmocka_unit_test(language_chooses_the_way),
        cmocka_unit_test(profile_names_are_checked),
        cmocka_unit_test(post_rule_can_be_left_out),
        cmocka_unit_test(cut_tokens_are_the_first),
        cmocka_unit_test(odd_texts),
        cmocka_unit_test(hostile_texts_take_linear_time),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_close(&arena);
    return failed;
}
