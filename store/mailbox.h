/*
 * The device-bound queues and the rules that only they have: a target that must exist and be
 * enabled, feedback when a message ends. Every protocol sends, receives and settles through here.
 *
 * Belongs to the loop's thread. A change is true only after the commit: callers register their
 * answer with database_await and speak then. LIFECYCLE.md tells the rules.
 */
#ifndef DEVICEBOUND_STORE_MAILBOX_H
#define DEVICEBOUND_STORE_MAILBOX_H

#include "store/feedback.h"
#include "store/identity.h"
#include "store/queue.h"

struct mailboxes;

/* Makes the queues of the known devices and reads the log into them. Borrows all. Returns owned. */
struct mailboxes *mailboxes_open(struct database *database, struct queues *queues,
    struct identity_registry *registry, struct feedback *feedback, struct journal *journal,
    const struct hub_settings *settings);
void mailboxes_free(struct mailboxes *mailboxes);

/* The queue of a registered device or module; made when it is first asked for. A module's stays
 * empty: nothing can be sent to it. NULL: no such identity. */
struct queue *mailbox_of(struct mailboxes *mailboxes, const char *name);

/* Enqueues for the device. A message without `to` is given the device's own address. Errors:
 * DEVICE_NOT_FOUND (unknown or disabled) and those of queue_enqueue; each refusal is journalled. */
enum hub_code mailbox_send(struct mailboxes *mailboxes, const char *device_id,
    struct message *message, const struct actor *actor, struct instant now, uint64_t *sequence,
    struct hub_error *error);

/* Locks the next message of an enabled device. HUB_OK with `delivery->message` NULL: nothing is
 * deliverable. Errors: DEVICE_NOT_FOUND. */
enum hub_code mailbox_receive(struct mailboxes *mailboxes, const char *device_id,
    const struct duration *lock, const struct actor *actor, struct instant now,
    struct delivery *delivery, struct hub_error *error);

/* Errors: DEVICE_NOT_FOUND, DEVICE_MESSAGE_LOCK_LOST. */
enum hub_code mailbox_settle(struct mailboxes *mailboxes, const char *device_id,
    const struct lock_token *token, enum queue_settlement settlement, const struct actor *actor,
    struct instant now, struct hub_error *error);

/* Errors: DEVICE_NOT_FOUND. `*count` is how many ended. */
enum hub_code mailbox_purge(struct mailboxes *mailboxes, const char *device_id,
    const struct actor *actor, struct instant now, size_t *count, struct hub_error *error);

/* The device with that row (struct identity) is being deleted: its messages end without feedback.
 * Called by store/hub. */
void mailbox_remove(struct mailboxes *mailboxes, int64_t row, struct instant now);

/* Enqueued and invisible together: cloudToDeviceMessageCount of the registry. */
size_t mailbox_depth(struct mailboxes *mailboxes, const struct identity *identity);

#endif
