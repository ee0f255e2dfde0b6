/*
 * A device's own messages: taken, noted in the journal, and forgotten.
 *
 * Source: learn.microsoft.com, REST reference of Device - Send Device Event; the batch's shape is
 * the one of Azure/azure-iot-sdk-node (device/transport/http).
 */
#include "protocols/https/access.h"
#include "protocols/https/fault.h"
#include "protocols/https/handlers.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BATCH_TYPE "application/vnd.microsoft.iothub.json"

static void note(struct https_server *server, const struct http_request *request)
{
    struct hub *hub = server->context.hub;
    struct actor actor = access_actor(request);
    const char *message_id = http_request_header(request, "iothub-messageid");
    if (message_id && strlen(message_id) > MESSAGE_ID_MAX) {
        message_id = NULL;
    }
    journal_note(hub_journal(hub), &(struct journal_entry){.at = hub_now(hub),
                                       .event = JOURNAL_TELEMETRY,
                                       .device = http_request_parameter(request, 0),
                                       .message_id = message_id,
                                       .protocol = actor.protocol,
                                       .connection = actor.connection});
}

static bool is_batch(const struct http_request *request)
{
    const char *type = http_request_header(request, "Content-Type");
    size_t length = sizeof BATCH_TYPE - 1;
    return type && strncasecmp(type, BATCH_TYPE, length) == 0 &&
           (type[length] == '\0' || strchr("; ", type[length]));
}

static bool is_base64(const char *text, size_t length)
{
    if (length % 4 != 0) {
        return false;
    }
    unsigned char *bytes = malloc(length / 4 * 3 + 1);
    bool is_good = bytes && EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)length) >= 0;
    free(bytes);
    return is_good;
}

static bool is_item(const json_t *item)
{
    const json_t *body = json_object_get(item, "body");
    const json_t *encoded = json_object_get(item, "base64Encoded");
    const json_t *properties = json_object_get(item, "properties");
    if (!json_is_string(body) || (encoded && !json_is_boolean(encoded)) ||
        (properties && !json_is_object(properties) && !json_is_null(properties))) {
        return false;
    }
    return !json_is_true(encoded) || json_string_length(body) == 0 ||
           is_base64(json_string_value(body), json_string_length(body));
}

/* How many messages; -1: refused. */
static long count_batch(const struct http_request *request, struct hub_error *error)
{
    json_t *items = http_request_json(request, error);
    if (!items) {
        return -1;
    }
    bool is_good = json_is_array(items);
    long count = (long)json_array_size(items);
    for (size_t i = 0; is_good && i < json_array_size(items); i++) {
        is_good = is_item(json_array_get(items, i));
    }
    json_decref(items);
    if (!is_good) {
        hub_refuse(
            error, HUB_IOT_HUB_FORMAT_ERROR, "The batch is not an array of objects with a body.");
        return -1;
    }
    return count;
}

void telemetry_send(void *context, struct http_request *request)
{
    struct https_server *server = context;
    struct hub_error error;
    if (!access_device(server, request)) {
        return;
    }
    long count = is_batch(request) ? count_batch(request, &error) : 1;
    if (count < 0) {
        answer_refusal(server, request, &error);
        return;
    }
    if (!https_fault_passes(server, request, FAULT_SEND, http_request_parameter(request, 0))) {
        return;
    }
    for (long i = 0; i < count; i++) {
        note(server, request);
    }
    answer_committed_empty(server, request);
}
