/*
 * Devices and modules of the registry to and from JSON. Called by registry.c, bulk.c and query.c.
 *
 * Source: learn.microsoft.com, REST reference of Azure IoT Hub, definitions Device and Module, and
 * the order
 * and formats of recorded answers in Azure/azure-sdk-for-net, Azure.Iot.Hub.Service.
 */
#ifndef DEVICEBOUND_PROTOCOLS_HTTPS_IDENTITY_CODEC_H
#define DEVICEBOUND_PROTOCOLS_HTTPS_IDENTITY_CODEC_H

#include "store/hub.h"

#include <jansson.h>

/* `is_new`: times that are not set are written as the answer to a creation has them. Returns owned.
 */
json_t *identity_write(struct hub *hub, const struct identity *identity, bool is_new);

/* A time of the registry; one that is not set (0) is the year 1, as above. Returns owned. */
json_t *identity_write_time(struct instant at, bool is_new);

/* "sas", "selfSigned", … */
const char *identity_type_name(enum identity_authentication authentication);

/* Reads what a caller wants a device, or a module, to be; members that are read-only are not looked
 * at. `module_id` NULL: the device. Errors: ARGUMENT_INVALID. */
enum hub_code identity_read(const json_t *body, const char *device_id, struct identity_draft *draft,
    struct hub_error *error);
enum hub_code identity_read_module(const json_t *body, const char *device_id, const char *module_id,
    struct identity_draft *draft, struct hub_error *error);

#endif
