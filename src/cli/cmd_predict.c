/* cmd_predict.c - a filter: cases in, one line a case out, in order, in bounded memory.
 *
 * From a file, cases are taken a batch at a time and shared out over the threads,
 * each taking a group, because cases of a group share ULMFiT's pass over its
 * weights. From a pipe every case is answered at once, because whoever writes it
 * may be waiting for the line; there all threads share the one case.
 */
// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer/detail.h"
#include "answer/explain.h"
#include "base/check.h"
#include "base/crew.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/writer.h"
#include "cli/bar.h"
#include "cli/cmd.h"
#include "text/feed.h"
#include "text/json.h"
#include "text/utf8.h"

enum { BATCH_CASES = 512, GROUP_CASES = 16, BATCH_BYTES = 4 << 20, NUMBER_BYTES = 40 };

/* A case taken from the feed, with its bytes in the batch's buffer, and its line. */
struct item {
    struct csv_row row;
    size_t offset[CASE_FIELDS];
    char *line; /* out */
    size_t line_size, line_capacity;
};

/* A worker's, where reasons are wanted. */
struct explaining {
    struct explain explain;
    char room[READER_TEXT_MAX];
};

struct predicting {
    const struct options *options;
    struct answer_model model;
    struct feed *feed;
    struct crew *crew;
    struct bar bar;
    struct answer_context context[CREW_THREADS_MAX];
    struct explaining *explaining[CREW_THREADS_MAX];
    struct item item[BATCH_CASES];
    size_t items, batch_max;
    size_t group; /* items that are answered together */
    struct answer_room room;
    size_t detail_bytes; /* of a line, at most */
    char *bytes;
    size_t used, capacity;
    bool any_bad;
};

/* A quoted CSV field, as RFC 4180 has it. */
static void put_csv(struct writer *line, struct slice text)
{
    writer_char(line, '"');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"') writer_char(line, '"');
        writer_char(line, text.data[i]);
    }
    writer_char(line, '"');
}

static void put_probabilities(struct writer *line, const struct answer_model *model,
                              const struct answer *answer)
{
    writer_text(line, ",\"probabilities\":{");
    for (uint32_t c = 0; c < model->label_count; c++) {
        if (c > 0) writer_char(line, ',');
        json_put(line, answer_label(model, c));
        writer_format(line, ":%.9g", (double)answer->probability[c]);
    }
    writer_char(line, '}');
}

/* The context answers the case with words left out, and forgets the answer. */
static void put_reasons(struct writer *line, struct explaining *explaining,
                        struct answer_context *context, const struct case_text *text,
                        const struct answer *answer)
{
    explain_open(&explaining->explain, context, text, answer, explaining->room);
    explain_run(&explaining->explain, context, (double)INFINITY);
    writer_char(line, ',');
    explain_write(&explaining->explain, line);
}

static void put_answer(struct writer *line, struct predicting *predicting, const struct item *item,
                       const struct answer *answer, unsigned worker)
{
    const struct answer_model *model = &predicting->model;
    struct slice number = item->row.text.field[CASE_NUMBER];
    struct slice label = answer_label(model, answer->best);
    const char *abstained = answer->abstained ? "true" : "false";
    if (predicting->options->csv) {
        put_csv(line, number);
        writer_char(line, ',');
        put_csv(line, label);
        writer_format(line, ",%.9g,%s", (double)answer->confidence, abstained);
        for (uint32_t c = 0; predicting->options->probabilities && c < model->label_count; c++)
            writer_format(line, ",%.9g", (double)answer->probability[c]);
        writer_text(line, ",\r\n");
        return;
    }
    writer_text(line, "{\"case_number\":");
    json_put(line, number);
    if (predicting->options->detail) {
        struct detail detail = detail_of(model, &item->row.text, answer);
        writer_char(line, ',');
        detail_write(&detail, line);
    } else {
        writer_text(line, ",\"predicted_sbr\":");
        json_put(line, label);
        writer_format(line, ",\"confidence\":%.9g,\"abstained\":%s", (double)answer->confidence,
                      abstained);
    }
    if (predicting->options->probabilities) put_probabilities(line, model, answer);
    if (predicting->options->explain)
        put_reasons(line, predicting->explaining[worker], &predicting->context[worker],
                    &item->row.text, answer);
    writer_text(line, "}\n");
}

