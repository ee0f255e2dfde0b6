/*
 * The hub's things as JSON. Members and their order are the README's.
 */
#include "protocols/https/identity_codec.h"
#include "server/connection_string.h"
#include "server/control/internal.h"
#include "store/iso8601.h"
#include "store/memory.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *shape_instant(struct instant at)
{
    char text[ISO8601_SIZE];
    if (instant_is_never(at) || at.us == 0) {
        return json_null();
    }
    iso8601_format_instant(at, 3, text);
    return json_string(text);
}

json_t *shape_duration(struct duration span)
{
    char text[ISO8601_SIZE + 1] = "-";
    bool is_negative = span.us < 0;
    iso8601_format_duration(
        is_negative ? (struct duration){-span.us} : span, is_negative ? text + 1 : text);
    return json_string(text);
}

json_t *shape_clock(const struct clock *clock)
{
    json_t *shape = json_object();
    json_object_set_new(shape, "now", shape_instant(clock_now(clock)));
    json_object_set_new(shape, "frozen", json_boolean(clock_is_frozen(clock)));
    /* Two readings of two clocks: below a millisecond it is noise. */
    struct duration offset = DURATION_MS(clock_offset(clock).us / 1000);
    json_object_set_new(shape, "offset", shape_duration(offset));
    json_object_set_new(shape, "tokens", json_boolean(clock_tokens_follow(clock)));
    return shape;
}

json_t *shape_list(json_t *items, const char *next)
{
    json_t *shape = json_object();
    json_object_set_new(shape, "items", items);
    json_object_set_new(shape, "next", next ? json_string(next) : json_null());
    return shape;
}

json_t *shape_page(json_t *items, bool is_more, uint64_t last)
{
    char next[24];
    snprintf(next, sizeof next, "%" PRIu64, last);
    return shape_list(items, is_more ? next : NULL);
}

/* ---- devices and connections ---- */

json_t *shape_connection(const struct connection_view *view)
{
    json_t *shape = json_object();
    json_object_set_new(shape, "id", json_integer((json_int_t)view->id));
    json_object_set_new(shape, "protocol", json_string(protocol_name(view->protocol)));
    json_object_set_new(shape, "identity", http_json_text(text_of(view->identity)));
    json_object_set_new(shape, "since", shape_instant(view->since));
    json_object_set_new(shape, "inFlight", json_integer((json_int_t)view->in_flight));
    if (view->client_version) {
        json_object_set_new(shape, "clientVersion", http_json_text(text_of(view->client_version)));
    }
    json_object_set_new(shape, "address", http_json_text(text_of(view->address)));
    return shape;
}

static json_t *connections_of(struct control *control, const char *device_id)
{
    json_t *list = json_array();
    struct connection_view view = {0};
    while (sessions_next_connection(control->options.sessions, view.id, &view)) {
        if (view.identity && strcmp(view.identity, device_id) == 0) {
            json_array_append_new(list, shape_connection(&view));
        }
    }
    return list;
}

json_t *shape_device(struct control *control, const struct identity *identity)
{
    const char *id = identity->is.device_id;
    char text[CONNECTION_STRING_SIZE];
    struct queue_counts counts = queue_get_counts(mailbox_of(hub_mailboxes(control->hub), id));
    json_t *registered = identity_write(control->hub, identity, false);
    json_t *queue = json_object();
    json_object_set_new(queue, "enqueued", json_integer((json_int_t)counts.enqueued));
    json_object_set_new(queue, "invisible", json_integer((json_int_t)counts.invisible));
    json_t *shape = json_object();
    json_object_set_new(shape, "deviceId", json_string(id));
    json_object_set(shape, "status", json_object_get(registered, "status"));
    json_object_set_new(shape, "generationId", json_string(identity->generation_id));
    json_object_set(shape, "authentication", json_object_get(registered, "authentication"));
    connection_string_of_device(control->options.host_name, &identity->is, false, text);
    json_object_set_new(shape, "connectionString", json_string(text));
    OPENSSL_cleanse(text, sizeof text);
    json_object_set_new(shape, "queue", queue);
    json_object_set_new(shape, "connections", connections_of(control, id));
    json_object_set_new(shape, "simulator", shape_simulator(control, id));
    json_decref(registered);
    return shape;
}

