/*
 * Allocation that never returns NULL: without memory there is no way to keep the hub's promises, so
 * the process aborts with a message. Everything is freed with free(). Called by every floor.
 */
#ifndef DEVICEBOUND_STORE_MEMORY_H
#define DEVICEBOUND_STORE_MEMORY_H

#include <stddef.h>

/* Zeroed. Returns owned. */
void *memory_allocate(size_t size);
void *memory_allocate_array(size_t count, size_t size);

/* As realloc for `count` elements of `size`; the new part is not zeroed. Takes `block`. */
void *memory_grow(void *block, size_t count, size_t size);

/* Returns owned; NULL gives NULL. */
char *memory_copy_string(const char *string);

/* A zero-terminated copy of `length` bytes. Returns owned. */
char *memory_copy_bytes(const void *bytes, size_t length);

#endif
