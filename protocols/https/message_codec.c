#include "protocols/https/message_codec.h"

#include "store/iso8601.h"
#include "store/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define PROPERTY_PREFIX "iothub-app-"

/* A delivery count that is shown: the .NET device SDK reads it into a byte. */
#define COUNT_MAX 255

/* A content type this long goes out under one name only, so that three do not crowd the head. */
#define CONTENT_NAME_MAX 256

/* ---- writing ---- */

void message_format_date(struct instant at, char out[MESSAGE_DATE_SIZE])
{
    struct tm parts;
    time_t seconds = (time_t)(at.us / 1000000);
    out[0] = '\0';
    if (instant_is_never(at) || !gmtime_r(&seconds, &parts)) {
        return;
    }
    int hour = parts.tm_hour % 12;
    snprintf(out, MESSAGE_DATE_SIZE, "%d/%d/%04d %d:%02d:%02d %s", parts.tm_mon + 1, parts.tm_mday,
        parts.tm_year + 1900, hour == 0 ? 12 : hour, parts.tm_min, parts.tm_sec,
        parts.tm_hour < 12 ? "AM" : "PM");
}

static void write_number(struct http_response *response, const char *name, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, number);
    http_response_header(response, name, text);
}

static void write_date(struct http_response *response, const char *name, struct instant at)
{
    char text[MESSAGE_DATE_SIZE];
    message_format_date(at, text);
    http_response_header(response, name, text);
}

/* Always there, empty when the sender gave none. */
static void write_field(struct http_response *response, const char *name,
    const struct message *message, enum message_field field)
{
    http_response_header_text(response, text_of(name), message_get(message, field));
}

/* Some clients look for the bare name, the Java SDK for the prefixed one. */
static void write_content(struct http_response *response, const char *bare, const char *prefixed,
    const struct message *message, enum message_field field)
{
    struct text value = message_get(message, field);
    if (!value.bytes) {
        return;
    }
    http_response_header_text(response, text_of(bare), value);
    if (value.length <= CONTENT_NAME_MAX) {
        http_response_header_text(response, text_of(prefixed), value);
    }
}

static void write_property(struct http_response *response, struct message_property property)
{
    size_t prefix = sizeof PROPERTY_PREFIX - 1;
    char *name = memory_allocate(prefix + property.name.length);
    memcpy(name, PROPERTY_PREFIX, prefix);
    memcpy(name + prefix, property.name.bytes, property.name.length);
    http_response_header_text(
        response, (struct text){name, prefix + property.name.length}, property.value);
    free(name);
}

static void write_properties(struct http_response *response, const struct message *message)
{
    for (size_t i = 0; i < message_property_count(message); i++) {
        struct message_property property = message_property_at(message, i);
        if (!text_equal_nocase(property.name, TEXT("iothub-ack"))) { /* has its own header */
            write_property(response, property);
        }
    }
}

static void write_token(struct http_response *response, const struct lock_token *token)
{
    char text[LOCK_TOKEN_TEXT_SIZE], quoted[LOCK_TOKEN_TEXT_SIZE + 2];
    lock_token_format(token, text);
    snprintf(quoted, sizeof quoted, "\"%s\"", text);
    http_response_header(response, "ETag", quoted);
}

/* Content-Type is a header that proxies and clients act on: what is too long for it, or was not
 * given, is just bytes. */
static struct http_response *begin(const struct message *message)
{
    char type[CONTENT_NAME_MAX + 1] = "application/octet-stream";
    struct text given = message_get(message, MESSAGE_CONTENT_TYPE);
    if (given.length > 0 && given.length <= CONTENT_NAME_MAX) {
        memcpy(type, given.bytes, given.length);
        type[given.length] = '\0';
    }
    return http_response_create(200, type, message_body(message));
}

struct http_response *message_write(const struct delivery *delivery)
{
    const struct message *message = delivery->message;
    struct instant expiry;
    struct http_response *response = begin(message);
    if (!message_get_expiry(message, &expiry)) {
        expiry = INSTANT_NEVER;
    }
    write_token(response, &delivery->lock_token);
    write_field(response, "iothub-messageid", message, MESSAGE_ID);
    write_field(response, "iothub-correlationid", message, MESSAGE_CORRELATION_ID);
    write_number(response, "iothub-sequencenumber", delivery->sequence);
    write_field(response, "iothub-to", message, MESSAGE_TO);
    write_field(response, "iothub-userid", message, MESSAGE_USER_ID);
    http_response_header(response, "iothub-ack", message_ack_name(message_ack(message)));
    write_date(response, "iothub-expiry", expiry);
    write_date(response, "iothub-enqueuedtime", delivery->enqueued);
    write_number(response, "iothub-deliverycount",
        delivery->delivery_count < COUNT_MAX ? delivery->delivery_count : COUNT_MAX);
    write_content(response, "ContentType", "iothub-contenttype", message, MESSAGE_CONTENT_TYPE);
    write_content(
        response, "ContentEncoding", "iothub-contentencoding", message, MESSAGE_CONTENT_ENCODING);
    write_properties(response, message);
    return response;
}

