#include "server/control/internal.h"
#include "store/iso8601.h"

#include <errno.h>
#include <stdlib.h>

/* "The member \"by\" is not an ISO 8601 duration." */
static bool refuse(
    struct http_request *request, const char *kind, const char *name, const char *problem)
{
    struct hub_error error;
    hub_refuse(&error, HUB_ARGUMENT_INVALID, "The %s \"%.64s\" %s.", kind, name, problem);
    control_refuse(request, &error);
    return false;
}

/* ---- bodies ---- */

json_t *control_read_body(struct http_request *request, const char *const *members)
{
    struct hub_error error;
    if (!control_check_no_query(request)) {
        return NULL;
    }
    if (http_request_body(request).length == 0) {
        return json_object();
    }
    json_t *body = http_request_json(request, &error);
    if (!body) {
        control_refuse(request, &error);
        return NULL;
    }
    if (!json_is_object(body)) {
        hub_refuse(&error, HUB_ARGUMENT_INVALID, "The body is not a JSON object.");
        json_decref(body);
        control_refuse(request, &error);
        return NULL;
    }
    const char *unknown = members ? http_json_unknown_member(body, members) : NULL;
    if (unknown) {
        refuse(request, "member", unknown, "is not known");
        json_decref(body);
        return NULL;
    }
    return body;
}

bool control_check_bare(struct http_request *request)
{
    static const char *const none[] = {NULL};
    json_t *body = control_read_body(request, none);
    json_decref(body);
    return body != NULL;
}

bool control_read_duration(
    struct http_request *request, const json_t *body, const char *name, struct duration *span)
{
    const char *text = json_string_value(json_object_get(body, name));
    if (!text || !iso8601_parse_duration(text, span)) {
        return refuse(request, "member", name, "is not an ISO 8601 duration such as PT61S");
    }
    return true;
}

bool control_read_switch(
    struct http_request *request, const json_t *body, const char *name, bool *value)
{
    const json_t *given = json_object_get(body, name);
    *value = json_is_true(given);
    return json_is_boolean(given) || refuse(request, "member", name, "is neither true nor false");
}

bool control_read_instant(
    struct http_request *request, const json_t *body, const char *name, struct instant *at)
{
    const char *text = json_string_value(json_object_get(body, name));
    if (!text || !iso8601_parse_instant(text, at)) {
        return refuse(
            request, "member", name, "is not an RFC 3339 time such as 2026-03-01T12:00:00Z");
    }
    return true;
}

/* ---- queries ---- */

bool control_check_query(struct http_request *request, const char *const *parameters)
{
    char name[64];
    for (size_t i = 0; http_request_query_name(request, i, name, sizeof name); i++) {
        const char *const *at = parameters;
        while (*at && !text_equal_nocase(text_of(*at), text_of(name))) {
            at++;
        }
        if (!*at) {
            return refuse(request, "query parameter", name, "is not known");
        }
    }
    return true;
}

bool control_check_no_query(struct http_request *request)
{
    static const char *const none[] = {NULL};
    return control_check_query(request, none);
}

bool control_read_number(struct http_request *request, const char *name, uint64_t least,
    uint64_t most, uint64_t fallback, uint64_t *number)
{
    char text[32], *end;
    *number = fallback;
    if (!http_request_query(request, name, text, sizeof text)) {
        return true;
    }
    errno = 0;
    *number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || *number < least ||
        *number > most) {
        return refuse(request, "query parameter", name, "is not a number in its range");
    }
    return true;
}

bool control_read_page(struct http_request *request, struct list_page *page)
{
    static const char *const parameters[] = {"limit", "after", NULL};
    return control_check_query(request, parameters) &&
           control_read_number(
               request, "limit", 1, LIST_LIMIT_MAX, LIST_LIMIT_DEFAULT, &page->limit) &&
           control_read_number(request, "after", 0, INT64_MAX, 0, &page->after);
}
