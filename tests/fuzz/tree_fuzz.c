/* tree_fuzz.c - any text as files of /proc and /sys: never a crash, and JSON comes out.
 *
 * The input is a tree in one piece: a line "@/proc/meminfo" begins a file.
 */
// SPDX-License-Identifier: Apache-2.0
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "doctor/visit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int remove_one(const char *path, const struct stat *stat_, int type, struct FTW *place)
{
    (void)stat_;
    (void)type;
    (void)place;
    return remove(path);
}

/* Below folder only: no "..", nothing but what paths of /proc are made of. */
static bool usable(const char *path, size_t size)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-/";
    if (size < 2 || size > 120 || path[0] != '/' || path[size - 1] == '/') return false;
    if (memmem(path, size, "..", 2) != NULL || memmem(path, size, "//", 2) != NULL) return false;
    for (size_t i = 0; i < size; i++)
        if (path[i] == '\0' || strchr(allowed, path[i]) == NULL) return false;
    return true;
}

static void write_file(const char *folder, const char *path, size_t path_size, const char *text,
                       size_t size)
{
    char full[512];
    snprintf(full, sizeof full, "%s%.*s", folder, (int)path_size, path);
    for (char *slash = strchr(full + strlen(folder) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(full, 0700);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    if (file == NULL) return; /* a file where a folder is wanted */
    fwrite(text, 1, size, file);
    fclose(file);
}

static void write_tree(const char *folder, const char *text, size_t size)
{
    const char *end = text + size;
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        if (newline == NULL) return;
        const char *next = memmem(newline, (size_t)(end - newline), "\n@", 2);
        const char *stop = next != NULL ? next + 1 : end;
        size_t path_size = (size_t)(newline - text);
        if (text[0] == '@' && usable(text + 1, path_size - 1))
            write_file(folder, text + 1, path_size - 1, newline + 1, (size_t)(stop - newline - 1));
        text = stop;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *base = getenv("TEST_TMP");
    char folder[256];
    snprintf(folder, sizeof folder, "%s/tree.XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(folder) == NULL) return 0;
    write_tree(folder, (const char *)data, size);
    struct doctor_options options = {
        .root = folder, .simulate = INT64_C(6) << 30, .workers = 1000000};
    struct visit visit;
    struct error err;
    check(visit_open(&visit, &options, &err) == ERR_NONE);
    check(visit_all(&visit, &options, &err) == ERR_NONE);
    struct printed printed = {
        .command = "check", .findings = &visit.findings, .details = visit.details};
    json_t *json = printer_json(&printed);
    check(json != NULL);
    json_decref(json);
    visit_close(&visit);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}
