/*
 * HTTP/1.1 on streams: libmicrohttpd behind routes, requests and responses of our own. Called by
 * protocols/https and server/control, each with a server of its own; nobody else sees
 * libmicrohttpd.
 *
 * A request comes to its handler when its body is complete. The handler, or whoever it leaves the
 * request with, gives exactly one answer, now or in a later turn of the loop: after the commit that
 * makes it true. Until then the request stays valid, also when its client is gone. Belongs to the
 * loop's thread.
 *
 * Sources: RFC 9110 (semantics), RFC 9112 (HTTP/1.1).
 */
#ifndef DEVICEBOUND_PROTOCOLS_HTTP_HTTP_H
#define DEVICEBOUND_PROTOCOLS_HTTP_HTTP_H

#include "protocols/stream/loop.h"
#include "protocols/stream/stream.h"
#include "store/error.h"
#include "store/message.h"

#include <stdbool.h>
#include <stddef.h>

struct http_server;
struct http_connection;
struct http_request;
struct http_response;

#define HTTP_TARGET_MAX 8192 /* bytes of path and query; beyond: 414 */
#define HTTP_SEGMENTS_MAX 12 /* of a path; more fit no route */
#define HTTP_PARAMETERS_MAX 4 /* of a route's pattern */
#define HTTP_DRAIN_MAX 1048576 /* a body that is too large is read so far, then refused */

/* ---- routes and server ---- */

/* Called with the server's context. */
typedef void http_handler(void *context, struct http_request *request);

struct http_route {
    const char *method; /* "*": any */
    const char *pattern; /* "/devices/{}/modules/{}": literals compare without case */
    size_t body_max;
    http_handler *handler;
};

struct http_options {
    const struct http_route *routes; /* ends with a NULL method; the first that fits is taken */
    void *context;

    /* Called before the handler. False: it has answered the request itself. May be NULL. */
    bool (*admit)(void *context, struct http_request *request);

    /* Answers what reaches no handler: GENERIC_NOT_FOUND, GENERIC_METHOD_NOT_ALLOWED (the Allow
     * header is added to the answer), MESSAGE_TOO_LARGE, GENERIC_BAD_REQUEST. */
    void (*refuse)(void *context, struct http_request *request, const struct hub_error *error);

    /* For those who log: a request goes to its handler; it is answered, or its connection ends
     * instead (`response` NULL). Both may be NULL. */
    void (*received)(void *context, const struct http_request *request);
    void (*answered)(
        void *context, const struct http_request *request, const struct http_response *response);

    /* A client came and went; what `connected` returns is http_request_client of its requests. Both
     * may be NULL. */
    void *(*connected)(void *context, struct http_connection *connection);
    void (*disconnected)(void *context, void *client);

    unsigned connections_max; /* more are closed at once */
    unsigned idle_seconds; /* without a byte either way; requests that wait for us don't count */
};

/* Borrows `options->routes`, copies the rest. Returns owned; NULL: libmicrohttpd did not start. */
struct http_server *http_server_create(struct loop *loop, const struct http_options *options);

/* Takes the stream, with what is unread on it. */
void http_server_adopt(struct http_server *server, struct stream *stream);

/* Closes every connection at once. Every request has to be answered before. NULL is nothing. */
void http_server_free(struct http_server *server);

/* Ends every connection, each after the answer to its current request. */
void http_server_end_all(struct http_server *server);

size_t http_server_count(const struct http_server *server); /* of connections */

/* Ends the connection: at once with a TCP reset, or after the answer to the current request. */
void http_connection_end(struct http_connection *connection, bool reset);
/* The context of its server, and what `connected` returned. */
void *http_connection_context(const struct http_connection *connection);
void *http_connection_client(const struct http_connection *connection);
const struct stream *http_connection_stream(const struct http_connection *connection);

/* ---- requests; all results are borrowed until the answer ---- */

