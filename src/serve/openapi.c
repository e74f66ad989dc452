/* openapi.c - loops over the tables, in two dialects.
 *
 * They differ in where schemas lie, how a body and a type that may be null are told, and in that
 * only OpenAPI can say that one of two fields must hold text. Keys are sorted, so that the texts
 * are the same, byte by byte, from one start to the next. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/openapi.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "answer/answer.h"
#include "base/limits.h"
#include "serve/routes.h"

struct dialect {
    bool swagger; /* 2.0 */
    const char *schemas;
    size_t batch_max;
};

static json_t *reference(const struct dialect *dialect, const char *schema)
{
    char text[64];
    snprintf(text, sizeof text, "%s%s", dialect->schemas, schema);
    return json_pack("{s:s}", "$ref", text);
}

static json_t *typed(const char *type, const char *description)
{
    return json_pack("{s:s, s:s}", "type", type, "description", description);
}

static json_t *count_of(const char *what)
{
    return json_pack("{s:s, s:s, s:i}", "type", "integer", "description", what, "minimum", 0);
}

static json_t *array_of(json_t *items)
{
    return json_pack("{s:s, s:o}", "type", "array", "items", items);
}

/* Properties, all of which are there, but for those from `optional` on. */
static json_t *object_of(const char *description, json_t *properties, size_t needed)
{
    const char *name;
    json_t *property, *required = json_array();
    json_object_foreach(properties, name, property)
    {
        if (json_array_size(required) < needed) json_array_append_new(required, json_string(name));
    }
    json_t *schema = json_pack("{s:s, s:s, s:o}", "type", "object", "description", description,
                               "properties", properties);
    if (needed > 0)
        json_object_set_new(schema, "required", required);
    else
        json_decref(required);
    return schema;
}

/* Schemas */

static json_t *case_example(void)
{
    json_t *example = json_object();
    for (int f = 0; f < CASE_FIELDS; f++)
        json_object_set_new(example, case_rows[f].name, json_string(case_rows[f].example));
    return example;
}

/* "this field holds text" */
static json_t *filled(enum case_field field)
{
    const char *name = case_rows[field].name;
    return json_pack("{s:[s], s:{s:{s:s, s:i}}}", "required", name, "properties", name, "type",
                     "string", "minLength", 1);
}

static json_t *case_schema(const struct dialect *dialect)
{
    json_t *properties = json_object();
    for (int f = 0; f < CASE_FIELDS; f++) {
        const struct case_row *row = &case_rows[f];
        json_t *property = json_pack("{s:s, s:s}", "description", row->description, "default", "");
        if (dialect->swagger) {
            json_object_set_new(property, "type", json_string("string"));
            json_object_set_new(property, "x-nullable", json_true());
        } else {
            json_object_set_new(property, "type", json_pack("[s, s]", "string", "null"));
        }
        json_object_set_new(properties, row->name, property);
    }
    char description[256];
    snprintf(description, sizeof description,
             "A support case. Subject or description must hold text; an absent field is the empty "
             "string; all together hold at most %d characters.",
             TEXT_CODE_POINTS_MAX);
    json_t *schema = object_of(description, properties, 0);
    if (!dialect->swagger)
        json_object_set_new(schema, "anyOf",
                            json_pack("[o, o]", filled(CASE_SUBJECT), filled(CASE_DESCRIPTION)));
    json_object_set_new(schema, "example", case_example());
    return schema;
}

static json_t *guess(const char *key, size_t needed)
{
    json_t *properties = json_object();
    json_object_set_new(properties, key, typed("string", "An SBR"));
    json_object_set_new(properties, "confidence",
                        json_pack("{s:s, s:s, s:i, s:i}", "type", "number", "description",
                                  "Probability that it is right", "minimum", 0, "maximum", 1));
    return object_of("A guess", properties, needed);
}

static json_t *answer_properties(void)
{
    json_t *properties = json_object(), *members = json_object(), *model = json_object();
    json_object_set_new(properties, "predicted_sbr", typed("string", "The best guess"));
    json_object_set_new(properties, "confidence",
                        json_pack("{s:s, s:s, s:i, s:i}", "type", "number", "description",
                                  "Probability that it is right", "minimum", 0, "maximum", 1));
    json_object_set_new(properties, "abstained",
                        typed("boolean", "Whether confidence lies under this SBR's threshold"));
    json_t *others = array_of(guess("sbr", 2));
    json_object_set_new(others, "description", json_string("The next best SBRs"));
    json_object_set_new(properties, "alternatives", others);
    for (int m = 0; m < ANSWER_MEMBERS; m++)
        json_object_set_new(members, answer_members[m], guess("predicted_sbr", 2));
    json_object_set_new(properties, "members",
                        object_of("What each member of the ensemble says alone", members, 0));
    json_object_set_new(properties, "truncated",
                        typed("boolean", "Whether ULMFiT read only the beginning"));
    json_object_set_new(properties, "decision_id",
                        typed("string", "Names model, case and answer; 'replay' proves it"));
    json_object_set_new(model, "version", typed("string", "When it was made"));
    json_object_set_new(model, "checksum", typed("string", "Of its file"));
    json_object_set_new(properties, "model", object_of("The model that answered", model, 2));
    return properties;
}

