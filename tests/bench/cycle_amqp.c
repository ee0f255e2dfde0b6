/*
 * AMQP on Proton's engine: the service that sends, and devices that receive.
 */
#include "tests/bench/cycle.h"

#include <proton/condition.h>
#include <proton/connection.h>
#include <proton/connection_driver.h>
#include <proton/delivery.h>
#include <proton/link.h>
#include <proton/message.h>
#include <proton/sasl.h>
#include <proton/session.h>
#include <proton/transport.h>
#include <stdio.h>
#include <string.h>

struct client {
    struct wire *wire;
    pn_connection_driver_t driver;
};

static struct client service, devices;
static pn_link_t *sender;
static int receivers_open;
static int numbers[DEVICES]; /* of the devices, for their links */
static char encoded[DEVICES][BODY + 256];
static size_t encoded_length[DEVICES];

/* ---- a connection ---- */

static void client_open(struct client *client, struct cycle *cycle, const char *policy,
    const char *token, const char *port, const char *subprotocol)
{
    char user[256];
    client->wire = cycle_connect(cycle, port, subprotocol);
    if (pn_connection_driver_init(&client->driver, NULL, NULL) != 0) {
        wire_fail("driver", policy);
    }
    pn_connection_t *connection = client->driver.connection;
    pn_sasl_t *sasl = pn_sasl(client->driver.transport);
    snprintf(user, sizeof user, "%s@sas.root.%s", policy, cycle->host);
    pn_connection_set_user(connection, user);
    pn_connection_set_password(connection, token);
    pn_connection_set_hostname(connection, cycle->host);
    pn_connection_set_container(connection, policy);
    pn_sasl_allowed_mechs(sasl, "PLAIN");
    pn_sasl_set_allow_insecure_mechs(sasl, true); /* TLS is below, where the driver sees none */
    pn_connection_open(connection);
}

static void check(pn_condition_t *condition)
{
    if (condition && pn_condition_is_set(condition)) {
        wire_fail(pn_condition_get_name(condition), pn_condition_get_description(condition));
    }
}

static bool feed(struct client *client)
{
    size_t length, taken = 0;
    const uint8_t *bytes = wire_peek(client->wire, &length);
    while (taken < length) {
        pn_rwbytes_t room = pn_connection_driver_read_buffer(&client->driver);
        size_t part = room.size < length - taken ? room.size : length - taken;
        if (part == 0) {
            break;
        }
        memcpy(room.start, bytes + taken, part);
        pn_connection_driver_read_done(&client->driver, part);
        taken += part;
    }
    wire_consume(client->wire, taken);
    return taken > 0;
}

static void drain(struct client *client)
{
    for (pn_bytes_t out; (out = pn_connection_driver_write_buffer(&client->driver)).size > 0;) {
        wire_write(client->wire, out.start, out.size);
        pn_connection_driver_write_done(&client->driver, out.size);
    }
}

static void turn(struct client *client, struct cycle *cycle,
    void (*handle)(struct cycle *cycle, pn_event_t *event))
{
    do {
        for (pn_event_t *event; (event = pn_connection_driver_next_event(&client->driver));) {
            switch (pn_event_type(event)) {
            case PN_TRANSPORT_ERROR:
                check(pn_transport_condition(pn_event_transport(event)));
                break;
            case PN_LINK_REMOTE_CLOSE:
                check(pn_link_remote_condition(pn_event_link(event)));
                break;
            case PN_CONNECTION_REMOTE_CLOSE:
                check(pn_connection_remote_condition(pn_event_connection(event)));
                break;
            default:
                handle(cycle, event);
                break;
            }
        }
    } while (feed(client));
}

/* ---- the service ---- */

static void encode_message(int device)
{
    static const char body[BODY] = "x";
    char to[64];
    snprintf(to, sizeof to, "/devices/bench%d/messages/devicebound", device);
    pn_message_t *message = pn_message();
    pn_message_set_address(message, to);
    pn_message_set_inferred(message, true);
    pn_data_put_binary(pn_message_body(message), pn_bytes(sizeof body, body));
    encoded_length[device] = sizeof encoded[device];
    if (pn_message_encode(message, encoded[device], &encoded_length[device]) != 0) {
        wire_fail("encode", to);
    }
    pn_message_free(message);
}

