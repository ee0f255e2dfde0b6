#include "server/message_codec.h"

#include "protocols/http/json.h"
#include "store/iso8601.h"

#include <stdlib.h>
#include <string.h>

const char *const message_codec_members[] = {"messageId", "body", "bodyBase64", "ack", "properties",
    "expiryTime", "ttl", "correlationId", "userId", "contentType", "contentEncoding", NULL};

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

enum hub_code message_codec_read(
    const json_t *body, struct instant now, struct message *message, struct hub_error *error)
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
