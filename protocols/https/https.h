/*
 * IoT Hub's REST, for services and devices, on streams. Called by server/listener with TLS streams
 * that turned out to carry HTTP.
 *
 * Sources: learn.microsoft.com, REST reference of Azure IoT Hub (Devices, Bulk Registry,
 * Statistics, Cloud To Device Messages, Device - Receive/Complete/Abandon Device Bound
 * Notification) and "Send cloud-to-device messages from an IoT hub". README.md in this folder is
 * the map.
 */
#ifndef DEVICEBOUND_PROTOCOLS_HTTPS_HTTPS_H
#define DEVICEBOUND_PROTOCOLS_HTTPS_HTTPS_H

#include "protocols/context.h"
#include "protocols/stream/stream.h"

struct https_server;

struct https_options {
    bool honour_lock_time; /* a receiver may ask for a lock of 1 to 3600 seconds */
    bool trace; /* log each request and answer, secrets masked */
};

/* Borrows `context`; copies `options`. Returns owned; NULL: libmicrohttpd did not start. */
struct https_server *https_server_create(
    const struct protocol_context *context, const struct https_options *options);

/* Takes the stream, with what is unread on it. */
void https_server_accept(struct https_server *server, struct stream *stream);

/* From now on. */
void https_server_set_trace(struct https_server *server, bool trace);

/* Ends its connections. The hub's turn has to be ended before: no answer may wait for a commit. */
void https_server_free(struct https_server *server);

#endif
