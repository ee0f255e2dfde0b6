/*
 * What MQTT remembers of a device between its connections: the filters it subscribed to, and which
 * messages it was sent and has not acknowledged, under which packet ids. Called by protocols/mqtt;
 * deleted with the device by store/hub.
 *
 * A log without an index in memory: a connection reads it once when it begins, and then keeps its
 * own copy. Devices are named by the row of their identity, which is never reused. Each change is a
 * row of the open commit group. Belongs to the loop's thread.
 *
 * Source: OASIS MQTT 3.1.1, 3.1.2.4 (session state) and 4.4 (message delivery retry).
 */
#ifndef DEVICEBOUND_STORE_SUBSCRIPTION_H
#define DEVICEBOUND_STORE_SUBSCRIPTION_H

#include "store/clock.h"
#include "store/database.h"

#include <stddef.h>
#include <stdint.h>

/* The longest filter that is known has a device id of 128 characters in it. */
#define SUBSCRIPTION_FILTER_MAX 319 /* a module's with two ids of 128 */
#define SUBSCRIPTIONS_MAX 5 /* at a time, per device: learn.microsoft.com, "IoT Hub quotas" */

struct subscription {
    char filter[SUBSCRIPTION_FILTER_MAX + 1];
    uint8_t qos;
    struct instant created; /* messages from before it are not for this subscription */
};

/* A message that was sent and not acknowledged. */
struct unacknowledged {
    uint64_t sequence;
    uint16_t packet_id;
};

struct subscriptions;

/* Borrows `database`. Returns owned. */
struct subscriptions *subscriptions_open(struct database *database);
void subscriptions_free(struct subscriptions *subscriptions);

/* In the order of their filters. Returns how many. */
size_t subscriptions_read(struct subscriptions *subscriptions, int64_t device,
    struct subscription out[SUBSCRIPTIONS_MAX]);

/* Adds, or replaces the one with the same filter. */
void subscriptions_put(
    struct subscriptions *subscriptions, int64_t device, const struct subscription *subscription);
void subscriptions_remove(struct subscriptions *subscriptions, int64_t device, const char *filter);

/* In the order of the queue. Returns owned (free), NULL when there are none. */
struct unacknowledged *subscriptions_read_unacknowledged(
    struct subscriptions *subscriptions, int64_t device, size_t *count);
void subscriptions_put_unacknowledged(struct subscriptions *subscriptions, int64_t device,
    const struct unacknowledged *unacknowledged);
void subscriptions_acknowledge(
    struct subscriptions *subscriptions, int64_t device, uint16_t packet_id);

/* All of a device: it is deleted, or begins a clean session. */
void subscriptions_forget(struct subscriptions *subscriptions, int64_t device);

#endif
