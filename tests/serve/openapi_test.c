/* openapi_test.c - the description says what the three tables say, and nothing else. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/openapi.h"

#include <jansson.h>

#include "help.h"
#include "serve/routes.h"

static json_t *describe(void)
{
    struct error err;
    char *text;
    assert_fine(openapi_make(&text, "1.2.3", &err), &err);
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    free(text);
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
    json_t *root = describe();
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
    json_t *root = describe();
    assert_string_equal(json_string_value(at(root, "info", "version", NULL)), "1.2.3");
    size_t described = 0;
    const char *path;
    json_t *item;
    json_object_foreach(at(root, "paths", NULL, NULL), path, item)
    {
        described += json_object_size(item);
    }
    assert_int_equal(described, routes_count);
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
        assert_int_equal(json_object_size(responses), statuses);
        assert_int_equal(json_object_get(operation, "requestBody") != NULL,
                         route->takes != ROUTES_NOTHING);
        size_t parameters = 0;
        for (size_t p = 0; p < routes_parameters_count; p++)
            parameters += routes_takes(route, &routes_parameters[p]);
        assert_int_equal(json_array_size(json_object_get(operation, "parameters")), parameters);
        assert_int_equal(json_object_get(operation, "security") != NULL, route->admin);
    }
    json_decref(root);
}

/* Walks without recursion: every "$ref" names a schema that is there. */
static void every_reference_leads_somewhere(void **state)
{
    (void)state;
    json_t *root = describe();
    json_t *open[1000] = {root};
    size_t count = 1, references = 0;
    while (count > 0) {
        json_t *value = open[--count];
        const char *key;
        json_t *member;
        json_object_foreach(value, key, member)
        {
            static const char start[] = "#/components/schemas/";
            if (strcmp(key, "$ref") == 0) {
                const char *target = json_string_value(member);
                assert_int_equal(strncmp(target, start, sizeof start - 1), 0);
                at(root, "components", "schemas", target + sizeof start - 1);
                references++;
            }
            assert_true(count < 1000);
            open[count++] = member;
        }
    }
    assert_true(references >= 3);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_case_has_eight_fields),
        cmocka_unit_test(every_route_is_described),
        cmocka_unit_test(every_reference_leads_somewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
