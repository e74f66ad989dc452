/* unit_test.c - a journal that is not there, or has nothing, says so. */
// SPDX-License-Identifier: Apache-2.0
#include "help.h"

#include <sys/stat.h>
#include <unistd.h>

#include "doctor/unit.h"

static void an_empty_journal_says_so(void **state)
{
    (void)state;
    char folder[512];
    struct journal *journal;
    struct error err = {0};
    assert_fine(journal_open(&journal, &err), &err);
    snprintf(folder, sizeof folder, "%s/journal.%d", test_folder(), (int)getpid());
    assert_int_equal(mkdir(folder, 0700), 0);
    enum error_code code = unit_read_folder(journal, "air-classifier", folder, &err);
    rmdir(folder);
    if (code == ERR_UNAVAILABLE) {
        assert_non_null(strstr(err.detail, "libsystemd"));
        print_message("libsystemd is not here\n");
    } else {
        assert_int_equal(code, ERR_UNSEEN);
        assert_non_null(strstr(err.detail, "nothing of air-classifier"));
        assert_fails(unit_read_folder(journal, "x", "/nowhere/at/all", &err), ERR_UNAVAILABLE,
                     "cannot be opened", &err);
    }
    char name[400];
    memset(name, 'u', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_fails(unit_read(journal, name, &err), ERR_USAGE, "too long", &err);
    assert_int_equal(journal_group_count(journal), 0);
    journal_close(journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_empty_journal_says_so)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
