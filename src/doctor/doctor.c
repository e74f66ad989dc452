/* doctor.c - gathers, judges, prints; each command is these three in a few lines. */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "doctor/checks.h"
#include "doctor/compare.h"
#include "doctor/printer.h"
#include "doctor/report.h"
#include "doctor/visit.h"

#define SNAPSHOT "air_classifier_snapshot" /* names its version */
enum { SNAPSHOT_VERSION = 1 };

static enum error_code print(const struct doctor_output *output, const char *command,
                             const char *headline, struct visit *visit, int *out_status,
                             struct error *err)
{
    struct printed printed = {.command = command,
                              .headline = headline,
                              .findings = &visit->findings,
                              .table = visit->table,
                              .details = visit->details};
    TRY(printer_print(output, &printed, err));
    *out_status = finding_status(&visit->findings);
    return ERR_NONE;
}

enum error_code doctor_check(const struct doctor_options *options,
                             const struct doctor_output *output, int *out_status, struct error *err)
{
    struct visit visit;
    TRY(visit_open(&visit, options, err));
    enum error_code code = visit_all(&visit, options, err);
    if (code == ERR_NONE) code = print(output, "check", NULL, &visit, out_status, err);
    visit_close(&visit);
    return code;
}

enum error_code doctor_fork(const struct doctor_options *options,
                            const struct doctor_output *output, int *out_status, struct error *err)
{
    if (options->pid <= 0 && options->simulate < 0)
        return error_set(err, ERR_USAGE, 0, "doctor fork wants --pid P or --simulate SIZE");
    struct visit visit;
    TRY(visit_open(&visit, options, err));
    enum error_code code = visit_gather(&visit, options, err);
    if (code == ERR_NONE) {
        visit_fork(&visit, options);
        visit_facts(&visit);
        code = print(output, "fork", NULL, &visit, out_status, err);
    }
    visit_close(&visit);
    return code;
}

enum error_code doctor_process(const struct doctor_options *options,
                               const struct doctor_output *output, int *out_status,
                               struct error *err)
{
    if (options->pid <= 0) return error_set(err, ERR_USAGE, 0, "doctor process wants --pid P");
    struct visit visit;
    TRY(visit_open(&visit, options, err));
    enum error_code code = visit_gather(&visit, options, err);
    if (code == ERR_NONE) code = visit_process(&visit, options, err);
    if (code == ERR_NONE) {
        visit_checks(&visit, options);
        visit_fork(&visit, options);
        visit_facts(&visit);
        code = print(output, "process", NULL, &visit, out_status, err);
    }
    visit_close(&visit);
    return code;
}

enum error_code doctor_log(const struct doctor_options *options, const struct doctor_output *output,
                           int *out_status, struct error *err)
{
    if (options->log == NULL && options->unit == NULL)
        return error_set(err, ERR_USAGE, 0, "doctor log wants a FILE, - or --unit NAME");
    struct visit visit;
    TRY(visit_open(&visit, options, err));
    enum error_code code = visit_log(&visit, options, err);
    if (code == ERR_NONE) code = print(output, "log", NULL, &visit, out_status, err);
    visit_close(&visit);
    return code;
}

static enum error_code tell_written(const struct doctor_output *output, const char *path,
                                    struct error *err)
{
    char beside[REPORT_PATH_MAX];
    bool both = report_beside(path, beside);
    fprintf(output->to, "%s%s%s written\n", path, both ? " and " : "", both ? beside : "");
    return file_flush(output->to, err);
}

/* What compare reads, a snapshot's or a report's, tells its version. */
static void mark(struct visit *visit)
{
    (void)json_object_set_new(visit->details, SNAPSHOT, json_integer(SNAPSHOT_VERSION));
}

enum error_code doctor_snapshot(const struct doctor_options *options,
                                const struct doctor_output *output, int *out_status,
                                struct error *err)
{
    struct visit visit;
    if (options->plan_refused != NULL) /* one of no plan would pass for one without --model */
        return error_set(err, ERR_MODEL, 0, "%s", options->plan_refused);
    TRY(visit_open(&visit, options, err));
    enum error_code code = visit_gather(&visit, options, err);
    if (code == ERR_NONE) {
        visit_facts(&visit);
        mark(&visit);
        const json_t *whole = json_object_size(visit.details) == 2 ? visit.details : NULL;
        code = options->path != NULL ? report_write_json(whole, options->path, err)
                                     : printer_dump(output->to, whole, err);
        if (code == ERR_NONE && options->path != NULL)
            code = tell_written(output, options->path, err);
        *out_status = 0;
    }
    visit_close(&visit);
    return code;
}

