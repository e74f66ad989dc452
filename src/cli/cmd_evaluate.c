/* cmd_evaluate.c - a model against labelled cases. */
// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>

#include "base/tick.h"
#include "cli/bar.h"
#include "cli/cmd.h"
#include "cli/table.h"
#include "train/evaluate.h"

static enum error_code print_json(const struct evaluate *evaluate, const struct answer_model *model,
                                  double seconds, struct error *err)
{
    json_t *root = table_json(&evaluate->blend, model), *members = json_object();
    for (int m = 0; m < ANSWER_MEMBERS; m++) {
        if (!model->has[m]) continue;
        struct score_sum sum = score_sum(&evaluate->member[m]);
        json_object_set_new(
            members, answer_members[m],
            json_pack("{s:f, s:f}", "accuracy", sum.accuracy, "macro_f1", sum.macro_f1));
    }
    json_object_set_new(root, "members", members);
    json_object_set_new(root, "seconds", json_real(seconds));
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(root);
    if (text == NULL) return error_set(err, ERR_MEMORY, 0, "no memory for the report");
    puts(text);
    free(text);
    return ERR_NONE;
}

static enum error_code evaluate(const struct options *options, const struct answer_model *model,
                                const struct corpus *corpus, struct bar *bar, struct error *err)
{
    uint64_t begun = tick_now();
    struct crew *crew;
    if (corpus->count == 0) return error_set(err, ERR_DATA, 0, "no usable cases to evaluate");
    struct evaluate result;
    TRY(crew_open(&crew, options_threads(options), err));
    enum error_code code = evaluate_open(&result, model, corpus, crew, &bar->progress, err);
    crew_close(crew);
    if (code != ERR_NONE) return code;
    bar_close(bar);
    double seconds = tick_seconds_since(begun);
    if (options->json) {
        code = print_json(&result, model, seconds, err);
    } else {
        table_score(&result.blend, model);
        if (model->has[ANSWER_LINEAR] && model->has[ANSWER_ULMFIT]) {
            putchar('\n');
            table_members(result.member, model);
        }
    }
    evaluate_close(&result);
    return code;
}

static enum error_code run(const struct options *options, struct bar *bar, struct error *err)
{
    struct names names = {0};
    if (options->columns != NULL) TRY(names_parse(&names, slice_of(options->columns), err));
    struct answer_model model;
    TRY(answer_open(&model, options->operand[0], options->kernel, err));
    struct corpus corpus;
    enum error_code code = corpus_open(&corpus, options->operand + 1, options->operands - 1, &names,
                                       &bar->progress, err);
    bar_close(bar);
    if (code == ERR_NONE) {
        code = table_bad_rows(&corpus, options->skip_bad, err);
        if (code == ERR_NONE) code = evaluate(options, &model, &corpus, bar, err);
        corpus_close(&corpus);
    }
    answer_close(&model);
    return code;
}

int cmd_evaluate(const struct options *options)
{
    struct error err;
    struct bar bar = bar_open();
    enum error_code code = run(options, &bar, &err);
    bar_close(&bar);
    return code == ERR_NONE ? 0 : cmd_failed(&err);
}
