/*
 * Messages: looked at, sent and settled without an SDK.
 */
#include "server/control/internal.h"
#include "store/iso8601.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The queue of the device that the path names; NULL: refused. */
static struct queue *find_queue(struct control *control, struct http_request *request)
{
    const char *id = http_request_parameter(request, 0);
    struct queue *queue = mailbox_of(hub_mailboxes(control->hub), id);
    if (!queue) {
        struct hub_error error;
        hub_refuse(&error, HUB_DEVICE_NOT_FOUND, "There is no device \"%.128s\".", id);
        control_refuse(request, &error);
    }
    return queue;
}

/* ---- looking ---- */

static json_t *shape_view(struct queue *queue, const struct queue_view *view)
{
    struct message *message = queue_read(queue, view->sequence);
    json_t *shape = message ? shape_message(message) : json_object();
    message_release(message);
    shape_set_view(shape, view);
    return shape;
}

void control_messages(void *context, struct http_request *request)
{
    static const char *const parameters[] = {"limit", "after", NULL};
    struct control *control = context;
    uint64_t limit, after;
    char next[24];
    hub_now(control->hub);
    struct queue *queue = find_queue(control, request);
    if (!queue || !control_check_query(request, parameters) ||
        !control_read_number(request, "limit", 1, LIST_LIMIT_MAX, LIST_LIMIT_DEFAULT, &limit) ||
        !control_read_number(request, "after", 0, UINT64_MAX, 0, &after)) {
        return;
    }
    json_t *items = json_array();
    struct queue_view view;
    bool is_more = false;
    while (queue_view_next(queue, after, &view)) {
        is_more = json_array_size(items) == limit;
        if (is_more) {
            break;
        }
        json_array_append_new(items, shape_view(queue, &view));
        after = view.sequence;
    }
    snprintf(next, sizeof next, "%" PRIu64, after);
    control_answer_json(control, request, 200, shape_list(items, is_more ? next : NULL));
}

/* ---- sending ---- */

static enum hub_code set_fields(
    struct message *message, const json_t *body, struct hub_error *error)
{
    static const struct {
        const char *name;
        enum message_field field;
    } fields[] = {{"messageId", MESSAGE_ID}, {"correlationId", MESSAGE_CORRELATION_ID},
        {"userId", MESSAGE_USER_ID}, {"contentType", MESSAGE_CONTENT_TYPE},
        {"contentEncoding", MESSAGE_CONTENT_ENCODING}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const json_t *value = json_object_get(body, fields[i].name);
        if (!value || json_is_null(value)) {
            continue;
        }
        if (!json_is_string(value)) {
            return hub_refuse(
                error, HUB_ARGUMENT_INVALID, "The member \"%s\" is not a string.", fields[i].name);
        }
        const struct text text = {json_string_value(value), json_string_length(value)};
        enum hub_code code = message_set(message, fields[i].field, text, error);
        if (code != HUB_OK) {
            return code;
        }
    }
    return HUB_OK;
}

static enum hub_code set_ack(struct message *message, const json_t *body, struct hub_error *error)
{
    const json_t *value = json_object_get(body, "ack");
    const char *given = json_string_value(value);
    if (!value || json_is_null(value)) {
        return HUB_OK;
    }
    for (enum message_ack ack = ACK_NONE; given && ack <= ACK_FULL; ack++) {
        if (strcmp(message_ack_name(ack), given) == 0) {
            return message_add_property(message, TEXT("iothub-ack"), text_of(given), error);
        }
    }
    return hub_refuse(
        error, HUB_ARGUMENT_INVALID, "The member \"ack\" is not none, positive, negative or full.");
}

