/*
 * A stream inside WebSocket frames on another stream. Called by gate.c once the handshake is done.
 *
 * Frames carry no meaning: payloads are one byte stream, and each write is one binary frame. The
 * server sends binary, pong and close frames, never a fragment, a ping or a masked frame, because
 * some clients take nothing else. Control frames may come unmasked, as some clients send them.
 *
 * Source: RFC 6455, sections 5 and 7.
 */
#ifndef DEVICEBOUND_PROTOCOLS_WEBSOCKET_WEBSOCKET_STREAM_H
#define DEVICEBOUND_PROTOCOLS_WEBSOCKET_WEBSOCKET_STREAM_H

#include "protocols/stream/loop.h"
#include "protocols/stream/stream.h"

#include <sys/queue.h>

struct websocket_stream;

/* Those which their owner has closed and which wait for the peer's close frame. Starts as zeros. */
LIST_HEAD(websocket_closing, websocket_stream);

#define WEBSOCKET_CLOSE_WAIT_MS 1000

/* Takes `lower`; shares `closing` with the others of the gate. `hide_certificate`: as if the client
 * had none. Returns owned, as every stream. */
struct stream *websocket_stream_create(struct loop *loop, struct stream *lower,
    bool hide_certificate, struct websocket_closing *closing);

/* Resets all that wait: the process ends. */
void websocket_closing_reset(struct websocket_closing *closing);

#endif
