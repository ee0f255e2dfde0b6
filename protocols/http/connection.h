/*
 * The pump between a stream and libmicrohttpd, which only knows sockets: one half of a socketpair
 * each. Private to this room.
 *
 *     stream  --peek/consume-->  our half ==== its half  <--> libmicrohttpd
 *             <--stream_write--
 *
 * Nothing is buffered here: what our half does not take stays in the stream (which stops reading
 * its peer), what the stream does not take stays in the socket (which stops libmicrohttpd).
 */
#ifndef DEVICEBOUND_PROTOCOLS_HTTP_CONNECTION_H
#define DEVICEBOUND_PROTOCOLS_HTTP_CONNECTION_H

#include "protocols/http/http.h"

struct pump; /* all connections of a server: one epoll instance in the loop */

/* What the server wants to know. */
struct pump_events {
    /* Bytes went to libmicrohttpd, or the end of them. */
    void (*fed)(void *owner);
    /* The connection is gone on both sides; it is freed on return. */
    void (*gone)(void *owner, struct http_connection *connection);
};

/* Returns owned; NULL: the system gives no epoll instance. */
struct pump *pump_create(struct loop *loop, const struct pump_events *events, void *owner);

/* Resets what is left. */
void pump_free(struct pump *pump);
/* http_connection_end for each, without a reset. */
void pump_end_all(struct pump *pump);
size_t pump_count(const struct pump *pump);
void *http_connection_owner(const struct http_connection *connection); /* of its pump */

/* Takes the stream in any case; `*other` is the half for libmicrohttpd, the caller's. NULL: no
 * socketpair. The connection lives until both sides are gone. */
struct http_connection *http_connection_adopt(struct pump *pump, struct stream *stream, int *other);

/* Moves what is there already; to be called when libmicrohttpd has its half. */
void http_connection_start(struct http_connection *connection);

/* libmicrohttpd has closed its half: what it wrote is still brought out, for a while. */
void http_connection_closed_inside(struct http_connection *connection);

/* Ends it at once on both sides, with a reset or in order. */
void http_connection_cut(struct http_connection *connection, bool reset);

/* What is answered on it now and ends with its peer; NULL: nothing of the kind. */
void http_connection_set_feed(struct http_connection *connection, struct http_feed *feed);

void http_connection_set_client(struct http_connection *connection, void *client);

#endif
