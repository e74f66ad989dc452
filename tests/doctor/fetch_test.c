/* fetch_test.c - the numbers of libcurl's ABI, and servers that are not there. */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/fetch.c" /* its numbers are its own */

#include "help.h"

#if __has_include(<curl/curl.h>)
#include <curl/curl.h>
_Static_assert(OPT_WRITEDATA == (int)CURLOPT_WRITEDATA, "ABI");
_Static_assert(OPT_URL == (int)CURLOPT_URL, "ABI");
_Static_assert(OPT_PROXY == (int)CURLOPT_PROXY, "ABI");
_Static_assert(OPT_ERRORBUFFER == (int)CURLOPT_ERRORBUFFER, "ABI");
_Static_assert(OPT_POSTFIELDS == (int)CURLOPT_POSTFIELDS, "ABI");
_Static_assert(OPT_USERAGENT == (int)CURLOPT_USERAGENT, "ABI");
_Static_assert(OPT_HTTPHEADER == (int)CURLOPT_HTTPHEADER, "ABI");
_Static_assert(OPT_HEADERDATA == (int)CURLOPT_HEADERDATA, "ABI");
_Static_assert(OPT_CAINFO == (int)CURLOPT_CAINFO, "ABI");
_Static_assert(OPT_WRITEFUNCTION == (int)CURLOPT_WRITEFUNCTION, "ABI");
_Static_assert(OPT_HEADERFUNCTION == (int)CURLOPT_HEADERFUNCTION, "ABI");
_Static_assert(OPT_NOSIGNAL == (int)CURLOPT_NOSIGNAL, "ABI");
_Static_assert(OPT_TIMEOUT_MS == (int)CURLOPT_TIMEOUT_MS, "ABI");
_Static_assert(OPT_CONNECTTIMEOUT_MS == (int)CURLOPT_CONNECTTIMEOUT_MS, "ABI");
_Static_assert(OPT_PROTOCOLS == 181 && PROTOCOLS_HTTP == (CURLPROTO_HTTP | CURLPROTO_HTTPS), "ABI");
_Static_assert(INFO_RESPONSE_CODE == (int)CURLINFO_RESPONSE_CODE, "ABI");
_Static_assert(INFO_TOTAL_TIME == (int)CURLINFO_TOTAL_TIME, "ABI");
_Static_assert(GLOBAL_ALL == (int)CURL_GLOBAL_ALL, "ABI");
_Static_assert(ERROR_BUFFER_BYTES == (int)CURL_ERROR_SIZE, "ABI");
#endif

static void nobody_is_an_answer(void **state)
{
    (void)state;
    struct fetch *fetch;
    struct error err = {0};
    if (fetch_open(&fetch, &err) == ERR_UNAVAILABLE) {
        print_message("skipped: %s\n", err.detail);
        skip();
    }
    static const char *const addresses[] = {"http://127.0.0.1:9/", "gopher://127.0.0.1/", "",
                                            "http://"};
    struct fetch_answer *answer = calloc(1, sizeof *answer);
    assert_non_null(answer);
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct fetch_request request = {.url = addresses[i], .timeout_ms = 1000, .proxy = ""};
        answer->status = 7;
        assert_fine(fetch_once(fetch, &request, answer, &err), &err);
        assert_int_equal(answer->status, 0);
        assert_true(strlen(answer->failure) > 5);
        assert_int_equal(answer->size, 0);
    }
    free(answer);
    fetch_close(fetch);
}

/* A body larger than the room is cut, its end is not written over. */
static void bodies_are_bounded(void **state)
{
    (void)state;
    struct fetch_answer *answer = calloc(1, sizeof *answer);
    char *piece = calloc(1, 50000);
    assert_true(answer != NULL && piece != NULL);
    memset(piece, 'x', 50000);
    for (int i = 0; i < 5; i++) assert_int_equal(take_body(piece, 1, 50000, answer), 50000);
    assert_int_equal(answer->size, FETCH_BODY_MAX);
    assert_int_equal(answer->body[FETCH_BODY_MAX - 1], 'x');
    assert_int_equal(answer->body[FETCH_BODY_MAX], 0);
    char header[] =
        "Server: a-name-that-is-far-longer-than-the-sixty-three-bytes-that-are-kept-of-it\r\n";
    assert_int_equal(take_header(header, 1, sizeof header - 1, answer), sizeof header - 1);
    assert_int_equal(strlen(answer->server), sizeof answer->server - 1);
    free(piece);
    free(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_an_answer),
        cmocka_unit_test(bodies_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
