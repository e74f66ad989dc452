/* cmd_doctor.c - the doctor's commands by name; an address may stand for none of them. */
// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/serving.h"
#include "doctor/doctor.h"

static const struct {
    const char *name;
    enum error_code (*run)(const struct doctor_options *options, const struct doctor_output *output,
                           int *out_status, struct error *err);
} parts[] = {
    {"fork", doctor_fork},     {"process", doctor_process},   {"log", doctor_log},
    {"url", doctor_url},       {"snapshot", doctor_snapshot}, {"compare", doctor_compare},
    {"report", doctor_report},
};

enum { PARTS = sizeof parts / sizeof parts[0] };

static enum error_code translate(struct doctor_options *out, const struct options *options,
                                 struct error *err)
{
    *out = (struct doctor_options){
        .root = options->root,
        .pid = options->pid,
        .simulate = -1,
        .workers = options->workers,
        .log = options->log,
        .unit = options->unit,
        .path = options->output,
        .operands = options->operand,
        .operand_count = options->operands,
        .case_path = options->case_file,
        .token_path = options->token_file,
        .ca_path = options->ca_file,
        .proxy = options->proxy,
        .timeout_ms = (int64_t)(options->timeout * 1000),
    };
    if (options->simulate != NULL) return doctor_size(options->simulate, &out->simulate, err);
    return ERR_NONE;
}

/* What serving our own model takes is asked of the room that serves, which lays it out: a room
 * never enters another one, so its answer is carried across here. */
struct own_plan {
    struct serve_verdict verdict;
    struct error refused;
};

static void plan_own(const struct options *options, struct own_plan *plan,
                     struct doctor_options *out)
{
    if (options->model == NULL) return;
    struct serve_options serve = serving_options(options, options->model);
    if (serve_plan(&plan->verdict, &serve, &plan->refused) == ERR_NONE)
        out->plan = &plan->verdict.contract;
    else
        out->plan_refused = plan->refused.detail;
}

/* The part named by the first operand, which is then taken away; PARTS for none. */
static size_t take_part(struct doctor_options *options)
{
    if (options->operand_count == 0) return PARTS;
    for (size_t i = 0; i < PARTS; i++) {
        if (strcmp(options->operands[0], parts[i].name) != 0) continue;
        options->operands++;
        options->operand_count--;
        return i;
    }
    return PARTS;
}

/* Operands that a part has no use for are a mistake, not to be passed over. */
static enum error_code check_operands(struct doctor_options *options, size_t part,
                                      struct error *err)
{
    size_t count = options->operand_count;
    if (part < PARTS && parts[part].run == doctor_log && count == 1 && options->log == NULL) {
        options->log = options->operands[0];
        options->operand_count = 0;
        return ERR_NONE;
    }
    bool compares = part < PARTS && parts[part].run == doctor_compare;
    for (size_t i = 0; i < count && !compares; i++) {
        bool address = strstr(options->operands[i], "://") != NULL;
        bool asks =
            part == PARTS || parts[part].run == doctor_url || parts[part].run == doctor_report;
        if (!address || !asks)
            return error_set(err, ERR_USAGE, 0, "doctor has no use for '%s' here",
                             options->operands[i]);
    }
    return ERR_NONE;
}

int cmd_doctor(const struct options *options)
{
    struct error err;
    struct doctor_options asked;
    struct doctor_output output = {
        .to = stdout,
        .json = options->json,
        .colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL,
    };
    if (options->list) return doctor_list(&output, &err) == ERR_NONE ? 0 : cmd_failed(&err);
    if (translate(&asked, options, &err) != ERR_NONE) return cmd_failed(&err);
    size_t part = take_part(&asked);
    if (check_operands(&asked, part, &err) != ERR_NONE) return cmd_failed(&err);
    struct own_plan plan;
    plan_own(options, &plan, &asked);
    int status = 0;
    enum error_code code = part < PARTS ? parts[part].run(&asked, &output, &status, &err)
                                        : doctor_check(&asked, &output, &status, &err);
    return code == ERR_NONE ? status : cmd_failed(&err);
}
