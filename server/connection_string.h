/*
 * Connection strings, as every SDK reads them. Called by server/process, server/verbs and
 * server/control. Pure functions.
 *
 * Source: learn.microsoft.com, "Control access to IoT Hub by using shared access signatures".
 */
#ifndef DEVICEBOUND_SERVER_CONNECTION_STRING_H
#define DEVICEBOUND_SERVER_CONNECTION_STRING_H

#include "store/identity.h"
#include "store/settings.h"

#define CONNECTION_STRING_SIZE (HUB_NAME_MAX + DEVICE_ID_MAX + KEY_TEXT_SIZE + 96)

/* `key` NULL: "***" stands in its place. */
void connection_string_of_policy(const char *host_name, const char *policy, const struct key *key,
    char out[CONNECTION_STRING_SIZE]);

/* Of a device without a key: x509=true. */
void connection_string_of_device(const char *host_name, const struct identity_draft *device,
    bool masked, char out[CONNECTION_STRING_SIZE]);

#endif
