/* ngram_test.c - the hashes are those of the right pieces, compared with a walk that cuts strings.
 *
 * The reference below follows scikit-learn's analysers word by word on ASCII; two pieces of text
 * must hash alike exactly when they are alike. Known hashes are fixed as numbers, because model
 * files hold weights by them.
 */
// SPDX-License-Identifier: Apache-2.0
#include "vocab/ngram.h"

#include <stdbool.h>

#include "base/rng.h"
#include "base/writer.h"
#include "fail.h"

enum { HASHES_MAX = 1 << 16 };

struct scanned {
    uint64_t hash[HASHES_MAX];
    size_t count, blocks, largest;
};

static struct scanned one, two; /* too large for the stack */

static void collect(void *context, const uint64_t *hashes, size_t count)
{
    struct scanned *scanned = context;
    assert_true(count > 0 && count <= NGRAM_BLOCK);
    assert_true(scanned->count + count <= HASHES_MAX);
    memcpy(scanned->hash + scanned->count, hashes, count * sizeof *hashes);
    scanned->count += count;
    scanned->blocks++;
    if (count > scanned->largest) scanned->largest = count;
}

static void scan_case(struct scanned *scanned, const struct case_text *text)
{
    scanned->count = scanned->blocks = scanned->largest = 0;
    ngram_scan(text, collect, scanned);
    for (size_t i = 0; i < scanned->count; i++)
        assert_true(ngram_kind_of(scanned->hash[i]) < NGRAM_KINDS);
}

static void scan(struct scanned *scanned, const char *subject)
{
    scan_case(scanned, &(struct case_text){.field = {[CASE_SUBJECT] = slice_of(subject)}});
}

static size_t count_of(const struct scanned *scanned, enum ngram_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < scanned->count; i++) count += ngram_kind_of(scanned->hash[i]) == kind;
    return count;
}

/* The n-th hash of a kind. */
static uint64_t hash_at(const struct scanned *scanned, enum ngram_kind kind, size_t n)
{
    for (size_t i = 0; i < scanned->count; i++)
        if (ngram_kind_of(scanned->hash[i]) == kind && n-- == 0) return scanned->hash[i];
    fail_msg("there are not so many");
    return 0;
}

static bool holds(const struct scanned *scanned, uint64_t hash)
{
    for (size_t i = 0; i < scanned->count; i++)
        if (scanned->hash[i] == hash) return true;
    return false;
}

static void assert_same(const struct scanned *a, const struct scanned *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->hash, b->hash, a->count * sizeof *a->hash);
}

/* ---- the reference: pieces as strings ---- */

enum { PIECES_MAX = 4096, PIECE_MAX = 300 };

struct pieces {
    char text[PIECES_MAX][PIECE_MAX];
    size_t count;
};

static struct pieces chars, words;

static void add_piece(struct pieces *pieces, struct slice first, const char *glue,
                      struct slice second)
{
    assert_true(pieces->count < PIECES_MAX);
    struct writer writer = writer_of(pieces->text[pieces->count++], PIECE_MAX);
    writer_add(&writer, first);
    writer_text(&writer, glue);
    writer_add(&writer, second);
    writer_char(&writer, '\0');
    assert_false(writer.cut);
}

/* char_wb, but ordered by where a piece ends, shorter ones first. */
static void cut_chars(const char *text)
{
    for (const char *at = text; *at != '\0';) {
        size_t size = strcspn(at, " \t\r\n");
        char word[PIECE_MAX];
        struct writer writer = writer_of(word, sizeof word);
        writer_char(&writer, ' ');
        writer_bytes(&writer, at, size);
        writer_char(&writer, ' ');
        for (size_t end = 3; size > 0 && end <= size + 2; end++)
            for (size_t n = 3; n <= 5 && n <= end; n++)
                add_piece(&chars, (struct slice){word + end - n, n}, "", SLICE(""));
        at += size + (at[size] != '\0');
    }
}

