#include "store/queue_index.h"

#include "store/log.h"
#include "store/memory.h"

#include <stddef.h>
#include <string.h>
#include <utlist.h>

/* Who does what, when: what change() needs to know beside the event. */
struct step {
    enum queue_event event;
    const struct actor *actor; /* NULL: the hub itself */
    struct instant now;
    struct duration lock; /* of QUEUE_DELIVER */
    enum journal_event journal; /* what the journal calls it */
};

/* ---- the one writer of a state ---- */

static void note(const struct entry *entry, const struct step *step, enum queue_state from,
    const struct queue_transition *transition)
{
    const struct queue *queue = entry->queue;
    enum journal_event event = step->journal;
    if (!queue->name && queue_state_is_final(transition->next)) {
        event = JOURNAL_FEEDBACK_SETTLED;
    }
    journal_note(
        queue->queues->journal, &(struct journal_entry){.at = step->now,
                                    .event = event,
                                    .device = queue->name,
                                    .message_id = entry->row.message_id,
                                    .sequence = entry->row.sequence,
                                    .from = queue_state_name(from),
                                    .to = queue_state_name(transition->next),
                                    .delivery_count = entry->row.delivery_count,
                                    .protocol = step->actor ? step->actor->protocol : NULL,
                                    .connection = step->actor ? step->actor->connection : 0,
                                    .reason = transition->outcome == OUTCOME_NONE
                                                  ? NULL
                                                  : queue_outcome_name(transition->outcome)});
}

/* Ends the message for good, and frees the entry. */
static void finish(struct entry *entry, const struct step *step, enum queue_outcome outcome)
{
    struct queue *queue = entry->queue;
    queue->queues->totals.ended[outcome]++;
    queue_log_delete(queue->queues->log, entry->row.row);
    if (outcome != OUTCOME_DEVICE_DELETED && queue->owner) {
        const struct queue_end end = {.outcome = outcome,
            .message_id = text_of(entry->row.message_id),
            .generation_id = entry->row.generation_id,
            .ack = entry->row.ack,
            .at = step->now};
        queue->owner->ended(queue->owner_context, queue, &end);
    }
    entry_free(entry);
}

/* Applies an event: index, log, journal and owner. Returns the refusal of the table, HUB_OK if
 * there is none. After an event that ends the message the entry is gone. */
static enum hub_code change(struct entry *entry, const struct step *step)
{
    struct queue *queue = entry->queue;
    enum queue_state from = entry->state;
    const struct queue_transition *transition = queue_transition_of(from, step->event);
    if (transition->refusal != HUB_OK) {
        return transition->refusal;
    }
    entry_unlist(entry);
    entry->row.delivery_count += transition->counts;
    entry->row.locked = transition->next == QUEUE_INVISIBLE;
    entry->state = transition->next;
    if (step->event == QUEUE_DELIVER || step->event == QUEUE_DELIVER_SETTLED) {
        entry->row.deliveries++;
        queue->queues->totals.delivered++;
        queue->queues->totals.redelivered += entry->row.deliveries > 1;
    }
    if (entry->row.locked) {
        entry->row.lock_token = lock_token_generate();
        entry->row.locked_until = instant_add(step->now, step->lock);
        entry->holder = step->actor ? step->actor->connection : 0;
    }
    note(entry, step, from, transition);
    if (queue_state_is_final(transition->next)) {
        finish(entry, step, transition->outcome);
        return HUB_OK;
    }
    entry_list(entry);
    queue_log_update(queue->queues->log, &entry->row);
    if (transition->next == QUEUE_ENQUEUED) {
        queue_stir(queue);
    }
    return HUB_OK;
}

/* ---- sending ---- */

/* The instant the message dies: its own, cut to two days, or the queue's time to live. */
static enum hub_code find_expiry(const struct queue *queue, const struct message *message,
    struct instant now, struct instant *expires, struct hub_error *error)
{
    struct instant latest = instant_add(now, HUB_EXPIRY_MAX), wanted;
    if (!message_get_expiry(message, &wanted)) {
        *expires = instant_add(now, queue->policy->ttl);
        return HUB_OK;
    }
    if (instant_compare(wanted, now) <= 0) {
        return hub_refuse(error, HUB_INVALID_MESSAGE_EXPIRY_TIME, NULL);
    }
    if (instant_compare(wanted, latest) > 0) {
        LOG(LOG_WARN, "MESSAGE-EXPIRY-CUT", "an expiry more than two days ahead was cut to that",
            {"device", queue->name});
    }
    *expires = instant_min(wanted, latest);
    return HUB_OK;
}

