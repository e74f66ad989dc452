/* openapi.c - three loops over three tables. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/openapi.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "serve/routes.h"

static json_t *case_schema(void)
{
    json_t *properties = json_object(), *example = json_object();
    for (int f = 0; f < CASE_FIELDS; f++) {
        const struct case_row *row = &case_rows[f];
        json_object_set_new(properties, row->name,
                            json_pack("{s:[s, s], s:s, s:i, s:s}", "type", "string", "null",
                                      "description", row->description, "maxLength",
                                      (int)TEXT_CODE_POINTS_MAX, "default", ""));
        json_object_set_new(example, row->name, json_string(row->example));
    }
    return json_pack("{s:s, s:s, s:o, s:o}", "type", "object", "description",
                     "A support case. Subject or description must hold text; an absent field is "
                     "the empty string.",
                     "properties", properties, "example", example);
}

static json_t *content(const char *type, const char *schema)
{
    char reference[64];
    snprintf(reference, sizeof reference, "#/components/schemas/%s", schema);
    return json_pack("{s:{s:{s:s}}}", type, "schema", "$ref", reference);
}

static json_t *problem_response(unsigned status)
{
    char description[512] = "";
    for (enum error_code code = ERR_NONE + 1; code < ERR_COUNT; code++) {
        const struct error_row *row = error_row(code);
        if ((unsigned)row->http_status != status) continue;
        if (strstr(description, row->title) != NULL) continue;
        if (description[0] != '\0')
            strncat(description, "; ", sizeof description - strlen(description) - 1);
        strncat(description, row->title, sizeof description - strlen(description) - 1);
    }
    return json_pack("{s:s, s:o}", "description", description, "content",
                     content("application/problem+json", "Problem"));
}

static json_t *parameters(const struct route *route)
{
    struct routes_wish wish = routes_wish_default(route);
    json_t *result = json_array();
    for (size_t i = 0; i < routes_parameters_count; i++) {
        const struct routes_parameter *row = &routes_parameters[i];
        if (!routes_takes(route, row)) continue;
        json_array_append_new(
            result, json_pack("{s:s, s:s, s:s, s:{s:s, s:[i, i], s:i}}", "name", row->name, "in",
                              "query", "description", row->summary, "schema", "type", "integer",
                              "enum", 0, 1, "default", *(bool *)((char *)&wish + row->offset)));
    }
    return result;
}

/* An array of them, or lines. */
static json_t *many(const char *schema)
{
    char reference[64];
    snprintf(reference, sizeof reference, "#/components/schemas/%s", schema);
    return json_pack("{s:{s:{s:s, s:{s:s}}}, s:{s:{s:s}}}", ROUTES_JSON, "schema", "type", "array",
                     "items", "$ref", reference, ROUTES_LINES, "schema", "type", "string");
}

static json_t *answered(const struct route *route)
{
    if (route->takes == ROUTES_CASES) return many("Item");
    if (route->takes == ROUTES_CASE) return content(ROUTES_JSON, "Answer");
    if (route->type != NULL)
        return json_pack("{s:{s:{s:s}}}", route->type, "schema", "type", "string");
    return json_pack("{s:{s:{s:s}}}", ROUTES_JSON, "schema", "type", "object");
}

static json_t *operation(const struct route *route)
{
    json_t *responses = json_object();
    json_t *fine = json_pack("{s:s}", "description", route->summary);
    json_object_set_new(fine, "content", answered(route));
    json_object_set_new(responses, "200", fine);
    for (const unsigned *status = route->statuses; *status != 0; status++) {
        char text[16];
        snprintf(text, sizeof text, "%u", *status);
        json_object_set_new(responses, text, problem_response(*status));
    }
    json_t *result = json_pack("{s:s, s:o}", "summary", route->summary, "responses", responses);
    json_t *taken = parameters(route);
    if (json_array_size(taken) > 0) json_object_set(result, "parameters", taken);
    json_decref(taken);
    if (route->admin) json_object_set_new(result, "security", json_pack("[{s:[]}]", "admin"));
    if (route->takes == ROUTES_NOTHING) return result;
    json_object_set_new(
        result, "requestBody",
        json_pack("{s:b, s:o}", "required", 1, "content",
                  route->takes == ROUTES_CASE ? content(ROUTES_JSON, "Case") : many("Case")));
    return result;
}

static json_t *paths(void)
{
    json_t *result = json_object();
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = &routes_table[i];
        json_t *item = json_object_get(result, route->path);
        if (item == NULL) {
            item = json_object();
            json_object_set_new(result, route->path, item);
        }
        json_object_set_new(item, strcmp(route->method, "GET") == 0 ? "get" : "post",
                            operation(route));
    }
    return result;
}

enum error_code openapi_make(char **out_text, const char *version, struct error *err)
{
    json_t *answer =
        json_pack("{s:s, s:[s], s:{s:{s:s, s:s}}, s:{s:s}}", "type", "object", "required",
                  "predicted_sbr", "properties", "predicted_sbr", "type", "string", "description",
                  "The best guess", "example", "predicted_sbr", "SysMgmt");
    json_t *item = json_pack("{s:s, s:s, s:[s], s:{s:{s:s}, s:{s:s}, s:{s:s}}}", "type", "object",
                             "description", "An answer, or why there is none", "required",
                             "case_number", "properties", "case_number", "type", "string",
                             "predicted_sbr", "type", "string", "error", "type", "object");
    json_t *problem = json_pack(
        "{s:s, s:s, s:[s, s, s, s], s:{s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}}}", "type",
        "object", "description", "RFC 9457", "required", "type", "title", "status", "detail",
        "properties", "type", "type", "string", "title", "type", "string", "status", "type",
        "integer", "detail", "type", "string", "hint", "type", "string");
    json_t *root = json_pack(
        "{s:s, s:{s:s, s:s, s:s}, s:o, s:{s:{s:o, s:o, s:o, s:o}, s:{s:{s:s, s:s}}}}", "openapi",
        "3.1.0", "info", "title", "air-classifier", "version", version, "description",
        "Routes support cases to the team (SBR) that can solve them.", "paths", paths(),
        "components", "schemas", "Case", case_schema(), "Answer", answer, "Item", item, "Problem",
        problem, "securitySchemes", "admin", "type", "http", "scheme", "bearer");
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    if (text == NULL) return error_set(err, ERR_MEMORY, 0, "no memory for the description");
    *out_text = text;
    return ERR_NONE;
}
