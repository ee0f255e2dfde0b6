/*
 * MQTT devices: subscribe with QoS 1, acknowledge what comes.
 */
#include "tests/bench/cycle.h"

#include <stdio.h>
#include <string.h>

#define PACKET_SIZE 2048

static struct wire *wires[DEVICES];
static int subscribed;

struct packet {
    uint8_t bytes[PACKET_SIZE];
    size_t length;
};

static void put_text(struct packet *packet, const char *text)
{
    size_t length = strlen(text);
    packet->bytes[packet->length++] = (uint8_t)(length >> 8);
    packet->bytes[packet->length++] = (uint8_t)length;
    memcpy(packet->bytes + packet->length, text, length);
    packet->length += length;
}

static void put(struct packet *packet, const void *bytes, size_t length)
{
    memcpy(packet->bytes + packet->length, bytes, length);
    packet->length += length;
}

/* The length in its form of two bytes, which holds for all of ours. */
static void say(struct wire *wire, uint8_t type, const struct packet *packet)
{
    struct packet whole = {
        {type, (uint8_t)(packet->length & 0x7f) | 0x80, (uint8_t)(packet->length >> 7)}, 3};
    if (packet->length < 128) {
        whole.bytes[1] = (uint8_t)packet->length;
        whole.length = 2;
    }
    put(&whole, packet->bytes, packet->length);
    wire_write(wire, whole.bytes, whole.length);
}

static void connect_device(struct cycle *cycle, struct wire *wire, const char *id)
{
    char text[256];
    struct packet packet = {.length = 0};
    put_text(&packet, "MQTT");
    put(&packet, "\x04\xc2\x00\x00", 4); /* user name, password, clean; no keep-alive */
    put_text(&packet, id);
    snprintf(text, sizeof text, "%s/%s/?api-version=2021-04-12", cycle->host, id);
    put_text(&packet, text);
    put_text(&packet, cycle->device_token);
    say(wire, 0x10, &packet);
    packet.length = 0;
    put(&packet, "\x00\x01", 2);
    snprintf(text, sizeof text, "devices/%s/messages/devicebound/#", id);
    put_text(&packet, text);
    put(&packet, "\x01", 1);
    say(wire, 0x82, &packet);
}

void mqtt_devices_begin(struct cycle *cycle, const char *port, const char *subprotocol)
{
    for (int i = 0; i < DEVICES; i++) {
        char id[24];
        snprintf(id, sizeof id, "bench%d", i);
        wires[i] = cycle_connect(cycle, port, subprotocol);
        connect_device(cycle, wires[i], id);
    }
}

/* A whole packet: its head and body. False: it is not whole. */
static bool measure(const uint8_t *bytes, size_t length, size_t *head, size_t *body)
{
    *body = 0;
    for (*head = 1; *head < length && *head < 5; (*head)++) {
        *body |= (size_t)(bytes[*head] & 0x7f) << 7 * (*head - 1);
        if (bytes[*head] < 0x80) {
            (*head)++;
            return length >= *head + *body;
        }
    }
    return false;
}

static void take(struct cycle *cycle, int device, const uint8_t *bytes, const uint8_t *body)
{
    switch (bytes[0] >> 4) {
    case 2: /* CONNACK */
        if (body[1] != 0) {
            wire_fail("MQTT", "CONNACK refuses");
        }
        break;
    case 9: /* SUBACK */
        cycle->is_ready = ++subscribed == DEVICES;
        break;
    case 3: { /* PUBLISH */
        size_t topic = (size_t)body[0] << 8 | body[1];
        uint8_t answer[4] = {0x40, 2, body[2 + topic], body[3 + topic]};
        wire_write(wires[device], answer, sizeof answer);
        cycle_received(cycle, device);
        break;
    }
    default:
        wire_fail("MQTT", "an unexpected packet");
    }
}

void mqtt_devices_turn(struct cycle *cycle)
{
    for (int i = 0; i < DEVICES; i++) {
        size_t length, head, body;
        const uint8_t *bytes;
        while ((bytes = wire_peek(wires[i], &length), measure(bytes, length, &head, &body))) {
            take(cycle, i, bytes, bytes + head);
            wire_consume(wires[i], head + body);
        }
    }
}