/* Of a snapshot, or of the JSON that a report and --json hold it in. */
static enum error_code load_snapshot(struct compare_side *out, const char *path, struct error *err)
{
    struct file_map map;
    TRY(file_map(&map, path, err));
    json_error_t place;
    json_t *object = json_loadb(map.bytes.data, map.bytes.size, JSON_REJECT_DUPLICATES, &place);
    file_unmap(&map);
    if (object == NULL)
        return error_set(err, ERR_SNAPSHOT, place.line > 0 ? (size_t)place.line : 0, "%s: %s", path,
                         place.text);
    const json_t *told = json_object_get(object, "details"), *holder = told != NULL ? told : object;
    const json_t *version = json_object_get(holder, SNAPSHOT);
    if (version != NULL && json_integer_value(version) != SNAPSHOT_VERSION) {
        json_decref(object);
        return error_set(err, ERR_SNAPSHOT, 0,
                         "%s: \"%s\" is not %d in it; take it by the same program as this one",
                         path, SNAPSHOT, SNAPSHOT_VERSION);
    }
    const char *slash = strrchr(path, '/');
    out->name = slash != NULL ? slash + 1 : path;
    enum error_code code =
        facts_from_json(&out->facts, json_object_get(holder, "facts"), path, err);
    json_decref(object);
    return code;
}

/* Where neither side says how large the service is, the incident's size. */
static int64_t probe_size(const struct compare_side *a, const struct compare_side *b)
{
    int64_t size =
        a->facts.fork_charge > b->facts.fork_charge ? a->facts.fork_charge : b->facts.fork_charge;
    const int64_t least = INT64_C(256) << 20, usual = INT64_C(6) << 30;
    return size >= least ? size : usual;
}

enum error_code doctor_compare(const struct doctor_options *options,
                               const struct doctor_output *output, int *out_status,
                               struct error *err)
{
    if (options->operand_count != 2)
        return error_set(err, ERR_USAGE, 0, "doctor compare wants two snapshots");
    struct compare_side first, second;
    TRY(load_snapshot(&first, options->operands[0], err));
    TRY(load_snapshot(&second, options->operands[1], err));
    if (strcmp(first.name, second.name) == 0) { /* dev/s.json and qa/s.json */
        first.name = options->operands[0];
        second.name = options->operands[1];
    }
    struct visit visit;
    TRY(visit_open(&visit, options, err));
    struct forkcast_options asked = visit_fork_options(options, false);
    if (asked.simulate < 0) asked.simulate = probe_size(&first, &second);
    enum error_code code = compare_findings(&first, &second, &asked, &visit.findings, err);
    char headline[96];
    snprintf(headline, sizeof headline, "judged for a fork of %s, %" PRId64 " worker%s",
             facts_bytes(asked.simulate), asked.workers, asked.workers == 1 ? "" : "s");
    if (code == ERR_NONE) code = print(output, "compare", headline, &visit, out_status, err);
    visit_close(&visit);
    return code;
}

enum error_code doctor_url(const struct doctor_options *options, const struct doctor_output *output,
                           int *out_status, struct error *err)
{
    if (options->operand_count == 0)
        return error_set(err, ERR_USAGE, 0, "doctor url wants addresses");
    struct visit visit;
    TRY(visit_open(&visit, options, err));
    enum error_code code = visit_urls(&visit, options, err);
    if (code == ERR_NONE) code = visit_log(&visit, options, err);
    if (code == ERR_NONE) code = print(output, "url", NULL, &visit, out_status, err);
    visit_close(&visit);
    return code;
}

enum error_code doctor_report(const struct doctor_options *options,
                              const struct doctor_output *output, int *out_status,
                              struct error *err)
{
    if (options->path == NULL)
        return error_set(err, ERR_USAGE, 0, "doctor report wants -o FILE.html or FILE.json");
    struct visit visit;
    TRY(visit_open(&visit, options, err));
    enum error_code code = visit_all(&visit, options, err);
    if (code == ERR_NONE) {
        mark(&visit);
        struct printed printed = {
            .command = "report", .findings = &visit.findings, .details = visit.details};
        code = report_write(&printed, options->path, err);
    }
    if (code == ERR_NONE) {
        *out_status = finding_status(&visit.findings);
        code = tell_written(output, options->path, err);
    }
    visit_close(&visit);
    return code;
}

enum error_code doctor_list(const struct doctor_output *output, struct error *err)
{
    for (size_t i = 0; i < checks_count(); i++) {
        const struct check_row *row = checks_row(i);
        fprintf(output->to, "%-18s%-28s%s\n", row->id, row->title, row->reads);
    }
    return file_flush(output->to, err);
}

enum error_code doctor_size(const char *text, int64_t *out_bytes, struct error *err)
{
    static const struct {
        const char *suffix;
        int shift;
    } units[] = {{"", 0},     {"B", 0},  {"K", 10},   {"KiB", 10}, {"M", 20},
                 {"MiB", 20}, {"G", 30}, {"GiB", 30}, {"T", 40},   {"TiB", 40}};
    char *end;
    errno = 0;
    double number = strtod(text, &end);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (end == text || errno != 0 || strcasecmp(end, units[i].suffix) != 0) continue;
        double bytes = number * (double)(INT64_C(1) << units[i].shift);
        if (!(bytes >= 0) || bytes > 0x1p60) break;
        *out_bytes = (int64_t)bytes;
        return ERR_NONE;
    }
    return error_set(err, ERR_USAGE, 0, "'%s' is not a size such as 6GiB or 512M", text);
}
