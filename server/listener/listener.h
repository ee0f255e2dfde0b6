/*
 * One listening port: accepts, does TLS, hands the stream to its protocol. Called by server/main.
 *
 * When the process has no descriptor left, accepting pauses; the kernel keeps the clients waiting.
 */
#ifndef DEVICEBOUND_SERVER_LISTENER_LISTENER_H
#define DEVICEBOUND_SERVER_LISTENER_LISTENER_H

#include "protocols/stream/socket_stream.h"
#include "store/error.h"

#include <stdint.h>

struct certificates;
struct listener;

struct listener_options {
    const char *name; /* "https", of the flag --https-port too */
    const char *address; /* IPv4 or IPv6 */
    uint16_t port; /* 0: any free one */
    struct certificates *certificates; /* borrowed; NULL: plain TCP */
    socket_stream_accepted *accepted; /* takes each stream */
    void *context;
};

/* Binds and listens; clients wait until listener_start. Borrows `loop` and `streams`, copies the
 * options but not their texts. Returns owned in `*out`. Error: SERVER_ERROR, whose sentence names
 * the port and the remedy. */
enum hub_code listener_open(struct listener **out, struct loop *loop,
    struct socket_streams *streams, const struct listener_options *options,
    struct hub_error *error);

void listener_start(struct listener *listener);

/* Stops listening; streams live on. NULL is nothing. */
void listener_close(struct listener *listener);

/* The port that was bound. */
uint16_t listener_port(const struct listener *listener);

#endif
