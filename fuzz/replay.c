/* Runs a fuzz target over every file of its corpus, one TAP line each, without a fuzzer.
 * SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>

enum { INPUT_MAX_BYTES = 1 << 20 };

/* Reads a file into a block of exactly its size, so that one byte too far is seen. */
static uint8_t *read_file(const char *path, size_t *out_len)
{
    uint8_t *data = NULL;
    FILE *file = fopen(path, "rb");

    if (file == NULL)
        return NULL;
    if (fseek(file, 0, SEEK_END) == 0) {
        const long len = ftell(file);

        rewind(file);
        if (len >= 0 && len <= INPUT_MAX_BYTES)
            data = malloc(len > 0 ? (size_t)len : 1);
        if (data != NULL && fread(data, 1, (size_t)len, file) != (size_t)len) {
            free(data);
            data = NULL;
        }
        *out_len = data != NULL ? (size_t)len : 0;
    }
    (void)fclose(file);
    return data;
}

int main(int argc, char **argv)
{
    struct dirent **names = NULL;
    const int found = argc == 2 ? scandir(argv[1], &names, NULL, alphasort) : -1;
    int ran = 0;
    int failed = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 0; i < found; i++) {
        char path[PATH_MAX];
        size_t len = 0;

        if (names[i]->d_name[0] != '.') {
            (void)snprintf(path, sizeof path, "%s/%s", argv[1], names[i]->d_name);
            uint8_t *data = read_file(path, &len);

            if (data != NULL)
                (void)LLVMFuzzerTestOneInput(data, len);
            failed += data == NULL;
            printf("%sok %d - %s\n", data != NULL ? "" : "not ", ++ran, names[i]->d_name);
            free(data);
        }
        free(names[i]);
    }
    free(names);
    printf("1..%d\n", ran);
    return ran == 0 || failed > 0;
}
