/*
 * The user name of a CONNECT, which tells IoT Hub who connects, with what api-version and what
 * software:
 *
 *     host "/" deviceId [ "/" moduleId ] [ "/" [ ["?"] parameters ] ]
 *
 * Ids are never percent-encoded and may contain `?`; parameters are. Parameters begin at the first
 * segment, from the third on, that starts with `?` or contains `api-version=`; they are separated
 * by `&`, in the oldest form by `/`; the first of two equal names counts, unknown ones are ignored.
 * Where more than one reading is possible, the one that agrees with the client id is taken.
 *
 * Called by protocols/mqtt/login. Pure functions.
 *
 * Sources: learn.microsoft.com, "Communicate with your IoT hub by using the MQTT protocol";
 * Azure/iotedge, MqttUsernameParser and its tests.
 */
#ifndef DEVICEBOUND_PROTOCOLS_MQTT_USER_NAME_H
#define DEVICEBOUND_PROTOCOLS_MQTT_USER_NAME_H

#include "store/identity.h"
#include "store/message.h"

#define USER_NAME_PARAMETER_MAX 255

/* Texts are borrowed from the user name, parameters are decoded copies, cut at their maximum. */
struct user_name {
    struct text host;
    struct text device;
    struct text module; /* absent for a device */
    char api_version[USER_NAME_PARAMETER_MAX + 1]; /* "": not given */
    char client_type[USER_NAME_PARAMETER_MAX + 1]; /* DeviceClientType */
    char model_id[USER_NAME_PARAMETER_MAX + 1];
};

/* False: it fits the grammar in no way. */
bool user_name_parse(struct text text, struct text client_id, struct user_name *out);

/* Whether the identity in it is the client id, byte for byte. */
bool user_name_matches(const struct user_name *name, struct text client_id);

#endif
