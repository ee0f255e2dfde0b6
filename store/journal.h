/*
 * What happened, in order: every transition of a message and every connection event, in a bounded
 * ring in memory. An entry becomes visible when the commit group that makes it true has succeeded,
 * and vanishes with one that failed. It costs no SQL; each start begins anew.
 *
 * Called by the store for transitions and by protocols/session for connections; read by the control
 * API and the tests. Belongs to the loop's thread.
 */
#ifndef DEVICEBOUND_STORE_JOURNAL_H
#define DEVICEBOUND_STORE_JOURNAL_H

#include "store/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(ENUMERATOR, "name on the control API") */
#define JOURNAL_EVENTS(X)                                                                          \
    X(STARTED, "started")                                                                          \
    X(ENQUEUED, "enqueued")                                                                        \
    X(DELIVERED, "delivered")                                                                      \
    X(COMPLETED, "completed")                                                                      \
    X(REJECTED, "rejected")                                                                        \
    X(ABANDONED, "abandoned")                                                                      \
    X(LOCK_EXPIRED, "lockExpired")                                                                 \
    X(LOCK_RELEASED, "lockReleased")                                                               \
    X(EXPIRED, "expired")                                                                          \
    X(DELIVERY_COUNT_EXCEEDED, "deliveryCountExceeded")                                            \
    X(PURGED, "purged")                                                                            \
    X(DEVICE_DELETED, "deviceDeleted")                                                             \
    X(SEND_REFUSED, "sendRefused")                                                                 \
    X(SETTLE_REFUSED, "settleRefused")                                                             \
    X(FEEDBACK_RECORDED, "feedbackRecorded")                                                       \
    X(FEEDBACK_SENT, "feedbackSent")                                                               \
    X(FEEDBACK_SETTLED, "feedbackSettled")                                                         \
    X(CONNECTED, "connected")                                                                      \
    X(DISCONNECTED, "disconnected")                                                                \
    X(AUTHENTICATION_FAILED, "authenticationFailed")                                               \
    X(SUBSCRIBED, "subscribed")                                                                    \
    X(UNSUBSCRIBED, "unsubscribed")                                                                \
    X(TELEMETRY, "telemetry")                                                                      \
    X(CLOCK_CHANGED, "clockChanged")                                                               \
    X(FAULT_INJECTED, "faultInjected")                                                             \
    X(RESET, "reset")                                                                              \
    X(RESTORED, "restored")

enum journal_event {
#define JOURNAL_ENUMERATOR(enumerator, name) JOURNAL_##enumerator,
    JOURNAL_EVENTS(JOURNAL_ENUMERATOR)
#undef JOURNAL_ENUMERATOR
};

/* Texts that do not apply are NULL, numbers 0. Device, message id and reason are copied. */
struct journal_entry {
    uint64_t id; /* rising from 1; given by the journal */
    struct instant at;
    enum journal_event event;
    const char *device;
    const char *message_id;
    uint64_t sequence;
    const char *from; /* state names; static, as is `protocol` */
    const char *to;
    uint32_t delivery_count;
    const char *protocol; /* "amqp", "amqpWs", "mqtt", "mqttWs", "https", "control" */
    uint64_t connection;
    const char *reason;
};

#define JOURNAL_CAPACITY_DEFAULT 100000

struct journal;

/* `capacity`: entries kept before the oldest are dropped. Returns owned. */
struct journal *journal_create(size_t capacity);
void journal_free(struct journal *journal);

/* Adds an entry to the open group: not visible yet. */
void journal_note(struct journal *journal, const struct journal_entry *entry);

/* The group has ended: its entries become visible, or vanish. */
void journal_publish(struct journal *journal);
void journal_discard(struct journal *journal);

/* Drops every entry; the ids go on. Nothing may be in the open group. */
void journal_clear(struct journal *journal);

/* The first visible entry with an id above `after`; NULL when there is none. Returns borrowed until
 * the journal is written to. */
const struct journal_entry *journal_next(const struct journal *journal, uint64_t after);

/* Of the newest visible entry; 0: there was never one. */
uint64_t journal_last_id(const struct journal *journal);

/* How many were dropped for lack of room. */
uint64_t journal_dropped(const struct journal *journal);

const char *journal_event_name(enum journal_event event);

#endif