static void put_fault(struct writer *line, const struct predicting *predicting,
                      const struct item *item)
{
    struct error told = item->row.fault;
    told.line = item->row.line;
    utf8_mend(told.detail, strlen(told.detail)); /* it names the file */
    struct slice number = item->row.text.field[CASE_NUMBER];
    if (case_check_utf8(number, "", 0, &(struct error){0}) != ERR_NONE) number = SLICE("");
    if (predicting->options->csv) {
        put_csv(line, number);
        writer_text(line, ",,,");
        for (uint32_t c = 0;
             predicting->options->probabilities && c < predicting->model.label_count; c++)
            writer_char(line, ',');
        writer_char(line, ',');
        put_csv(line, slice_of(told.detail));
        writer_text(line, "\r\n");
        return;
    }
    detail_put_fault(number, &told, line);
    writer_char(line, '\n');
}

/* Bytes a line can not exceed: every byte of a string may take six. */
static size_t line_bound(const struct predicting *predicting, const struct item *item)
{
    size_t labels = 6 * (size_t)predicting->model.label_start[predicting->model.label_count] +
                    predicting->model.label_count * NUMBER_BYTES;
    return 6 * (item->row.text.field[CASE_NUMBER].size + LABEL_BYTES_MAX + ERROR_DETAIL_MAX) + 256 +
           (predicting->options->probabilities ? labels : 0) + predicting->detail_bytes +
           (predicting->options->explain ? explain_bound() : 0);
}

/* answer is NULL for a bad case. */
static enum error_code make_line(struct predicting *predicting, struct item *item,
                                 const struct answer *answer, unsigned worker, struct error *err)
{
    TRY(mem_grow(&item->line, &item->line_capacity, line_bound(predicting, item), 1, err));
    struct writer line = writer_of(item->line, item->line_capacity);
    if (answer == NULL)
        put_fault(&line, predicting, item);
    else
        put_answer(&line, predicting, item, answer, worker);
    check(!line.cut);
    item->line_size = line.used;
    return ERR_NONE;
}

static enum error_code answer_group(void *context, size_t number, unsigned worker,
                                    struct error *err)
{
    struct predicting *predicting = context;
    struct answer_context *answering = &predicting->context[worker];
    const struct case_text *texts[GROUP_CASES];
    struct item *good[GROUP_CASES];
    struct answer answers[GROUP_CASES];
    size_t count = 0, first = number * predicting->group, end = first + predicting->group;
    if (answering->model == NULL)
        TRY(answer_begin_room(answering, &predicting->model, predicting->room, err));
    if (predicting->options->explain && predicting->explaining[worker] == NULL)
        TRY(mem_take(&predicting->explaining[worker], 1, sizeof(struct explaining), err));
    for (size_t i = first; i < end && i < predicting->items; i++) {
        struct item *item = &predicting->item[i];
        if (item->row.fault.code != ERR_NONE) {
            TRY(make_line(predicting, item, NULL, worker, err));
            continue;
        }
        texts[count] = &item->row.text;
        good[count++] = item;
    }
    if (count == 0) return ERR_NONE;
    answer_batch(answering, texts, count, answers);
    for (size_t i = 0; i < count; i++)
        TRY(make_line(predicting, good[i], &answers[i], worker, err));
    return ERR_NONE;
}

/* As few items as keep every thread busy, GROUP_CASES at most; one where its reasons are a group.
 */
static size_t group_size(const struct predicting *predicting)
{
    if (predicting->options->explain) return 1;
    unsigned threads = crew_size(predicting->crew);
    size_t group = (predicting->items + threads - 1) / threads;
    return group < 1 ? 1 : group < GROUP_CASES ? group : GROUP_CASES;
}

/* Copies a row behind the others of its batch; slices are set when the batch is whole. */
static enum error_code keep(struct predicting *predicting, const struct csv_row *row,
                            struct error *err)
{
    struct item *item = &predicting->item[predicting->items];
    TRY(mem_grow(&predicting->bytes, &predicting->capacity,
                 predicting->used + case_bytes(&row->text) + 1, 1, err));
    item->row = *row;
    for (int f = 0; f < CASE_FIELDS; f++) {
        struct slice field = row->text.field[f];
        item->offset[f] = predicting->used;
        if (field.size > 0) memcpy(predicting->bytes + predicting->used, field.data, field.size);
        predicting->used += field.size;
    }
    predicting->any_bad |= row->fault.code != ERR_NONE;
    predicting->items++;
    return ERR_NONE;
}

static enum error_code take_batch(struct predicting *predicting, bool *out_end, struct error *err)
{
    predicting->items = predicting->used = 0;
    *out_end = false;
    enum error_code code = ERR_NONE;
    while (predicting->items < predicting->batch_max && predicting->used < BATCH_BYTES) {
        struct csv_row row;
        code = feed_next(predicting->feed, &row, out_end, err);
        if (code == ERR_NONE && !*out_end) code = keep(predicting, &row, err);
        if (code != ERR_NONE || *out_end) break;
    }
    for (size_t i = 0; i < predicting->items; i++)
        for (int f = 0; f < CASE_FIELDS; f++)
            predicting->item[i].row.text.field[f].data =
                predicting->bytes + predicting->item[i].offset[f];
    return code;
}