static json_t *reasons_schema(void)
{
    json_t *properties = json_object(), *fields = json_array();
    for (int f = 0; f < CASE_FIELDS; f++)
        json_array_append_new(fields, json_string(case_rows[f].name));
    json_object_set_new(properties, "field",
                        json_pack("{s:s, s:o}", "type", "string", "enum", fields));
    json_object_set_new(properties, "start", count_of("Byte of the field where it begins"));
    json_object_set_new(properties, "end", count_of("The byte behind it"));
    json_object_set_new(properties, "text",
                        typed("string", "What stands there, or the beginning of it"));
    json_object_set_new(properties, "weight",
                        typed("number", "What it adds to the difference; below 0: for the "
                                        "runner-up"));
    json_t *reasons = array_of(object_of("Words of the case", properties, 5));
    json_object_set_new(reasons, "description",
                        json_string("The heaviest first; the last one, whose text is empty, is all "
                                    "that no other tells. They sum to the difference"));
    json_object_set_new(reasons, "maxItems", json_integer(EXPLAIN_REASONS + 1));
    return reasons;
}

static json_t *answer_schema(void)
{
    json_t *properties = answer_properties(), *runner_up = json_object();
    json_object_set_new(runner_up, "sbr", typed("string", "The next best SBR"));
    json_object_set_new(runner_up, "difference",
                        typed("number", "Score of the answer less that of this one"));
    json_object_set_new(properties, "runner_up",
                        object_of("Against which the answer is explained", runner_up, 2));
    json_object_set_new(properties, "reasons", reasons_schema());
    json_t *schema = object_of("An answer; runner_up and reasons with ?explain=1, all others but "
                               "the first with ?detail=1",
                               properties, 1);
    json_object_set_new(schema, "example", json_pack("{s:s}", "predicted_sbr", "SysMgmt"));
    return schema;
}

static json_t *item_schema(void)
{
    json_t *properties = json_object(), *fault = json_object();
    json_object_set_new(properties, "case_number", typed("string", "The case's own"));
    json_object_set_new(fault, "code", typed("string", "As in a problem's type"));
    json_object_set_new(fault, "detail", typed("string", "What was wrong"));
    json_object_set_new(fault, "line", typed("integer", "Its line, or place in the array, from 1"));
    json_object_set_new(properties, "error", object_of("Why it is not answered", fault, 3));
    json_t *answer = answer_properties();
    json_object_update_missing(properties, answer);
    json_decref(answer);
    return object_of("The answer to a case of many, or its error", properties, 1);
}

static json_t *problem_schema(void)
{
    json_t *properties = json_object();
    json_object_set_new(properties, "type", typed("string", "/problems/ and a word that stays"));
    json_object_set_new(properties, "title", typed("string", "The same for each type"));
    json_object_set_new(properties, "status", typed("integer", "The HTTP status"));
    json_object_set_new(properties, "detail", typed("string", "What was wrong, and where"));
    json_object_set_new(properties, "hint", typed("string", "What to do"));
    return object_of("RFC 9457", properties, 5);
}

static json_t *loaded_model(const char *description)
{
    json_t *properties = json_object();
    json_object_set_new(properties, "checksum", typed("string", "Of its file"));
    json_object_set_new(properties, "sbrs", count_of("It tells apart"));
    return object_of(description, properties, 2);
}

static json_t *reload_schema(void)
{
    json_t *properties = json_object();
    json_object_set_new(properties, "model", loaded_model("The one that answers now"));
    json_object_set_new(properties, "before", loaded_model("The one that answered"));
    json_object_set_new(properties, "sbrs_added", count_of("SBRs that are new"));
    json_object_set_new(properties, "sbrs_removed", count_of("SBRs that are gone"));
    json_object_set_new(properties, "cases_rehearsed", count_of("Clients' last cases it answered"));
    json_object_set_new(properties, "cases_differing", count_of("Of them, answered differently"));
    json_object_set_new(properties, "seconds", typed("number", "It took"));
    return object_of("A reload that was done", properties, 7);
}

static json_t *flag_schema(const char *name, const char *description)
{
    json_t *properties = json_object();
    json_object_set_new(properties, name, typed("boolean", description));
    return object_of(description, properties, 1);
}

