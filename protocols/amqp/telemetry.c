/*
 * A device sends telemetry: accepted, noted in the journal, discarded. Device SDKs attach this link
 * on their way to the one that receives.
 *
 * Source: learn.microsoft.com, "Send device-to-cloud messages".
 */
#include "protocols/amqp/fault.h"

static void receive(
    struct amqp_link *link, pn_delivery_t *delivery, const uint8_t *bytes, size_t length)
{
    const struct amqp_held work = {HELD_RECEIVE, NULL, link, delivery, bytes, length};
    struct fault fault;
    if (!amqp_fault_passes(link->connection, FAULT_SEND, link->device_id, &work, &fault)) {
        return;
    }
    if (fault.action == FAULT_ERROR) {
        amqp_link_answer(link, delivery, &fault.error, NULL);
        return;
    }
    amqp_connection_note(link->connection, JOURNAL_TELEMETRY, link->device_id, NULL);
    amqp_fault_await(link, delivery, &fault);
}

static void answer(struct amqp_link *link, pn_delivery_t *delivery, const struct hub_error *failure)
{
    amqp_link_answer(link, delivery, failure, NULL);
}

const struct amqp_link_kind telemetry_kind = {
    .name = "telemetry sender",
    .right = LINK_FOR_DEVICES,
    .message_max = AMQP_MESSAGE_MAX,
    .receive = receive,
    .answer = answer,
};
