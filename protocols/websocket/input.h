/*
 * Bytes that came and are not consumed yet, contiguous. Called by websocket_stream.c, which keeps
 * the bound.
 */
#ifndef DEVICEBOUND_PROTOCOLS_WEBSOCKET_INPUT_H
#define DEVICEBOUND_PROTOCOLS_WEBSOCKET_INPUT_H

#include <stddef.h>
#include <stdint.h>

/* Starts as zeros; unread is bytes[start .. end). */
struct input {
    uint8_t *bytes;
    size_t start, end, size;
};

size_t input_length(const struct input *input);

/* Never NULL; borrowed until the next call. */
const uint8_t *input_bytes(const struct input *input);

void input_append(struct input *input, const uint8_t *bytes, size_t length);

/* Aborts when there is less. What was large is given back once it is empty. */
void input_consume(struct input *input, size_t length);

void input_release(struct input *input);

#endif
