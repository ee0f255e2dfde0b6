/*
 * A stream for tests: what the peer sends and what it is sent are two buffers in memory.
 */
#ifndef DEVICEBOUND_TESTS_PROTOCOLS_AMQP_MEMORY_STREAM_H
#define DEVICEBOUND_TESTS_PROTOCOLS_AMQP_MEMORY_STREAM_H

#include "protocols/amqp/value.h"
#include "protocols/stream/stream.h"

struct memory_stream {
    struct stream stream; /* first */
    struct writer in, out;
    size_t in_read, out_read; /* consumed by the server, by the peer */
    size_t pretended; /* bytes of output that are said to be pending */
    struct x509_st *certificate;
    bool has_news; /* `readable` is due */
    bool is_closed, is_reset; /* by the server */
};

void memory_stream_init(struct memory_stream *stream);
void memory_stream_release(struct memory_stream *stream);

/* The peer sends. */
void memory_stream_feed(struct memory_stream *stream, const void *bytes, size_t length);

/* Calls `readable` if something came. True: it did. */
bool memory_stream_run(struct memory_stream *stream);

/* The peer is gone. */
void memory_stream_hang_up(struct memory_stream *stream);

/* Says that so many bytes of output are pending; calls `writable` when they fall below the mark. */
void memory_stream_pretend(struct memory_stream *stream, size_t pending);

#endif
