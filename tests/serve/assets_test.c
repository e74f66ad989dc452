/* assets_test.c - what is embedded is whole, and leads to nobody else. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/assets.h"

#include "help.h"

static const struct assets_row *found(const char *path)
{
    const struct assets_row *row = assets_find(path);
    if (row == NULL) fail_msg("%s is not embedded", path);
    assert_int_equal(strlen(row->tag), 18); /* 64 bits in hex, and quotes */
    assert_true(row->bytes.size > 0);
    bool gzip = row->bytes.size > 2 && memcmp(row->bytes.data, "\x1f\x8b", 2) == 0;
    assert_int_equal(row->packed, gzip);
    return row;
}

static bool holds(const struct assets_row *row, const char *text)
{
    return memmem(row->bytes.data, row->bytes.size, text, strlen(text)) != NULL;
}

static void the_page_asks_only_us(void **state)
{
    (void)state;
    static const char *const paths[] = {"/apidocs/", "/apidocs/page.css"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const struct assets_row *row = found(paths[i]);
        assert_false(row->packed);
        assert_false(holds(row, "https:"));
        assert_false(holds(row, "src=\"/"));
        assert_false(holds(row, "href=\"/"));
    }
    assert_true(holds(found("/apidocs/"), "../openapi.json"));
    assert_null(assets_find("/apidocs"));
    assert_null(assets_find("/apidocs/none"));
}

static void swagger_ui_is_whole_where_it_is(void **state)
{
    (void)state;
    if (!assets_have_ui()) {
        assert_null(assets_find("/apidocs/swagger-ui.css"));
        skip();
    }
    assert_true(found("/apidocs/swagger-ui-bundle.js")->packed);
    assert_true(found("/apidocs/swagger-ui.css")->packed);
    assert_string_equal(found("/apidocs/favicon-32x32.png")->type, "image/png");
    assert_true(holds(found("/apidocs/start.js"), "\"../openapi.json\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_asks_only_us),
        cmocka_unit_test(swagger_ui_is_whole_where_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