static json_t *schemas(const struct dialect *dialect)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "Case", case_schema(dialect), "Answer",
                     answer_schema(), "Item", item_schema(), "Problem", problem_schema(), "Live",
                     flag_schema("live", "The process answers"), "Ready",
                     flag_schema("ready", "Cases are answered rightly"), "Reload", reload_schema());
}

/* Operations */

/* Each item that is no case has its error in its place. */
static json_t *cases_schema(const struct dialect *dialect)
{
    json_t *item = reference(dialect, "Case");
    if (!dialect->swagger)
        item = json_pack("{s:[o, {s:s}]}", "anyOf", item, "description",
                         "Anything else gets its error in its place");
    json_t *schema = array_of(item);
    json_object_set_new(schema, "maxItems", json_integer((json_int_t)dialect->batch_max));
    return schema;
}

/* Of a request any text: a line that is no case has its error. */
static json_t *lines_schema(bool request)
{
    static const char description[] = "A JSON object a line";
    if (!request) return typed("string", description);
    return json_pack("{s:s, s:s}", "description", description, "example",
                     "{\"case_number\":\"1\",\"subject\":\"disk full\"}\n");
}

static json_t *schema_of(const struct dialect *dialect, const struct route *route, bool request)
{
    if (route->takes == ROUTES_CASES)
        return request ? cases_schema(dialect) : array_of(reference(dialect, "Item"));
    if (route->takes == ROUTES_CASE) return reference(dialect, request ? "Case" : "Answer");
    if (route->schema != NULL) return reference(dialect, route->schema);
    return json_pack("{s:s}", "type", route->type != NULL ? "string" : "object");
}

/* What is told of a body, in the types it may have. */
static json_t *content(const struct dialect *dialect, const struct route *route, bool request)
{
    const char *type = route->type != NULL ? route->type : ROUTES_JSON;
    json_t *first = json_pack("{s:o}", "schema", schema_of(dialect, route, request));
    if (route->takes == ROUTES_CASES && request)
        json_object_set_new(first, "example", json_pack("[o]", case_example()));
    json_t *result = json_pack("{s:o}", type, first);
    if (route->takes == ROUTES_CASES && !dialect->swagger)
        json_object_set_new(result, ROUTES_LINES,
                            json_pack("{s:o}", "schema", lines_schema(request)));
    return result;
}

/* In Swagger 2.0 a body has one schema, whatever its type; lines are not told there. */
static json_t *first_schema(json_t *content)
{
    json_t *schema =
        json_incref(json_object_get(json_object_iter_value(json_object_iter(content)), "schema"));
    json_decref(content);
    return schema;
}

static json_t *response(const struct dialect *dialect, const char *description, json_t *content)
{
    if (dialect->swagger)
        return json_pack("{s:s, s:o}", "description", description, "schema", first_schema(content));
    return json_pack("{s:s, s:o}", "description", description, "content", content);
}

/* The titles of all errors that have this status. */
static json_t *problem_response(const struct dialect *dialect, unsigned status)
{
    char text[512];
    struct writer titles = writer_of(text, sizeof text - 1);
    for (enum error_code code = ERR_NONE + 1; code < ERR_COUNT; code++) {
        const struct error_row *row = error_row(code);
        text[titles.used] = '\0';
        if ((unsigned)row->http_status != status || strstr(text, row->title) != NULL) continue;
        writer_format(&titles, "%s%s", titles.used > 0 ? "; " : "", row->title);
    }
    text[titles.used] = '\0';
    return response(dialect, text,
                    json_pack("{s:{s:o}}", "application/problem+json", "schema",
                              reference(dialect, "Problem")));
}

static json_t *parameter(const struct dialect *dialect, const struct routes_parameter *row,
                         bool usual)
{
    json_t *schema =
        json_pack("{s:s, s:[i, i], s:i}", "type", "integer", "enum", 0, 1, "default", usual);
    json_t *result =
        json_pack("{s:s, s:s, s:s}", "name", row->name, "in", "query", "description", row->summary);
    if (dialect->swagger)
        json_object_update_new(result, schema);
    else
        json_object_set_new(result, "schema", schema);
    return result;
}

static json_t *parameters(const struct dialect *dialect, const struct route *route)
{
    struct routes_wish wish = routes_wish_default(route);
    json_t *result = json_array();
    for (size_t i = 0; i < routes_parameters_count; i++) {
        const struct routes_parameter *row = &routes_parameters[i];
        if (!routes_takes(route, row)) continue;
        bool usual = *(bool *)((char *)&wish + row->offset);
        json_array_append_new(result, parameter(dialect, row, usual));
    }
    return result;
}

