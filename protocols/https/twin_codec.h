/*
 * Twins to JSON, as services read them: what the registry says of an identity, its tags and its
 * properties with their metadata. Called by twin.c and query.c.
 *
 * Source: learn.microsoft.com, REST reference of Azure IoT Hub, definition Twin, and "Understand
 * and use device twins in IoT Hub".
 */
#ifndef DEVICEBOUND_PROTOCOLS_HTTPS_TWIN_CODEC_H
#define DEVICEBOUND_PROTOCOLS_HTTPS_TWIN_CODEC_H

#include "store/hub.h"

#include <jansson.h>

/* Returns owned. */
json_t *twin_write(struct hub *hub, const struct identity *identity);

#endif
