/*
 * JSON in requests and responses, and problem details. Called by protocols/https and
 * server/control. Sources: RFC 8259 (JSON), RFC 9457 (problem details).
 */
#ifndef DEVICEBOUND_PROTOCOLS_HTTP_JSON_H
#define DEVICEBOUND_PROTOCOLS_HTTP_JSON_H

#include "protocols/http/http.h"

#include <jansson.h>

#define HTTP_JSON_TYPE "application/json; charset=utf-8"
#define HTTP_PROBLEM_TYPE "application/problem+json"

/* Takes `value`. Returns owned. */
struct http_response *http_response_json(int status, const char *type, json_t *value);

/* The body as JSON; names that occur twice are refused. NULL: it is none, `error` (DESERIALIZATION_
 * ERROR) says where it breaks off. Returns owned. */
json_t *http_request_json(const struct http_request *request, struct hub_error *error);

/* {"type":"about:blank","title":…,"status":…,"detail":…}. Returns owned. */
struct http_response *http_problem(int status, const char *detail);

/* The same of a refusal, with its number and name as errorCode and errorName. Returns owned. */
struct http_response *http_problem_of(const struct hub_error *error);

/* A JSON string, or null: text that is no UTF-8 has each offending byte replaced by U+FFFD. Returns
 * owned. */
json_t *http_json_text(struct text text);

/* The first member of `object` that is none of `known` (ends with NULL); NULL: all are known.
 * Returns borrowed. */
const char *http_json_unknown_member(const json_t *object, const char *const *known);

/* Canonical base64, with its padding. Returns owned, `*decoded` bytes; NULL: it is none. */
unsigned char *http_decode_base64(const char *text, size_t length, size_t *decoded);

#endif
