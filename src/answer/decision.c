/* decision.c - hashes of the parts, hashed once more.
 *
 * Each part is hashed alone, so that nothing has to be copied together and no part can
 * run into the next one; the sizes are in the hashes.
 */
// SPDX-License-Identifier: Apache-2.0
#include "answer/decision.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

static const char no_kernel[] = "linear";

enum {
    PART_KERNEL,
    PART_MODEL,
    PART_LABEL,
    PART_NUMBERS,
    PART_FLAGS,
    PART_FIELDS,
    PARTS_FIXED = PART_FIELDS
};

static XXH128_canonical_t hash(const void *data, size_t size)
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, size));
    return canonical;
}

struct decision decision_of(const struct answer_model *model, const struct case_text *text,
                            const struct answer *answer)
{
    struct decision decision = {0};
    const char *kernel = model->has[ANSWER_ULMFIT] ? ulmfit_kernel(&model->ulmfit) : no_kernel;
    snprintf(decision.kernel, sizeof decision.kernel, "%s", kernel);
    struct slice label = answer_label(model, answer->best);
    const unsigned char flags[] = {answer->abstained, answer->truncated};
    XXH128_canonical_t part[PARTS_FIXED + CASE_FIELDS];
    part[PART_KERNEL] = hash(kernel, strlen(kernel));
    const char *sums[] = {model->bundle.checksum, model->bundle.header};
    XXH128_canonical_t sum[2];
    for (size_t i = 0; i < 2; i++) sum[i] = hash(sums[i], strlen(sums[i]));
    part[PART_MODEL] = hash(sum, sizeof sum);
    part[PART_LABEL] = hash(label.data, label.size);
    part[PART_NUMBERS] =
        hash(answer->probability, model->label_count * sizeof *answer->probability);
    part[PART_FLAGS] = hash(flags, sizeof flags);
    for (int f = 0; f < CASE_FIELDS; f++)
        part[PART_FIELDS + f] = hash(text->field[f].data, text->field[f].size);
    XXH128_canonical_t whole = hash(part, sizeof part);
    for (size_t i = 0; i < sizeof whole.digest; i++)
        snprintf(decision.digits + 2 * i, 3, "%02x", whole.digest[i]);
    return decision;
}

enum error_code decision_parse(struct decision *out_decision, struct slice text, struct error *err)
{
    struct decision decision = {0};
    /* Counted from the end: "neon-dot" is a kernel's name. */
    size_t kernel = text.size > DECISION_DIGITS + 1 ? text.size - DECISION_DIGITS - 1 : 0;
    bool fine = kernel > 0 && kernel <= DECISION_KERNEL_MAX && text.data[kernel] == '-' &&
                memchr(text.data, '\0', text.size) == NULL;
    for (size_t i = kernel + 1; fine && i < text.size; i++)
        fine = strchr("0123456789abcdef", text.data[i]) != NULL; /* no NUL is among them */
    if (!fine)
        return error_set(err, ERR_USAGE, 0,
                         "'%.*s' is no decision: a kernel, '-', and %d hexadecimal digits",
                         text.size < 80 ? (int)text.size : 80, text.data, DECISION_DIGITS);
    memcpy(decision.kernel, text.data, kernel);
    memcpy(decision.digits, text.data + kernel + 1, DECISION_DIGITS);
    *out_decision = decision;
    return ERR_NONE;
}

const char *decision_kernel(const struct decision *decision)
{
    return strcmp(decision->kernel, no_kernel) == 0 ? NULL : decision->kernel;
}

bool decision_equal(const struct decision *a, const struct decision *b)
{
    return strcmp(a->kernel, b->kernel) == 0 && strcmp(a->digits, b->digits) == 0;
}