/* \w\w+ and pairs of them, each pair behind its second word. */
static void cut_words(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    struct slice previous = {0};
    for (const char *at = text; *at != '\0';) {
        struct slice word = {at, strspn(at, letters)};
        if (word.size >= 2) {
            add_piece(&words, word, "", SLICE(""));
            if (previous.size > 0) add_piece(&words, previous, "|", word);
            previous = word;
        }
        at += word.size > 0 ? word.size : 1;
    }
}

/* As many hashes as pieces, in their order; alike exactly where the pieces are. */
static void assert_hashes_of(const struct scanned *scanned, enum ngram_kind kind,
                             const struct pieces *pieces)
{
    if (count_of(scanned, kind) != pieces->count)
        fail_msg("%zu hashes instead of %zu", count_of(scanned, kind), pieces->count);
    static uint64_t hash[PIECES_MAX];
    for (size_t i = 0, n = 0; i < scanned->count; i++)
        if (ngram_kind_of(scanned->hash[i]) == kind) hash[n++] = scanned->hash[i];
    for (size_t i = 0; i < pieces->count; i++)
        for (size_t j = 0; j < i; j++)
            if ((hash[i] == hash[j]) != (strcmp(pieces->text[i], pieces->text[j]) == 0))
                fail_msg("'%s' and '%s'", pieces->text[i], pieces->text[j]);
}

static void assert_like_reference(const char *text)
{
    chars.count = words.count = 0;
    cut_chars(text);
    cut_words(text);
    scan(&one, text);
    assert_hashes_of(&one, NGRAM_CHARS, &chars);
    assert_hashes_of(&one, NGRAM_WORDS, &words);
    assert_int_equal(count_of(&one, NGRAM_VALUE), 0);
}

static void cuts_like_the_reference(void **state)
{
    (void)state;
    static const char *texts[] = {"a",
                                  "ab",
                                  "abc",
                                  "a b c",
                                  "ab a cd",
                                  "kernel panic",
                                  "the kernel panics, the kernel!",
                                  "kernel-4.18.0_305.el8 a/b/c/d /etc/fstab",
                                  "-- ... --",
                                  "abc abc abc",
                                  "aaaaaaaa aaaa",
                                  "x_y __ 12 1",
                                  "\ttabs\nand\r\nlines "};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) assert_like_reference(texts[i]);
}

static void cuts_random_texts_like_the_reference(void **state)
{
    (void)state;
    static const char letters[] = "aab12_-,.  \n";
    struct rng rng = rng_seed(11);
    for (int round = 0; round < 200; round++) {
        char text[121];
        size_t size = rng_below(&rng, sizeof text);
        for (size_t i = 0; i < size; i++) text[i] = letters[rng_below(&rng, sizeof letters - 1)];
        text[size] = '\0';
        assert_like_reference(text);
    }
}

static void a_word_is_the_same_elsewhere(void **state)
{
    (void)state;
    scan(&one, "panic");
    scan(&two, "the kernel panic, again");
    for (size_t i = 0; i < one.count; i++) { /* the last three pieces have an edge, not a comma */
        bool edge = i + 4 >= one.count && i + 1 < one.count;
        assert_int_equal(holds(&two, one.hash[i]), !edge);
    }
    scan(&two, "the kernel (panic) again");
    assert_true(holds(&two, hash_at(&one, NGRAM_WORDS, 0)));
    scan(&two, "the kernel panic again");
    for (size_t i = 0; i < one.count; i++) assert_true(holds(&two, one.hash[i]));
    struct case_text text = {.field = {[CASE_DESCRIPTION] = SLICE("panic")}};
    scan_case(&two, &text); /* and in the other text */
    assert_same(&one, &two);
}

