/*
 * Devices played by the hub, so that a back end can be tested without any device code: each message
 * is received as a device would, and settled as its rule says, after a delay on the hub's clock.
 * Called by server/control.
 *
 * A rule is a row of steps; each is good for so many messages, then the next one applies, and when
 * the last is used up the device receives nothing any more. Rules live in memory. Belongs to the
 * loop's thread.
 */
#ifndef DEVICEBOUND_PROTOCOLS_SESSION_SIMULATOR_H
#define DEVICEBOUND_PROTOCOLS_SESSION_SIMULATOR_H

#include "protocols/session/session.h"

#define SIMULATOR_STEPS_MAX 8

enum simulator_act {
    SIMULATOR_COMPLETE,
    SIMULATOR_REJECT,
    SIMULATOR_ABANDON,
    SIMULATOR_IGNORE /* receives, and lets the lock lapse */
};

struct simulator_step {
    enum simulator_act act;
    struct duration delay;
    uint32_t times; /* 0: without end */
};

struct simulator_rule {
    size_t count; /* at least 1 */
    struct simulator_step steps[SIMULATOR_STEPS_MAX];
};

/* Begins, with what waits already, or replaces the rule of, a registered device. Errors:
 * DEVICE_NOT_FOUND. */
enum hub_code simulator_put(struct sessions *sessions, const char *device_id,
    const struct simulator_rule *rule, struct hub_error *error);

/* Returns borrowed until the next change; NULL: the device is not played. `*received` (may be
 * NULL) is how many messages it was given. */
const struct simulator_rule *simulator_find(
    const struct sessions *sessions, const char *device_id, uint64_t *received);

/* False: it was not played. What it received and has not settled keeps its lock. */
bool simulator_remove(struct sessions *sessions, const char *device_id);

#endif
