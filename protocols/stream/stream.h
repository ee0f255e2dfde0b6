/*
 * A connected byte stream with back-pressure: TLS over TCP, plain TCP (control port), or WebSocket
 * messages over one of these. Protocols read and write here and never see a socket.
 *
 * Life: whoever is handed a stream owns it until it calls stream_close or stream_reset, once. When
 * the peer is gone, `ended` is called once, and the owner still has to call stream_close (which
 * then only frees). No callback comes after close or reset, nor from within a call of the owner
 * into the stream: they come from the loop. Belongs to the loop's thread.
 */
#ifndef DEVICEBOUND_PROTOCOLS_STREAM_STREAM_H
#define DEVICEBOUND_PROTOCOLS_STREAM_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream;
struct x509_st; /* OpenSSL's X509 */

/* What the stream tells its owner. */
struct stream_events {
    /* Unread input waits (stream_peek); called again only when more arrives. */
    void (*readable)(void *owner);
    /* Pending output fell below the low mark after stream_output_is_full said true. May be NULL. */
    void (*writable)(void *owner);
    /* The peer closed, or the connection broke; unread input stays readable. */
    void (*ended)(void *owner);
};

/* Whom callbacks go to; replaces the previous owner, so that a listener can read a head and hand
 * the stream on. Input that is already there causes a `readable` from the loop. */
void stream_set_owner(struct stream *stream, const struct stream_events *events, void *owner);

/* The unread input, contiguous; `*length` may be 0. Borrowed until the next call on the stream.
 * Input is bounded (STREAM_INPUT_MAX): beyond it the peer is not read until some is consumed. */
const uint8_t *stream_peek(struct stream *stream, size_t *length);
void stream_consume(struct stream *stream, size_t length);

/* Copies to the output; never blocks, never fails: a broken stream reports `ended`. */
void stream_write(struct stream *stream, const void *bytes, size_t length);

/* What is written and not yet with the kernel, in bytes. */
size_t stream_output_pending(const struct stream *stream);

/* Above the high mark: stop producing until `writable`. */
bool stream_output_is_full(const struct stream *stream);

/* Sends what is pending, ends in order (TLS close-notify, FIN), reads and drops for a moment so
 * that the peer sees the last bytes before any reset; then frees. */
void stream_close(struct stream *stream);

/* TCP reset at once; frees. */
void stream_reset(struct stream *stream);

/* "192.0.2.1:5671", borrowed for the life of the stream. */
const char *stream_peer_address(const struct stream *stream);

/* The client's certificate; NULL without one or without TLS. Borrowed as above. */
struct x509_st *stream_peer_certificate(const struct stream *stream);
/* Whether that certificate's chain ends at a CA the hub trusts for devices. */
bool stream_peer_chain_is_trusted(const struct stream *stream);

/* WebSocket at its bottom? Decides names such as "amqpWs". */
bool stream_is_websocket(const struct stream *stream);

#define STREAM_INPUT_MAX 65536 /* unread bytes kept */
#define STREAM_OUTPUT_HIGH 262144 /* full above this */
#define STREAM_OUTPUT_LOW 65536 /* writable again below this */

/* ---- for those who implement a stream ---- */

struct stream_operations {
    const uint8_t *(*peek)(struct stream *stream, size_t *length);
    void (*consume)(struct stream *stream, size_t length);
    void (*write)(struct stream *stream, const void *bytes, size_t length);
    size_t (*output_pending)(const struct stream *stream);
    void (*set_owner)(struct stream *stream); /* the common part is already set */
    void (*close)(struct stream *stream);
    void (*reset)(struct stream *stream);
    const char *(*peer_address)(const struct stream *stream);
    struct x509_st *(*peer_certificate)(const struct stream *stream);
    bool (*peer_chain_is_trusted)(const struct stream *stream);
    bool (*is_websocket)(const struct stream *stream);
};

/* First member of every implementation. */
struct stream {
    const struct stream_operations *operations;
    const struct stream_events *events;
    void *owner;
};

#endif