static enum hub_code check_room(const struct queue *queue, size_t size, struct hub_error *error)
{
    const struct queue_policy *policy = queue->policy;
    if (policy->message_size && size > policy->message_size) {
        return hub_refuse(error, HUB_MESSAGE_TOO_LARGE,
            "The message has %zu bytes of body and properties; %zu are allowed.", size,
            policy->message_size);
    }
    if (policy->depth && queue->counts.enqueued + queue->counts.invisible >= policy->depth) {
        return hub_refuse(error, HUB_DEVICE_MAXIMUM_QUEUE_DEPTH_EXCEEDED,
            "Device Queue depth cannot exceed %u messages", policy->depth);
    }
    return HUB_OK;
}

static void note_enqueued(const struct entry *entry, const struct actor *actor, struct instant now)
{
    const struct queue *queue = entry->queue;
    journal_note(
        queue->queues->journal, &(struct journal_entry){.at = now,
                                    .event = queue->name ? JOURNAL_ENQUEUED : JOURNAL_FEEDBACK_SENT,
                                    .device = queue->name,
                                    .message_id = entry->row.message_id,
                                    .sequence = entry->row.sequence,
                                    .to = queue_state_name(QUEUE_ENQUEUED),
                                    .protocol = actor ? actor->protocol : NULL,
                                    .connection = actor ? actor->connection : 0});
}

enum hub_code queue_enqueue(struct queue *queue, struct message *message, const char *generation_id,
    const struct actor *actor, struct instant now, uint64_t *sequence, struct hub_error *error)
{
    struct queues *queues = queue->queues;
    struct instant expires;
    size_t size = message_size(message);
    enum hub_code code = check_room(queue, size, error);
    if (code == HUB_OK) {
        code = find_expiry(queue, message, now, &expires, error);
    }
    if (code != HUB_OK) {
        return code;
    }
    struct entry *entry = memory_allocate(sizeof *entry);
    entry->queue = queue;
    entry->state = QUEUE_ENQUEUED;
    entry->row = (struct queue_row){.row = ++queues->last_row,
        .queue = queue->number,
        .sequence = queue_number_next(queue),
        .enqueued = now,
        .expires = expires,
        .ack = message_ack(message),
        .size = size,
        .message_id = memory_copy_string(message_get(message, MESSAGE_ID).bytes)};
    strncpy(entry->row.generation_id, generation_id, sizeof entry->row.generation_id - 1);
    entry_keep_message(entry, message);
    entry_list(entry);
    queue_log_insert(queues->log, &entry->row, message);
    note_enqueued(entry, actor, now);
    queues->totals.enqueued++;
    queue_stir(queue);
    if (sequence) {
        *sequence = entry->row.sequence;
    }
    return HUB_OK;
}

/* ---- delivering ---- */

static bool give_next(struct queue *queue, struct step step, struct delivery *delivery)
{
    struct entry *entry;
    while ((entry = queue->enqueued)) {
        if (instant_compare(entry->row.expires, step.now) <= 0) {
            change(entry,
                &(struct step){.event = QUEUE_EXPIRE, .now = step.now, .journal = JOURNAL_EXPIRED});
            continue;
        }
        struct message *message = entry_message(entry);
        if (!message) {
            LOG(LOG_ERROR, "MESSAGE-UNREADABLE", "a message cannot be read back and was rejected",
                {"device", queue->name});
            change(
                entry, &(struct step){
                           .event = QUEUE_TOO_OLD, .now = step.now, .journal = JOURNAL_REJECTED});
            continue;
        }
        *delivery = (struct delivery){.message = message,
            .sequence = entry->row.sequence,
            .delivery_count = entry->row.delivery_count,
            .redelivered = entry->row.deliveries > 0,
            .enqueued = entry->row.enqueued,
            .expires = entry->row.expires};
        if (step.event == QUEUE_DELIVER) {
            change(entry, &step);
            delivery->lock_token = entry->row.lock_token;
            delivery->locked_until = entry->row.locked_until;
        } else {
            change(entry, &step);
        }
        return true;
    }
    return false;
}

bool queue_lock_next(struct queue *queue, const struct duration *lock, const struct actor *actor,
    struct instant now, struct delivery *delivery)
{
    const struct step step = {.event = QUEUE_DELIVER,
        .actor = actor,
        .now = now,
        .lock = lock ? *lock : queue->policy->lock,
        .journal = JOURNAL_DELIVERED};
    return give_next(queue, step, delivery);
}

bool queue_take_next(
    struct queue *queue, const struct actor *actor, struct instant now, struct delivery *delivery)
{
    const struct step step = {
        .event = QUEUE_DELIVER_SETTLED, .actor = actor, .now = now, .journal = JOURNAL_COMPLETED};
    return give_next(queue, step, delivery);
}

/* ---- settling ---- */

static bool next_abandon_is_last(const struct entry *entry)
{
    return entry->row.delivery_count + 1 >= entry->queue->policy->max_delivery_count;
}

