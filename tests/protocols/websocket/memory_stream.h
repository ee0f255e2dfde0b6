/*
 * A stream without a socket: the test is the peer and the loop. It stays for the test to look at
 * after it was closed; any other use of a closed stream aborts.
 */
#ifndef DEVICEBOUND_TESTS_PROTOCOLS_WEBSOCKET_MEMORY_STREAM_H
#define DEVICEBOUND_TESTS_PROTOCOLS_WEBSOCKET_MEMORY_STREAM_H

#include "protocols/stream/stream.h"

struct memory_stream {
    struct stream base;
    uint8_t *input;
    size_t input_length;
    uint8_t *output;
    size_t output_length;
    size_t output_pending; /* what the stream says of itself; the test sets it */
    int fullness_asked;
    bool owner_is_new; /* the waiting input has to be told */
    int closed, reset;
    struct x509_st *certificate;
};

void memory_stream_init(struct memory_stream *memory);
void memory_stream_release(struct memory_stream *memory);

/* More bytes arrive, and the owner is told; so is one that takes over meanwhile. */
void memory_stream_feed(struct memory_stream *memory, const void *bytes, size_t length);

/* The peer is gone, and the owner is told. */
void memory_stream_end(struct memory_stream *memory);

/* What was written so far is forgotten. */
void memory_stream_clear_output(struct memory_stream *memory);

#endif
