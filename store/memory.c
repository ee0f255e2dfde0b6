#include "store/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *require(void *block, size_t size)
{
    if (!block && size > 0) {
        fprintf(stderr, "devicebound: out of memory (%zu bytes)\n", size);
        abort();
    }
    return block;
}

void *memory_allocate(size_t size)
{
    return require(calloc(1, size), size);
}

void *memory_allocate_array(size_t count, size_t size)
{
    return require(calloc(count, size), size);
}

void *memory_grow(void *block, size_t count, size_t size)
{
    if (size > 0 && count > SIZE_MAX / size) {
        require(NULL, SIZE_MAX);
    }
    return require(realloc(block, count * size), count * size);
}

char *memory_copy_string(const char *string)
{
    return string ? memory_copy_bytes(string, strlen(string)) : NULL;
}

char *memory_copy_bytes(const void *bytes, size_t length)
{
    char *copy = require(malloc(length + 1), length + 1);
    if (length > 0) {
        memcpy(copy, bytes, length);
    }
    copy[length] = '\0';
    return copy;
}