static struct step abandon_step(const struct entry *entry, enum journal_event journal)
{
    bool last = next_abandon_is_last(entry);
    return (struct step){.event = last ? QUEUE_ABANDON_LAST : QUEUE_ABANDON,
        .journal = last ? JOURNAL_DELIVERY_COUNT_EXCEEDED : journal};
}

static struct step settle_step(const struct entry *entry, enum queue_settlement settlement)
{
    switch (settlement) {
    case SETTLE_COMPLETE:
        return (struct step){.event = QUEUE_COMPLETE, .journal = JOURNAL_COMPLETED};
    case SETTLE_REJECT:
        return (struct step){.event = QUEUE_REJECT, .journal = JOURNAL_REJECTED};
    case SETTLE_ABANDON:
        return abandon_step(entry, JOURNAL_ABANDONED);
    case SETTLE_RELEASE:
        break;
    }
    return (struct step){.event = QUEUE_LOCK_END, .journal = JOURNAL_LOCK_RELEASED};
}

static void note_lock_lost(struct queue *queue, const struct actor *actor, struct instant now)
{
    journal_note(
        queue->queues->journal, &(struct journal_entry){.at = now,
                                    .event = JOURNAL_SETTLE_REFUSED,
                                    .device = queue->name,
                                    .protocol = actor ? actor->protocol : NULL,
                                    .connection = actor ? actor->connection : 0,
                                    .reason = hub_code_name(HUB_DEVICE_MESSAGE_LOCK_LOST)});
}

enum hub_code queue_settle(struct queue *queue, const struct lock_token *token,
    enum queue_settlement settlement, const struct actor *actor, struct instant now,
    struct hub_error *error)
{
    struct entry *entry;
    HASH_FIND(by_token, queue->queues->by_token, token, sizeof *token, entry);
    if (!entry || entry->queue != queue) {
        note_lock_lost(queue, actor, now);
        return hub_refuse(error, HUB_DEVICE_MESSAGE_LOCK_LOST, NULL);
    }
    struct step step = settle_step(entry, settlement);
    step.actor = actor;
    step.now = now;
    enum hub_code code = change(entry, &step);
    return code == HUB_OK ? HUB_OK : hub_refuse(error, code, NULL);
}

/* ---- ending many ---- */

size_t queue_reject_older(
    struct queue *queue, struct instant before, const struct actor *actor, struct instant now)
{
    const struct step step = {
        .event = QUEUE_TOO_OLD, .actor = actor, .now = now, .journal = JOURNAL_REJECTED};
    size_t count = 0;
    struct entry *entry, *next;
    DL_FOREACH_SAFE (queue->enqueued, entry, next) {
        if (instant_compare(entry->row.enqueued, before) < 0) {
            change(entry, &step);
            count++;
        }
    }
    return count;
}

static size_t end_all(struct queue *queue, const struct step *step)
{
    size_t count = queue->counts.enqueued + queue->counts.invisible;
    while (queue->enqueued) {
        change(queue->enqueued, step);
    }
    while (queue->invisible) {
        change(queue->invisible, step);
    }
    return count;
}

size_t queue_purge(struct queue *queue, const struct actor *actor, struct instant now)
{
    return end_all(
        queue, &(struct step){
                   .event = QUEUE_PURGE, .actor = actor, .now = now, .journal = JOURNAL_PURGED});
}

void queue_remove(struct queue *queue, struct instant now)
{
    end_all(
        queue, &(struct step){
                   .event = QUEUE_DEVICE_DELETE, .now = now, .journal = JOURNAL_DEVICE_DELETED});
    queue_log_delete_queue(queue->queues->log, queue->number);
    queue_forget(queue);
}

/* ---- deadlines ---- */

struct instant queues_next_due(const struct queues *queues)
{
    const struct deadline *first = deadlines_first(&queues->deadlines);
    return first ? first->at : INSTANT_NEVER;
}

bool queues_run_next_due(struct queues *queues, struct instant now)
{
    struct deadline *first = deadlines_first(&queues->deadlines);
    if (!first || instant_compare(first->at, now) > 0) {
        return false;
    }
    struct entry *entry = (struct entry *)((char *)first - offsetof(struct entry, deadline));
    struct step step = {.event = QUEUE_LOCK_END, .journal = JOURNAL_LOCK_EXPIRED};
    if (instant_compare(entry->row.expires, first->at) <= 0) {
        step = (struct step){.event = QUEUE_EXPIRE, .journal = JOURNAL_EXPIRED};
    } else {
        queues->totals.lock_expired++;
        if (entry->queue->policy->count_lock_expiry) {
            step = abandon_step(entry, JOURNAL_LOCK_EXPIRED);
        }
    }
    step.now = first->at;
    change(entry, &step);
    return true;
}