struct http_response *message_write_feedback(const struct delivery *delivery)
{
    const struct message *message = delivery->message;
    struct http_response *response = begin(message);
    write_token(response, &delivery->lock_token);
    write_field(response, "iothub-messageid", message, MESSAGE_ID);
    write_field(response, "iothub-userid", message, MESSAGE_USER_ID);
    write_number(response, "iothub-sequencenumber", delivery->sequence);
    write_date(response, "iothub-enqueuedtime", delivery->enqueued);
    write_number(response, "iothub-deliverycount",
        delivery->delivery_count < COUNT_MAX ? delivery->delivery_count : COUNT_MAX);
    return response;
}

/* ---- reading ---- */

struct reading {
    struct message *message;
    struct hub_error *error;
    enum hub_code code; /* of the first header that is refused */
};

static enum hub_code read_expiry(
    struct message *message, const char *value, struct hub_error *error)
{
    struct instant expiry;
    if (value[0] == '\0') {
        return HUB_OK;
    }
    if (!iso8601_parse_instant(value, &expiry)) {
        return hub_refuse(error, HUB_INVALID_MESSAGE_EXPIRY_TIME,
            "The message's expiry time is no ISO 8601 time.");
    }
    message_set_expiry(message, expiry);
    return HUB_OK;
}

static enum hub_code read_header(
    struct message *message, const char *name, const char *value, struct hub_error *error)
{
    static const struct {
        const char *name;
        enum message_field field;
    } fields[] = {{"iothub-messageid", MESSAGE_ID},
        {"iothub-correlationid", MESSAGE_CORRELATION_ID}, {"iothub-userid", MESSAGE_USER_ID},
        {"iothub-to", MESSAGE_TO}, {"iothub-contenttype", MESSAGE_CONTENT_TYPE},
        {"iothub-contentencoding", MESSAGE_CONTENT_ENCODING}};
    size_t prefix = sizeof PROPERTY_PREFIX - 1;
    if (strncasecmp(name, PROPERTY_PREFIX, prefix) == 0) {
        return message_add_property(message, text_of(name + prefix), text_of(value), error);
    }
    if (strcasecmp(name, "iothub-ack") == 0) {
        return message_add_property(message, TEXT("iothub-ack"), text_of(value), error);
    }
    if (strcasecmp(name, "iothub-expiry") == 0) {
        return read_expiry(message, value, error);
    }
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strcasecmp(name, fields[i].name) == 0 && value[0] != '\0') {
            return message_set(message, fields[i].field, text_of(value), error);
        }
    }
    return HUB_OK;
}

static void each_header(void *context, const char *name, const char *value)
{
    struct reading *reading = context;
    if (reading->code == HUB_OK) {
        reading->code = read_header(reading->message, name, value, reading->error);
    }
}

struct message *message_read(const struct http_request *request, struct hub_error *error)
{
    struct reading reading = {message_create(), error, HUB_OK};
    struct text body = http_request_body(request);
    http_request_each_header(request, each_header, &reading);
    if (reading.code != HUB_OK) {
        message_release(reading.message);
        return NULL;
    }
    message_append_body(reading.message, body.bytes, body.length);
    return reading.message;
}

/* ---- what a device sends ---- */

/* True: that is a property. Headers without a name of the hub's keep their own. */
static bool add_by_header(struct telemetry_event *event, const char *name, struct text value)
{
    static const struct {
        const char *header, *name;
    } known[] = {{"iothub-messageid", TELEMETRY_MESSAGE_ID},
        {"iothub-correlationid", TELEMETRY_CORRELATION_ID}, {"iothub-userid", TELEMETRY_USER_ID},
        {"iothub-to", TELEMETRY_TO}, {"iothub-expiry", TELEMETRY_EXPIRY_TIME},
        {"iothub-contenttype", TELEMETRY_CONTENT_TYPE},
        {"iothub-contentencoding", TELEMETRY_CONTENT_ENCODING}};
    size_t prefix = sizeof PROPERTY_PREFIX - 1;
    if (strncasecmp(name, PROPERTY_PREFIX, prefix) == 0) {
        telemetry_event_add(event, TELEMETRY_APPLICATION, text_of(name + prefix), value);
        return true;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcasecmp(name, known[i].header) == 0) {
            telemetry_event_add(event, TELEMETRY_SYSTEM, text_of(known[i].name), value);
            return true;
        }
    }
    if (strncasecmp(name, "iothub-", 7) == 0 || strcasecmp(name, "dt-subject") == 0) {
        telemetry_event_add(event, TELEMETRY_SYSTEM, text_of(name), value);
        return true;
    }
    return false;
}

static void add_header(void *context, const char *name, const char *value)
{
    add_by_header(context, name, text_of(value));
}

struct telemetry_event *message_read_event(const struct http_request *request)
{
    struct telemetry_event *event = telemetry_event_create();
    struct text body = http_request_body(request);
    http_request_each_header(request, add_header, event);
    telemetry_event_append(event, body.bytes, body.length);
    return event;
}

void message_read_event_property(struct telemetry_event *event, const char *name, struct text value)
{
    if (!add_by_header(event, name, value)) {
        telemetry_event_add(event, TELEMETRY_APPLICATION, text_of(name), value);
    }
}
