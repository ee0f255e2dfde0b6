/*
 * A device's own messages, one by one and in batches.
 *
 * Source: learn.microsoft.com, REST reference of Device - Send Device Event; the batch's shape is
 * the one of Azure/azure-iot-sdk-node (device/transport/http).
 */
#include "protocols/https/access.h"
#include "protocols/https/fault.h"
#include "protocols/https/handlers.h"
#include "protocols/https/message_codec.h"
#include "store/memory.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BATCH_TYPE "application/vnd.microsoft.iothub.json"

static void take(
    struct https_server *server, const struct http_request *request, struct telemetry_event *event)
{
    struct hub *hub = server->context.hub;
    struct actor actor = access_actor(request);
    telemetry_take(
        hub_telemetry(hub), event, http_request_parameter(request, 0), &actor, NULL, hub_now(hub));
}

static bool is_batch(const struct http_request *request)
{
    const char *type = http_request_header(request, "Content-Type");
    size_t length = sizeof BATCH_TYPE - 1;
    return type && strncasecmp(type, BATCH_TYPE, length) == 0 &&
           (type[length] == '\0' || strchr("; ", type[length]));
}

static bool read_body(const json_t *item, struct telemetry_event *event)
{
    const json_t *body = json_object_get(item, "body");
    const json_t *encoded = json_object_get(item, "base64Encoded");
    if (!json_is_string(body) || (encoded && !json_is_boolean(encoded))) {
        return false;
    }
    if (!json_is_true(encoded)) {
        telemetry_event_append(event, json_string_value(body), json_string_length(body));
        return true;
    }
    size_t length;
    unsigned char *bytes =
        http_decode_base64(json_string_value(body), json_string_length(body), &length);
    if (!bytes) {
        return false;
    }
    telemetry_event_append(event, bytes, length);
    free(bytes);
    return true;
}

/* A value that is no string is kept as the JSON it is. */
static void read_property(struct telemetry_event *event, const char *name, const json_t *value)
{
    if (json_is_string(value)) {
        message_read_event_property(
            event, name, (struct text){json_string_value(value), json_string_length(value)});
    } else {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        message_read_event_property(event, name, json_is_null(value) ? TEXT_ABSENT : text_of(text));
        free(text);
    }
}

/* Returns owned; NULL: that is no message. */
static struct telemetry_event *read_item(const json_t *item)
{
    struct telemetry_event *event = telemetry_event_create();
    json_t *properties = json_object_get(item, "properties");
    const char *name;
    json_t *value;
    if (!read_body(item, event) ||
        (properties && !json_is_object(properties) && !json_is_null(properties))) {
        telemetry_event_free(event);
        return NULL;
    }
    json_object_foreach(properties, name, value)
    {
        read_property(event, name, value);
    }
    return event;
}

/* All of them or none. */
static bool take_items(
    struct https_server *server, const struct http_request *request, const json_t *items)
{
    size_t count = json_array_size(items), read = 0;
    struct telemetry_event **events = memory_allocate_array(count + 1, sizeof *events);
    while (read < count && (events[read] = read_item(json_array_get(items, read)))) {
        read++;
    }
    bool is_good = json_is_array(items) && read == count;
    for (size_t i = 0; i < read; i++) {
        if (is_good) {
            take(server, request, events[i]);
        } else {
            telemetry_event_free(events[i]);
        }
    }
    free(events);
    return is_good;
}

static bool take_batch(
    struct https_server *server, const struct http_request *request, struct hub_error *error)
{
    json_t *items = http_request_json(request, error);
    if (!items) {
        return false;
    }
    bool is_good = take_items(server, request, items);
    json_decref(items);
    if (!is_good) {
        hub_refuse(
            error, HUB_IOT_HUB_FORMAT_ERROR, "The batch is not an array of objects with a body.");
    }
    return is_good;
}

void telemetry_send(void *context, struct http_request *request)
{
    struct https_server *server = context;
    struct hub_error error;
    if (!access_device(server, request) ||
        !https_fault_passes(server, request, FAULT_SEND, http_request_parameter(request, 0)) ||
        !access_rate(server, request, THROTTLE_TELEMETRY)) {
        return;
    }
    if (!is_batch(request)) {
        struct telemetry_event *event = message_read_event(request);
        if (https_fault_takes_order(server, request, http_request_parameter(request, 0), event)) {
            telemetry_event_free(event);
            return;
        }
        take(server, request, event);
    } else if (!take_batch(server, request, &error)) {
        answer_refusal(server, request, &error);
        return;
    }
    answer_committed_empty(server, request);
}
