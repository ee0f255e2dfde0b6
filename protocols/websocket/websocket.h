/*
 * WebSocket on the HTTPS port: reads the head of a fresh connection's first request and hands the
 * connection on, as a byte stream inside WebSocket frames to AMQP or MQTT, or untouched to the HTTP
 * server. Called by server/listener. Belongs to the loop's thread.
 *
 * An upgrade is served at /$iothub/websocket and /$servicebus/websocket; the subprotocol alone
 * decides between MQTT ("mqtt", "mqttv3.1") and AMQP ("AMQPWSB10"). An upgrade that cannot be
 * served is refused with 400 or 426. Only the first request of a connection is looked at.
 *
 * Sources: RFC 6455; OASIS MQTT 3.1.1 section 6; OASIS AMQP WebSocket Binding 1.0;
 * learn.microsoft.com, "Communicate with an IoT hub using the MQTT protocol" and "Communicate with
 * your IoT hub by using the AMQP Protocol".
 */
#ifndef DEVICEBOUND_PROTOCOLS_WEBSOCKET_WEBSOCKET_H
#define DEVICEBOUND_PROTOCOLS_WEBSOCKET_WEBSOCKET_H

#include "protocols/stream/loop.h"
#include "protocols/stream/stream.h"

struct websocket_gate;

/* Whom connections go to; each takes the stream. AMQP and MQTT get one that nothing was read from,
 * and must not write before the client has (some clients lose what comes with the handshake's
 * answer); HTTP gets the connection with every byte still unread. */
struct websocket_exits {
    void (*amqp)(void *context, struct stream *stream);
    void (*mqtt)(void *context, struct stream *stream);
    void (*http)(void *context, struct stream *stream);
};

/* How long the head may take. */
#define WEBSOCKET_HEAD_WAIT_MS 60000

/* Borrows `loop`; copies `exits`. Returns owned. */
struct websocket_gate *websocket_gate_create(
    struct loop *loop, const struct websocket_exits *exits, void *context);

/* Takes a connection that nothing was read from yet. */
void websocket_gate_take(struct websocket_gate *gate, struct stream *stream);

/* Closes what is still in its first head. */
void websocket_gate_end_all(struct websocket_gate *gate);

/* Resets what is still in its first head or about to close. Streams that were handed out have to be
 * closed before. NULL is nothing. */
void websocket_gate_free(struct websocket_gate *gate);

#endif