void service_begin(struct cycle *cycle, const char *port, const char *subprotocol)
{
    for (int i = 0; i < DEVICES; i++) {
        encode_message(i);
    }
    client_open(&service, cycle, "iothubowner", cycle->service_token, port, subprotocol);
    pn_session_t *session = pn_session(service.driver.connection);
    pn_session_open(session);
    sender = pn_sender(session, "sender");
    pn_terminus_set_address(pn_link_target(sender), "/messages/devicebound");
    pn_link_open(sender);
}

/* The delivery's tag is the device. */
static void send_to(struct cycle *cycle, int device)
{
    pn_delivery(sender, pn_dtag((const char *)&device, sizeof device));
    pn_link_send(sender, encoded[device], encoded_length[device]);
    pn_link_advance(sender);
    cycle->sent++;
    cycle->in_flight[device]++;
}

static void send_more(struct cycle *cycle)
{
    for (int device = 0; cycle->is_ready && device < DEVICES; device++) {
        while (cycle->sent < cycle->count && cycle->in_flight[device] < IN_FLIGHT &&
               pn_link_credit(sender) > 0) {
            send_to(cycle, device);
        }
    }
}

static void handle_service(struct cycle *cycle, pn_event_t *event)
{
    int device;
    if (pn_event_type(event) != PN_DELIVERY) {
        return;
    }
    pn_delivery_t *delivery = pn_event_delivery(event);
    if (pn_delivery_remote_state(delivery) != PN_ACCEPTED) {
        wire_fail("send", "not accepted");
    }
    memcpy(&device, pn_delivery_tag(delivery).start, sizeof device);
    pn_delivery_settle(delivery);
    cycle->accepted++;
    cycle->waiting[device]++;
}

void service_turn(struct cycle *cycle)
{
    turn(&service, cycle, handle_service);
    send_more(cycle);
    drain(&service);
}

/* ---- the devices ---- */

void amqp_devices_begin(struct cycle *cycle, const char *port, const char *subprotocol)
{
    client_open(&devices, cycle, "device", cycle->device_token, port, subprotocol);
    pn_session_t *session = pn_session(devices.driver.connection);
    pn_session_open(session);
    for (int i = 0; i < DEVICES; i++) {
        char name[64];
        numbers[i] = i;
        snprintf(name, sizeof name, "/devices/bench%d/messages/devicebound", i);
        pn_link_t *receiver = pn_receiver(session, name);
        pn_terminus_set_address(pn_link_source(receiver), name);
        pn_link_open(receiver);
        pn_link_set_context(receiver, &numbers[i]);
        pn_link_flow(receiver, 1000);
    }
}

static void complete(struct cycle *cycle, pn_delivery_t *delivery)
{
    char bytes[BODY + 1024];
    pn_link_t *link = pn_delivery_link(delivery);
    if (!pn_delivery_readable(delivery) || pn_delivery_partial(delivery)) {
        return;
    }
    while (pn_link_recv(link, bytes, sizeof bytes) > 0) {
    }
    pn_delivery_update(delivery, PN_ACCEPTED);
    pn_delivery_settle(delivery);
    cycle_received(cycle, *(const int *)pn_link_get_context(link));
    if (pn_link_credit(link) < 500) {
        pn_link_flow(link, 500);
    }
}

static void handle_devices(struct cycle *cycle, pn_event_t *event)
{
    if (pn_event_type(event) == PN_DELIVERY) {
        complete(cycle, pn_event_delivery(event));
    } else if (pn_event_type(event) == PN_LINK_REMOTE_OPEN) {
        cycle->is_ready = ++receivers_open == DEVICES;
    }
}

void amqp_devices_turn(struct cycle *cycle)
{
    turn(&devices, cycle, handle_devices);
    drain(&devices);
}
