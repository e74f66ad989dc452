/* cmd_serve.c - options to the serving room, and its memory contract for people and programs. */
// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cmd.h"
#include "cli/serving.h"
#include "serve/serve.h"

static void print_line(const char *part, struct contract_bytes serving,
                       struct contract_bytes reloading, const char *of)
{
    const double mib = 1 << 20;
    printf("%-12s %9.2f %9.2f %9.2f %9.2f  %s\n", part, (double)serving.memory / mib,
           (double)serving.address / mib, (double)reloading.memory / mib,
           (double)reloading.address / mib, of);
}

static void print_limit(const char *what, int64_t limit, const char *where)
{
    if (limit == ROOT_UNLIMITED)
        printf("%s is not limited here\n", what);
    else
        printf("%s is limited to %" PRId64 " bytes here: %s\n", what, limit, where);
}

static void print_plan(const struct serve_verdict *verdict)
{
    const struct contract *contract = &verdict->contract;
    struct contract_bytes serving = contract_serving(contract),
                          reloading = contract_reloading(contract);
    printf("At most, in MiB:  serving             while a reload is rehearsed\n"
           "%-12s %9s %9s %9s %9s\n",
           "", "memory", "address", "memory", "address");
    for (size_t i = 0; i < contract->count; i++) {
        const struct contract_row *row = &contract->rows[i];
        print_line(row->part, row->serving, row->reloading, row->of);
    }
    print_line("sum", serving, reloading, "");
    printf("\nserving    %zu bytes of memory, %zu of address space\n"
           "reloading  %zu bytes of memory, %zu of address space\n"
           "%u threads, %u open files (%u with as few connections as may be)\n\n",
           serving.memory, serving.address, reloading.memory, reloading.address, contract->tasks,
           contract->descriptors, contract->descriptors_least);
    print_limit("memory", verdict->limits.memory, verdict->limits.memory_at);
    print_limit("address space", verdict->limits.address, verdict->limits.address_at);
}

static json_t *bytes_json(struct contract_bytes bytes)
{
    return json_pack("{s:I, s:I}", "memory", (json_int_t)bytes.memory, "address_space",
                     (json_int_t)bytes.address);
}

static json_t *limit_json(int64_t limit)
{
    return limit == ROOT_UNLIMITED ? json_null() : json_integer(limit);
}

static enum error_code print_plan_json(const struct serve_verdict *verdict, struct error *err)
{
    const struct contract *contract = &verdict->contract;
    json_t *rows = json_array();
    for (size_t i = 0; i < contract->count; i++) {
        const struct contract_row *row = &contract->rows[i];
        json_array_append_new(rows, json_pack("{s:s, s:s, s:o, s:o}", "part", row->part, "of",
                                              row->of, "serving", bytes_json(row->serving),
                                              "reloading", bytes_json(row->reloading)));
    }
    json_t *root = json_pack(
        "{s:o, s:o, s:o, s:i, s:i, s:i, s:{s:o, s:o}, s:b}", "parts", rows, "serving",
        bytes_json(contract_serving(contract)), "reloading",
        bytes_json(contract_reloading(contract)), "threads", (int)contract->tasks, "open_files",
        (int)contract->descriptors, "open_files_least", (int)contract->descriptors_least, "limits",
        "memory", limit_json(verdict->limits.memory), "address_space",
        limit_json(verdict->limits.address), "fits", verdict->code == ERR_NONE);
    char *text = json_dumps(root, JSON_INDENT(2));
    json_decref(root);
    if (text == NULL) return error_set(err, ERR_MEMORY, 0, "no memory for the plan's JSON");
    puts(text);
    free(text);
    return ERR_NONE;
}

/* What would not start is planned all the same, and then told as serving tells it. */
static int plan(const struct serve_options *serve, bool json)
{
    struct error err;
    struct serve_verdict verdict;
    enum error_code code = serve_plan(&verdict, serve, &err);
    if (code == ERR_NONE && json) code = print_plan_json(&verdict, &err);
    if (code != ERR_NONE) return cmd_failed(&err);
    if (!json) print_plan(&verdict);
    fflush(stdout);
    return verdict.code == ERR_NONE ? 0 : cmd_failed(&verdict.refusal);
}

int cmd_serve(const struct options *options)
{
    struct error err;
    struct serve_options serve = serving_options(options, options->operand[0]);
    if (options->plan) return plan(&serve, options->json);
    if (options->json) {
        error_set(&err, ERR_USAGE, 0, "serve writes JSON of its plan only: --plan --json");
        return cmd_failed(&err);
    }
    return serve_run(&serve, &err) == ERR_NONE ? 0 : cmd_failed(&err);
}
