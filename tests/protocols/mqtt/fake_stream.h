/*
 * A stream in memory: the test is the peer.
 */
#ifndef DEVICEBOUND_TESTS_PROTOCOLS_MQTT_FAKE_STREAM_H
#define DEVICEBOUND_TESTS_PROTOCOLS_MQTT_FAKE_STREAM_H

#include "protocols/stream/stream.h"

enum fake_state {
    FAKE_OPEN,
    FAKE_CLOSED,
    FAKE_RESET
};

struct fake_bytes {
    uint8_t *at;
    size_t length, room;
};

struct fake_stream {
    struct stream stream; /* first */
    enum fake_state state;
    bool is_websocket;
    bool is_stalled; /* the peer does not read: output stays pending */
    struct x509_st *certificate;
    bool chain_is_trusted;
    struct fake_bytes input;
    struct fake_bytes output; /* everything the server wrote and the test has not taken */
    size_t writes;
};

/* Survives its closing, so that the test can look at it. Returns owned. */
struct fake_stream *fake_stream_create(void);
void fake_stream_free(struct fake_stream *fake);

/* The peer's bytes arrive, and the owner is told. */
void fake_stream_feed(struct fake_stream *fake, const void *bytes, size_t length);
/* They arrive, and nobody is told yet. */
void fake_stream_hold(struct fake_stream *fake, const void *bytes, size_t length);
/* The peer is gone. */
void fake_stream_hang_up(struct fake_stream *fake);
/* The peer reads again. */
void fake_stream_drain(struct fake_stream *fake);

#endif
