/*
 * Messages to topics and back: the property bag, `name=value` pairs joined with `&` that IoT Hub
 * appends to an MQTT topic. The codec of protocols/mqtt. Pure functions.
 *
 * Outgoing, so that every SDK reads it: `$.to` always present, system properties in a fixed order,
 * then `iothub-ack`, then application properties in the sender's order; everything but
 * `A-Z a-z 0-9 - _ . ~` as upper-case `%XX`; null as `name`, the empty text as `name=`.
 *
 * Sources: learn.microsoft.com, "Communicate with your IoT hub by using the MQTT protocol" and
 * "Create and read IoT Hub messages"; Azure/iotedge, SystemProperties (their order).
 */
#ifndef DEVICEBOUND_PROTOCOLS_MQTT_BAG_H
#define DEVICEBOUND_PROTOCOLS_MQTT_BAG_H

#include "store/message.h"
#include "store/telemetry.h"

/* The topic under which `message` reaches the device, into `out`. Returns its length; 0: it takes
 * more than `room` bytes. */
size_t bag_write_topic(
    const struct message *message, const char *device_id, char *out, size_t room);

/* Reads the bag of an incoming topic into `event`; an empty one is fine. False: an unknown escape,
 * text that is not UTF-8, a pair without a name, or a character that has to be escaped. */
bool bag_parse(struct text bag, struct telemetry_event *event);

#endif
