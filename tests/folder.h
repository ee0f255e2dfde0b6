/*
 * A temporary folder and the files in it.
 */
#ifndef DEVICEBOUND_TESTS_FOLDER_H
#define DEVICEBOUND_TESTS_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#define FOLDER_SIZE 64

/* Makes an empty one and writes its path. */
void folder_make(char path[FOLDER_SIZE]);

/* With everything in it. */
void folder_remove(const char *path);

/* "FOLDER/NAME". Valid until the next 63 calls. */
const char *folder_file(const char *path, const char *name);

/* Everything under it, folders included. */
size_t folder_count(const char *path);

/* The whole file, with a zero behind it. Fails the test when it is not there. Returns owned. */
char *file_read(const char *path, size_t *length);
void file_write(const char *path, const void *bytes, size_t length);
void file_copy(const char *from, const char *to);
bool file_exists(const char *path);
unsigned file_mode(const char *path); /* its permission bits */

#endif
