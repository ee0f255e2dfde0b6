/*
 * A device sends telemetry, single messages and batches: each delivery is accepted once the group
 * that keeps it is committed. Device SDKs attach this link on their way to the one that receives.
 *
 * Source: learn.microsoft.com, "Send device-to-cloud messages".
 */
#include "protocols/amqp/fault.h"
#include "protocols/amqp/message_codec.h"

static void take(void *context, struct telemetry_event *event)
{
    const struct amqp_link *link = context;
    struct hub *hub = link->connection->server->context.hub;
    struct actor actor = connection_actor(link->connection->session);
    amqp_orders_begin(link, event);
    telemetry_take(hub_telemetry(hub), event, link->device_id, &actor, NULL, hub_now(hub));
}

static void answer(struct amqp_link *link, pn_delivery_t *delivery, const struct hub_error *failure)
{
    amqp_link_answer(link, delivery, failure, NULL);
}

static void receive(
    struct amqp_link *link, pn_delivery_t *delivery, const uint8_t *bytes, size_t length)
{
    const struct amqp_held work = {HELD_RECEIVE, NULL, link, delivery, bytes, length};
    struct fault fault;
    struct hub_error error;
    if (!amqp_fault_passes(link->connection, FAULT_SEND, link->device_id, &work, &fault)) {
        return;
    }
    error = fault.error;
    if (fault.action != FAULT_ERROR && amqp_link_take(link, THROTTLE_TELEMETRY, &error) == HUB_OK &&
        amqp_events_decode(bytes, length, take, link, &error) == HUB_OK) {
        amqp_fault_await(link, delivery, &fault);
    } else {
        amqp_link_answer(link, delivery, &error, NULL);
    }
}

const struct amqp_link_kind telemetry_kind = {
    .name = "telemetry sender",
    .right = LINK_FOR_DEVICES,
    .message_max = AMQP_MESSAGE_MAX,
    .receive = receive,
    .answer = answer,
};
