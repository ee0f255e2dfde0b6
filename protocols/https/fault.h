/*
 * What goes wrong on purpose, in the form of HTTP. Called by the handlers of this room.
 */
#ifndef DEVICEBOUND_PROTOCOLS_HTTPS_FAULT_H
#define DEVICEBOUND_PROTOCOLS_HTTPS_FAULT_H

#include "protocols/https/answer.h"
#include "protocols/session/fault.h"

/* Asks at a hook point, once per request and operation. True: go on. False: the request was
 * refused, or its connection ended, or it comes to its handler again later. */
bool https_fault_passes(struct https_server *server, struct http_request *request,
    enum fault_operation operation, const char *device_id);

/* What the request has still to suffer. */
bool https_fault_expires_lock(const struct http_request *request); /* before it settles */
bool https_fault_duplicates(const struct http_request *request); /* its message */

/* Instead of the answer of a request that was to lose it. False: answer. */
bool https_fault_takes_answer(struct http_request *request);

/* What the device orders by the message strikes this request, at once: a connection is nothing that
 * lasts here. False: it orders nothing. */
bool https_fault_takes_order(struct https_server *server, struct http_request *request,
    const char *device_id, const struct telemetry_event *event);

/* Requests that wait for a delay are refused: those of that connection; NULL: all. */
void https_faults_release(struct https_server *server, const struct connection *connection);

#endif