static enum hub_code set_properties(
    struct message *message, const json_t *body, struct hub_error *error)
{
    json_t *properties = json_object_get(body, "properties");
    const char *name;
    json_t *value;
    if (properties && !json_is_object(properties)) {
        return hub_refuse(
            error, HUB_ARGUMENT_INVALID, "The member \"properties\" is not an object.");
    }
    json_object_foreach(properties, name, value)
    {
        if (!json_is_string(value)) {
            return hub_refuse(
                error, HUB_ARGUMENT_INVALID, "The property \"%.64s\" is not a string.", name);
        }
        enum hub_code code =
            message_add_property(message, text_of(name), text_of(json_string_value(value)), error);
        if (code != HUB_OK) {
            return code;
        }
    }
    return HUB_OK;
}

static enum hub_code set_expiry(
    struct message *message, const json_t *body, struct instant now, struct hub_error *error)
{
    const json_t *expiry = json_object_get(body, "expiryTime");
    const json_t *ttl = json_object_get(body, "ttl");
    struct instant at;
    struct duration span;
    if (expiry && ttl) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID,
            "The members \"expiryTime\" and \"ttl\" exclude each other.");
    }
    if (expiry) {
        const char *text = json_string_value(expiry);
        if (!text || !iso8601_parse_instant(text, &at)) {
            return hub_refuse(
                error, HUB_ARGUMENT_INVALID, "The member \"expiryTime\" is not an RFC 3339 time.");
        }
        message_set_expiry(message, at);
    } else if (ttl) {
        const char *text = json_string_value(ttl);
        if (!text || !iso8601_parse_duration(text, &span)) {
            return hub_refuse(
                error, HUB_ARGUMENT_INVALID, "The member \"ttl\" is not an ISO 8601 duration.");
        }
        message_set_expiry(message, instant_add(now, span));
    }
    return HUB_OK;
}

static bool append_base64(struct message *message, const json_t *text)
{
    size_t length;
    unsigned char *bytes = json_is_string(text) ? http_decode_base64(json_string_value(text),
                                                      json_string_length(text), &length)
                                                : NULL;
    if (!bytes) {
        return false;
    }
    message_append_body(message, bytes, length);
    free(bytes);
    return true;
}

static enum hub_code set_body(struct message *message, const json_t *body, struct hub_error *error)
{
    const json_t *text = json_object_get(body, "body");
    const json_t *base64 = json_object_get(body, "bodyBase64");
    if (text && base64) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID,
            "The members \"body\" and \"bodyBase64\" exclude each other.");
    }
    if (text && !json_is_string(text)) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID, "The member \"body\" is not a string.");
    }
    if (text) {
        message_append_body(message, json_string_value(text), json_string_length(text));
    }
    if (base64 && !append_base64(message, base64)) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID, "The member \"bodyBase64\" is not base64.");
    }
    return HUB_OK;
}

static enum hub_code read_message(
    struct message *message, const json_t *body, struct instant now, struct hub_error *error)
{
    enum hub_code code = set_fields(message, body, error);
    if (code == HUB_OK) {
        code = set_ack(message, body, error);
    }
    if (code == HUB_OK) {
        code = set_properties(message, body, error);
    }
    if (code == HUB_OK) {
        code = set_expiry(message, body, now, error);
    }
    return code == HUB_OK ? set_body(message, body, error) : code;
}

void control_send(void *context, struct http_request *request)
{
    static const char *const members[] = {"messageId", "body", "bodyBase64", "ack", "properties",
        "expiryTime", "ttl", "correlationId", "userId", "contentType", "contentEncoding", NULL};
    struct control *control = context;
    struct actor actor = control_actor();
    struct hub_error error;
    uint64_t sequence;
    json_t *body = control_read_body(request, members);
    if (!body) {
        return;
    }
    struct instant now = hub_now(control->hub);
    struct message *message = message_create();
    enum hub_code code = read_message(message, body, now, &error);
    if (code == HUB_OK) {
        code = mailbox_send(hub_mailboxes(control->hub), http_request_parameter(request, 0),
            message, &actor, now, &sequence, &error);
    }
    message_release(message);
    json_decref(body);
    if (code == HUB_OK) {
        control_answer_json(
            control, request, 201, json_pack("{s:I}", "sequenceNumber", (json_int_t)sequence));
    } else {
        control_refuse(request, &error);
    }
}

