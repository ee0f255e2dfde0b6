/*
 * A device sends telemetry: accepted, noted in the journal, discarded. Device SDKs attach this link
 * on their way to the one that receives.
 *
 * Source: learn.microsoft.com, "Send device-to-cloud messages".
 */
#include "protocols/amqp/link.h"

static void receive(
    struct amqp_link *link, pn_delivery_t *delivery, const uint8_t *bytes, size_t length)
{
    (void)bytes;
    (void)length;
    amqp_connection_note(link->connection, JOURNAL_TELEMETRY, link->device_id, NULL);
    amqp_link_answer(link, delivery, NULL, NULL);
}

const struct amqp_link_kind telemetry_kind = {
    .name = "telemetry sender",
    .right = LINK_FOR_DEVICES,
    .message_max = AMQP_MESSAGE_MAX,
    .receive = receive,
};