const char *http_request_method(const struct http_request *request);
/* The target as it came: "/devices/d%31?api-version=…". */
const char *http_request_target(const struct http_request *request);

/* What stands for the n-th {} of the pattern: percent-decoded once (a `+` stays; a segment with a
 * bad escape is given as it stands), and as it came. Zero-terminated and without zeros inside. */
const char *http_request_parameter(const struct http_request *request, size_t index);
const char *http_request_raw_parameter(const struct http_request *request, size_t index);

/* The first query parameter of that name: keys are percent-decoded and compared without case.
 * False: there is none. `value` (of `size`, decoded, cut if longer) is "" for `key` and `key=`; it
 * may be NULL. */
bool http_request_query(
    const struct http_request *request, const char *key, char *value, size_t size);

/* The names of query parameters in order; false past the last. For those who refuse unknown ones.
 */
bool http_request_query_name(
    const struct http_request *request, size_t index, char *name, size_t size);

/* NULL: there is none. Names compare without case. */
const char *http_request_header(const struct http_request *request, const char *name);

/* Every header in the order of arrival. */
void http_request_each_header(const struct http_request *request,
    void (*header)(void *context, const char *name, const char *value), void *context);

struct text http_request_body(const struct http_request *request);
/* Bytes of the body that came, or were announced, kept or not. */
size_t http_request_size(const struct http_request *request);

/* Since it went to its handler, on the machine's clock. */
int64_t http_request_age_ms(const struct http_request *request);

/* What `connected` returned for this client. */
void *http_request_client(const struct http_request *request);

/* For the peer's address and certificate; NULL: the client is gone. */
const struct stream *http_request_stream(const struct http_request *request);

/* What its handler wants to remember of it, 0 at first. */
void http_request_set_mark(struct http_request *request, unsigned mark);
unsigned http_request_mark(const struct http_request *request);

/* Instead of an answer now: hands the request to `admit` and its handler once more. */
void http_request_repeat(struct http_request *request);

/* Instead of an answer: ends the connection, with a TCP reset or in order. Once per request, as
 * http_answer. */
void http_request_abort(struct http_request *request, bool reset);

/* ---- responses ---- */

/* Copies `body`; `type` NULL: no Content-Type. Returns owned. A 204 has neither. */
struct http_response *http_response_create(int status, const char *type, struct text body);

/* Adds a header. The value loses control characters, a tab becomes a blank; an empty one is sent as
 * such. A character that no name may have (RFC 9110, 5.6.2) becomes `_`. */
void http_response_header(struct http_response *response, const char *name, const char *value);
void http_response_header_text(struct http_response *response, struct text name, struct text value);

int http_response_status(const struct http_response *response);
size_t http_response_size(const struct http_response *response); /* of its body; 0 for a feed */
/* NULL: it has no such header, or `response` is NULL. Borrowed. */
const char *http_response_find(const struct http_response *response, const char *name);
void http_response_free(
    struct http_response *response); /* of one that is not given; NULL is nothing */

/* ---- feeds: answers whose body comes bit by bit, without an end of its own ---- */

struct http_feed;

struct http_feed_events {
    /* The client takes up to `size` bytes: returns how many it got. 0: none now, http_feed_wake
     * says when there are. */
    size_t (*read)(void *context, char *out, size_t size);
    /* The answer is over: the client is gone, or the feed was ended. The feed is gone too. */
    void (*gone)(void *context);
};

/* An answer to that request, to be given by http_answer. `*feed` is borrowed until `gone`, which
 * comes also when the answer was never sent. Returns owned. */
struct http_response *http_response_feed(struct http_request *request, const char *type,
    const struct http_feed_events *events, void *context, struct http_feed **feed);

void http_feed_wake(struct http_feed *feed);
/* Ends the body in good order, after what was read. */
void http_feed_end(struct http_feed *feed);

/* Takes the response. Once per request; the request is not to be used afterwards. */
void http_answer(struct http_request *request, struct http_response *response);

#endif
