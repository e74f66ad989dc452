/* routes_test.c - finding a route, and what every refusal looks like. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/routes.h"

#include <jansson.h>

#include "help.h"

struct fixture {
    char buffer[ROUTES_REPLY_MAX];
    struct routes_reply reply;
};

static struct routes_reply *fresh(struct fixture *fixture)
{
    fixture->reply =
        (struct routes_reply){.body = writer_of(fixture->buffer, sizeof fixture->buffer)};
    return &fixture->reply;
}

/* The body is a problem document whose status is that of the reply. */
static void assert_problem(const struct routes_reply *reply, unsigned status, const char *type)
{
    assert_int_equal(reply->status, status);
    assert_string_equal(reply->type, "application/problem+json");
    assert_false(reply->body.cut);
    json_error_t error;
    json_t *problem = json_loadb(reply->body.data, reply->body.used, 0, &error);
    assert_non_null(problem);
    assert_int_equal(json_integer_value(json_object_get(problem, "status")), status);
    assert_string_equal(json_string_value(json_object_get(problem, "type")), type);
    assert_true(json_string_length(json_object_get(problem, "title")) > 0);
    assert_true(json_string_length(json_object_get(problem, "detail")) > 0);
    json_decref(problem);
}

static void every_row_is_found(void **state)
{
    (void)state;
    struct fixture fixture;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = &routes_table[i];
        assert_ptr_equal(routes_find(route->method, route->path, fresh(&fixture)), route);
        bool get = strcmp(route->method, "GET") == 0;
        assert_ptr_equal(routes_find("HEAD", route->path, fresh(&fixture)), get ? route : NULL);
        assert_null(routes_find("OPTIONS", route->path, fresh(&fixture)));
        assert_int_equal(fixture.reply.status, 200);
        assert_non_null(strstr(fixture.reply.allow, route->method));
        assert_null(routes_find("DELETE", route->path, fresh(&fixture)));
        assert_problem(&fixture.reply, 405, "/problems/method");
        assert_non_null(strstr(fixture.reply.allow, route->method));
    }
}

static void what_is_embedded_belongs_to_its_page(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct route *page = routes_find("GET", "/apidocs/", fresh(&fixture));
    assert_non_null(page);
    assert_ptr_equal(routes_find("HEAD", "/apidocs/page.css", fresh(&fixture)), page);
    assert_null(routes_find("POST", "/apidocs/page.css", fresh(&fixture)));
    assert_problem(&fixture.reply, 405, "/problems/method");
    static const char *const others[] = {"/apidocs/none", "/apidocs//page.css", "/apidocs/../x"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_null(routes_find("GET", others[i], fresh(&fixture)));
        assert_problem(&fixture.reply, 404, "/problems/not-found");
    }
}

static void other_paths_are_not(void **state)
{
    (void)state;
    static const char *const paths[] = {"", "/", "/classifier/sbr/", "/CLASSIFIER/SBR", "health"};
    struct fixture fixture;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_null(routes_find("GET", paths[i], fresh(&fixture)));
        assert_problem(&fixture.reply, 404, "/problems/not-found");
        assert_null(fixture.reply.allow);
    }
}

static void methods_of_any_length_fit(void **state)
{
    (void)state;
    char method[5000];
    memset(method, '\xc3', sizeof method - 1); /* cut anywhere, it is no UTF-8 */
    method[sizeof method - 1] = '\0';
    struct fixture fixture;
    assert_null(routes_find(method, "/health/live", fresh(&fixture)));
    assert_problem(&fixture.reply, 405, "/problems/method");
}

