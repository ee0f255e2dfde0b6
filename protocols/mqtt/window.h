/*
 * The messages that were sent with QoS 1 and not acknowledged: which packet id each has, and the
 * lock that completes it. Called by protocols/mqtt/delivery. A value; knows no store.
 *
 * An entry outlives its lock and its connection: when the message comes again it has the same id
 * (MQTT-4.4.0-1). Ids are unique among the entries (MQTT-2.3.1-4).
 */
#ifndef DEVICEBOUND_PROTOCOLS_MQTT_WINDOW_H
#define DEVICEBOUND_PROTOCOLS_MQTT_WINDOW_H

#include "store/lock_token.h"
#include "store/subscription.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct window_entry {
    uint64_t sequence;
    uint16_t packet_id;
    bool is_sent; /* on this connection */
    bool is_locked; /* with `token`, as far as is known: a lock lapses without a word */
    struct lock_token token;
};

/* A zeroed struct is empty. */
struct window {
    struct window_entry *entries;
    size_t count, room;
    uint16_t last_id;
};
void window_release(struct window *window);

/* Adds what an earlier connection left: not sent on this one. */
void window_load(struct window *window, const struct unacknowledged *list, size_t count);

/* Returned borrowed until the window changes; NULL: there is none. */
struct window_entry *window_find_sequence(const struct window *window, uint64_t sequence);
struct window_entry *window_find_id(const struct window *window, uint16_t packet_id);

/* A new entry with a free packet id, not sent. NULL: all ids are taken. */
struct window_entry *window_add(struct window *window, uint64_t sequence);
void window_remove(struct window *window, struct window_entry *entry);

size_t window_count_locked(const struct window *window);

#endif
