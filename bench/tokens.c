/* tokens.c - how long token_one takes, alone: texts divided by NUL bytes in, one line of figures
 * out.
 *
 *     tokens FILE SECONDS [spacy2] -> texts, tokens, nanoseconds of one core a token
 */
// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "token/many.h"

static double core_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(int argc, char **argv)
{
    struct error err;
    struct file_map map;
    if (argc < 3 || file_map(&map, argv[1], &err) != ERR_NONE) return 2;
    struct token_way way = token_way_of(slice_of("en"), argc > 3 ? TOKEN_SPACY2 : TOKEN_SPACY3);
    struct many_scratch scratch = {0};
    double limit = strtod(argv[2], NULL);
    size_t texts = 0, tokens = 0, passes = 0;
    double begin = 0, now;
    do {
        if (passes == 1) begin = core_seconds(); /* the first pass only warms */
        texts = tokens = 0;
        const char *at = map.bytes.data, *end = at + map.bytes.size;
        while (at < end) {
            const char *stop = memchr(at, 0, (size_t)(end - at));
            if (stop == NULL) stop = end;
            struct token_list list;
            struct slice text = {at, (size_t)(stop - at)};
            if (many_tokens(&scratch, &way, text, &list, &err) != ERR_NONE) return 2;
            tokens += list.count;
            texts++;
            at = stop + 1;
        }
        now = core_seconds();
    } while (passes++ == 0 || now - begin < limit);
    printf("%zu %zu %.2f\n", texts, tokens, (now - begin) * 1e9 / (double)(tokens * (passes - 1)));
    many_scratch_close(&scratch);
    file_unmap(&map);
    return 0;
}
