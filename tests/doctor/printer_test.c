/* printer_test.c - one way out: order, wrapping, colours, harmless bytes, JSON. */
// SPDX-License-Identifier: Apache-2.0
#include "help.h"

#include "doctor/printer.h"
#include "text/utf8.h"

static char *print(struct finding_list *list, bool json, bool colour)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    struct doctor_output output = {.to = memory, .json = json, .colour = colour};
    struct printed printed = {.command = "test", .findings = list};
    struct error err = {0};
    assert_fine(printer_print(&output, &printed, &err), &err);
    fclose(memory);
    return text;
}

static void fill(struct finding_list *list)
{
    struct error err = {0};
    assert_fine(finding_list_open(list, &err), &err);
    finding_read(finding_add(list, "a", "well"), "seen");
    struct finding *f = finding_add(list, "b", "bad");
    finding_grade(f, FINDING_CAUSE);
    finding_grade(f, FINDING_NOTE); /* never lowers */
    finding_read(f, "a name with \033[31mcolours\033[0m, %s and \xff bytes", "tabs\t");
    for (int i = 0; i < 30; i++) finding_means(f, "word%d ", i);
    finding_todo(f, "this");
    finding_grade(finding_add(list, "c", "so so"), FINDING_WARNING);
    finding_grade(finding_add(list, "d", "so so too"), FINDING_WARNING);
}

static void text_is_ordered_and_wrapped(void **state)
{
    (void)state;
    struct finding_list list;
    fill(&list);
    char *text = print(&list, false, false);
    assert_null(strchr(text, '\033'));
    assert_null(strchr(text, '\t'));
    const char *bad = strstr(text, "bad"), *so = strstr(text, "so so\n"),
               *too = strstr(text, "so so too");
    assert_true(bad != NULL && bad < so && so < too && too < strstr(text, "well: seen"));
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 100);
    assert_non_null(strstr(text, "word0 word1"));
    assert_non_null(strstr(text, "word29"));
    assert_int_equal(finding_status(&list), 2);
    free(text);
    text = print(&list, false, true);
    assert_non_null(strstr(text, "\033[31;1mcause"));
    free(text);
    finding_list_close(&list);
}

static void json_has_the_same(void **state)
{
    (void)state;
    struct finding_list list;
    fill(&list);
    char *text = print(&list, true, true);
    json_error_t place;
    json_t *json = json_loads(text, 0, &place);
    assert_non_null(json);
    assert_int_equal(json_integer_value(json_object_get(json, "status")), 2);
    const json_t *findings = json_object_get(json, "findings");
    assert_int_equal(json_array_size(findings), 4);
    assert_string_equal(json_string_value(json_object_get(json_array_get(findings, 0), "severity")),
                        "cause");
    json_decref(json);
    free(text);
    finding_list_close(&list);
}

/* A text longer than its room is cut, not written over. */
static void texts_are_bounded(void **state)
{
    (void)state;
    struct finding_list list;
    struct error err = {0};
    assert_fine(finding_list_open(&list, &err), &err);
    struct finding *f = finding_add(&list, "x", "y");
    for (int i = 0; i < 500; i++) finding_read(f, "0123456789");
    finding_title(f, "%0600d", 7);
    assert_int_equal(strlen(f->read), FINDING_TEXT_MAX - 1);
    assert_int_equal(strlen(f->title), sizeof f->title - 1);
    assert_int_equal(f->means[0], 0);
    char *text = print(&list, false, false);
    assert_non_null(text);
    free(text);
    finding_list_close(&list);
}

/* Letters of any language are shown, and counted where lines are broken; one that is cut is not. */
static void letters_are_shown(void **state)
{
    (void)state;
    struct finding_list list;
    struct error err = {0};
    assert_fine(finding_list_open(&list, &err), &err);
    struct finding *f = finding_add(&list, "x", "y");
    finding_grade(f, FINDING_NOTE);
    finding_title(f, "%s",
                  "K\xC3\xBC"
                  "che\xC2\x9B"
                  "31m");
    assert_string_equal(f->title, "K\xC3\xBC"
                                  "che??31m");
    for (int i = 0; i < 11; i++) finding_means(f, "%s ", "\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9F...");
    for (int i = 0; i < 400; i++) finding_read(f, "%s", "\xE3\x83\x8D");
    assert_string_equal(f->read + FINDING_TEXT_MAX - 4, "\xE3\x83\x8D");
    finding_todo(f, ".");
    for (int i = 0; i < 400; i++) finding_todo(f, "%s", "\xE3\x83\x8D");
    assert_string_equal(f->todo + FINDING_TEXT_MAX - 3, "??");
    char *text = print(&list, false, false);
    const char *means = strstr(text, "means");
    assert_non_null(means);
    assert_true(utf8_count((struct slice){means, strcspn(means, "\n")}) > 90);
    assert_true(utf8_valid(slice_of(text), NULL));
    free(text);
    finding_list_close(&list);
}

static void a_full_disk_is_told(void **state)
{
    (void)state;
    struct finding_list list;
    fill(&list);
    FILE *full = fopen("/dev/full", "w");
    if (full == NULL) skip();
    struct doctor_output output = {.to = full};
    struct printed printed = {.command = "test", .findings = &list};
    struct error err = {0};
    for (int json = 0; json < 2; json++) {
        output.json = json;
        assert_fails(printer_print(&output, &printed, &err), ERR_OUTPUT, "could not be written",
                     &err);
    }
    assert_fails(printer_dump(full, NULL, &err), ERR_OUTPUT, "could not be written", &err);
    fclose(full);
    assert_fails(printer_dump(stdout, NULL, &err), ERR_MEMORY, "no memory", &err);
    finding_list_close(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_ordered_and_wrapped), cmocka_unit_test(json_has_the_same),
        cmocka_unit_test(texts_are_bounded),           cmocka_unit_test(letters_are_shown),
        cmocka_unit_test(a_full_disk_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
