/* visit.c - the steps of an examination; each command takes those it needs. */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/visit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/file.h"
#include "base/mem.h"
#include "doctor/causes.h"
#include "doctor/checks.h"
#include "doctor/host.h"
#include "doctor/journal.h"
#include "doctor/process.h"
#include "doctor/smaps.h"
#include "doctor/startup.h"
#include "doctor/unit.h"
#include "doctor/url.h"

enum { TIMEOUT_MS_DEFAULT = 10000 };

/* A process that would have to promise this much is worth a forecast unasked. */
static const int64_t LARGE_CHARGE = INT64_C(256) << 20;

enum error_code visit_open(struct visit *out, const struct doctor_options *options,
                           struct error *err)
{
    struct visit visit = {.root = root_of(options->root)};
    TRY(finding_list_open(&visit.findings, err));
    facts_clear(&visit.facts);
    visit.details = json_object();
    if (visit.details == NULL) {
        finding_list_close(&visit.findings);
        return error_set(err, ERR_MEMORY, 0, "no memory for the details");
    }
    *out = visit;
    return ERR_NONE;
}

void visit_close(struct visit *visit)
{
    finding_list_close(&visit->findings);
    mem_free(visit->table);
    json_decref(visit->details);
}

static void set_plan(struct facts *facts, const struct contract *plan)
{
    struct contract_bytes serving = contract_serving(plan);
    facts->plan_memory = (int64_t)serving.memory;
    facts->plan_address = (int64_t)serving.address;
    facts->plan_reloading = (int64_t)contract_reloading(plan).memory;
    facts->plan_tasks = plan->tasks;
    facts->plan_files = plan->descriptors;
    facts->plan_files_least = plan->descriptors_least;
}

enum error_code visit_gather(struct visit *visit, const struct doctor_options *options,
                             struct error *err)
{
    char pid[24] = "self";
    if (options->pid > 0) snprintf(pid, sizeof pid, "%" PRId64, options->pid);
    TRY(root_check(&visit->root, err));
    host_read(&visit->root, &visit->facts);
    bool found = process_read(&visit->root, pid, &visit->facts);
    if (!found && options->pid > 0)
        return error_set(err, ERR_UNSEEN, 0, "no process %s can be seen here", pid);
    if (options->pid > 0 && visit->facts.vm_size == FACTS_UNSEEN)
        return error_set(err, ERR_UNSEEN, 0,
                         "process %s has no memory: it has ended and waits for its parent (a "
                         "zombie), or is the kernel's",
                         pid);
    if (found) smaps_read(&visit->root, pid, &visit->facts);
    struct cgroup group;
    cgroup_read(&visit->root, pid, &group);
    facts_set_cgroup(&visit->facts, &group);
    if (options->plan != NULL) set_plan(&visit->facts, options->plan);
    return ERR_NONE;
}

struct forkcast_options visit_fork_options(const struct doctor_options *options, bool live)
{
    return (struct forkcast_options){
        .simulate = options->simulate >= 0 ? options->simulate : FACTS_UNSEEN,
        .workers = options->workers > 0 ? options->workers : 1,
        .live = live,
    };
}

void visit_fork(struct visit *visit, const struct doctor_options *options)
{
    struct forkcast cast;
    struct forkcast_options asked = visit_fork_options(options, visit->root.live);
    forkcast_make(&cast, &visit->facts, &asked);
    forkcast_findings(&cast, &visit->facts, &asked, &visit->findings);
    json_t *json = forkcast_json(&cast);
    if (json != NULL) (void)json_object_set_new(visit->details, "fork", json);
}

void visit_facts(struct visit *visit)
{
    json_t *facts = facts_to_json(&visit->facts);
    if (facts != NULL) (void)json_object_set_new(visit->details, "facts", facts);
}

/* Reads the log that the options name, if any. */
enum error_code visit_log(struct visit *visit, const struct doctor_options *options,
                          struct error *err)
{
    if (options->log == NULL && options->unit == NULL) return ERR_NONE;
    struct journal *journal;
    TRY(journal_open(&journal, err));
    const char *name = options->log != NULL ? options->log : options->unit;
    const char *slash = strrchr(name, '/');
    char folder[ROOT_PATH_MAX];
    root_path(&visit->root, "/var/log/journal", folder);
    enum error_code code;
    if (options->log != NULL)
        code = journal_read(journal, options->log, err);
    else if (visit->root.live)
        code = unit_read(journal, options->unit, err);
    else
        code = unit_read_folder(journal, options->unit, folder, err);
    if (code == ERR_NONE) {
        journal_end(journal);
        causes_findings(journal, slash != NULL ? slash + 1 : name, &visit->findings);
        json_t *json = journal_json(journal);
        if (json != NULL) (void)json_object_set_new(visit->details, "log", json);
    }
    journal_close(journal);
    return code;
}

