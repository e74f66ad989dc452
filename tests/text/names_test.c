/* names_test.c - other names for fields, and pairs that make no sense. */
// SPDX-License-Identifier: Apache-2.0
#include "text/names.h"

#include "fail.h"

#define assert_text(slice_, text)                                                                  \
    do {                                                                                           \
        struct slice got = (slice_);                                                               \
        assert_int_equal(got.size, strlen(text));                                                  \
        assert_memory_equal(got.data, text, got.size);                                             \
    } while (0)

static void fields_have_their_own_names_or_others(void **state)
{
    (void)state;
    struct error err;
    struct names names;
    assert_fine(names_parse(&names, SLICE("subject=title,description=the body,sbr=queue=1"), &err),
                &err);
    assert_text(names_of(&names, CASE_SUBJECT), "title");
    assert_text(names_of(&names, CASE_DESCRIPTION), "the body");
    assert_text(names_of(&names, CASE_VERSION), "version");
    assert_text(names_of(&names, NAMES_LABEL), "queue=1");
    assert_fine(names_parse(&names, SLICE(""), &err), &err);
    for (unsigned f = 0; f < CASE_FIELDS; f++) {
        assert_text(names_of(&names, f), case_rows[f].name);
        assert_text(names_of(NULL, f), case_rows[f].name);
    }
    assert_text(names_of(NULL, NAMES_LABEL), "sbr");
}

/* One member is not two fields; above all the label is none. */
static void a_name_given_away_is_no_others(void **state)
{
    (void)state;
    struct error err;
    struct names names;
    assert_fine(names_parse(&names, SLICE("sbr=product,description=subject"), &err), &err);
    assert_text(names_of(&names, NAMES_LABEL), "product");
    assert_text(names_of(&names, CASE_PRODUCT), "");
    assert_text(names_of(&names, CASE_SUBJECT), "");
    assert_text(names_of(&names, CASE_DESCRIPTION), "subject");
    assert_fine(names_parse(&names, SLICE("subject=sbr"), &err), &err);
    assert_text(names_of(&names, NAMES_LABEL), "");
}

static void pairs_that_make_no_sense(void **state)
{
    (void)state;
    static const char *rows[][2] = {
        {"subject", "'subject' is not FIELD=COLUMN"},
        {"subject=", "'subject=' is not"},
        {"=title", "'=title' is not"},
        {"=", "'=' is not"},
        {",", "'' is not"},
        {"subject=a,,sbr=b", "'' is not"},
        {"subject=a,title=b", "a case has no field 'title'"},
        {"Subject=a", "a case has no field 'Subject'"},
        {"subject=a,subject=b", "'subject' stands there twice"},
        {"sbr=a,sbr=b", "'sbr' stands there twice"},
        {"subject=a,sbr=a", "the column 'a' cannot be two fields"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error err;
        struct names names = {.given = {[NAMES_LABEL] = SLICE("kept")}};
        assert_fails(names_parse(&names, slice_of(rows[i][0]), &err), ERR_USAGE, rows[i][1], &err);
        assert_text(names.given[NAMES_LABEL], "kept");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_have_their_own_names_or_others),
        cmocka_unit_test(a_name_given_away_is_no_others),
        cmocka_unit_test(pairs_that_make_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
