/*
 * From a refusal of the hub to an AMQP error: condition, description, info. Called by every kind of
 * link.
 *
 * Sources: OASIS AMQP 1.0 part 2, section 2.8.14 to 2.8.18; learn.microsoft.com, "Understand and
 * resolve Azure IoT Hub errors"; the conditions the SDKs map to their own exceptions
 * (Azure/azure-iot-sdk-csharp, AmqpErrorMapper.cs; Azure/iotedge, AmqpErrorMapper.cs).
 */
#ifndef DEVICEBOUND_PROTOCOLS_AMQP_REFUSAL_H
#define DEVICEBOUND_PROTOCOLS_AMQP_REFUSAL_H

#include "store/error.h"

#include <proton/condition.h>

/* The condition of that code, such as "amqp:not-found". Static. */
const char *refusal_condition(enum hub_code code);

/* Fills a condition: the name, the line of session/description.h as description, and the tracking
 * id in the info map. `name` NULL: that of the code. */
void refusal_write(pn_condition_t *condition, const struct hub_error *error, const char *name);

#endif