static void kinds_never_share_a_hash(void **state)
{
    (void)state;
    /* " abc " as characters, abc as a word, abc as a value of four fields */
    struct case_text text = {.field = {[CASE_SUBJECT] = SLICE("abc"),
                                       [CASE_PRODUCT] = SLICE("abc"),
                                       [CASE_VERSION] = SLICE("abc"),
                                       [CASE_ORIGIN] = SLICE("abc"),
                                       [CASE_SEVERITY] = SLICE("abc"),
                                       [CASE_LANGUAGE] = SLICE("abc"),
                                       [CASE_NUMBER] = SLICE("abc")}};
    scan_case(&one, &text);
    assert_int_equal(count_of(&one, NGRAM_CHARS), 6); /* 3 + 2 + 1 */
    assert_int_equal(count_of(&one, NGRAM_WORDS), 1);
    assert_int_equal(count_of(&one, NGRAM_VALUE), 5); /* the number of a case says nothing */
    for (size_t i = 0; i < one.count; i++)
        for (size_t j = 0; j < i; j++) assert_int_not_equal(one.hash[i], one.hash[j]);
}

static void values_are_trimmed_and_lowered(void **state)
{
    (void)state;
    struct case_text text = {
        .field = {[CASE_PRODUCT] = SLICE("Red Hat Satellite"), [CASE_VERSION] = SLICE(" \t")}};
    scan_case(&one, &text);
    assert_int_equal(one.count, 1);
    text.field[CASE_PRODUCT] = SLICE("  red hat SATELLITE\n");
    scan_case(&two, &text);
    assert_same(&one, &two);
    text.field[CASE_PRODUCT] = SLICE("red hat  satellite"); /* inside, blanks count */
    scan_case(&two, &text);
    assert_int_not_equal(one.hash[0], two.hash[0]);
}

static void blanks_make_no_difference(void **state)
{
    (void)state;
    scan(&one, "kernel panic on boot");
    static const char *texts[] = {
        "  kernel   panic on\tboot ",
        "kernel\npanic\r\non\fboot\v",
        "kernel\xC2\xA0panic\xE3\x80\x80on\xE2\x80\xA8"
        "boot", /* NBSP, ideographic, line */
        "\x1Ckernel\x1Dpanic\x1Eon\x1F"
        "boot\xC2\x85",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        scan(&two, texts[i]);
        assert_same(&one, &two);
    }
    scan(&two, "kernel panic onboot");
    assert_int_not_equal(two.count, one.count);
}

static void letters_are_lowered(void **state)
{
    (void)state;
    static const char *rows[][2] = {
        {"KERNEL Panic", "kernel panic"},
        {"\xC3\x84RGER \xC3\x89t\xC3\xA9", "\xC3\xA4rger \xC3\xA9t\xC3\xA9"},
        {"\xD0\x9E\xD0\xA8\xD0\x98\xD0\x91\xD0\x9A\xD0\x90",
         "\xD0\xBE\xD1\x88\xD0\xB8\xD0\xB1\xD0\xBA\xD0\xB0"},
        {"\xE2\x84\xAA"
         "ernel",
         "kernel"}, /* KELVIN SIGN */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        scan(&one, rows[i][0]);
        scan(&two, rows[i][1]);
        assert_same(&one, &two);
    }
    scan(&one, "stra\xC3\x9F"
               "e"); /* and not folded further */
    scan(&two, "strasse");
    assert_int_not_equal(one.count, two.count);
}

