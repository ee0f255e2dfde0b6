#include "tests/folder.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 512
#define DESCRIPTORS 8
#define RING 64

void folder_make(char path[FOLDER_SIZE])
{
    snprintf(path, FOLDER_SIZE, "/tmp/devicebound-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *found, int kind, struct FTW *place)
{
    (void)found;
    (void)kind;
    (void)place;
    return remove(path);
}

void folder_remove(const char *path)
{
    ck_assert_int_eq(nftw(path, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS), 0);
}

const char *folder_file(const char *path, const char *name)
{
    static char paths[RING][PATH_SIZE];
    static unsigned next;
    char *out = paths[next++ % RING];
    snprintf(out, PATH_SIZE, "%s/%s", path, name);
    return out;
}

static size_t counted;

static int count_one(const char *path, const struct stat *found, int kind, struct FTW *place)
{
    (void)path;
    (void)found;
    (void)kind;
    counted += place->level > 0;
    return 0;
}

size_t folder_count(const char *path)
{
    counted = 0;
    ck_assert_int_eq(nftw(path, count_one, DESCRIPTORS, FTW_PHYS), 0);
    return counted;
}

char *file_read(const char *path, size_t *length)
{
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s cannot be opened", path);
    char *bytes;
    size_t size;
    FILE *copy = open_memstream(&bytes, &size);
    for (int c; (c = getc(file)) != EOF;) {
        putc(c, copy);
    }
    ck_assert_int_eq(fclose(file) | fclose(copy), 0);
    if (length) {
        *length = size;
    }
    return bytes;
}

void file_write(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "w");
    ck_assert_msg(file != NULL, "%s cannot be written", path);
    ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
}

void file_copy(const char *from, const char *to)
{
    size_t length;
    char *bytes = file_read(from, &length);
    file_write(to, bytes, length);
    free(bytes);
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

unsigned file_mode(const char *path)
{
    struct stat found;
    ck_assert_int_eq(stat(path, &found), 0);
    return found.st_mode & 07777u;
}
