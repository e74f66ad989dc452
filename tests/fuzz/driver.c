/* driver.c - replays a corpus without a fuzzer: every file named, or in a folder named. */
// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return 1;
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    uint8_t *data = size >= 0 ? malloc((size_t)size + 1) : NULL; /* exact, so ASan sees overruns */
    size_t got = data != NULL ? fread(data, 1, (size_t)size, file) : 0;
    fclose(file);
    if (data != NULL && got == (size_t)size) LLVMFuzzerTestOneInput(data, got);
    free(data);
    return data == NULL || got != (size_t)size;
}

int main(int argc, char **argv)
{
    int replayed = 0, failed = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (folder == NULL) {
            failed += replay(argv[i]);
            replayed++;
            continue;
        }
        for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
            char path[4096];
            if (entry->d_name[0] == '.') continue;
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            failed += replay(path);
            replayed++;
        }
        closedir(folder);
    }
    printf("%d inputs replayed\n", replayed);
    return failed > 0 || replayed == 0;
}
