/* imported.h - a model file with the tiny ULMFiT of tests/golden, alone or beside a linear member
 * that only knows how often each label comes. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_ANSWER_IMPORTED_H
#define TESTS_ANSWER_IMPORTED_H

#include <unistd.h>

#include "answer/answer.h"
#include "help.h"
#include "model/import.h"

#define IMPORTED_GOLDEN "tests/golden/ulmfit/"

enum { IMPORTED_LABELS = 5 };

static const struct import_options IMPORTED_OPTIONS = {.weights = IMPORTED_GOLDEN "model.pth",
                                                       .vocab = IMPORTED_GOLDEN "vocab.json",
                                                       .labels = IMPORTED_GOLDEN "labels.json",
                                                       .bptt = 8,
                                                       .max_len = 40,
                                                       .exact = true};

static const float imported_bias[IMPORTED_LABELS] = {0.1f, 0.7f, -0.3f, 0, 0.2f};
static const float imported_blend[ANSWER_MEMBERS] = {0.5f, 0.8f};

/* One feature, which no text has, between two bucket borders too many. */
static inline void imported_linear(struct bundle_draft *draft)
{
    static const uint32_t bucket[3] = {0, 1, 1}, tag[1] = {1};
    static const uint8_t idf[1] = {0};
    static const float scale[1] = {1};
    static const float parameters[3] = {0.05f, 1, 1}, calibration[4] = {1, 0, 1, 0};
    static const int8_t weight[IMPORTED_LABELS] = {1, 2, 3, 4, 5};
    bundle_draft_tensor(draft, "linear.bucket", SAFETENSORS_U32, 3, 0, bucket);
    bundle_draft_tensor(draft, "linear.tag", SAFETENSORS_U32, 1, 0, tag);
    bundle_draft_tensor(draft, "linear.idf", SAFETENSORS_U8, 1, 0, idf);
    bundle_draft_tensor(draft, "linear.scale", SAFETENSORS_F32, 1, 0, scale);
    bundle_draft_tensor(draft, "linear.weight", SAFETENSORS_I8, 1, IMPORTED_LABELS, weight);
    bundle_draft_tensor(draft, "linear.bias", SAFETENSORS_F32, IMPORTED_LABELS, 0, imported_bias);
    bundle_draft_tensor(draft, "linear.parameters", SAFETENSORS_F32, 3, 0, parameters);
    bundle_draft_tensor(draft, "linear.calibration", SAFETENSORS_F32, 4, 0, calibration);
    bundle_draft_tensor(draft, "blend.weight", SAFETENSORS_F32, ANSWER_MEMBERS, 0, imported_blend);
    bundle_draft_tensor(draft, "blend.calibration", SAFETENSORS_F32, 4, 0, calibration);
}

/* The file's path, which the caller unlinks. */
static inline const char *imported_write(bool linear)
{
    static struct import import;
    static struct bundle_draft draft;
    static char path[4096];
    static const uint32_t cases[IMPORTED_LABELS];
    static const float threshold[IMPORTED_LABELS], target = 0.9f;
    struct error err = {0};
    snprintf(path, sizeof path, "%s/%ld.imported.air", test_folder(), (long)getpid());
    assert_fine(import_open(&import, &IMPORTED_OPTIONS, &err), &err);
    assert_fine(bundle_draft_open(&draft, &err), &err);
    bundle_draft_meta(&draft, "fields", "subject,description");
    bundle_draft_meta(&draft, "language", "en");
    bundle_draft_meta(&draft, "tokenizer", "spacy3");
    bundle_draft_meta(&draft, "post_rule", "no");
    import_draft(&import, &draft);
    bundle_draft_tensor(&draft, "labels.cases", SAFETENSORS_U32, IMPORTED_LABELS, 0, cases);
    bundle_draft_tensor(&draft, "answer.threshold", SAFETENSORS_F32, IMPORTED_LABELS, 0, threshold);
    bundle_draft_tensor(&draft, "answer.target", SAFETENSORS_F32, 1, 0, &target);
    if (linear) imported_linear(&draft);
    assert_fine(bundle_draft_write(&draft, path, &err), &err);
    bundle_draft_close(&draft);
    import_close(&import);
    return path;
}

/* A text of so many words that the tiny vocabulary knows, other ones for every seed. */
static inline struct case_text imported_case(unsigned seed, size_t words, char *room, size_t size)
{
    static const char *const known[] = {
        "the",     "old",    "login",   "never", "crashes", "disk",   "server", "down",   "phone",
        "network", "driver", "printer", "email", "router",  "screen", "cable",  "backup", "today"};
    size_t used = 0;
    for (size_t w = 0; w < words; w++) {
        seed = seed * 1103515245 + 12345;
        used += (size_t)snprintf(room + used, size - used, "%s%s", w > 0 ? " " : "",
                                 known[(seed >> 16) % (sizeof known / sizeof *known)]);
        assert_true(used < size);
    }
    struct case_text text = {0};
    for (int f = 0; f < CASE_FIELDS; f++) text.field[f] = SLICE("");
    text.field[CASE_SUBJECT] = SLICE("Printer fails");
    text.field[CASE_DESCRIPTION] = (struct slice){room, used};
    return text;
}

#endif
