/*
 * The topics and filters IoT Hub knows, as values. Called by protocols/mqtt. Pure functions.
 *
 * The device in a topic has to be the connected one; everything that is not listed here is unknown,
 * and IoT Hub ends the connection for it. Topics are compared byte by byte (MQTT-4.7.3-4).
 *
 * Source: learn.microsoft.com, "Communicate with your IoT hub by using the MQTT protocol".
 */
#ifndef DEVICEBOUND_PROTOCOLS_MQTT_TOPIC_H
#define DEVICEBOUND_PROTOCOLS_MQTT_TOPIC_H

#include "store/message.h"

enum topic_filter {
    FILTER_UNKNOWN,
    FILTER_DEVICE_BOUND, /* devices/{d}/messages/devicebound/#; a module's devices/{d}/modules/{m}/#
                          */
    FILTER_DEVICE_BOUND_BARE, /* the same without `/#`: granted, nothing matches it */
    FILTER_TWIN_ANSWERS, /* $iothub/twin/res/# */
    FILTER_TWIN_DESIRED, /* $iothub/twin/PATCH/properties/desired/# */
    FILTER_METHODS, /* $iothub/methods/POST/# */
    FILTER_INPUTS /* devices/{d}/modules/{m}/inputs/#: granted, nothing is ever sent */
};
/* `name` is that of the device or module; a module's own topics begin devices/{d}/modules/{m}. */
enum topic_filter topic_filter_of(struct text filter, const char *name);

enum topic_kind {
    TOPIC_UNKNOWN,
    TOPIC_TELEMETRY, /* devices/{d}/messages/events[/[{bag}[/]]] */
    TOPIC_TWIN_GET, /* $iothub/twin/GET/?$rid={rid} */
    TOPIC_TWIN_REPORT, /* $iothub/twin/PATCH/properties/reported/?$rid={rid} */
    TOPIC_METHOD_ANSWER /* $iothub/methods/res/{status}/?$rid={rid} */
};

struct topic {
    enum topic_kind kind;
    struct text bag; /* of telemetry, encoded; borrowed */
    struct text request_id; /* as received; absent when there is none; borrowed */
};
struct topic topic_parse(struct text text, const char *name);

#endif
