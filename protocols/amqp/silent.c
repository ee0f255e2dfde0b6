/*
 * Links that clients want to have and on which nothing happens: direct methods (no request is ever
 * sent), file notifications (there are none), inputs of modules.
 */
#include "protocols/amqp/link.h"

static void accept_anything(
    struct amqp_link *link, pn_delivery_t *delivery, const uint8_t *bytes, size_t length)
{
    (void)bytes;
    (void)length;
    amqp_link_answer(link, delivery, NULL, NULL);
}

const struct amqp_link_kind method_response_kind = {
    .name = "method responses",
    .right = LINK_FOR_DEVICES,
    .message_max = AMQP_MESSAGE_MAX,
    .receive = accept_anything,
};

const struct amqp_link_kind method_request_kind = {
    .name = "method requests",
    .right = LINK_FOR_DEVICES,
};

const struct amqp_link_kind file_receiver_kind = {
    .name = "file notifications",
    .right = LINK_FOR_SERVICES,
    .path = "/messages/servicebound/filenotifications",
};

const struct amqp_link_kind input_receiver_kind = {
    .name = "module inputs",
    .right = LINK_FOR_DEVICES,
};
