/*
 * The protocols of this process: which there are, and which port leads to which. Called by
 * server/process.
 */
#ifndef DEVICEBOUND_SERVER_PROTOCOLS_H
#define DEVICEBOUND_SERVER_PROTOCOLS_H

#include "protocols/stream/socket_stream.h"
#include "server/process.h"

struct protocols;

/* What a port leads to. */
struct protocol_port {
    const char *name; /* in the ready line, and in --NAME-port */
    bool is_plain; /* without TLS */
    socket_stream_accepted *accepted; /* its context is struct protocols */
};
const struct protocol_port *protocols_port(enum port port);

/* After each turn of the hub. */
void protocols_turn_ended(struct protocols *protocols);

/* Asks every connection of every protocol to end in order. */
void protocols_end_all(struct protocols *protocols);

#endif