static void print_header(const struct predicting *predicting)
{
    printf("case_number,predicted_sbr,confidence,abstained");
    const struct answer_model *model = &predicting->model;
    for (uint32_t c = 0; predicting->options->probabilities && c < model->label_count; c++) {
        char text[2 * LABEL_BYTES_MAX + 2];
        struct writer name = writer_of(text, sizeof text);
        put_csv(&name, answer_label(model, c));
        putchar(',');
        fwrite(name.data, 1, name.used, stdout); /* a label may hold a NUL */
    }
    printf(",error\r\n");
}

static enum error_code print_batch(struct predicting *predicting, struct error *err)
{
    for (size_t i = 0; i < predicting->items; i++) {
        const struct item *item = &predicting->item[i];
        TRY(file_print(stdout, (struct slice){item->line, item->line_size}, err));
    }
    return predicting->batch_max == 1 ? file_flush(stdout, err) : ERR_NONE;
}

static enum error_code stream(struct predicting *predicting, struct error *err)
{
    if (predicting->options->csv) print_header(predicting);
    size_t answered = 0;
    bool end = false;
    while (!end) {
        /* What was read before a stream breaks is answered all the same. */
        struct error broken;
        enum error_code reading = take_batch(predicting, &end, &broken);
        predicting->group = group_size(predicting);
        size_t groups = (predicting->items + predicting->group - 1) / predicting->group;
        TRY(crew_run(predicting->crew,
                     &(struct crew_step){answer_group, predicting, groups, NULL, NULL}, NULL, err));
        TRY(print_batch(predicting, err));
        answered += predicting->items;
        progress_report(&predicting->bar.progress, "answering", answered, 0, "cases");
        if (reading != ERR_NONE) return *err = broken, reading;
    }
    return ERR_NONE;
}

/* Many cases: a crew of threads, each with a context for groups; one at a time: one context
 * whose team they all are. */
static enum error_code take_threads(struct predicting *predicting, struct error *err)
{
    unsigned threads = options_threads(predicting->options);
    bool file = feed_size(predicting->feed) > 0;
    unsigned team = threads < TEAM_THREADS_MAX ? threads : TEAM_THREADS_MAX;
    predicting->batch_max = file ? BATCH_CASES : 1;
    predicting->room.slots = file || predicting->options->explain ? GROUP_CASES : 1;
    predicting->room.threads = file ? 1 : team;
    return crew_open(&predicting->crew, file ? threads : 1, err);
}

static enum error_code run(struct predicting *predicting, struct error *err)
{
    const struct options *options = predicting->options;
    struct names names = {0};
    if (options->columns != NULL) TRY(names_parse(&names, slice_of(options->columns), err));
    if ((options->detail || options->explain) && options->csv)
        return error_set(err, ERR_USAGE, 0, "--%s goes with JSON Lines, not with --csv",
                         options->detail ? "detail" : "explain");
    TRY(answer_open(&predicting->model, options->operand[0], options->kernel, err));
    predicting->detail_bytes = options->detail ? detail_bound(&predicting->model) : 0;
    struct feed_options feed = {.path = options->operands > 1 ? options->operand[1] : "-",
                                .names = &names};
    enum error_code code = feed_open(&predicting->feed, &feed, err);
    if (code == ERR_NONE) code = take_threads(predicting, err);
    if (code == ERR_NONE) code = stream(predicting, err);
    bar_close(&predicting->bar);
    crew_close(predicting->crew);
    feed_close(predicting->feed);
    for (int i = 0; i < CREW_THREADS_MAX; i++) {
        answer_end(&predicting->context[i]);
        mem_free(predicting->explaining[i]);
    }
    answer_close(&predicting->model);
    return code;
}

int cmd_predict(const struct options *options)
{
    struct error err;
    struct predicting *predicting;
    if (mem_take(&predicting, 1, sizeof *predicting, &err) != ERR_NONE) return cmd_failed(&err);
    predicting->options = options;
    predicting->bar = bar_open();
    enum error_code code = run(predicting, &err);
    bool any_bad = predicting->any_bad;
    for (int i = 0; i < BATCH_CASES; i++) mem_free(predicting->item[i].line);
    mem_free(predicting->bytes);
    mem_free(predicting);
    if (code != ERR_NONE) return cmd_failed(&err);
    return any_bad ? error_row(ERR_CSV)->exit_status : 0;
}
