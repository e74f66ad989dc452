/* answers.c - ULMFiT's answers to ids, by the exact path and by small integers.
 *
 * usage: answers MODEL.air IDS.txt KERNEL > LOGITS   (a line of ids a case; KERNEL as ulmfit_open)
 * For comparing with what fastai answered; see bench/compare.py. */
// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>

#include "model/canary.h"

enum { TOKENS_MAX = 4096 };

static int fail(const struct error *err)
{
    fprintf(stderr, "%s\n", err->detail);
    return error_row(err->code)->exit_status;
}

int main(int argc, char **argv)
{
    static uint32_t ids[TOKENS_MAX];
    static char line[1 << 16];
    struct error err;
    struct bundle bundle;
    struct ulmfit ulmfit;
    struct ulmfit_pass pass;
    struct arena arena = arena_measure();
    if (argc != 4) return 64;
    if (bundle_open(&bundle, argv[1], &err) != ERR_NONE) return fail(&err);
    if (ulmfit_open(&ulmfit, &bundle, argv[3], &err) != ERR_NONE) return fail(&err);
    ulmfit_lay(&pass, &ulmfit, 1, 1, &arena);
    if (arena_open(&arena, arena.used, &err) != ERR_NONE) return fail(&err);
    ulmfit_lay(&pass, &ulmfit, 1, 1, &arena);
    if (team_open(&pass.team, 1, &err) != ERR_NONE) return fail(&err);
    size_t classes = weights_classes(&ulmfit.shrink.weights.shape);
    float *logits = malloc(classes * sizeof *logits);
    FILE *file = fopen(argv[2], "r");
    if (file == NULL || logits == NULL) return 66;
    while (fgets(line, sizeof line, file) != NULL) {
        size_t count = 0;
        char *at = line, *end;
        for (unsigned long id; count < TOKENS_MAX; at = end) {
            id = strtoul(at, &end, 10);
            if (end == at) break;
            if (id >= ulmfit.shrink.weights.shape.vocab) return 65;
            ids[count++] = (uint32_t)id;
        }
        struct ulmfit_case text = {ids, count, logits};
        if (ulmfit_forward(&ulmfit, &pass, &text, 1, &err) != ERR_NONE) return fail(&err);
        for (size_t c = 0; c < classes; c++)
            printf("%.9g%c", (double)logits[c], c + 1 < classes ? ' ' : '\n');
    }
    fclose(file);
    free(logits);
    return 0;
}
