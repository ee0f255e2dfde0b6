/*
 * AMQP 1.0 on a stream: SASL, claims-based security, the links of services and devices. Called by
 * server/listener with TLS streams, and with WebSocket streams.
 *
 * Sources: OASIS AMQP 1.0 parts 2, 3 and 5; learn.microsoft.com, "Communicate with your IoT hub by
 * using the AMQP Protocol". README.md in this folder is the map.
 */
#ifndef DEVICEBOUND_PROTOCOLS_AMQP_AMQP_H
#define DEVICEBOUND_PROTOCOLS_AMQP_AMQP_H

#include "protocols/context.h"
#include "protocols/stream/stream.h"

struct amqp_server;

struct amqp_options {
    bool release_locks_on_detach; /* a receiver that goes gives its locks up at once */
    bool trace; /* one log line per frame, secrets masked */
};

/* Borrows `context`; copies `options`. Returns owned. */
struct amqp_server *amqp_server_create(
    const struct protocol_context *context, const struct amqp_options *options);

/* Takes the stream: a connection that nothing was read from yet. */
void amqp_server_accept(struct amqp_server *server, struct stream *stream);

/* For the connections there are, and those to come. */
void amqp_server_set_trace(struct amqp_server *server, bool trace);

/* Every connection has to be gone: sessions_end_all and some turns before. */
void amqp_server_free(struct amqp_server *server);

#endif
