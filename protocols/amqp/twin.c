/*
 * The pair of links for the twin of a device or module: it is read, and reported properties are
 * written. Subscribing to desired properties is answered; nothing is ever sent unasked.
 *
 * Source: Azure/iotedge, AmqpTwinMessageConverter.cs; Azure/azure-iot-sdk-c,
 * iothubtransport_amqp_twin_messenger.c.
 */
#include "protocols/amqp/link.h"
#include "protocols/amqp/message_codec.h"
#include "protocols/amqp/reply.h"
#include "protocols/session/description.h"
#include "store/log.h"
#include "store/memory.h"

#include <stdlib.h>

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

struct answer {
    int status;
    uint64_t version;
    char *body; /* owned; NULL: none */
};

/* The status is an int and the version a long: the C SDK fails a reply with other types. */
static void write_reply(
    struct writer *writer, const struct value *correlation_id, const struct answer *answer)
{
    write_descriptor(writer, SECTION_MESSAGE_ANNOTATIONS);
    size_t map = write_open(writer, COMPOUND_MAP);
    write_symbol(writer, TEXT("status"));
    write_int(writer, answer->status);
    write_symbol(writer, TEXT("version"));
    write_long(writer, (int64_t)answer->version);
    write_close(writer, map, 4);

    write_descriptor(writer, SECTION_PROPERTIES);
    size_t list = write_open(writer, COMPOUND_LIST);
    for (int i = 0; i < PROPERTY_CORRELATION_ID; i++) {
        write_null(writer);
    }
    write_raw(writer, correlation_id->encoded, correlation_id->encoded_length);
    write_close(writer, list, PROPERTY_CORRELATION_ID + 1);

    write_descriptor(writer, SECTION_DATA);
    write_binary(writer, answer->body ? text_of(answer->body) : TEXT(""));
}

static struct answer refuse(const struct amqp_link *link, const struct hub_error *error)
{
    struct description description;
    LOG(LOG_DEBUG, "AMQP-TWIN-REFUSED", error->sentence, {"device", link->device_id});
    hub_count_refusal(error->code);
    description_write(error, clock_machine_now(), &description);
    return (struct answer){.status = hub_code_http_status(error->code),
        .version = 1,
        .body = memory_copy_string(description.text)};
}

static struct answer report(
    const struct amqp_link *link, const struct identity *identity, struct text patch)
{
    struct hub *hub = link->connection->server->context.hub;
    struct answer answer = {.status = 200};
    struct hub_error error;
    if (amqp_link_take(link, THROTTLE_TWIN_UPDATE, &error) != HUB_OK ||
        twins_report(hub_twins(hub), identity->row, patch, hub_now(hub), &answer.version, &error) !=
            HUB_OK) {
        return refuse(link, &error);
    }
    return answer;
}

static struct text annotation(const struct sections *sections, const char *name)
{
    struct value value;
    return map_find(&sections->annotations, name, &value) ? value_text(&value) : TEXT_ABSENT;
}

/* The first data section; absent: there is none. */
static struct text body_of(const struct sections *sections)
{
    struct sections rest = *sections;
    struct value value;
    bool is_data = read_value(&rest.bodies, &value) && value.type == VALUE_BINARY;
    return is_data ? value_text(&value) : TEXT_ABSENT;
}

static struct answer perform(const struct amqp_link *link, const struct sections *sections)
{
    struct hub *hub = link->connection->server->context.hub;
    const struct identity *identity = identity_find_name(hub_identities(hub), link->device_id);
    struct text operation = annotation(sections, "operation");
    struct text resource = annotation(sections, "resource");
    bool is_desired = text_equal_nocase(resource, TEXT("/notifications/twin/properties/desired"));
    struct hub_error error;
    if (!identity) {
        hub_refuse(&error, HUB_DEVICE_NOT_FOUND, NULL);
        return refuse(link, &error);
    }
    if (text_equal_nocase(operation, TEXT("GET"))) {
        if (amqp_link_take(link, THROTTLE_TWIN_READ, &error) != HUB_OK) {
            return refuse(link, &error);
        }
        return (struct answer){
            .status = 200, .version = 1, .body = twins_read(hub_twins(hub), identity->row)};
    }
    if (text_equal_nocase(operation, TEXT("PATCH")) &&
        text_equal_nocase(resource, TEXT("/properties/reported"))) {
        return report(link, identity, body_of(sections));
    }
    bool subscribes = is_desired && (text_equal_nocase(operation, TEXT("PUT")) ||
                                        text_equal_nocase(operation, TEXT("DELETE")));
    if (!subscribes) {
        hub_refuse(&error, HUB_INVALID_OPERATION, "A twin has no such operation.");
        return refuse(link, &error);
    }
    return (struct answer){.status = 200, .version = 1};
}

static void committed(void *owner, void *item, const struct hub_error *failure)
{
    amqp_link_answer(owner, item, failure, NULL);
}

/* A reply without a correlation id would be taken for a change of the desired properties, so what
 * such a request asks for is done and left at that. */
static void receive(
    struct amqp_link *link, pn_delivery_t *delivery, const uint8_t *bytes, size_t length)
{
    struct sections sections;
    struct hub_error error;
    if (!sections_read(bytes, length, &sections)) {
        hub_refuse(&error, HUB_IOT_HUB_FORMAT_ERROR, NULL);
        amqp_link_answer(link, delivery, &error, NULL);
        return;
    }
    struct answer answer = perform(link, &sections);
    const struct value *correlation_id = &sections.properties[PROPERTY_CORRELATION_ID];
    if (correlation_id->type == VALUE_NULL) {
        database_await(amqp_database(link->connection), committed, link, delivery);
    } else {
        struct reply *reply = reply_create(delivery, &twin_reply_kind);
        reply->address = memory_copy_string(link->reply_address);
        reply->address_decides = true;
        write_reply(&reply->message, correlation_id, &answer);
        reply_await(link, reply);
    }
    free(answer.body);
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
