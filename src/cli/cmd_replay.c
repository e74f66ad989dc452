/* cmd_replay.c - a case answered again, to compare the answer's name with the one given. */
// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "answer/detail.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "text/feed.h"

/* The one case of the file, in *out_room, which the caller frees; with several it is not known
 * which one the decision is of. */
static enum error_code take_case(struct feed *feed, const char *path, struct case_text *out_text,
                                 char **out_room, struct error *err)
{
    struct csv_row row;
    bool end;
    TRY(feed_next(feed, &row, &end, err));
    if (end) return error_set(err, ERR_EMPTY_CASE, 0, "%s: there is no case in it", path);
    if (row.fault.code != ERR_NONE) return *err = row.fault, row.fault.code;
    TRY(mem_take(out_room, case_bytes(&row.text) + 1, 1, err));
    case_copy(out_text, &row.text, *out_room);
    size_t count = 0;
    do {
        count++;
        TRY(feed_next(feed, &row, &end, err));
    } while (!end);
    if (count == 1) return ERR_NONE;
    return error_set(err, ERR_DECISION, 0, "%s: %zu cases, where replay takes one", path, count);
}

/* The answer in JSON, before the verdict: whoever finds a difference wants to see it. */
static enum error_code print(const struct detail *detail, bool same, struct error *err)
{
    char *room;
    size_t size = detail_bound(detail->model) + 32;
    TRY(mem_take(&room, size, 1, err));
    struct writer line = writer_of(room, size);
    writer_format(&line, "{\"reproduced\":%s,", same ? "true" : "false");
    detail_write(detail, &line);
    writer_text(&line, "}\n");
    enum error_code code = file_print(stdout, writer_slice(&line), err);
    mem_free(room);
    return code;
}

static enum error_code answer_again(const struct answer_model *model, const struct case_text *text,
                                    const struct decision *wanted, struct error *err)
{
    struct answer_context context;
    TRY(answer_begin(&context, model, err));
    struct answer answer;
    answer_case(&context, text, &answer);
    struct detail detail = detail_of(model, text, &answer);
    answer_end(&context);
    bool same = decision_equal(&detail.decision, wanted);
    TRY(print(&detail, same, err));
    if (same) return ERR_NONE;
    return error_set(err, ERR_DECISION, 0, "this model gives this case " DECISION_FORMAT,
                     detail.decision.kernel, detail.decision.digits);
}

static enum error_code run(const struct options *options, struct error *err)
{
    struct decision wanted;
    if (options->decision == NULL)
        return error_set(err, ERR_USAGE, 0, "replay needs --decision ID");
    TRY(decision_parse(&wanted, slice_of(options->decision), err));
    struct answer_model model;
    enum error_code code = answer_open(&model, options->operand[0], decision_kernel(&wanted), err);
    if (code == ERR_USAGE) /* the id is well formed: some CPU has this kernel, or had */
        return error_set(err, ERR_UNAVAILABLE, 0, "this CPU lacks the kernel %s", wanted.kernel);
    TRY(code);
    struct feed *feed = NULL;
    struct case_text text;
    char *room = NULL;
    code = feed_open(&feed, &(struct feed_options){.path = options->operand[1]}, err);
    if (code == ERR_NONE) code = take_case(feed, options->operand[1], &text, &room, err);
    if (code == ERR_NONE) code = answer_again(&model, &text, &wanted, err);
    mem_free(room);
    feed_close(feed);
    answer_close(&model);
    return code;
}

int cmd_replay(const struct options *options)
{
    struct error err;
    return run(options, &err) == ERR_NONE ? 0 : cmd_failed(&err);
}
