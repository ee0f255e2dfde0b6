/*
 * Devices of the registry to and from JSON. Called by registry.c and bulk.c.
 *
 * Source: learn.microsoft.com, REST reference of Azure IoT Hub, definition Device, and the order
 * and formats of recorded answers in Azure/azure-sdk-for-net, Azure.Iot.Hub.Service.
 */
#ifndef DEVICEBOUND_PROTOCOLS_HTTPS_IDENTITY_CODEC_H
#define DEVICEBOUND_PROTOCOLS_HTTPS_IDENTITY_CODEC_H

#include "store/hub.h"

#include <jansson.h>

/* `is_new`: times that are not set are written as the answer to a creation has them. Returns owned.
 */
json_t *identity_write(struct hub *hub, const struct identity *identity, bool is_new);

/* Reads what a caller wants a device to be; members that are read-only are not looked at. Errors:
 * ARGUMENT_INVALID. */
enum hub_code identity_read(const json_t *body, const char *device_id, struct identity_draft *draft,
    struct hub_error *error);

#endif