/* ---- messages ---- */

static json_t *shape_body(struct text body)
{
    json_t *shape = json_object();
    char *encoded = memory_allocate(4 * ((body.length + 2) / 3) + 1);
    EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)body.bytes, (int)body.length);
    json_object_set_new(shape, "base64", json_string(encoded));
    free(encoded);
    json_t *text = json_stringn(body.bytes, body.length);
    if (text) { /* it is UTF-8 */
        json_object_set_new(shape, "text", text);
    }
    return shape;
}

/* Names that are no UTF-8 are repaired as values are. */
static void set_text(json_t *shape, struct text name, struct text value)
{
    json_t *repaired = http_json_text(name);
    json_object_set_new(shape, json_string_value(repaired), http_json_text(value));
    json_decref(repaired);
}

static json_t *shape_properties(const struct message *message)
{
    json_t *shape = json_object();
    for (size_t i = 0; i < message_property_count(message); i++) {
        struct message_property property = message_property_at(message, i);
        set_text(shape, property.name, property.value);
    }
    return shape;
}

json_t *shape_message(const struct message *message)
{
    static const struct {
        const char *name;
        enum message_field field;
    } fields[] = {{"messageId", MESSAGE_ID}, {"correlationId", MESSAGE_CORRELATION_ID},
        {"userId", MESSAGE_USER_ID}, {"to", MESSAGE_TO}, {"contentType", MESSAGE_CONTENT_TYPE},
        {"contentEncoding", MESSAGE_CONTENT_ENCODING}};
    json_t *shape = json_object();
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        json_object_set_new(
            shape, fields[i].name, http_json_text(message_get(message, fields[i].field)));
    }
    json_object_set_new(shape, "ack", json_string(message_ack_name(message_ack(message))));
    json_object_set_new(shape, "properties", shape_properties(message));
    json_object_set_new(shape, "size", json_integer((json_int_t)message_size(message)));
    json_object_set_new(shape, "body", shape_body(message_body(message)));
    return shape;
}

void shape_set_view(json_t *shape, const struct queue_view *view)
{
    json_object_set_new(shape, "sequenceNumber", json_integer((json_int_t)view->sequence));
    json_object_set_new(shape, "state", json_string(queue_state_name(view->state)));
    json_object_set_new(shape, "deliveryCount", json_integer((json_int_t)view->delivery_count));
    if (view->state == QUEUE_INVISIBLE) {
        char token[LOCK_TOKEN_TEXT_SIZE];
        lock_token_format(&view->lock_token, token);
        json_object_set_new(shape, "lockToken", json_string(token));
        json_object_set_new(shape, "lockedUntil", shape_instant(view->locked_until));
    }
    json_object_set_new(shape, "expiryTime", shape_instant(view->expires));
    json_object_set_new(shape, "enqueuedTime", shape_instant(view->enqueued));
}

/* ---- telemetry ---- */

static json_t *shape_event_properties(const struct telemetry_event *event, enum telemetry_kind kind)
{
    json_t *shape = json_object();
    struct telemetry_property property;
    for (size_t at = 0; telemetry_event_next(event, &at, &property);) {
        if (property.kind == kind) {
            set_text(shape, property.name, property.value);
        }
    }
    return shape;
}

json_t *shape_telemetry(const struct telemetry_item *item)
{
    json_t *shape = json_object();
    json_object_set_new(shape, "id", json_integer((json_int_t)item->id));
    json_object_set_new(shape, "time", shape_instant(item->at));
    json_object_set_new(shape, "protocol", json_string(item->protocol));
    json_object_set_new(
        shape, "systemProperties", shape_event_properties(item->event, TELEMETRY_SYSTEM));
    json_object_set_new(
        shape, "properties", shape_event_properties(item->event, TELEMETRY_APPLICATION));
    json_object_set_new(shape, "body", shape_body(telemetry_event_body(item->event)));
    return shape;
}
