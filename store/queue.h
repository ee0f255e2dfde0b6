/*
 * One queue of messages with a policy: enqueue, lock next, complete, reject, abandon, expire,
 * purge. Device queues (store/mailbox) and the feedback queue (store/feedback) are both this.
 *
 * The index lives in memory, the log in SQLite: each transition writes its row within the open
 * commit group, at start and after a failed group the index is read back from the rows. Bodies are
 * kept beside the index up to a budget and otherwise read back by key when they are delivered.
 *
 * The states are a table in queue_state.c, beside their drawing; one function is the only writer
 * of a state. Time is an argument. Belongs to the loop's thread. LIFECYCLE.md tells the rules.
 */
#ifndef DEVICEBOUND_STORE_QUEUE_H
#define DEVICEBOUND_STORE_QUEUE_H

#include "store/clock.h"
#include "store/database.h"
#include "store/error.h"
#include "store/journal.h"
#include "store/lock_token.h"
#include "store/message.h"
#include "store/queue_state.h"
#include "store/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who acts: goes into the journal. Zero for the hub itself. */
struct actor {
    const char *protocol;
    uint64_t connection;
};

/* A message on its way to one consumer, locked for it. */
struct delivery {
    struct message *message; /* shared: the receiver of the struct releases it */
    struct lock_token lock_token;
    uint64_t sequence;
    uint32_t delivery_count;
    bool redelivered; /* it was given to some consumer before */
    struct instant enqueued, expires, locked_until;
};

/* How a message ended, told to the owner of the queue within the group that ends it. */
struct queue_end {
    enum queue_outcome outcome;
    struct text message_id;
    const char *generation_id; /* of the target when it was enqueued */
    enum message_ack ack;
    struct instant at;
};

struct queues; /* all queues of a hub, their deadlines and lock tokens */
struct queue; /* one */

/* What the owner of a kind of queue is told. */
struct queue_owner {
    /* A message has ended. */
    void (*ended)(void *owner, struct queue *queue, const struct queue_end *end);
};

/* Queue numbers: 0 is the feedback queue, others are the rows of their devices. */
#define QUEUE_FEEDBACK 0

/* Called for each number found in the log, to make its queue; NULL: its rows are orphans and are
 * deleted. */
typedef struct queue *queue_maker(void *context, struct queues *queues, int64_t number);

/* Opens the shelf; queues_load then reads the log. Borrows database and journal. Returns owned. */
struct queues *queues_open(struct database *database, struct journal *journal);
void queues_load(struct queues *queues, queue_maker *maker, void *context);
void queues_free(struct queues *queues);

/* What store/queue tells protocols/session. One listener. */
struct queues_listener {
    /* After each commit, once for each queue that got something to deliver: offer it. */
    void (*ready)(void *listener, struct queue *queue);
    /* The queue is about to go, with what is attached to it. */
    void (*removed)(void *listener, struct queue *queue);
};
void queues_listen(struct queues *queues, const struct queues_listener *listener, void *context);

/* When the next lock or expiry falls due; INSTANT_NEVER when none. */
struct instant queues_next_due(const struct queues *queues);

/* Lets the one deadline that is due at or before `now` and earliest take effect, as of its own due
 * time. False when none is due. At the same instant expiry goes before lock end. */
bool queues_run_next_due(struct queues *queues, struct instant now);

/* `name`: the device id in the journal, NULL for the feedback queue (there, `feedbackSent` stands
 * for enqueued and `feedbackSettled` for ended); copied. `policy` is borrowed
 * and read at each use, so that a change takes effect at once. Returns borrowed: it belongs to
 * `queues` until queue_remove. */
struct queue *queue_create(struct queues *queues, int64_t number, const char *name,
    const struct queue_policy *policy, const struct queue_owner *owner, void *owner_context);

/* The device is deleted: ends every message without telling the owner, and the queue with them. */
void queue_remove(struct queue *queue, struct instant now);

