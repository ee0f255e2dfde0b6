/*
 * A service sends cloud-to-device messages: each is read, enqueued, and accepted once its group is
 * committed; a refusal is `rejected` with condition and description, for clients take any other
 * outcome for success or send again.
 *
 * Source: learn.microsoft.com, "Send cloud-to-device messages from an IoT hub".
 */
#include "protocols/amqp/fault.h"
#include "protocols/amqp/link.h"
#include "protocols/amqp/message_codec.h"

#include <string.h>

/* The condition of a message nobody can route: no SDK sends again on it. */
#define UNROUTABLE "amqp:not-found"

/* Where the message goes: its `to`, or, without one, the device the link is about. */
static enum hub_code route(const struct amqp_link *link, const struct message *message,
    struct address *address, struct hub_error *error)
{
    struct text to = message_get(message, MESSAGE_TO);
    if (!to.bytes && link->device_id) {
        *address = (struct address){.kind = ADDRESS_DEVICE_BOUND};
        memcpy(address->device.raw, link->device_id, strlen(link->device_id) + 1);
        return HUB_OK;
    }
    *address = to.bytes ? address_parse(to) : (struct address){.kind = ADDRESS_UNKNOWN};
    if (address->kind != ADDRESS_DEVICE_BOUND) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID,
            "The message's property 'to' is not /devices/{deviceId}/messages/devicebound.");
    }
    if (address->module.raw[0]) {
        return hub_refuse(error, HUB_MODULE_NOT_FOUND, "Modules receive no messages.");
    }
    return HUB_OK;
}

static const char *addressee(const struct amqp_link *link, const struct address *address)
{
    struct hub *hub = link->connection->server->context.hub;
    const struct identity *identity = address_find_device(hub_identities(hub), &address->device);
    return identity ? identity->is.device_id : address->device.raw;
}

static enum hub_code send_to(const struct amqp_link *link, const char *device_id,
    struct message *message, struct hub_error *error)
{
    struct hub *hub = link->connection->server->context.hub;
    struct actor actor = connection_actor(link->connection->session);
    enum hub_code code = amqp_link_take(link, THROTTLE_SEND, error);
    if (code != HUB_OK) {
        return code;
    }
    return mailbox_send(hub_mailboxes(hub), device_id, message, &actor, hub_now(hub), NULL, error);
}

static void answer(struct amqp_link *link, pn_delivery_t *delivery, const struct hub_error *failure)
{
    amqp_link_answer(link, delivery, failure, NULL);
}

static void receive(
    struct amqp_link *link, pn_delivery_t *delivery, const uint8_t *bytes, size_t length)
{
    struct message *message = NULL;
    struct address address;
    struct hub_error error;
    struct fault fault = {.action = FAULT_NONE};
    const struct amqp_held work = {HELD_RECEIVE, NULL, link, delivery, bytes, length};
    const char *condition = NULL;
    enum hub_code code = amqp_message_decode(bytes, length, &message, &error);
    if (code == HUB_OK) {
        code = route(link, message, &address, &error);
        condition = code == HUB_OK ? NULL : UNROUTABLE;
    }
    if (code == HUB_OK) {
        const char *device_id = addressee(link, &address);
        if (!amqp_fault_passes(link->connection, FAULT_SEND, device_id, &work, &fault)) {
            message_release(message);
            return;
        }
        code = fault.action == FAULT_ERROR
                   ? hub_refuse(&error, fault.error.code, "%s", fault.error.sentence)
                   : send_to(link, device_id, message, &error);
    }
    message_release(message);
    if (code == HUB_OK) {
        amqp_fault_await(link, delivery, &fault);
    } else {
        amqp_link_answer(link, delivery, &error, condition);
    }
}

const struct amqp_link_kind service_sender_kind = {
    .name = "service sender",
    .right = LINK_FOR_SERVICES,
    .path = "/messages/devicebound",
    .message_max = AMQP_MESSAGE_MAX,
    .receive = receive,
    .answer = answer,
};
