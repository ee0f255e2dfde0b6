/*
 * The pair of links for a device's twin, answered so far that device SDKs that ask for it live on:
 * there is no twin, so it is always empty and a change of it is taken and forgotten. Nothing is
 * ever sent unasked.
 *
 * Source: Azure/iotedge, AmqpTwinMessageConverter.cs; Azure/azure-iot-sdk-c,
 * iothubtransport_amqp_twin_messenger.c.
 */
#include "protocols/amqp/link.h"
#include "protocols/amqp/message_codec.h"
#include "protocols/amqp/reply.h"
#include "store/memory.h"

/* Both links of a pair carry it; several pairs may share a session. */
#define CHANNEL_PROPERTY "com.microsoft:channel-correlation-id"
#define CHANNEL_MAX 256

static enum hub_code open_twin(struct amqp_link *link, struct hub_error *error)
{
    (void)error;
    char channel[CHANNEL_MAX];
    if (amqp_link_property(link->wire, CHANNEL_PROPERTY, channel, sizeof(channel))) {
        link->reply_address = memory_copy_string(channel);
    } else {
        link->reply_address = memory_copy_string(link->device_id);
    }
    return HUB_OK;
}

/* The status is an int and the version a long: the C SDK fails a reply with other types. */
static void write_reply(
    struct writer *writer, const struct value *correlation_id, int status, struct text body)
{
    write_descriptor(writer, SECTION_MESSAGE_ANNOTATIONS);
    size_t map = write_open(writer, COMPOUND_MAP);
    write_symbol(writer, TEXT("status"));
    write_int(writer, status);
    write_symbol(writer, TEXT("version"));
    write_long(writer, 1);
    write_close(writer, map, 4);

    write_descriptor(writer, SECTION_PROPERTIES);
    size_t list = write_open(writer, COMPOUND_LIST);
    for (int i = 0; i < PROPERTY_CORRELATION_ID; i++) {
        write_null(writer);
    }
    write_raw(writer, correlation_id->encoded, correlation_id->encoded_length);
    write_close(writer, list, PROPERTY_CORRELATION_ID + 1);

    write_descriptor(writer, SECTION_DATA);
    write_binary(writer, body);
}

static int perform(struct text operation, struct text *body)
{
    *body = TEXT("");
    if (text_equal_nocase(operation, TEXT("GET"))) {
        *body = TEXT("{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}");
        return 200;
    }
    bool is_known = text_equal_nocase(operation, TEXT("PATCH")) ||
                    text_equal_nocase(operation, TEXT("PUT")) ||
                    text_equal_nocase(operation, TEXT("DELETE"));
    return is_known ? 200 : 400;
}

/* A reply without a correlation id would be taken for a change of the desired properties, so such
 * a request is accepted and left at that. */
static void receive(
    struct amqp_link *link, pn_delivery_t *delivery, const uint8_t *bytes, size_t length)
{
    struct sections sections;
    struct value operation;
    struct text body;
    struct hub_error error;
    if (!sections_read(bytes, length, &sections)) {
        hub_refuse(&error, HUB_IOT_HUB_FORMAT_ERROR, NULL);
        amqp_link_answer(link, delivery, &error, NULL);
        return;
    }
    const struct value *correlation_id = &sections.properties[PROPERTY_CORRELATION_ID];
    if (correlation_id->type == VALUE_NULL) {
        amqp_link_answer(link, delivery, NULL, NULL);
        return;
    }
    bool has_operation = map_find(&sections.annotations, "operation", &operation);
    int status = perform(has_operation ? value_text(&operation) : TEXT_ABSENT, &body);
    struct reply *reply = reply_create(delivery, &twin_reply_kind);
    reply->address = memory_copy_string(link->reply_address);
    reply->address_decides = true;
    write_reply(&reply->message, correlation_id, status, body);
    reply_await(link, reply);
}

static void flow(struct amqp_link *link)
{
    replies_flush(link->connection);
}

const struct amqp_link_kind twin_request_kind = {
    .name = "twin requests",
    .right = LINK_FOR_DEVICES,
    .message_max = AMQP_REQUEST_MAX,
    .open = open_twin,
    .receive = receive,
};

const struct amqp_link_kind twin_reply_kind = {
    .name = "twin replies",
    .right = LINK_FOR_DEVICES,
    .open = open_twin,
    .flow = flow,
};
