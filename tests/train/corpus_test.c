/* corpus_test.c - labels sorted and numbered, bad rows listed with their place. */
// SPDX-License-Identifier: Apache-2.0
#include "train/corpus.h"

#include "base/fault.h"
#include "train/tiny.h"

static void labels_are_sorted_and_counted(void **state)
{
    (void)state;
    struct corpus corpus;
    tiny_corpus(&corpus, "subject,sbr,product\n"
                         "one,Zed,p\n"
                         "two,\xC3\x84rger,\n"
                         "three,Alpha,\n"
                         "four,Zed,\n");
    assert_int_equal(corpus.count, 4);
    assert_int_equal(corpus.label_count, 3);
    static const char *const names[] = {"Alpha", "Zed", "\xC3\x84rger"};
    static const uint32_t cases[] = {1, 2, 1};
    for (int c = 0; c < 3; c++) {
        assert_true(slice_equal(corpus.labels[c], slice_of(names[c])));
        assert_int_equal(corpus.label_cases[c], cases[c]);
    }
    static const uint32_t labels[] = {1, 2, 0, 1};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(corpus.cases[i].label, labels[i]);
        assert_int_equal(corpus.cases[i].line, i + 2);
        assert_int_equal(corpus.cases[i].file, 0);
    }
    assert_true(slice_equal(corpus.cases[0].text.field[CASE_PRODUCT], SLICE("p")));
    assert_true(slice_equal(corpus.cases[3].text.field[CASE_SUBJECT], SLICE("four")));
    assert_int_equal(corpus.cases[3].text.field[CASE_VERSION].size, 0);
    corpus_close(&corpus);
}

static void a_hash_tells_texts_apart(void **state)
{
    (void)state;
    struct corpus corpus;
    tiny_corpus(&corpus, "subject,description,sbr,product\n"
                         "a,b,X,1\n"
                         "a,b,Y,2\n"
                         "ab,,X,1\n"
                         "b,a,X,1\n"
                         ",ab,X,1\n");
    assert_true(corpus.cases[0].hash == corpus.cases[1].hash);
    for (size_t i = 1; i < corpus.count; i++)
        for (size_t j = i + 1; j < corpus.count; j++)
            assert_true(corpus.cases[i].hash != corpus.cases[j].hash);
    corpus_close(&corpus);
}

static void several_files_are_one_corpus(void **state)
{
    (void)state;
    const char *paths[] = {TINY_CASES, tiny_path("more.csv")};
    tiny_put(paths[1], "sbr,description\nKernel,panic\nNew,else\n", 39);
    struct corpus corpus;
    struct error err;
    assert_fine(corpus_open(&corpus, paths, 2, NULL, NULL, &err), &err);
    assert_int_equal(corpus.count, 62);
    assert_int_equal(corpus.label_count, 7);
    assert_int_equal(corpus.cases[60].file, 1);
    assert_int_equal(corpus.cases[61].line, 3);
    assert_int_equal(corpus.label_cases[corpus.cases[60].label], 11);
    corpus_close(&corpus);
    unlink(paths[1]);
}

static void bad_rows_are_left_out_and_named(void **state)
{
    (void)state;
    static char text[4096];
    strcpy(text, "subject,sbr\ngood,A\n");
    for (int i = 0; i < 25; i++) strcat(text, "too,many,columns\n");
    strcat(text, "good,B\n");
    struct corpus corpus;
    tiny_corpus(&corpus, text);
    assert_int_equal(corpus.count, 2);
    assert_int_equal(corpus.bad_rows, 25);
    for (size_t i = 0; i < BAD_ROWS_NAMED; i++) assert_int_equal(corpus.bad[i].line, i + 3);
    corpus_close(&corpus);
}

