#include "protocols/websocket/input.h"

#include "store/memory.h"

#include <stdlib.h>
#include <string.h>

#define SIZE_AT_FIRST 1024
#define SIZE_KEPT 4096 /* while it is empty */

size_t input_length(const struct input *input)
{
    return input->end - input->start;
}

const uint8_t *input_bytes(const struct input *input)
{
    static const uint8_t nothing[1];

    return input->bytes ? input->bytes + input->start : nothing;
}

static void make_room(struct input *input, size_t length)
{
    size_t kept = input_length(input);
    size_t size = input->size > 0 ? input->size : SIZE_AT_FIRST;

    if (input->size - input->end >= length) {
        return;
    }
    if (kept > 0) {
        memmove(input->bytes, input->bytes + input->start, kept);
    }
    input->start = 0;
    input->end = kept;
    while (size < kept + length) {
        size *= 2;
    }
    if (size > input->size) {
        input->bytes = memory_grow(input->bytes, size, 1);
        input->size = size;
    }
}

void input_append(struct input *input, const uint8_t *bytes, size_t length)
{
    if (length > 0) {
        make_room(input, length);
        memcpy(input->bytes + input->end, bytes, length);
        input->end += length;
    }
}

void input_consume(struct input *input, size_t length)
{
    if (length > input_length(input)) {
        abort();
    }
    input->start += length;
    if (input_length(input) > 0) {
        return;
    }
    input->start = 0;
    input->end = 0;
    if (input->size > SIZE_KEPT) {
        input_release(input);
    }
}

void input_release(struct input *input)
{
    free(input->bytes);
    *input = (struct input){0};
}
