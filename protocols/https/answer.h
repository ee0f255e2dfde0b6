/*
 * Answers in IoT Hub's form: common headers, errors in their two layouts, and nothing said before
 * the commit. Called by the handlers of this room.
 *
 * Source of the codes: learn.microsoft.com, "Understand and resolve Azure IoT Hub errors".
 */
#ifndef DEVICEBOUND_PROTOCOLS_HTTPS_ANSWER_H
#define DEVICEBOUND_PROTOCOLS_HTTPS_ANSWER_H

#include "protocols/http/json.h"
#include "protocols/https/https.h"

struct https_server {
    struct protocol_context context;
    struct https_options options;
    struct http_server *http;
    struct held_request *held; /* by fault.c */
};

/* Gives the response when the open group is committed; a refusal if it fails. Takes the response.
 * Both go to waiting clients of the registry with a request id. */
void answer_committed(
    struct https_server *server, struct http_request *request, struct http_response *response);

/* 204 after the commit. */
void answer_committed_empty(struct https_server *server, struct http_request *request);

/* 200 with JSON after the commit. Takes `value`. */
void answer_committed_json(
    struct https_server *server, struct http_request *request, json_t *value);

/* Gives the refusal now, in the layout of the request's route. A 401 says nothing but that. */
void answer_refusal(
    struct https_server *server, struct http_request *request, const struct hub_error *error);

#endif
