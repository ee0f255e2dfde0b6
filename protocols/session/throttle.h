/*
 * Rate limits: how many operations of a kind a hub of some size does in a minute, for all its
 * devices and services together. Each protocol asks before it does the work, and refuses in its own
 * form. Off unless a profile is set.
 *
 * One bucket per kind: it holds what THROTTLE_BURST_MINUTES give, begins full and is filled on the
 * hub's clock. Belongs to the loop's thread.
 *
 * Source: learn.microsoft.com, "IoT Hub quotas and throttling", for one unit.
 */
#ifndef DEVICEBOUND_PROTOCOLS_SESSION_THROTTLE_H
#define DEVICEBOUND_PROTOCOLS_SESSION_THROTTLE_H

#include "protocols/session/session.h"

enum throttle_profile {
    THROTTLE_OFF,
    THROTTLE_FREE,
    THROTTLE_S1,
    THROTTLE_S2,
    THROTTLE_S3,
    THROTTLE_PROFILE_COUNT
};

enum throttle_operation {
    THROTTLE_SEND, /* a message to a device */
    THROTTLE_RECEIVE, /* HTTPS only */
    THROTTLE_REGISTRY,
    THROTTLE_TELEMETRY,
    THROTTLE_CONNECT, /* AMQP and MQTT */
    THROTTLE_QUERY,
    THROTTLE_TWIN_READ,
    THROTTLE_TWIN_UPDATE,
    THROTTLE_UPLOAD,
    THROTTLE_OPERATION_COUNT
};

/* The service lets requests queue up before it refuses one: 250 registry reads were seen to pass in
 * ten seconds, where the rate is 100 a minute. */
#define THROTTLE_BURST_MINUTES 3

/* From now on, with full buckets; the profile that is set already changes nothing. */
void throttle_set_profile(struct sessions *sessions, enum throttle_profile profile);

/* The buckets are full again. */
void throttle_refill(struct sessions *sessions);

/* Takes one operation out of its bucket. THROTTLING_EXCEPTION: there is none left. A refused one
 * costs nothing. A clock that was set back fills nothing until it moves on from there. */
enum hub_code throttle_take(struct sessions *sessions, enum throttle_operation operation,
    struct instant now, struct hub_error *error);

#endif
