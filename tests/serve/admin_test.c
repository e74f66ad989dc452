/* admin_test.c - which files hold a token, and who brings it. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/admin.h"

#include <sys/stat.h>
#include <unistd.h>

#include "help.h"

static char path[4096];

static void put(const char *text, size_t size)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
}

static enum error_code open_with(const char *text, struct admin *admin, struct error *err)
{
    put(text, strlen(text));
    return admin_open(admin, path, err);
}

static void the_token_lets_in(void **state)
{
    (void)state;
    struct error err;
    struct admin admin;
    assert_fine(open_with("0123456789abcdef\n", &admin, &err), &err);
    assert_fine(admin_check(&admin, "Bearer 0123456789abcdef", &err), &err);
    assert_fine(admin_check(&admin, "bearer 0123456789abcdef", &err), &err); /* RFC 9110, 11.1 */
    static const char *const others[] = {
        NULL,
        "",
        "Bearer",
        "Bearer ",
        "Basic 0123456789abcdef",
        "Bearer 0123456789abcdeX",
        "Bearer 0123456789abcde",
        "Bearer 0123456789abcdef ",
        "Bearer 0123456789abcdef0",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(admin_check(&admin, others[i], &err), ERR_UNAUTHORIZED);
}

static void without_a_token_nobody_may(void **state)
{
    (void)state;
    struct error err;
    struct admin admin;
    assert_fine(admin_open(&admin, NULL, &err), &err);
    assert_int_equal(admin_check(&admin, NULL, &err), ERR_FORBIDDEN);
    assert_int_equal(admin_check(&admin, "Bearer ", &err), ERR_FORBIDDEN);
}

static void what_is_no_token(void **state)
{
    (void)state;
    struct error err;
    struct admin admin = {.size = 7};
    char longest[ADMIN_TOKEN_MAX + 2];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_fails(open_with("", &admin, &err), ERR_USAGE, "0 bytes", &err);
    assert_fails(open_with("too short\n", &admin, &err), ERR_USAGE, "9 bytes", &err);
    assert_fails(open_with(longest, &admin, &err), ERR_USAGE, "513 bytes", &err);
    assert_fails(open_with("0123456789 abcdef", &admin, &err), ERR_USAGE, "one line", &err);
    assert_fails(open_with("0123456789\nabcdef", &admin, &err), ERR_USAGE, "one line", &err);
    assert_fails(open_with("0123456789\xC3\xA9"
                           "abcdef",
                           &admin, &err),
                 ERR_USAGE, "ASCII", &err);
    put("0123456789\0abcdef", 17);
    assert_fails(admin_open(&admin, path, &err), ERR_USAGE, "one line", &err);
    unlink(path);
    assert_int_equal(admin_open(&admin, path, &err), ERR_NO_INPUT);
    assert_int_equal(admin.size, 7); /* untouched */
}

int main(void)
{
    snprintf(path, sizeof path, "%s/%ld.token", test_folder(), (long)getpid());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_token_lets_in),
        cmocka_unit_test(without_a_token_nobody_may),
        cmocka_unit_test(what_is_no_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
