/*
 * A refusal as the line of JSON that the service tells beside a status or a condition:
 * {"errorCode":400004,"trackingId":"…","message":"…","timestampUtc":"…"}. Called by amqp and mqtt.
 *
 * Sources: Azure/azure-iot-sdk-csharp, issue 1741 (the line as it was seen);
 * Azure/azure-iot-sdk-node, mqtt_twin_client.ts and amqp_twin_client.ts, which need it.
 */
#ifndef DEVICEBOUND_PROTOCOLS_SESSION_DESCRIPTION_H
#define DEVICEBOUND_PROTOCOLS_SESSION_DESCRIPTION_H

#include "store/clock.h"
#include "store/error.h"

struct description {
    char tracking_id[80]; /* 32 random hex digits, a gateway's number, `now` to the second */
    char text[1000]; /* the line, printable ASCII */
};

void description_write(
    const struct hub_error *error, struct instant now, struct description *description);

#endif
