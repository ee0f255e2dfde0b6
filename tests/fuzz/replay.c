/*
 * Plays every file of a corpus folder through a fuzz target, so that what fuzzing once found stays
 * a plain test. Each input is also cut short at a few places.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (1 << 20)

/* The input ends where its block ends, so that a sanitizer sees a read past its end. */
static void play(const uint8_t *bytes, size_t length)
{
    uint8_t *copy = malloc(length + 1);

    if (!copy) {
        abort();
    }
    memcpy(copy + 1, bytes, length);
    LLVMFuzzerTestOneInput(copy + 1, length);
    free(copy);
}

static int replay_file(const char *path)
{
    static uint8_t bytes[INPUT_MAX];
    FILE *file = fopen(path, "rb");
    size_t length;

    if (!file) {
        perror(path);
        return -1;
    }
    length = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    play(bytes, length);
    for (size_t cut = 1; cut <= length; cut *= 2) {
        play(bytes, length - cut);
    }
    return 0;
}

int main(int count, char **arguments)
{
    struct dirent **entries;
    int found = count == 2 ? scandir(arguments[1], &entries, NULL, alphasort) : -1;
    int replayed = 0;

    if (found < 0) {
        fprintf(stderr, "usage: %s FOLDER\n", arguments[0]);
        return 2;
    }
    for (int i = 0; i < found; i++) {
        char path[4096];

        if (entries[i]->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", arguments[1], entries[i]->d_name);
            if (replay_file(path) != 0) {
                return 1;
            }
            replayed++;
        }
        free(entries[i]);
    }
    free(entries);
    if (replayed == 0) {
        fprintf(stderr, "%s: no inputs\n", arguments[1]);
        return 1;
    }
    return 0;
}
