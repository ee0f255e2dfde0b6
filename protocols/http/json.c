/*
 * JSON through jansson.
 */
#include "protocols/http/json.h"

#include "store/base64.h"
#include "store/memory.h"

#include <stdlib.h>
#include <string.h>

struct http_response *http_response_json(int status, const char *type, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(value);
    if (!text) {
        abort(); /* out of memory, or not made of JSON values: ours */
    }
    struct http_response *response = http_response_create(status, type, text_of(text));
    free(text);
    return response;
}

json_t *http_request_json(const struct http_request *request, struct hub_error *error)
{
    struct text body = http_request_body(request);
    json_error_t failure;
    json_t *value = json_loadb(body.bytes, body.length, JSON_REJECT_DUPLICATES, &failure);
    if (!value) {
        hub_refuse(error, HUB_DESERIALIZATION_ERROR,
            "The body is not valid JSON: line %d, column %d.", failure.line, failure.column);
    }
    return value;
}

/* RFC 9110, 15: the titles of what is refused here. */
static const struct {
    int status;
    const char *title;
} titles[] = {{400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
    {405, "Method Not Allowed"}, {408, "Request Timeout"}, {409, "Conflict"},
    {412, "Precondition Failed"}, {413, "Content Too Large"}, {415, "Unsupported Media Type"},
    {429, "Too Many Requests"}, {500, "Internal Server Error"}, {503, "Service Unavailable"}};

static const char *title_of(int status)
{
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
        if (titles[i].status == status) {
            return titles[i].title;
        }
    }
    return "Error";
}

static json_t *make_problem(int status, const char *detail)
{
    json_t *problem = json_object();
    json_object_set_new(problem, "type", json_string("about:blank"));
    json_object_set_new(problem, "title", json_string(title_of(status)));
    json_object_set_new(problem, "status", json_integer(status));
    json_object_set_new(problem, "detail", http_json_text(text_of(detail)));
    return problem;
}

struct http_response *http_problem(int status, const char *detail)
{
    return http_response_json(status, HTTP_PROBLEM_TYPE, make_problem(status, detail));
}

struct http_response *http_problem_of(const struct hub_error *error)
{
    int status = hub_code_http_status(error->code);
    json_t *problem = make_problem(status, error->sentence);
    json_object_set_new(problem, "errorCode", json_integer(error->code));
    json_object_set_new(problem, "errorName", json_string(hub_code_name(error->code)));
    return http_response_json(status, HTTP_PROBLEM_TYPE, problem);
}

/* RFC 3629: how long the sequence is that begins so; 0: none does. */
static size_t utf8_announced(unsigned char first)
{
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xc2 || first > 0xf4) {
        return 0;
    }
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* The length of the well-formed sequence there; 0: none. */
static size_t utf8_length(const unsigned char *bytes, size_t room)
{
    unsigned char first = bytes[0];
    size_t length = utf8_announced(first);
    if (length == 0 || length > room) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool is_overlong = (first == 0xe0 && bytes[1] < 0xa0) || (first == 0xf0 && bytes[1] < 0x90);
    bool is_no_scalar = (first == 0xed && bytes[1] > 0x9f) || (first == 0xf4 && bytes[1] > 0x8f);
    return is_overlong || is_no_scalar ? 0 : length;
}

json_t *http_json_text(struct text text)
{
    if (!text.bytes) {
        return json_null();
    }
    json_t *value = json_stringn(text.bytes, text.length);
    if (value) {
        return value;
    }
    char *clean = memory_allocate(3 * text.length + 1);
    size_t length = 0;
    for (size_t i = 0; i < text.length;) {
        size_t good = utf8_length((const unsigned char *)text.bytes + i, text.length - i);
        memcpy(clean + length, good ? text.bytes + i : "\xef\xbf\xbd", good ? good : 3);
        length += good ? good : 3;
        i += good ? good : 1;
    }
    value = json_stringn(clean, length);
    free(clean);
    return value;
}

const char *http_json_unknown_member(const json_t *object, const char *const *known)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        const char *const *at = known;
        while (*at && strcmp(*at, name) != 0) {
            at++;
        }
        if (!*at) {
            return name;
        }
    }
    return NULL;
}

unsigned char *http_decode_base64(const char *text, size_t length, size_t *decoded)
{
    unsigned char *bytes = memory_allocate(length / 4 * 3 + 1);
    if (!base64_decode(text, length, bytes, decoded)) {
        free(bytes);
        return NULL;
    }
    return bytes;
}