/* Drops the queue from memory alone: the group that made it has failed. */
void queue_forget(struct queue *queue);

/* Drops every queue but the feedback queue from memory: the rows are about to be others. */
void queues_forget_all(struct queues *queues);

/* Returns NULL when there is none of that number. */
struct queue *queue_find(struct queues *queues, int64_t number);
int64_t queue_number(const struct queue *queue);
const char *queue_name(const struct queue *queue);

/* What a protocol wants to hang on a queue: its consumers. */
void queue_set_attachment(struct queue *queue, void *attachment);
void *queue_get_attachment(const struct queue *queue);

/* ---- one message ---- */

/* Takes a share of `message`. `*sequence` (may be NULL) is its number. Errors:
 * DEVICE_MAXIMUM_QUEUE_DEPTH_EXCEEDED, MESSAGE_TOO_LARGE, INVALID_MESSAGE_EXPIRY_TIME. A refused
 * message leaves no trace and uses no number. */
enum hub_code queue_enqueue(struct queue *queue, struct message *message, const char *generation_id,
    const struct actor *actor, struct instant now, uint64_t *sequence, struct hub_error *error);

/* Locks the first deliverable message. `lock` NULL: the policy's. False: there is none. */
bool queue_lock_next(struct queue *queue, const struct duration *lock, const struct actor *actor,
    struct instant now, struct delivery *delivery);

/* Locks nothing: delivers the first deliverable message as completed at once (settled by the
 * sender). False: there is none. `lock_token` is zero. */
bool queue_take_next(
    struct queue *queue, const struct actor *actor, struct instant now, struct delivery *delivery);

enum queue_settlement {
    SETTLE_COMPLETE,
    SETTLE_REJECT,
    SETTLE_ABANDON,
    SETTLE_RELEASE
};

/* Settles the delivery with that token. RELEASE gives the lock up as if it had lapsed now: the
 * holder is gone. Errors: DEVICE_MESSAGE_LOCK_LOST when the token is not a live one of this
 * queue. */
enum hub_code queue_settle(struct queue *queue, const struct lock_token *token,
    enum queue_settlement settlement, const struct actor *actor, struct instant now,
    struct hub_error *error);

/* Rejects what was enqueued before `before` and is not locked. Returns how many. */
size_t queue_reject_older(
    struct queue *queue, struct instant before, const struct actor *actor, struct instant now);

/* Ends every message with outcome purged. Returns how many. */
size_t queue_purge(struct queue *queue, const struct actor *actor, struct instant now);

/* ---- looking ---- */

struct queue_counts {
    size_t enqueued, invisible;
};
struct queue_counts queue_get_counts(const struct queue *queue);
bool queue_has_ready(const struct queue *queue);

/* How many messages that connection holds locked. What was locked before the start, or was read
 * back after a failed group, is held by nobody. */
size_t queue_count_held(const struct queue *queue, uint64_t connection);

/* One message of the queue, as the control API shows it. Pointers are borrowed until the next
 * change. */
struct queue_view {
    uint64_t sequence;
    enum queue_state state;
    uint32_t delivery_count;
    struct lock_token lock_token; /* while invisible */
    struct instant enqueued, expires, locked_until;
    struct text message_id;
};

/* In the order of their numbers, those above `after`. False at the end. */
bool queue_view_next(const struct queue *queue, uint64_t after, struct queue_view *view);

/* The message of that number: returns shared (release it), NULL when there is none. */
struct message *queue_read(struct queue *queue, uint64_t sequence);

/* Outcomes of all queues since the start, for metrics. */
struct queue_totals {
    uint64_t enqueued, delivered, redelivered, lock_expired;
    uint64_t ended[QUEUE_OUTCOME_COUNT];
    size_t enqueued_now, invisible_now;
};
struct queue_totals queues_get_totals(const struct queues *queues);

#endif
