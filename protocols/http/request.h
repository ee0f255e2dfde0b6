/*
 * A request on its way through libmicrohttpd: what came of it, and its answer. Private to this
 * room.
 */
#ifndef DEVICEBOUND_PROTOCOLS_HTTP_REQUEST_H
#define DEVICEBOUND_PROTOCOLS_HTTP_REQUEST_H

#include "protocols/http/http.h"
#include "protocols/http/uri.h"

#include <microhttpd.h>

/* What there is of a request. It moves on only downwards. */
enum request_stage {
    REQUEST_LINE, /* the target is known */
    REQUEST_BODY, /* the headers are known */
    REQUEST_HANDED, /* to its handler */
    REQUEST_WAITING, /* suspended: the answer comes later */
    REQUEST_ANSWERED
};

struct http_request {
    struct http_server *server;
    struct MHD_Connection *mhd;
    struct http_connection *connection;
    enum request_stage stage;
    char *method;
    char *target;
    struct uri uri; /* within `target` */
    bool target_is_readable;
    const struct http_route *route;
    char allowed[64]; /* methods of the path, when none fits */
    size_t parameter_count;
    char *parameters[HTTP_PARAMETERS_MAX]; /* decoded */
    char *raw_parameters[HTTP_PARAMETERS_MAX];
    char *body;
    size_t body_length, body_room;
    size_t body_dropped; /* bytes beyond the bound */
    int64_t handed_ms; /* monotonic */
    struct http_response *answer;
    unsigned mark; /* its handler's */
};

/* Copies the target. Returns owned. */
struct http_request *request_create(struct http_server *server, const char *target);
void request_free(struct http_request *request);

/* Finds the route, or the methods there are. */
void request_route(struct http_request *request, const struct http_route *routes);

/* Keeps up to the route's bound and counts the rest. */
void request_append_body(struct http_request *request, const char *bytes, size_t length);

/* Why no handler gets it; HUB_OK: one does. */
enum hub_code request_check(const struct http_request *request, struct hub_error *error);

/* Implemented by server.c: libmicrohttpd has something to do. */
void server_run_soon(struct http_server *server);

/* Implemented by response.c: takes libmicrohttpd's. Returns owned. */
struct http_response *response_wrap(int status, const char *type, struct MHD_Response *mhd);

/* Implemented by response.c: queues it with libmicrohttpd and frees it. */
enum MHD_Result response_send(struct http_response *response, struct MHD_Connection *mhd);

#endif