enum error_code visit_process(struct visit *visit, const struct doctor_options *options,
                              struct error *err)
{
    struct startup startup;
    char pid[24];
    snprintf(pid, sizeof pid, "%" PRId64, options->pid);
    enum error_code code = startup_read(&startup, &visit->root, pid, err);
    if (code == ERR_NONE) {
        startup_findings(&startup, &visit->facts, &visit->findings);
        json_t *json = startup_json(&startup);
        if (json != NULL) (void)json_object_set_new(visit->details, "process", json);
    }
    startup_close(&startup);
    return code;
}

void visit_checks(struct visit *visit, const struct doctor_options *options)
{
    struct checkup checkup = {&visit->facts, &visit->root, options->plan_refused};
    checks_run(&checkup, &visit->findings);
}

/* The first line of a file, without blanks around it. */
static enum error_code read_token(char *out, size_t size, const char *path, struct error *err)
{
    struct file_map map;
    TRY(file_map(&map, path, err));
    struct slice text = slice_trim(map.bytes);
    bool fine = text.size > 0 && text.size < size && memchr(text.data, '\n', text.size) == NULL;
    if (fine) memcpy(out, text.data, text.size);
    if (fine) out[text.size] = '\0';
    file_unmap(&map);
    return fine ? ERR_NONE
                : error_set(err, ERR_DATA, 0, "%s: a token is one line of at most %zu bytes", path,
                            size - 1);
}

/* The case of the options, which must be JSON, ended by a NUL; given back by mem_free. */
static enum error_code read_case(char **out, const char *path, struct error *err)
{
    struct file_map map;
    TRY(file_map(&map, path, err));
    json_error_t place;
    json_t *object = json_loadb(map.bytes.data, map.bytes.size, 0, &place);
    enum error_code code = ERR_NONE;
    char *text = NULL;
    if (!json_is_object(object))
        code = error_set(err, ERR_JSON, 0, "%s: a case is one JSON object", path);
    else
        code = mem_take(&text, map.bytes.size + 1, 1, err);
    if (code == ERR_NONE) memcpy(text, map.bytes.data, map.bytes.size);
    json_decref(object);
    file_unmap(&map);
    *out = text;
    return code;
}

static enum error_code ask_urls(struct visit *visit, const struct doctor_options *options,
                                const struct url_options *asked, struct error *err)
{
    struct url_answer *answers = NULL;
    struct fetch *fetch;
    size_t count = options->operand_count;
    TRY(fetch_open(&fetch, err));
    enum error_code code = mem_take(&answers, count, sizeof *answers, err);
    if (code == ERR_NONE) code = mem_take(&visit->table, URL_TABLE_MAX, 1, err);
    for (size_t i = 0; code == ERR_NONE && i < count; i++)
        code = url_ask(fetch, options->operands[i], asked, &answers[i], err);
    if (code == ERR_NONE) {
        url_findings(answers, count, &visit->findings);
        struct writer writer = writer_of(visit->table, URL_TABLE_MAX - 1);
        url_table(answers, count, &writer);
        json_t *json = url_json(answers, count);
        if (json != NULL) (void)json_object_set_new(visit->details, "urls", json);
    }
    if (answers != NULL) url_close(answers, count);
    mem_free(answers);
    fetch_close(fetch);
    return code;
}

enum error_code visit_urls(struct visit *visit, const struct doctor_options *options,
                           struct error *err)
{
    if (options->operand_count == 0) return ERR_NONE;
    if (options->operand_count > URL_MAX)
        return error_set(err, ERR_USAGE, 0, "at most %d addresses at once", URL_MAX);
    char token[4096];
    char *body = NULL;
    struct url_options asked = {.body = url_default_case,
                                .ca_path = options->ca_path,
                                .proxy = options->proxy,
                                .timeout_ms = options->timeout_ms > 0 ? options->timeout_ms
                                                                      : TIMEOUT_MS_DEFAULT};
    if (options->token_path != NULL) {
        TRY(read_token(token, sizeof token, options->token_path, err));
        asked.token = token;
    }
    if (options->ca_path != NULL && access(options->ca_path, R_OK) != 0)
        return error_set(err, ERR_NO_INPUT, 0, "%s: %s", options->ca_path, strerror(errno));
    if (options->case_path != NULL) TRY(read_case(&body, options->case_path, err));
    if (body != NULL) asked.body = body;
    enum error_code code = ask_urls(visit, options, &asked, err);
    mem_free(body);
    return code;
}

enum error_code visit_all(struct visit *visit, const struct doctor_options *options,
                          struct error *err)
{
    TRY(visit_gather(visit, options, err));
    if (options->pid > 0) TRY(visit_process(visit, options, err));
    visit_checks(visit, options);
    bool large = visit->facts.fork_charge >= LARGE_CHARGE;
    if (options->pid > 0 || options->simulate >= 0 || large) visit_fork(visit, options);
    visit_facts(visit);
    TRY(visit_log(visit, options, err));
    return visit_urls(visit, options, err);
}