static void a_cjk_character_is_a_word(void **state)
{
    (void)state;
    /* U+8D77 U+52D5 U+5931: three words and two pairs; five with blanks: 3 + 2 + 1 pieces */
    scan(&one, "\xE8\xB5\xB7\xE5\x8B\x95\xE5\xA4\xB1");
    assert_int_equal(count_of(&one, NGRAM_WORDS), 5);
    assert_int_equal(count_of(&one, NGRAM_CHARS), 6);
    scan(&two, "\xE5\x8B\x95");
    assert_true(holds(&one, hash_at(&two, NGRAM_WORDS, 0)));
    assert_int_equal(two.count, 2);
    /* beside letters: "ab", U+52D5, their pair, "cd", its pair */
    scan(&two, "ab\xE5\x8B\x95"
               "cd");
    assert_int_equal(count_of(&two, NGRAM_WORDS), 5);
    scan(&one, "ab cd");
    assert_true(holds(&two, hash_at(&one, NGRAM_WORDS, 0)));
    /* Hangul and Cyrillic words stay whole */
    scan(&one, "\xEC\x98\xA4\xEB\xA5\x98 \xD0\xBE\xD1\x88");
    assert_int_equal(count_of(&one, NGRAM_WORDS), 3);
    /* beyond the BMP, and an emoji, which is no word */
    scan(&one, "\xF0\xA0\x80\x80\xF0\x9F\x98\x80");
    assert_int_equal(count_of(&one, NGRAM_WORDS), 1);
}

static void subject_stands_before_description(void **state)
{
    (void)state;
    struct case_text text = {.field = {[CASE_SUBJECT] = SLICE("first"),
                                       [CASE_DESCRIPTION] = SLICE("second"),
                                       [CASE_ORIGIN] = SLICE("Web")}};
    scan_case(&one, &text);
    scan(&two, "first second"); /* one text, a border is a blank */
    assert_int_equal(one.count, two.count + 1);
    assert_memory_equal(one.hash, two.hash, two.count * sizeof *two.hash);
    assert_int_equal(ngram_kind_of(one.hash[two.count]), NGRAM_VALUE);
    text.field[CASE_SUBJECT] = SLICE("second");
    text.field[CASE_DESCRIPTION] = SLICE("first");
    scan_case(&two, &text);
    assert_int_equal(one.count, two.count);
    assert_memory_not_equal(one.hash, two.hash, two.count * sizeof *two.hash);
}

/* Texts around every border of a block: full blocks first, the rest last, nothing lost. */
static void blocks_hold_all_hashes(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'a', sizeof text);
    for (size_t size = 1; size < 400; size++) {
        struct case_text case_ = {.field = {[CASE_SUBJECT] = {text, size}}};
        scan_case(&one, &case_);
        /* edges included, n-grams of size 3, 4, 5, and the word from two letters on */
        size_t run = size + 2, wanted = size >= 2;
        for (size_t n = 3; n <= 5; n++) wanted += run >= n ? run - n + 1 : 0;
        assert_int_equal(one.count, wanted);
        assert_int_equal(one.blocks, (wanted + NGRAM_BLOCK - 1) / NGRAM_BLOCK);
        if (wanted >= NGRAM_BLOCK) assert_int_equal(one.largest, NGRAM_BLOCK);
    }
}

static void nothing_gives_nothing(void **state)
{
    (void)state;
    static const char *texts[] = {"", " ", "\n\t ", "\xE2\x80\xA8"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        scan(&one, texts[i]);
        assert_int_equal(one.blocks, 0); /* the sink is never called for nothing */
    }
    scan_case(&one, &(struct case_text){0});
    assert_int_equal(one.blocks, 0);
    scan_case(&one, &(struct case_text){.field = {[CASE_SUBJECT] = SLICE("\0\0")}});
    assert_int_equal(count_of(&one, NGRAM_WORDS), 0); /* U+0000 is a character, no word */
    assert_int_equal(count_of(&one, NGRAM_CHARS), 3);
}

/* A model's weights stand at these numbers: a change here makes every model file wrong. */
static void known_hashes_stay(void **state)
{
    (void)state;
    scan_case(&one, &(struct case_text){.field = {[CASE_SUBJECT] = SLICE("ab"),
                                                  [CASE_DESCRIPTION] = SLICE("\xC3\xA4 cd"),
                                                  [CASE_VERSION] = SLICE("6.8")}});
    static const uint64_t wanted[] = {0x980FDC9E28AAD2FC, 0xE66B082678C1EEE0, 0xF397236C59E68F9C,
                                      0xC38337C163C56851, 0x7F6CF9F27BF99BE4, 0x5195EB87E8B9AC04,
                                      0xF95E35EE99A28780, 0x278350E853F14C68, 0xA47CF7D308872BBD,
                                      0x69D7A71BCF5581C9, 0xD942896EDDCD124E};
    assert_int_equal(one.count, sizeof wanted / sizeof *wanted);
    for (size_t i = 0; i < one.count; i++) assert_int_equal(one.hash[i], wanted[i]);
}

