/*
 * One log line for each request and one for its answer, when the operator asked for it: target,
 * chosen headers, sizes, how long it took. Bodies are never logged, secrets are masked. Called by
 * the HTTP server of this room.
 */
#ifndef DEVICEBOUND_PROTOCOLS_HTTPS_TRACE_H
#define DEVICEBOUND_PROTOCOLS_HTTPS_TRACE_H

#include "protocols/http/http.h"

/* `context` is the https_server. */
void https_trace_received(void *context, const struct http_request *request);
void https_trace_answered(
    void *context, const struct http_request *request, const struct http_response *response);

#define TRACE_TEXT_SIZE 2048 /* longer texts are cut */

/* The target for a log: of the query only what this interface knows, signatures and keys replaced
 * wherever they stand. */
void https_mask_target(const char *target, char out[static TRACE_TEXT_SIZE]);

/* The value of an Authorization header: what a SAS token is for and until when. NULL gives "". */
void https_mask_authorization(const char *value, char out[static TRACE_TEXT_SIZE]);

#endif
