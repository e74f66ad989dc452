/* openapi_test.c - the description says what the three tables say, and nothing else. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/openapi.h"

#include <jansson.h>

#include "help.h"
#include "serve/routes.h"

static json_t *describe(bool swagger)
{
    struct error err;
    struct openapi_texts texts;
    assert_fine(openapi_make(&texts, "1.2.3", 64, &err), &err);
    json_error_t error;
    const char *text = swagger ? texts.swagger.json : texts.openapi.json;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    openapi_free(&texts);
    assert_non_null(root);
    return root;
}

static json_t *at(json_t *value, const char *first, const char *second, const char *third)
{
    const char *const keys[] = {first, second, third};
    for (size_t i = 0; i < 3 && keys[i] != NULL; i++) {
        value = json_object_get(value, keys[i]);
        if (value == NULL) fail_msg("no member %s", keys[i]);
    }
    return value;
}

static void the_case_has_eight_fields(void **state)
{
    (void)state;
    json_t *root = describe(false);
    json_t *schema = at(root, "components", "schemas", "Case");
    json_t *properties = at(schema, "properties", NULL, NULL);
    assert_int_equal(json_object_size(properties), 8);
    for (enum case_field f = 0; f < CASE_FIELDS; f++) {
        const char *name = case_rows[f].name;
        json_t *property = at(properties, name, NULL, NULL);
        assert_string_equal(json_string_value(at(property, "description", NULL, NULL)),
                            case_rows[f].description);
        assert_string_equal(json_string_value(at(schema, "example", name, NULL)),
                            case_rows[f].example);
        assert_string_equal(json_string_value(json_array_get(at(property, "type", NULL, NULL), 0)),
                            "string");
    }
    json_decref(root);
}

static void every_route_is_described(void **state)
{
    (void)state;
    json_t *root = describe(false);
    assert_string_equal(json_string_value(at(root, "info", "version", NULL)), "1.2.3");
    size_t described = 0;
    const char *path;
    json_t *item;
    json_object_foreach(at(root, "paths", NULL, NULL), path, item)
    {
        described += json_object_size(item);
    }
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = &routes_table[i];
        const char *method = strcmp(route->method, "GET") == 0 ? "get" : "post";
        json_t *operation = at(root, "paths", route->path, method);
        json_t *responses = at(operation, "responses", NULL, NULL);
        size_t statuses = 1;
        for (const unsigned *status = route->statuses; *status != 0; status++, statuses++) {
            char text[16];
            snprintf(text, sizeof text, "%u", *status);
            at(responses, text, "content", "application/problem+json");
            assert_true(json_string_length(at(responses, text, "description", NULL)) > 0);
        }
        at(responses, "200", "content", route->type != NULL ? route->type : "application/json");
        if (route->tagged) {
            at(responses, "304", "description", NULL);
            statuses++;
        }
        assert_int_equal(json_object_size(responses), statuses);
        assert_int_equal(json_object_get(operation, "requestBody") != NULL,
                         route->takes != ROUTES_NOTHING);
        size_t parameters = 0;
        for (size_t p = 0; p < routes_parameters_count; p++)
            parameters += routes_takes(route, &routes_parameters[p]);
        assert_int_equal(json_array_size(json_object_get(operation, "parameters")), parameters);
        assert_int_equal(json_object_get(operation, "security") != NULL, route->admin);
    }
    assert_int_equal(described, routes_count);
    json_decref(root);
}

/* What flasgger's clients look for, with the same paths and the same answers. */
static void swagger_says_the_same(void **state)
{
    (void)state;
    json_t *openapi = describe(false), *root = describe(true);
    assert_string_equal(json_string_value(at(root, "swagger", NULL, NULL)), "2.0");
    assert_int_equal(json_object_size(at(root, "paths", NULL, NULL)),
                     json_object_size(at(openapi, "paths", NULL, NULL)));
    assert_int_equal(json_object_size(at(root, "definitions", NULL, NULL)),
                     json_object_size(at(openapi, "components", "schemas", NULL)));
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = &routes_table[i];
        const char *method = strcmp(route->method, "GET") == 0 ? "get" : "post";
        json_t *own = at(root, "paths", route->path, method);
        json_t *other = at(openapi, "paths", route->path, method);
        assert_int_equal(json_object_size(at(own, "responses", NULL, NULL)),
                         json_object_size(at(other, "responses", NULL, NULL)));
        at(own, "responses", "200", "schema");
        assert_int_equal(json_object_get(own, "security") != NULL, route->admin);
        if (route->takes == ROUTES_NOTHING) continue;
        json_t *others = json_object_get(other, "parameters");
        json_t *body = json_array_get(at(own, "parameters", NULL, NULL), json_array_size(others));
        assert_string_equal(json_string_value(at(body, "in", NULL, NULL)), "body");
        assert_string_equal(json_string_value(json_array_get(at(own, "consumes", NULL, NULL), 0)),
                            ROUTES_JSON);
    }
    json_decref(root);
    json_decref(openapi);
}

static void texts_are_the_same_from_start_to_start(void **state)
{
    (void)state;
    struct error err;
    struct openapi_texts first, second, other;
    assert_fine(openapi_make(&first, "1.2.3", 64, &err), &err);
    assert_fine(openapi_make(&second, "1.2.3", 64, &err), &err);
    assert_fine(openapi_make(&other, "1.2.3", 65, &err), &err);
    assert_string_equal(first.openapi.json, second.openapi.json);
    assert_string_equal(first.swagger.json, second.swagger.json);
    assert_string_equal(first.openapi.tag, second.openapi.tag);
    assert_string_not_equal(first.openapi.tag, other.openapi.tag);
    assert_string_not_equal(first.openapi.tag, first.swagger.tag);
    openapi_free(&first);
    openapi_free(&second);
    openapi_free(&other);
}

/* Walks without recursion: every "$ref" names a schema that is there. */
static void assert_references_lead_somewhere(bool swagger)
{
    json_t *root = describe(swagger);
    json_t *open[1000] = {root};
    size_t count = 1, references = 0;
    while (count > 0) {
        json_t *value = open[--count];
        const char *key;
        json_t *member;
        json_object_foreach(value, key, member)
        {
            const char *start = swagger ? "#/definitions/" : "#/components/schemas/";
            if (strcmp(key, "$ref") == 0) {
                const char *target = json_string_value(member);
                assert_int_equal(strncmp(target, start, strlen(start)), 0);
                const char *name = target + strlen(start);
                if (swagger)
                    at(root, "definitions", name, NULL);
                else
                    at(root, "components", "schemas", name);
                references++;
            }
            assert_true(count < 1000);
            open[count++] = member;
        }
    }
    assert_true(references >= 3);
    json_decref(root);
}

static void every_reference_leads_somewhere(void **state)
{
    (void)state;
    assert_references_lead_somewhere(false);
    assert_references_lead_somewhere(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_case_has_eight_fields),
        cmocka_unit_test(every_route_is_described),
        cmocka_unit_test(swagger_says_the_same),
        cmocka_unit_test(texts_are_the_same_from_start_to_start),
        cmocka_unit_test(every_reference_leads_somewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
