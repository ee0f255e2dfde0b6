/*
 * A back end sends, and takes feedback.
 *
 * Sending is an extension: the service takes cloud-to-device messages over AMQP alone. Feedback
 * over HTTP is in the service's own swagger (Azure/azure-iot-hub-node, service.json), without
 * headers.
 */
#include "protocols/address/address.h"
#include "protocols/https/access.h"
#include "protocols/https/fault.h"
#include "protocols/https/handlers.h"
#include "protocols/https/message_codec.h"

/* ---- sending ---- */

static enum hub_code send_to(struct https_server *server, const struct http_request *request,
    const char *device_id, struct message *message, struct hub_error *error)
{
    struct hub *hub = server->context.hub;
    struct actor actor = access_actor(request);
    return mailbox_send(hub_mailboxes(hub), device_id, message, &actor, hub_now(hub), NULL, error);
}

/* The device that the message's own address names. */
static enum hub_code find_addressee(const struct https_server *server,
    const struct message *message, const char **device_id, struct hub_error *error)
{
    struct text to = message_get(message, MESSAGE_TO);
    struct address address = address_parse(to);
    if (!to.bytes || address.kind != ADDRESS_DEVICE_BOUND || address.module.raw[0] != '\0') {
        return hub_refuse(
            error, HUB_ARGUMENT_INVALID, "iothub-to is not /devices/{id}/messages/devicebound.");
    }
    const struct identity *identity =
        address_find_device(hub_identities(server->context.hub), &address.device);
    if (!identity) {
        return hub_refuse(error, HUB_DEVICE_NOT_FOUND, "%s", address.device.decoded);
    }
    *device_id = identity->is.device_id;
    return HUB_OK;
}

static void send(struct https_server *server, struct http_request *request, const char *device_id)
{
    struct hub_error error;
    if (!access_service(server, request, PERMISSION_SERVICE_CONNECT)) {
        return;
    }
    struct message *message = message_read(request, &error);
    enum hub_code code = message ? HUB_OK : error.code;
    if (code == HUB_OK && !device_id) {
        code = find_addressee(server, message, &device_id, &error);
    }
    if (code == HUB_OK && (!https_fault_passes(server, request, FAULT_SEND, device_id) ||
                              !access_rate(server, request, THROTTLE_SEND))) {
        message_release(message);
        return;
    }
    if (code == HUB_OK) {
        code = send_to(server, request, device_id, message, &error);
    }
    message_release(message);
    if (code == HUB_OK) {
        answer_committed_empty(server, request);
    } else {
        answer_refusal(server, request, &error);
    }
}

void service_send(void *context, struct http_request *request)
{
    send(context, request, NULL);
}

void service_send_to_device(void *context, struct http_request *request)
{
    send(context, request, http_request_parameter(request, 0));
}

/* ---- feedback ---- */

void feedback_receive(void *context, struct http_request *request)
{
    struct https_server *server = context;
    struct hub *hub = server->context.hub;
    struct delivery delivery;
    if (!access_service(server, request, PERMISSION_SERVICE_CONNECT)) {
        return;
    }
    struct actor actor = access_actor(request);
    struct instant now = hub_now(hub);
    struct queue *queue = feedback_queue(hub_feedback(hub));
    if (queue_has_ready(queue) && !https_fault_passes(server, request, FAULT_FEEDBACK, NULL)) {
        return;
    }
    if (queue_lock_next(queue, NULL, &actor, now, &delivery)) {
        answer_committed(server, request, message_write_feedback(&delivery));
        message_release(delivery.message);
        if (https_fault_duplicates(request)) {
            queue_settle(queue, &delivery.lock_token, SETTLE_RELEASE, &actor, now, NULL);
        }
    } else {
        answer_committed_empty(server, request);
    }
}

static void settle(void *context, struct http_request *request, enum queue_settlement settlement)
{
    struct https_server *server = context;
    struct hub *hub = server->context.hub;
    struct lock_token token;
    struct hub_error error;
    enum hub_code code;
    if (!access_service(server, request, PERMISSION_SERVICE_CONNECT)) {
        return;
    }
    if (!https_fault_passes(server, request, FAULT_SETTLE, NULL)) {
        return;
    }
    struct queue *queue = feedback_queue(hub_feedback(hub));
    struct actor actor = access_actor(request);
    if (!lock_token_parse(text_of(http_request_parameter(request, 0)), &token)) {
        code = hub_refuse(&error, HUB_DEVICE_MESSAGE_LOCK_LOST, NULL);
    } else {
        if (https_fault_expires_lock(request)) {
            queue_settle(queue, &token, SETTLE_RELEASE, &actor, hub_now(hub), &error);
        }
        code = queue_settle(queue, &token, settlement, &actor, hub_now(hub), &error);
    }
    if (code == HUB_OK) {
        answer_committed_empty(server, request);
    } else {
        answer_refusal(server, request, &error);
    }
}

void feedback_complete(void *context, struct http_request *request)
{
    settle(context, request, SETTLE_COMPLETE);
}

void feedback_abandon(void *context, struct http_request *request)
{
    settle(context, request, SETTLE_ABANDON);
}
