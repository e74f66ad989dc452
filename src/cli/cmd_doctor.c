/* cmd_doctor.c - the doctor's commands by name; an address may stand for none of them. */
// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/writer.h"
#include "cli/cmd.h"
#include "cli/serving.h"
#include "doctor/doctor.h"

/* What options are for. */
enum {
    FORM = 1,       /* of what is printed */
    TREE = 2,       /* another machine's files */
    JOURNAL = 4,    /* of these the journal alone */
    PROCESS = 8,    /* which one is looked at */
    FORECAST = 16,  /* the fork that is judged */
    MODEL = 32,     /* our own plan */
    SERVING = 64,   /* how the model is served */
    LOG = 128,      /* troubles that were told */
    ASKING = 256,   /* what environments answer, and how they are reached */
    OUTPUT = 512,   /* a file to write */
    LISTING = 1024, /* the checks */
    EXAMINATION = TREE | PROCESS | FORECAST | MODEL | SERVING | LOG | ASKING,
};

static const struct {
    int at;
    unsigned uses;
} rows[] = {
    {OPTION_AT_json, FORM},
    {OPTION_AT_root, TREE | JOURNAL},
    {OPTION_AT_pid, PROCESS},
    {OPTION_AT_simulate, FORECAST},
    {OPTION_AT_workers, FORECAST},
    {OPTION_AT_model, MODEL},
    {OPTION_AT_threads, SERVING},
    {OPTION_AT_kernel, SERVING},
    {OPTION_AT_body_max, SERVING},
    {OPTION_AT_batch_max, SERVING},
    {OPTION_AT_connections, SERVING},
    {OPTION_AT_queue, SERVING},
    {OPTION_AT_queue_bytes, SERVING},
    {OPTION_AT_rehearse, SERVING},
    {OPTION_AT_log, LOG},
    {OPTION_AT_unit, LOG},
    {OPTION_AT_case_file, ASKING},
    {OPTION_AT_token_file, ASKING},
    {OPTION_AT_ca_file, ASKING},
    {OPTION_AT_proxy, ASKING},
    {OPTION_AT_timeout, ASKING},
    {OPTION_AT_output, OUTPUT},
    {OPTION_AT_list, LISTING},
};

static enum error_code list(const struct doctor_options *options,
                            const struct doctor_output *output, int *out_status, struct error *err)
{
    (void)options;
    *out_status = 0;
    return doctor_list(output, err);
}

/* Named by the first operand, the first of them by none. */
static const struct part {
    const char *name;
    enum error_code (*run)(const struct doctor_options *options, const struct doctor_output *output,
                           int *out_status, struct error *err);
    unsigned uses;
} parts[] = {
    {"doctor", doctor_check, FORM | EXAMINATION},
    {"doctor fork", doctor_fork, FORM | TREE | PROCESS | FORECAST},
    {"doctor process", doctor_process, FORM | TREE | PROCESS | FORECAST | MODEL | SERVING},
    {"doctor log", doctor_log, FORM | JOURNAL | LOG},
    {"doctor url", doctor_url, FORM | JOURNAL | LOG | ASKING},
    {"doctor snapshot", doctor_snapshot, FORM | TREE | PROCESS | MODEL | SERVING | OUTPUT},
    {"doctor compare", doctor_compare, FORM | FORECAST},
    {"doctor report", doctor_report, EXAMINATION | OUTPUT},
    {"doctor --list", list, LISTING},
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

/* The part named by an option or the first operand, which is then taken away. */
static const struct part *take_part(const struct options *typed, struct doctor_options *options)
{
    if (typed->list && options->operand_count == 0) return &parts[PARTS - 1];
    for (size_t i = 1; i < PARTS && options->operand_count > 0; i++) {
        if (strcmp(options->operands[0], parts[i].name + sizeof "doctor") != 0) continue;
        options->operands++;
        options->operand_count--;
        return &parts[i];
    }
    return &parts[0];
}

/* Operands that a part has no use for are a mistake, not to be passed over. */
static enum error_code check_operands(struct doctor_options *options, const struct part *part,
                                      struct error *err)
{
    size_t count = options->operand_count;
    if (part->run == doctor_log && count == 1 && options->log == NULL) {
        options->log = options->operands[0];
        options->operand_count = 0;
        return ERR_NONE;
    }
    for (size_t i = 0; i < count && part->run != doctor_compare; i++) {
        bool address = strstr(options->operands[i], "://") != NULL;
        if (!address || (part->uses & ASKING) == 0)
            return error_set(err, ERR_USAGE, 0, "doctor has no use for '%s' here",
                             options->operands[i]);
    }
    return ERR_NONE;
}

static enum error_code useless(const struct part *part, const char *option, unsigned uses,
                               struct error *err)
{
    char users[256];
    struct writer writer = writer_of(users, sizeof users);
    for (size_t i = 0; i < PARTS; i++)
        if ((parts[i].uses & uses) != 0)
            writer_format(&writer, "%s%s", writer.used > 0 ? ", " : "", parts[i].name);
    return error_set(err, ERR_USAGE, 0, "%s has no use for --%s: it is of use to %.*s", part->name,
                     option, (int)writer.used, users);
}

/* What else must be there for an option that is of these uses alone, or NULL. */
static const char *lacks(const struct doctor_options *options, const struct options *typed,
                         unsigned uses)
{
    if (uses == SERVING && typed->model == NULL) return "--model MODEL";
    if (uses == JOURNAL && options->unit == NULL) return "--unit NAME";
    if (uses == ASKING && options->operand_count == 0) return "an address";
    return NULL;
}

/* Nor are options; and none is passed over because there is nothing that it tells of. */
static enum error_code check_options(const struct options *typed,
                                     const struct doctor_options *options, const struct part *part,
                                     struct error *err)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!typed->given[rows[i].at]) continue;
        const char *name = options_rows[rows[i].at].name;
        if ((rows[i].uses & part->uses) == 0) return useless(part, name, rows[i].uses, err);
        const char *lacking = lacks(options, typed, rows[i].uses & part->uses);
        if (lacking != NULL)
            return error_set(err, ERR_USAGE, 0, "%s has no use for --%s without %s", part->name,
                             name, lacking);
    }
    if (options->log != NULL && options->unit != NULL)
        return error_set(err, ERR_USAGE, 0, "doctor reads a FILE or --unit NAME, not both");
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
    if (translate(&asked, options, &err) != ERR_NONE) return cmd_failed(&err);
    const struct part *part = take_part(options, &asked);
    if (check_operands(&asked, part, &err) != ERR_NONE) return cmd_failed(&err);
    if (check_options(options, &asked, part, &err) != ERR_NONE) return cmd_failed(&err);
    struct own_plan plan;
    plan_own(options, &plan, &asked);
    int status = 0;
    enum error_code code = part->run(&asked, &output, &status, &err);
    return code == ERR_NONE ? status : cmd_failed(&err);
}
