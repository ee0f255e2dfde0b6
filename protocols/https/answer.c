#include "protocols/https/answer.h"

#include "protocols/http/uri.h"
#include "protocols/https/fault.h"
#include "store/iso8601.h"
#include "store/lock_token.h"
#include "store/log.h"
#include "store/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- what every answer carries ---- */

static bool fits_one_of(const struct http_request *request, const char *const *patterns)
{
    struct uri uri;
    struct text parameters[HTTP_PARAMETERS_MAX];
    size_t count;
    if (!uri_parse(text_of(http_request_target(request)), &uri)) {
        return false;
    }
    for (; *patterns; patterns++) {
        if (uri_match(&uri, *patterns, parameters, &count)) {
            return true;
        }
    }
    return false;
}

static bool is_device_route(const struct http_request *request)
{
    static const char *const patterns[] = {"/devices/{}/messages/devicebound",
        "/devices/{}/messages/devicebound/{}", "/devices/{}/messages/devicebound/{}/abandon",
        "/devices/{}/messages/events", NULL};
    return fits_one_of(request, patterns);
}

/* The name of one answer: as a GUID in a header, as hex digits in a refusal. */
struct request_id {
    char guid[LOCK_TOKEN_TEXT_SIZE];
    char digits[33];
};

static struct request_id make_request_id(void)
{
    struct request_id id = {{0}, {0}};
    struct lock_token token = lock_token_generate();
    lock_token_format(&token, id.guid);
    size_t length = 0;
    for (const char *at = id.guid; *at; at++) {
        if (*at != '-') {
            id.digits[length++] = *at;
        }
    }
    return id;
}

static void give(
    struct http_request *request, struct http_response *response, const struct request_id *id)
{
    http_response_header(response, "Server", "Microsoft-HTTPAPI/2.0");
    if (!is_device_route(request)) {
        http_response_header(response, "Vary", "Origin");
        http_response_header(response, "x-ms-request-id", id->guid);
    }
    http_answer(request, response);
}

/* ---- good answers ---- */

struct waiting {
    struct http_request *request;
    struct http_response *response;
};

static void group_ended(void *owner, void *item, const struct hub_error *failure)
{
    struct waiting *waiting = item;
    if (failure) {
        http_response_free(waiting->response);
        answer_refusal(owner, waiting->request, failure);
    } else if (https_fault_takes_answer(waiting->request)) {
        http_response_free(waiting->response);
    } else {
        struct request_id id = make_request_id();
        give(waiting->request, waiting->response, &id);
    }
    free(waiting);
}

void answer_committed(
    struct https_server *server, struct http_request *request, struct http_response *response)
{
    struct waiting *waiting = memory_allocate(sizeof *waiting);
    *waiting = (struct waiting){request, response};
    database_await(hub_database(server->context.hub), group_ended, server, waiting);
}

void answer_committed_empty(struct https_server *server, struct http_request *request)
{
    answer_committed(server, request, http_response_create(204, NULL, TEXT_ABSENT));
}

void answer_committed_json(struct https_server *server, struct http_request *request, json_t *value)
{
    answer_committed(server, request, http_response_json(200, HTTP_JSON_TYPE, value));
}

/* ---- refusals ---- */

/* "08/20/2020 22:05:30", with the request id in front. */
static void format_tracking_id(
    const struct request_id *id, struct instant now, char *out, size_t size)
{
    char stamp[32];
    struct tm parts;
    time_t seconds = (time_t)(now.us / 1000000);
    gmtime_r(&seconds, &parts);
    strftime(stamp, sizeof stamp, "%m/%d/%Y %H:%M:%S", &parts);
    snprintf(out, size, "%s-G:0-TimeStamp:%s", id->digits, stamp);
}

/* The message as a string that holds JSON. */
static json_t *layout_nested(
    const struct hub_error *error, const char *tracking_id, struct instant now)
{
    char stamp[ISO8601_SIZE];
    iso8601_format_instant(now, 7, stamp);
    json_t *inner = json_object();
    json_object_set_new(inner, "errorCode", json_integer(error->code));
    json_object_set_new(inner, "trackingId", json_string(tracking_id));
    json_object_set_new(inner, "message", http_json_text(text_of(error->sentence)));
    json_object_set_new(inner, "timestampUtc", json_string(stamp));
    char *text = json_dumps(inner, JSON_COMPACT);
    json_decref(inner);
    json_t *outer = json_object();
    json_object_set_new(outer, "Message", json_string(text));
    json_object_set_new(outer, "ExceptionMessage", json_string(""));
    free(text);
    return outer;
}

static json_t *layout_flat(const struct hub_error *error, const char *tracking_id)
{
    char message[400], exception[128];
    snprintf(
        message, sizeof message, "ErrorCode:%s;%s", hub_code_name(error->code), error->sentence);
    snprintf(exception, sizeof exception, "Tracking ID:%s", tracking_id);
    json_t *body = json_object();
    json_object_set_new(body, "Message", http_json_text(text_of(message)));
    json_object_set_new(body, "ExceptionMessage", json_string(exception));
    return body;
}

/* Device message routes and the settling of feedback nest; all others, each 401 and the sending
 * by REST are flat. */
static bool is_nested(const struct http_request *request, enum hub_code code)
{
    static const char *const feedback[] = {
        "/messages/servicebound/feedback/{}", "/messages/servicebound/feedback/{}/abandon", NULL};
    static const char *const sending[] = {"/devices/{}/messages/devicebound", NULL};
    int status = hub_code_http_status(code);
    const char *method = http_request_method(request);
    if (status == 401 || status == 429) {
        return false;
    }
    if (method && strcmp(method, "POST") == 0 && fits_one_of(request, sending)) {
        return false;
    }
    return is_device_route(request) || fits_one_of(request, feedback);
}

void answer_refusal(
    struct https_server *server, struct http_request *request, const struct hub_error *error)
{
    char tracking_id[96];
    struct hub_error told = *error;
    struct request_id id = make_request_id();
    struct instant now = hub_now(server->context.hub);
    int status = hub_code_http_status(told.code);
    LOG(LOG_DEBUG, "HTTPS-REFUSED", told.sentence, {"error", hub_code_name(told.code)},
        {"method", http_request_method(request)}, {"request", id.digits});
    if (status == 401) {
        hub_refuse(&told, told.code, "Unauthorized");
    }
    hub_count_refusal(told.code);
    format_tracking_id(&id, now, tracking_id, sizeof tracking_id);
    json_t *body = is_nested(request, told.code) ? layout_nested(&told, tracking_id, now)
                                                 : layout_flat(&told, tracking_id);
    struct http_response *response = http_response_json(status, HTTP_JSON_TYPE, body);
    http_response_header(response, "iothub-errorcode", hub_code_name(told.code));
    give(request, response, &id);
}