static void every_error_is_a_problem(void **state)
{
    (void)state;
    struct fixture fixture;
    struct error err;
    for (enum error_code code = ERR_NONE + 1; code < ERR_COUNT; code++) {
        /* The longest detail there is, of the characters that grow most when escaped. */
        char longest[ERROR_DETAIL_MAX + 100];
        memset(longest, '\x01', sizeof longest - 1);
        longest[sizeof longest - 1] = '\0';
        error_set(&err, code, 0, "%s", longest);
        routes_problem(fresh(&fixture), &err);
        char type[64];
        snprintf(type, sizeof type, "/problems/%s", error_row(code)->type);
        assert_problem(&fixture.reply, (unsigned)error_row(code)->http_status, type);
        assert_in_range(fixture.reply.status, 400, 599);
        bool later = fixture.reply.status == 503 || fixture.reply.status == 429;
        assert_int_equal(fixture.reply.retry_after_seconds > 0, later);
    }
}

static const struct route *route_at(const char *path)
{
    struct fixture fixture;
    const struct route *route = routes_find("POST", path, fresh(&fixture));
    assert_non_null(route);
    return route;
}

static enum error_code wish(struct routes_wish *wish, const char *name, const char *value,
                            struct error *err)
{
    return routes_wish(&routes_table[0], name, value, wish, err);
}

static void a_wish_is_told_by_parameters(void **state)
{
    (void)state;
    struct error err = {0};
    struct routes_wish none = {0}, all = {0}, no = {0};
    for (size_t i = 0; i < routes_parameters_count; i++) {
        const struct routes_parameter *row = &routes_parameters[i];
        static const char *const paths[] = {"/classifier/sbr", "/admin/reload"};
        bool admin = row->of == ROUTES_OF_ADMIN;
        const struct route *route = route_at(paths[admin]), *other = route_at(paths[!admin]);
        assert_fine(routes_wish(route, row->name, "1", &all, &err), &err);
        assert_fine(routes_wish(route, row->name, "0", &no, &err), &err);
        assert_true(*(bool *)((char *)&all + row->offset));
        assert_false(*(bool *)((char *)&no + row->offset));
        assert_int_equal(routes_wish(route, row->name, "1", &all, &err), ERR_PARAMETER); /* twice */
        assert_fails(routes_wish(other, row->name, "1", &none, &err), ERR_PARAMETER, "not known",
                     &err);
        static const char *const values[] = {NULL, "", "2", "true", "01"};
        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
            struct routes_wish kept = none;
            assert_int_equal(routes_wish(route, row->name, values[v], &kept, &err), ERR_PARAMETER);
            assert_non_null(strstr(err.detail, row->name));
        }
    }
    assert_int_equal(wish(&none, "details", "1", &err), ERR_PARAMETER);
    assert_non_null(strstr(err.detail, "'details'"));
    assert_non_null(strstr(err.detail, "'detail'"));
    struct fixture fixture;
    const struct route *batch = routes_find("POST", "/classifier/sbr/batch", fresh(&fixture));
    assert_true(routes_wish_default(batch).detail);
    assert_false(routes_wish_default(&routes_table[0]).detail);
    const struct route *health = routes_find("GET", "/health/live", fresh(&fixture));
    assert_fine(routes_wish(health, "verbose", NULL, &none, &err), &err); /* not ours */
}

static void draining_is_not_ready_but_live(void **state)
{
    (void)state;
    struct fixture fixture;
    struct routes_state shared = {0};
    struct routes_wish none = {0};
    atomic_store(&shared.draining, true);
    routes_find("GET", "/health/ready", fresh(&fixture))
        ->answer(&shared, NULL, &none, fresh(&fixture));
    assert_problem(&fixture.reply, 503, "/problems/draining");
    routes_find("GET", "/health/live", fresh(&fixture))
        ->answer(&shared, NULL, &none, fresh(&fixture));
    assert_int_equal(fixture.reply.status, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_found),
        cmocka_unit_test(what_is_embedded_belongs_to_its_page),
        cmocka_unit_test(other_paths_are_not),
        cmocka_unit_test(methods_of_any_length_fit),
        cmocka_unit_test(every_error_is_a_problem),
        cmocka_unit_test(a_wish_is_told_by_parameters),
        cmocka_unit_test(draining_is_not_ready_but_live),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
