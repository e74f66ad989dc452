/* tiny.h - small corpora and models for tests of training and answering. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_TRAIN_TINY_H
#define TESTS_TRAIN_TINY_H

#include <unistd.h>

#include "base/crew.h"
#include "help.h"
#include "train/corpus.h"
#include "train/fit.h"

#define TINY_CASES "tests/cases/tiny.csv" /* 60 cases of 6 SBRs */

/* A path of this process under the test's folder; in one of eight buffers that take turns. */
static inline const char *tiny_path(const char *name)
{
    static char paths[8][4096];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%ld.%s", test_folder(), (long)getpid(), name);
    return path;
}

static inline void tiny_put(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* The whole file on the heap; free() it. */
static inline char *tiny_get(const char *path, size_t *out_size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    assert_true(size >= 0);
    rewind(file);
    char *bytes = malloc((size_t)size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)size, file), (size_t)size);
    fclose(file);
    bytes[size] = '\0';
    *out_size = (size_t)size;
    return bytes;
}

/* Opens a corpus; text is CSV, or NULL for TINY_CASES. */
static inline void tiny_corpus(struct corpus *out_corpus, const char *text)
{
    const char *path = TINY_CASES;
    struct error err;
    if (text != NULL) {
        path = tiny_path("cases.csv");
        tiny_put(path, text, strlen(text));
    }
    assert_fine(corpus_open(out_corpus, &path, 1, NULL, NULL, &err), &err);
}

static inline struct crew *tiny_crew(unsigned threads)
{
    struct error err;
    struct crew *crew;
    assert_fine(crew_open(&crew, threads, &err), &err);
    return crew;
}

/* The linear member alone. */
static const struct fit_options tiny_options = {
    .target_precision = 0.9f, .seed = 1, .without = {[ANSWER_ULMFIT] = true}};

static inline void tiny_fit(struct fit *out_fit, const struct corpus *corpus, unsigned threads)
{
    struct error err;
    struct crew *crew = tiny_crew(threads);
    assert_fine(fit_open(out_fit, corpus, &tiny_options, crew, NULL, &err), &err);
    crew_close(crew);
}

#endif
