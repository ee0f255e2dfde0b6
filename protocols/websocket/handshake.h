/*
 * The head of a connection's first HTTP request on the HTTPS port: is it a WebSocket upgrade, and
 * what is the answer? Called by gate.c with all bytes that came so far. Pure functions.
 *
 * Source: RFC 6455, sections 4.2.1, 4.2.2 and 4.4.
 */
#ifndef DEVICEBOUND_PROTOCOLS_WEBSOCKET_HANDSHAKE_H
#define DEVICEBOUND_PROTOCOLS_WEBSOCKET_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HANDSHAKE_HEAD_MAX 16384 /* a longer head is left to the HTTP server to refuse */
#define HANDSHAKE_ANSWER_MAX 512

enum handshake_verdict {
    HANDSHAKE_INCOMPLETE, /* come again with more bytes */
    HANDSHAKE_PLAIN, /* not an upgrade: the HTTP server's */
    HANDSHAKE_REFUSED, /* send `answer`, then close */
    HANDSHAKE_UPGRADED /* consume `head_length` bytes, send `answer`, then frames follow */
};

enum websocket_subprotocol {
    WEBSOCKET_MQTT,
    WEBSOCKET_AMQP
};

/* Starts as zeros; kept between the calls for one connection. */
struct handshake {
    size_t scanned; /* no end of head begins before this */
    size_t head_length;
    enum websocket_subprotocol subprotocol;
    bool no_client_certificate; /* the query says that a certificate does not count */
    char answer[HANDSHAKE_ANSWER_MAX]; /* zero-terminated */
};

enum handshake_verdict handshake_read(
    struct handshake *handshake, const uint8_t *bytes, size_t length);

#endif