struct visited {
    const struct case_text *text;
    struct scanned *scanned;
    size_t next, pairs;
};

static void visit(void *context, uint64_t hash, const struct ngram_place *place)
{
    struct visited *visited = context;
    assert_true(visited->next < visited->scanned->count);
    assert_true(visited->scanned->hash[visited->next++] == hash);
    struct slice text = visited->text->field[place->field];
    if (ngram_kind_of(hash) == NGRAM_VALUE) return;
    assert_true(place->at < text.size);
    assert_true(text.data[place->at] != ' ' && (text.data[place->at] & 0xC0) != 0x80);
    visited->pairs += place->pair;
    /* It is there as soon as the text goes so far. */
    static struct scanned part;
    struct case_text before = *visited->text;
    size_t size = place->at + 1;
    while (size < text.size && (text.data[size] & 0xC0) == 0x80) size++;
    before.field[place->field] = (struct slice){text.data, size};
    if (place->field == CASE_SUBJECT) before.field[CASE_DESCRIPTION] = SLICE("");
    scan_case(&part, &before);
    assert_true(holds(&part, hash));
}

static void a_visit_tells_the_same_and_where(void **state)
{
    (void)state;
    struct case_text text = {.field = {[CASE_SUBJECT] = SLICE("Disk /dev/sda-1 full, full"),
                                       [CASE_DESCRIPTION] = SLICE("\xE7\xA3\x81\xE7\x9B\x98 x yy"),
                                       [CASE_PRODUCT] = SLICE(" RHEL ")}};
    scan_case(&one, &text);
    struct visited visited = {&text, &one, 0, 0};
    ngram_visit(&text, visit, &visited);
    assert_int_equal(visited.next, one.count);
    assert_int_equal(visited.pairs, 7); /* disk dev sda full full, two signs, yy */
}

static void words_are_runs_of_no_blanks(void **state)
{
    (void)state;
    static const char *const cut[] = {"Disk",         "(full,", "full)",    "\xE7\xA3\x81",
                                      "\xE7\x9B\x98", "x",      "longlong", "longer"};
    struct slice text =
        SLICE("  Disk\t(full, full)\n\xE7\xA3\x81\xE7\x9B\x98x longlonglonger \xC2\xA0");
    size_t end = 0;
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        size_t start = end;
        end = ngram_word(text, 11, &start);
        assert_true(slice_equal((struct slice){text.data + start, end - start}, slice_of(cut[i])));
    }
    size_t start = end;
    assert_int_equal(ngram_word(text, 11, &start), text.size);
    assert_int_equal(start, text.size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_like_the_reference),
        cmocka_unit_test(cuts_random_texts_like_the_reference),
        cmocka_unit_test(a_word_is_the_same_elsewhere),
        cmocka_unit_test(kinds_never_share_a_hash),
        cmocka_unit_test(values_are_trimmed_and_lowered),
        cmocka_unit_test(blanks_make_no_difference),
        cmocka_unit_test(letters_are_lowered),
        cmocka_unit_test(a_cjk_character_is_a_word),
        cmocka_unit_test(subject_stands_before_description),
        cmocka_unit_test(blocks_hold_all_hashes),
        cmocka_unit_test(nothing_gives_nothing),
        cmocka_unit_test(known_hashes_stay),
        cmocka_unit_test(a_visit_tells_the_same_and_where),
        cmocka_unit_test(words_are_runs_of_no_blanks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
