/* score.c - counts, and what follows from them. */
// SPDX-License-Identifier: Apache-2.0
#include "train/score.h"

#include <math.h>

#include "base/check.h"
#include "base/mem.h"

enum error_code score_open(struct score *out_score, uint32_t labels, struct error *err)
{
    struct score score = {.labels = labels};
    TRY(mem_take(&score.label, (size_t)labels + 1, sizeof *score.label, err));
    *out_score = score;
    return ERR_NONE;
}

void score_close(struct score *score)
{
    mem_free(score->label);
    *score = (struct score){0};
}

void score_add(struct score *score, uint32_t truth, uint32_t best, float confidence, bool abstained)
{
    check(truth <= score->labels && best < score->labels);
    check(confidence >= 0 && confidence <= 1); /* nor is NaN */
    bool right = truth == best;
    score->label[truth].cases++;
    score->label[truth].right += right;
    score->label[best].guessed++;
    score->label[best].answered += !abstained;
    score->label[best].answered_right += !abstained && right;
    int bin = (int)(confidence * SCORE_BINS);
    if (bin >= SCORE_BINS) bin = SCORE_BINS - 1;
    score->bin[bin].cases++;
    score->bin[bin].right += right;
    score->bin[bin].confidence += (double)confidence;
}

void score_merge(struct score *score, const struct score *other)
{
    check(score->labels == other->labels);
    for (uint32_t c = 0; c <= score->labels; c++) {
        score->label[c].cases += other->label[c].cases;
        score->label[c].guessed += other->label[c].guessed;
        score->label[c].right += other->label[c].right;
        score->label[c].answered += other->label[c].answered;
        score->label[c].answered_right += other->label[c].answered_right;
    }
    for (int b = 0; b < SCORE_BINS; b++) {
        score->bin[b].cases += other->bin[b].cases;
        score->bin[b].right += other->bin[b].right;
        score->bin[b].confidence += other->bin[b].confidence;
    }
}

double score_ratio(uint64_t a, uint64_t b) { return b == 0 ? 0 : (double)a / (double)b; }

double score_f1(const struct score_label *label)
{
    return score_ratio(2 * label->right, label->cases + label->guessed);
}

struct score_sum score_sum(const struct score *score)
{
    struct score_sum sum = {.unknown = score->label[score->labels].cases};
    uint32_t met = 0;
    for (uint32_t c = 0; c <= score->labels; c++) {
        const struct score_label *label = &score->label[c];
        sum.cases += label->cases;
        sum.right += label->right;
        sum.answered += label->answered;
        sum.answered_right += label->answered_right;
        if (label->cases + label->guessed == 0) continue;
        sum.macro_f1 += score_f1(label);
        met += c == score->labels && score->strangers > 1 ? score->strangers : 1;
    }
    if (met > 0) sum.macro_f1 /= met;
    sum.accuracy = score_ratio(sum.right, sum.cases);
    sum.coverage = score_ratio(sum.answered, sum.cases);
    sum.precision = score_ratio(sum.answered_right, sum.answered);
    for (int b = 0; b < SCORE_BINS && sum.cases > 0; b++)
        sum.calibration_error +=
            fabs(score->bin[b].confidence - (double)score->bin[b].right) / (double)sum.cases;
    return sum;
}
