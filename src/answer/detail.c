/* detail.c - the best six of the probabilities, and how they are written.
 *
 * Numbers have nine digits, which give a float back to the bit.
 */
// SPDX-License-Identifier: Apache-2.0
#include "answer/detail.h"

#include <string.h>

#include "base/check.h"
#include "text/json.h"

enum {
    ESCAPED = 6,      /* bytes that a byte of a string may take in JSON */
    SHARE_BYTES = 64, /* around a label: its keys and number */
    FIXED_BYTES = 512,
};

struct detail detail_of(const struct answer_model *model, const struct case_text *text,
                        const struct answer *answer)
{
    struct detail detail = {.model = model,
                            .best = {answer->best, answer->confidence},
                            .abstained = answer->abstained,
                            .truncated = answer->truncated,
                            .decision = decision_of(model, text, answer)};
    uint32_t ranked[DETAIL_ALTERNATIVES + 1];
    uint32_t count =
        model->label_count < DETAIL_ALTERNATIVES + 1 ? model->label_count : DETAIL_ALTERNATIVES + 1;
    answer_rank(answer, model->label_count, ranked, count);
    check(ranked[0] == answer->best);
    detail.alternatives = count - 1;
    for (uint32_t i = 1; i < count; i++)
        detail.alternative[i - 1] =
            (struct detail_share){ranked[i], answer->probability[ranked[i]]};
    for (int m = 0; m < ANSWER_MEMBERS; m++)
        detail.member[m] =
            (struct detail_share){answer->member[m].best, answer->member[m].confidence};
    return detail;
}

static void put_share(const struct detail *detail, const char *key, struct detail_share share,
                      struct writer *writer)
{
    writer_format(writer, "\"%s\":", key);
    json_put(writer, answer_label(detail->model, share.sbr));
    writer_format(writer, ",\"confidence\":%.9g", (double)share.confidence);
}

static const char *version_of(const struct answer_model *model)
{
    return bundle_meta(&model->bundle, "created");
}

void detail_write(const struct detail *detail, struct writer *writer)
{
    put_share(detail, "predicted_sbr", detail->best, writer);
    writer_format(writer, ",\"abstained\":%s,\"alternatives\":[",
                  detail->abstained ? "true" : "false");
    for (uint32_t i = 0; i < detail->alternatives; i++) {
        writer_text(writer, i > 0 ? ",{" : "{");
        put_share(detail, "sbr", detail->alternative[i], writer);
        writer_char(writer, '}');
    }
    writer_text(writer, "],\"members\":{");
    const char *between = "";
    for (int m = 0; m < ANSWER_MEMBERS; m++) {
        if (!detail->model->has[m]) continue;
        writer_format(writer, "%s\"%s\":{", between, answer_members[m]);
        put_share(detail, "predicted_sbr", detail->member[m], writer);
        writer_char(writer, '}');
        between = ",";
    }
    writer_format(writer, "},\"truncated\":%s,\"decision_id\":\"" DECISION_FORMAT "\",",
                  detail->truncated ? "true" : "false", detail->decision.kernel,
                  detail->decision.digits);
    writer_text(writer, "\"model\":{\"version\":");
    json_put(writer, slice_of(version_of(detail->model)));
    writer_format(writer, ",\"checksum\":\"%s\"}", detail->model->bundle.checksum);
}

static void put_number(struct slice case_number, struct writer *writer)
{
    writer_text(writer, "{\"case_number\":");
    json_put(writer, case_number);
    writer_char(writer, ',');
}

void detail_put(struct slice case_number, const struct detail *detail, struct writer *writer)
{
    put_number(case_number, writer);
    detail_write(detail, writer);
    writer_char(writer, '}');
}

void detail_put_brief(struct slice case_number, const struct detail *detail, struct writer *writer)
{
    put_number(case_number, writer);
    writer_text(writer, "\"predicted_sbr\":");
    json_put(writer, answer_label(detail->model, detail->best.sbr));
    writer_char(writer, '}');
}

void detail_put_fault(struct slice case_number, const struct error *err, struct writer *writer)
{
    put_number(case_number, writer);
    writer_format(writer, "\"error\":{\"code\":\"%s\",\"detail\":", error_row(err->code)->type);
    json_put(writer, slice_of(err->detail));
    writer_format(writer, ",\"line\":%zu}}", err->line);
}

size_t detail_bound(const struct answer_model *model)
{
    size_t longest = 0;
    for (uint32_t c = 0; c < model->label_count; c++) {
        size_t size = answer_label(model, c).size;
        if (size > longest) longest = size;
    }
    return (1 + DETAIL_ALTERNATIVES + ANSWER_MEMBERS) * (ESCAPED * longest + SHARE_BYTES) +
           ESCAPED * strlen(version_of(model)) + FIXED_BYTES;
}
