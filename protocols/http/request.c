/*
 * Reads a request: route, parameters, query, headers, body.
 */
#include "protocols/http/request.h"

#include "protocols/http/connection.h"
#include "store/clock.h"
#include "store/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct http_request *request_create(struct http_server *server, const char *target)
{
    struct http_request *request = memory_allocate(sizeof *request);
    request->server = server;
    request->target = memory_copy_string(target);
    request->target_is_readable =
        strlen(target) <= HTTP_TARGET_MAX && uri_parse(text_of(request->target), &request->uri);
    return request;
}

void request_free(struct http_request *request)
{
    if (!request) {
        return;
    }
    for (size_t i = 0; i < request->parameter_count; i++) {
        free(request->parameters[i]);
        free(request->raw_parameters[i]);
    }
    http_response_free(request->answer);
    free(request->method);
    free(request->target);
    free(request->body);
    free(request);
}

/* ---- route ---- */

static void note_allowed(struct http_request *request, const char *method)
{
    size_t length = strlen(request->allowed);
    snprintf(request->allowed + length, sizeof request->allowed - length, "%s%s",
        length > 0 ? ", " : "", method);
}

static void keep_parameter(struct http_request *request, struct text raw)
{
    size_t index = request->parameter_count++;
    char *decoded = memory_allocate(raw.length + 1);
    request->raw_parameters[index] = memory_copy_bytes(raw.bytes, raw.length);
    if (uri_decode(raw, decoded, raw.length + 1) < 0) {
        memcpy(decoded, raw.bytes, raw.length);
        decoded[raw.length] = '\0';
    }
    request->parameters[index] = decoded;
}

void request_route(struct http_request *request, const struct http_route *routes)
{
    struct text parameters[HTTP_PARAMETERS_MAX];
    size_t count;
    if (!request->target_is_readable) {
        return;
    }
    for (const struct http_route *route = routes; route->method; route++) {
        if (!uri_match(&request->uri, route->pattern, parameters, &count)) {
            continue;
        }
        if (strcmp(route->method, "*") != 0 && strcmp(route->method, request->method) != 0) {
            note_allowed(request, route->method);
            continue;
        }
        request->route = route;
        for (size_t i = 0; i < count; i++) {
            keep_parameter(request, parameters[i]);
        }
        return;
    }
}

enum hub_code request_check(const struct http_request *request, struct hub_error *error)
{
    if (!request->target_is_readable) {
        return hub_refuse(
            error, HUB_GENERIC_BAD_REQUEST, "The request target is not a path, or is too long.");
    }
    if (request->route) {
        return request->body_dropped == 0
                   ? HUB_OK
                   : hub_refuse(error, HUB_MESSAGE_TOO_LARGE, "The body is larger than %zu bytes.",
                         request->route->body_max);
    }
    if (request->allowed[0] != '\0') {
        return hub_refuse(error, HUB_GENERIC_METHOD_NOT_ALLOWED,
            "The method %.20s is not one of %s.", request->method, request->allowed);
    }
    return hub_refuse(error, HUB_GENERIC_NOT_FOUND, NULL);
}

/* ---- body ---- */

void request_append_body(struct http_request *request, const char *bytes, size_t length)
{
    size_t bound = request->route ? request->route->body_max : 0;
    size_t room = bound - request->body_length;
    size_t kept = length < room ? length : room;
    request->body_dropped += length - kept;
    if (request->body_length + kept > request->body_room) {
        size_t wanted = 2 * request->body_room > 1024 ? 2 * request->body_room : 1024;
        while (wanted < request->body_length + kept) {
            wanted *= 2;
        }
        request->body = memory_grow(request->body, wanted, 1);
        request->body_room = wanted;
    }
    if (kept > 0) {
        memcpy(request->body + request->body_length, bytes, kept);
        request->body_length += kept;
    }
}

void http_request_set_mark(struct http_request *request, unsigned mark)
{
    request->mark = mark;
}

unsigned http_request_mark(const struct http_request *request)
{
    return request->mark;
}

struct text http_request_body(const struct http_request *request)
{
    return request->body ? (struct text){request->body, request->body_length} : TEXT("");
}

size_t http_request_size(const struct http_request *request)
{
    return request->body_length + request->body_dropped;
}

int64_t http_request_age_ms(const struct http_request *request)
{
    return clock_monotonic_ms() - request->handed_ms;
}

/* ---- what came ---- */

const char *http_request_method(const struct http_request *request)
{
    return request->method;
}

const char *http_request_target(const struct http_request *request)
{
    return request->target;
}

const char *http_request_parameter(const struct http_request *request, size_t index)
{
    return index < request->parameter_count ? request->parameters[index] : "";
}

const char *http_request_raw_parameter(const struct http_request *request, size_t index)
{
    return index < request->parameter_count ? request->raw_parameters[index] : "";
}

/* As much as fits; what has a bad escape is given as it stands. */
static void decode_some(struct text encoded, char *out, size_t size)
{
    if (size == 0) {
        return;
    }
    if (encoded.length >= size) {
        encoded.length = size - 1;
    }
    if (uri_decode(encoded, out, size) < 0) {
        memcpy(out, encoded.bytes, encoded.length);
        out[encoded.length] = '\0';
    }
}

bool http_request_query(
    const struct http_request *request, const char *key, char *value, size_t size)
{
    struct text rest = request->uri.query;
    struct uri_pair pair;
    while (uri_next_pair(&rest, &pair)) {
        char name[128];
        decode_some(pair.key, name, sizeof name);
        if (text_equal_nocase(text_of(name), text_of(key))) {
            if (value) {
                decode_some(pair.value, value, size);
            }
            return true;
        }
    }
    return false;
}

bool http_request_query_name(
    const struct http_request *request, size_t index, char *name, size_t size)
{
    struct text rest = request->uri.query;
    struct uri_pair pair;
    for (size_t i = 0; uri_next_pair(&rest, &pair); i++) {
        if (i == index) {
            decode_some(pair.key, name, size);
            return true;
        }
    }
    return false;
}

const char *http_request_header(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, name);
}

struct each_header {
    void (*header)(void *context, const char *name, const char *value);
    void *context;
};

static enum MHD_Result tell_header(
    void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    const struct each_header *each = context;
    (void)kind;
    each->header(each->context, name, value ? value : "");
    return MHD_YES;
}

void http_request_each_header(const struct http_request *request,
    void (*header)(void *context, const char *name, const char *value), void *context)
{
    struct each_header each = {header, context};
    MHD_get_connection_values(request->mhd, MHD_HEADER_KIND, tell_header, &each);
}

void *http_request_client(const struct http_request *request)
{
    return http_connection_client(request->connection);
}

const struct stream *http_request_stream(const struct http_request *request)
{
    return http_connection_stream(request->connection);
}