static void every_kind_of_bad_row_is_named_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        enum error_code code;
        const char *text;
    } rows[] = {
        {"x", ERR_CSV, "1 columns where the header has 2"},
        {"x,A,z", ERR_CSV, "3 columns where the header has 2"},
        {",A", ERR_EMPTY_CASE, "both empty"},
        {"x,", ERR_FIELD, "the label (sbr) is empty"},
        {"\xFF,A", ERR_UTF8, "subject: byte 1 (0xFF)"},
        {"x,\xC3", ERR_UTF8, "sbr: byte 1 (0xC3)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[128];
        snprintf(text, sizeof text, "subject,sbr\ngood,A\n%s\ngood,B\n", rows[i].row);
        struct corpus corpus;
        tiny_corpus(&corpus, text);
        assert_int_equal(corpus.count, 2);
        assert_int_equal(corpus.bad_rows, 1);
        assert_int_equal(corpus.bad[0].code, rows[i].code);
        assert_int_equal(corpus.bad[0].line, 3);
        assert_non_null(strstr(corpus.bad[0].detail, rows[i].text));
        assert_non_null(strstr(corpus.bad[0].detail, "cases.csv: line 3: "));
        corpus_close(&corpus);
    }
}

static void a_label_without_end_is_named_with_its_place(void **state)
{
    (void)state;
    char text[LABEL_BYTES_MAX + 100], label[LABEL_BYTES_MAX + 2];
    for (int extra = 0; extra < 2; extra++) {
        memset(label, 'L', sizeof label);
        label[LABEL_BYTES_MAX + extra] = '\0';
        snprintf(text, sizeof text, "subject,sbr\ngood,A\nlong,%s\n", label);
        struct corpus corpus;
        tiny_corpus(&corpus, text);
        assert_int_equal(corpus.bad_rows, extra);
        assert_int_equal(corpus.count, 2 - extra);
        if (extra > 0)
            assert_non_null(strstr(corpus.bad[0].detail, "cases.csv: line 3: the label"));
        corpus_close(&corpus);
    }
}

static void hopeless_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum error_code code;
        const char *sentence;
    } rows[] = {
        {"", ERR_CSV, "the file is empty"},
        {"subject,sbr\n", ERR_DATA, "only its header"},
        {"subject,sbr", ERR_DATA, "only its header"},
        {"subject,label\nx,A\n", ERR_CSV, "no column 'sbr'"},
        {"title,sbr\nx,A\n", ERR_CSV, "neither a column 'subject' nor 'description'"},
        {"subject,sbr,sbr\nx,A,A\n", ERR_CSV, "two columns are named 'sbr'"},
        {"subject,sbr\n\"x,A\n", ERR_CSV, "the row at line 2 is never closed"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *path = tiny_path("hopeless.csv");
        tiny_put(path, rows[i].text, strlen(rows[i].text));
        static struct corpus corpus;
        struct error err;
        assert_fails(corpus_open(&corpus, &path, 1, NULL, NULL, &err), rows[i].code,
                     rows[i].sentence, &err);
        assert_non_null(strstr(err.detail, "hopeless.csv"));
        unlink(path);
    }
    const char *path = "/nowhere/x.csv";
    static struct corpus corpus;
    struct error err;
    assert_fails(corpus_open(&corpus, &path, 1, NULL, NULL, &err), ERR_NO_INPUT, path, &err);
}

static void every_fault_is_a_clean_error(void **state)
{
    (void)state;
    const char *path = TINY_CASES;
    long nth = 1;
    for (;; nth++) {
        struct corpus corpus;
        struct error err;
        fault_arm(nth);
        enum error_code code = corpus_open(&corpus, &path, 1, NULL, NULL, &err);
        bool struck = fault_struck();
        fault_arm(0);
        assert_int_equal(code != ERR_NONE, struck);
        if (code != ERR_NONE) continue;
        corpus_close(&corpus);
        break;
    }
    assert_true(nth > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_are_sorted_and_counted),
        cmocka_unit_test(a_hash_tells_texts_apart),
        cmocka_unit_test(several_files_are_one_corpus),
        cmocka_unit_test(bad_rows_are_left_out_and_named),
        cmocka_unit_test(every_kind_of_bad_row_is_named_with_its_place),
        cmocka_unit_test(a_label_without_end_is_named_with_its_place),
        cmocka_unit_test(hopeless_files_are_refused),
        cmocka_unit_test(every_fault_is_a_clean_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