/* ---- acting as a device ---- */

void control_purge(void *context, struct http_request *request)
{
    struct control *control = context;
    struct actor actor = control_actor();
    struct hub_error error;
    size_t count;
    const char *id = http_request_parameter(request, 0);
    if (mailbox_purge(hub_mailboxes(control->hub), id, &actor, hub_now(control->hub), &count,
            &error) != HUB_OK) {
        control_refuse(request, &error);
        return;
    }
    control_answer_json(control, request, 200,
        json_pack("{s:s, s:I}", "deviceId", id, "totalMessagesPurged", (json_int_t)count));
}

void control_receive(void *context, struct http_request *request)
{
    struct control *control = context;
    struct actor actor = control_actor();
    struct delivery delivery;
    struct hub_error error;
    if (mailbox_receive(hub_mailboxes(control->hub), http_request_parameter(request, 0), NULL,
            &actor, hub_now(control->hub), &delivery, &error) != HUB_OK) {
        control_refuse(request, &error);
    } else if (!delivery.message) {
        control_answer_empty(control, request);
    } else {
        json_t *shape = shape_message(delivery.message);
        message_release(delivery.message);
        shape_set_view(shape, &(struct queue_view){.sequence = delivery.sequence,
                                  .state = QUEUE_INVISIBLE,
                                  .delivery_count = delivery.delivery_count,
                                  .lock_token = delivery.lock_token,
                                  .enqueued = delivery.enqueued,
                                  .expires = delivery.expires,
                                  .locked_until = delivery.locked_until});
        control_answer_json(control, request, 200, shape);
    }
}

static bool holds(struct queue *queue, const struct lock_token *token)
{
    struct queue_view view = {0};
    if (queue_get_counts(queue).invisible == 0) {
        return false;
    }
    while (queue_view_next(queue, view.sequence, &view)) {
        if (view.state == QUEUE_INVISIBLE &&
            memcmp(view.lock_token.bytes, token->bytes, sizeof token->bytes) == 0) {
            return true;
        }
    }
    return false;
}

/* The device whose message that token locks; NULL: none. */
static const char *find_holder(struct hub *hub, const struct lock_token *token)
{
    const struct identity *identity = NULL;
    while ((identity = identity_next(hub_identities(hub), identity))) {
        if (holds(mailbox_of(hub_mailboxes(hub), identity->is.device_id), token)) {
            return identity->is.device_id;
        }
    }
    return NULL;
}

static bool read_settlement(const char *word, enum queue_settlement *settlement)
{
    static const char *const words[] = {
        [SETTLE_COMPLETE] = "complete", [SETTLE_REJECT] = "reject", [SETTLE_ABANDON] = "abandon"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], word) == 0) {
            *settlement = (enum queue_settlement)i;
            return true;
        }
    }
    return false;
}

void control_settle(void *context, struct http_request *request)
{
    struct control *control = context;
    struct actor actor = control_actor();
    struct instant now = hub_now(control->hub);
    enum queue_settlement settlement;
    struct lock_token token;
    struct hub_error error;
    enum hub_code code = HUB_OK;
    const char *holder = NULL;
    if (!read_settlement(http_request_parameter(request, 1), &settlement)) {
        code = hub_refuse(&error, HUB_GENERIC_NOT_FOUND, NULL);
    } else if (!lock_token_parse(text_of(http_request_parameter(request, 0)), &token) ||
               !(holder = find_holder(control->hub, &token))) {
        code = hub_refuse(
            &error, HUB_DEVICE_MESSAGE_LOCK_LOST, "No message is locked with this token.");
    } else {
        code = mailbox_settle(
            hub_mailboxes(control->hub), holder, &token, settlement, &actor, now, &error);
    }
    if (code == HUB_OK) {
        control_answer_empty(control, request);
    } else {
        control_refuse(request, &error);
    }
}
