/*
 * Who asks, and whether they may. Each function answers the request itself when it returns false.
 * Called first by every handler of this room.
 *
 * Source: learn.microsoft.com, "Control access to IoT Hub by using shared access signatures".
 */
#ifndef DEVICEBOUND_PROTOCOLS_HTTPS_ACCESS_H
#define DEVICEBOUND_PROTOCOLS_HTTPS_ACCESS_H

#include "protocols/https/answer.h"
#include "protocols/session/throttle.h"

/* Rules for every request: the host name, and the api-version. */
bool access_admit(void *context, struct http_request *request);

/* A service with that permission, by a token. */
bool access_service(
    struct https_server *server, struct http_request *request, enum permission permission);

/* The device the path names (its first parameter), by a token or by the certificate of the
 * connection. */
bool access_device(struct https_server *server, struct http_request *request);

/* One operation more is within the hub's rate limits. Asked once per request, behind its faults. */
bool access_rate(
    struct https_server *server, struct http_request *request, enum throttle_operation operation);

/* For the journal. */
struct actor access_actor(const struct http_request *request);

#endif
