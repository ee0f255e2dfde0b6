/*
 * The hub's own settings, as one plain struct: server/options fills it, the control API changes
 * some of it at run time, the store reads it where a rule applies. Ranges are checked by whoever
 * writes it; the defaults are Azure IoT Hub's.
 *
 * Source: learn.microsoft.com, "Send cloud-to-device messages" (hub settings and their ranges).
 */
#ifndef DEVICEBOUND_STORE_SETTINGS_H
#define DEVICEBOUND_STORE_SETTINGS_H

#include "store/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HUB_NAME_MAX 255

/* How one queue treats its messages. */
struct queue_policy {
    uint32_t depth; /* messages that are not final; 0: no bound */
    size_t message_size; /* bytes by message_size(), inclusive; 0: no bound */
    struct duration lock; /* how long a delivery stays invisible */
    struct duration ttl; /* for messages without an expiry of their own */
    uint32_t max_delivery_count; /* the abandon that reaches it ends the message */
    bool count_lock_expiry; /* a lapsed lock counts as an abandon (the old reading) */
};

struct hub_settings {
    char name[HUB_NAME_MAX + 1]; /* user-id of feedback: first label of the host name */
    struct queue_policy device; /* every device's queue */
    struct queue_policy feedback;
    uint32_t feedback_batch_size;
    struct duration feedback_batch_interval; /* from the first waiting record */
};

#define HUB_MESSAGE_SIZE_MAX 65536 /* 64 KB */
#define HUB_EXPIRY_MAX DURATION_DAYS(2) /* a later expiry is cut to this */

/* Azure IoT Hub's defaults; `name` is "devicebound". */
struct hub_settings hub_settings_default(void);

#endif
