#include "store/mailbox.h"

#include "store/memory.h"

#include <stdio.h>
#include <stdlib.h>

struct mailboxes {
    struct queues *queues;
    struct identity_registry *registry;
    struct feedback *feedback;
    struct journal *journal;
    const struct hub_settings *settings;
    /* Queues made in the open group: if it fails, their numbers may be given to other devices. */
    int64_t *fresh;
    size_t fresh_count;
};

static void message_ended(void *owner, struct queue *queue, const struct queue_end *end)
{
    struct mailboxes *mailboxes = owner;
    feedback_record(mailboxes->feedback, queue_name(queue), end);
}

static const struct queue_owner queue_owner = {message_ended};

/* ---- the queues ---- */

static struct queue *queue_of(struct mailboxes *mailboxes, const struct identity *identity)
{
    struct queue *queue = queue_find(mailboxes->queues, identity->row);
    if (queue) {
        return queue;
    }
    mailboxes->fresh =
        memory_grow(mailboxes->fresh, mailboxes->fresh_count + 1, sizeof *mailboxes->fresh);
    mailboxes->fresh[mailboxes->fresh_count++] = identity->row;
    return queue_create(mailboxes->queues, identity->row, identity->name,
        &mailboxes->settings->device, &queue_owner, mailboxes);
}

static void make_queues(struct mailboxes *mailboxes)
{
    const struct identity *identity = NULL;
    while ((identity = identity_next(mailboxes->registry, identity))) {
        const struct identity *module = NULL;
        queue_of(mailboxes, identity);
        while ((module = identity_next_module(identity, module))) {
            queue_of(mailboxes, module);
        }
    }
}

/* A number that is in the log but has no queue yet: then others may have none either. */
static struct queue *make_queue(void *context, struct queues *queues, int64_t number)
{
    make_queues(context);
    return queue_find(queues, number);
}

static void group_committed(void *owner)
{
    ((struct mailboxes *)owner)->fresh_count = 0;
}

static void group_undone(void *owner, const struct hub_error *failure)
{
    (void)failure;
    struct mailboxes *mailboxes = owner;
    for (size_t i = 0; i < mailboxes->fresh_count; i++) {
        struct queue *queue = queue_find(mailboxes->queues, mailboxes->fresh[i]);
        const struct identity *identity =
            queue ? identity_find_name(mailboxes->registry, queue_name(queue)) : NULL;
        if (queue && (!identity || identity->row != mailboxes->fresh[i])) {
            queue_forget(queue);
        }
    }
    mailboxes->fresh_count = 0;
}

static const struct database_member member = {group_committed, group_undone};

struct mailboxes *mailboxes_open(struct database *database, struct queues *queues,
    struct identity_registry *registry, struct feedback *feedback, struct journal *journal,
    const struct hub_settings *settings)
{
    struct mailboxes *mailboxes = memory_allocate(sizeof *mailboxes);
    *mailboxes = (struct mailboxes){.queues = queues,
        .registry = registry,
        .feedback = feedback,
        .journal = journal,
        .settings = settings};
    make_queues(mailboxes);
    mailboxes->fresh_count = 0;
    queues_load(queues, make_queue, mailboxes);
    database_join(database, &member, mailboxes);
    return mailboxes;
}

void mailboxes_free(struct mailboxes *mailboxes)
{
    if (mailboxes) {
        free(mailboxes->fresh);
        free(mailboxes);
    }
}

struct queue *mailbox_of(struct mailboxes *mailboxes, const char *name)
{
    const struct identity *identity = identity_find_name(mailboxes->registry, name);
    return identity ? queue_of(mailboxes, identity) : NULL;
}

size_t mailbox_depth(struct mailboxes *mailboxes, const struct identity *identity)
{
    struct queue_counts counts = queue_get_counts(queue_of(mailboxes, identity));
    return counts.enqueued + counts.invisible;
}

/* ---- acts ---- */

/* The device, if it may be spoken to; NULL with the refusal made. */
static const struct identity *find_enabled(
    struct mailboxes *mailboxes, const char *device_id, struct hub_error *error)
{
    const struct identity *identity = identity_find(mailboxes->registry, device_id);
    if (!identity || !identity->is.enabled) {
        hub_refuse(error, HUB_DEVICE_NOT_FOUND, "%s", device_id);
        return NULL;
    }
    return identity;
}

static void note_refusal(struct mailboxes *mailboxes, const char *device_id,
    const struct message *message, const struct actor *actor, struct instant now,
    enum hub_code code)
{
    journal_note(mailboxes->journal, &(struct journal_entry){.at = now,
                                         .event = JOURNAL_SEND_REFUSED,
                                         .device = device_id,
                                         .message_id = message_get(message, MESSAGE_ID).bytes,
                                         .protocol = actor ? actor->protocol : NULL,
                                         .connection = actor ? actor->connection : 0,
                                         .reason = hub_code_name(code)});
}

static void address_to(struct message *message, const char *device_id)
{
    if (!message_get(message, MESSAGE_TO).bytes) {
        char to[DEVICE_ID_MAX + 40];
        snprintf(to, sizeof to, "/devices/%s/messages/devicebound", device_id);
        message_set(message, MESSAGE_TO, text_of(to), NULL);
    }
}

enum hub_code mailbox_send(struct mailboxes *mailboxes, const char *device_id,
    struct message *message, const struct actor *actor, struct instant now, uint64_t *sequence,
    struct hub_error *error)
{
    const struct identity *identity = find_enabled(mailboxes, device_id, error);
    enum hub_code code = HUB_DEVICE_NOT_FOUND;
    if (identity) {
        address_to(message, device_id);
        code = queue_enqueue(queue_of(mailboxes, identity), message, identity->generation_id, actor,
            now, sequence, error);
    }
    if (code != HUB_OK) {
        note_refusal(mailboxes, device_id, message, actor, now, code);
    }
    return code;
}

enum hub_code mailbox_receive(struct mailboxes *mailboxes, const char *device_id,
    const struct duration *lock, const struct actor *actor, struct instant now,
    struct delivery *delivery, struct hub_error *error)
{
    const struct identity *identity = find_enabled(mailboxes, device_id, error);
    if (!identity) {
        return HUB_DEVICE_NOT_FOUND;
    }
    if (!queue_lock_next(queue_of(mailboxes, identity), lock, actor, now, delivery)) {
        *delivery = (struct delivery){0};
    }
    return HUB_OK;
}

enum hub_code mailbox_settle(struct mailboxes *mailboxes, const char *device_id,
    const struct lock_token *token, enum queue_settlement settlement, const struct actor *actor,
    struct instant now, struct hub_error *error)
{
    const struct identity *identity = find_enabled(mailboxes, device_id, error);
    if (!identity) {
        return HUB_DEVICE_NOT_FOUND;
    }
    return queue_settle(queue_of(mailboxes, identity), token, settlement, actor, now, error);
}

enum hub_code mailbox_purge(struct mailboxes *mailboxes, const char *device_id,
    const struct actor *actor, struct instant now, size_t *count, struct hub_error *error)
{
    const struct identity *identity = identity_find(mailboxes->registry, device_id);
    if (!identity) {
        return hub_refuse(error, HUB_DEVICE_NOT_FOUND, "%s", device_id);
    }
    *count = queue_purge(queue_of(mailboxes, identity), actor, now);
    return HUB_OK;
}

void mailbox_remove(struct mailboxes *mailboxes, int64_t row, struct instant now)
{
    struct queue *queue = queue_find(mailboxes->queues, row);
    if (queue) {
        queue_remove(queue, now);
    }
}
