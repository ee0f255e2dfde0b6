/*
 * The rule of a device that the hub plays, to and from JSON:
 * {"on":"message","do":"abandon","delay":"PT2S","times":3,"then":{"do":"complete"}}.
 * Called by server/control and server/options.
 */
#ifndef DEVICEBOUND_SERVER_SIMULATOR_CODEC_H
#define DEVICEBOUND_SERVER_SIMULATOR_CODEC_H

#include "protocols/session/simulator.h"

#include <jansson.h>

/* Errors: ARGUMENT_INVALID. */
enum hub_code simulator_read(
    const json_t *object, struct simulator_rule *rule, struct hub_error *error);

/* Returns owned. */
json_t *simulator_write(const struct simulator_rule *rule);

#endif