static json_t *keys_of(json_t *object)
{
    const char *key;
    json_t *value, *keys = json_array();
    json_object_foreach(object, key, value) json_array_append_new(keys, json_string(key));
    json_decref(object);
    return keys;
}

static void add_body(const struct dialect *dialect, const struct route *route, json_t *operation,
                     json_t *own)
{
    json_t *body = content(dialect, route, true);
    if (dialect->swagger) {
        json_object_set_new(operation, "consumes", keys_of(json_incref(body)));
        json_array_append_new(own, json_pack("{s:s, s:s, s:b, s:o}", "name", "body", "in", "body",
                                             "required", 1, "schema", first_schema(body)));
    } else {
        json_object_set_new(operation, "requestBody",
                            json_pack("{s:b, s:o}", "required", 1, "content", body));
    }
}

static json_t *operation(const struct dialect *dialect, const struct route *route)
{
    json_t *responses = json_object(), *fine = content(dialect, route, false);
    json_t *result = json_pack("{s:s, s:s}", "operationId", route->name, "summary", route->summary);
    if (dialect->swagger) {
        json_t *produces = keys_of(json_incref(fine));
        if (route->statuses[0] != 0)
            json_array_append_new(produces, json_string("application/problem+json"));
        json_object_set_new(result, "produces", produces);
    }
    json_object_set_new(responses, "200", response(dialect, route->summary, fine));
    if (route->tagged)
        json_object_set_new(responses, "304",
                            json_pack("{s:s}", "description", "As it was: If-None-Match names it"));
    for (const unsigned *status = route->statuses; *status != 0; status++) {
        char text[16];
        snprintf(text, sizeof text, "%u", *status);
        json_object_set_new(responses, text, problem_response(dialect, *status));
    }
    json_object_set_new(result, "responses", responses);
    json_t *own = parameters(dialect, route);
    if (route->takes != ROUTES_NOTHING) add_body(dialect, route, result, own);
    if (json_array_size(own) > 0) json_object_set(result, "parameters", own);
    json_decref(own);
    if (route->admin) json_object_set_new(result, "security", json_pack("[{s:[]}]", "admin"));
    return result;
}

static json_t *paths(const struct dialect *dialect)
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
                            operation(dialect, route));
    }
    return result;
}

static json_t *describe(const struct dialect *dialect, const char *version)
{
    json_t *root =
        json_pack("{s:{s:s, s:s, s:s}, s:o}", "info", "title", "air-classifier", "version", version,
                  "description", "Routes support cases to the team (SBR) that can solve them.",
                  "paths", paths(dialect));
    if (dialect->swagger) {
        json_object_set_new(root, "swagger", json_string("2.0"));
        json_object_set_new(root, "definitions", schemas(dialect));
        json_object_set_new(root, "securityDefinitions",
                            json_pack("{s:{s:s, s:s, s:s, s:s}}", "admin", "type", "apiKey", "in",
                                      "header", "name", "Authorization", "description",
                                      "The word Bearer, a space, and the token"));
        return root;
    }
    json_object_set_new(root, "openapi", json_string("3.1.0"));
    /* Relative to this text's own address, so that it is right behind any path prefix. */
    json_object_set_new(root, "servers", json_pack("[{s:s}]", "url", "."));
    json_object_set_new(root, "components",
                        json_pack("{s:o, s:{s:{s:s, s:s}}}", "schemas", schemas(dialect),
                                  "securitySchemes", "admin", "type", "http", "scheme", "bearer"));
    return root;
}

static enum error_code make(struct openapi_text *out_text, const struct dialect *dialect,
                            const char *version, struct error *err)
{
    json_t *root = describe(dialect, version);
    char *json = root != NULL ? json_dumps(root, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;
    json_decref(root);
    if (json == NULL) return error_set(err, ERR_MEMORY, 0, "no memory for the description");
    out_text->json = json;
    snprintf(out_text->tag, sizeof out_text->tag, "\"%016llx\"",
             (unsigned long long)XXH3_64bits(json, strlen(json)));
    return ERR_NONE;
}

enum error_code openapi_make(struct openapi_texts *out_texts, const char *version, size_t batch_max,
                             struct error *err)
{
    struct openapi_texts texts = {0};
    struct dialect openapi = {false, "#/components/schemas/", batch_max};
    struct dialect swagger = {true, "#/definitions/", batch_max};
    TRY(make(&texts.openapi, &openapi, version, err));
    enum error_code code = make(&texts.swagger, &swagger, version, err);
    if (code == ERR_NONE)
        *out_texts = texts;
    else
        openapi_free(&texts);
    return code;
}

void openapi_free(struct openapi_texts *texts)
{
    free(texts->openapi.json);
    free(texts->swagger.json);
    *texts = (struct openapi_texts){0};
}
