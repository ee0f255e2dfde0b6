#include "store/queue_index.h"

#include "store/log.h"
#include "store/memory.h"

#include <stdlib.h>
#include <utlist.h>

/* Message bodies kept beside the index; what does not fit is read back when it is delivered. */
#define KEPT_BYTES_MAX (16u << 20)

/* ---- a message beside its index ---- */

void entry_keep_message(struct entry *entry, struct message *message)
{
    struct queues *queues = entry->queue->queues;
    if (queues->kept_bytes + entry->row.size <= KEPT_BYTES_MAX) {
        queues->kept_bytes += entry->row.size;
        entry->message = message_share(message);
    }
}

static void drop_message(struct entry *entry)
{
    if (entry->message) {
        entry->queue->queues->kept_bytes -= entry->row.size;
        message_release(entry->message);
        entry->message = NULL;
    }
}

struct message *entry_message(struct entry *entry)
{
    return entry->message ? message_share(entry->message)
                          : queue_log_read(entry->queue->queues->log, entry->row.row);
}

/* ---- lists ---- */

/* Into its place by sequence number, which for a new message is the end. */
static void list_enqueued(struct queue *queue, struct entry *entry)
{
    struct entry *last = queue->enqueued ? queue->enqueued->prev : NULL;
    if (!last || last->row.sequence < entry->row.sequence) {
        DL_APPEND(queue->enqueued, entry);
    } else {
        struct entry *behind = queue->enqueued;
        while (behind->row.sequence < entry->row.sequence) {
            behind = behind->next;
        }
        DL_PREPEND_ELEM(queue->enqueued, behind, entry);
    }
    queue->counts.enqueued++;
    queue->queues->totals.enqueued_now++;
}

static void list_invisible(struct queue *queue, struct entry *entry)
{
    struct queues *queues = queue->queues;
    DL_APPEND(queue->invisible, entry);
    HASH_ADD(by_token, queues->by_token, row.lock_token, sizeof entry->row.lock_token, entry);
    queue->counts.invisible++;
    queues->totals.invisible_now++;
}

void entry_unlist(struct entry *entry)
{
    struct queue *queue = entry->queue;
    struct queues *queues = queue->queues;
    if (entry->state == QUEUE_ENQUEUED) {
        DL_DELETE(queue->enqueued, entry);
        queue->counts.enqueued--;
        queues->totals.enqueued_now--;
    } else {
        DL_DELETE(queue->invisible, entry);
        HASH_DELETE(by_token, queues->by_token, entry);
        queue->counts.invisible--;
        queues->totals.invisible_now--;
    }
}

void entry_list(struct entry *entry)
{
    struct instant due = entry->row.expires;
    if (entry->state == QUEUE_ENQUEUED) {
        list_enqueued(entry->queue, entry);
    } else {
        list_invisible(entry->queue, entry);
        due = instant_min(due, entry->row.locked_until);
    }
    deadlines_set(&entry->queue->queues->deadlines, &entry->deadline, due);
}

void entry_free(struct entry *entry)
{
    deadlines_remove(&entry->queue->queues->deadlines, &entry->deadline);
    drop_message(entry);
    free(entry->row.message_id);
    free(entry);
}

void queue_stir(struct queue *queue)
{
    if (!queue->is_stirred) {
        queue->is_stirred = true;
        queue->next_stirred = queue->queues->stirred;
        queue->queues->stirred = queue;
    }
}

/* ---- sequence numbers ---- */

uint64_t queue_number_next(struct queue *queue)
{
    if (!queue->is_numbered) {
        queue->is_numbered = true;
        queue->next_numbered = queue->queues->numbered;
        queue->queues->numbered = queue;
    }
    return ++queue->last_sequence;
}

static void write_numbers(void *owner)
{
    struct queues *queues = owner;
    for (struct queue *queue; (queue = queues->numbered);) {
        queues->numbered = queue->next_numbered;
        queue->is_numbered = false;
        queue_log_set_sequence(queues->log, queue->number, queue->last_sequence);
    }
}

/* ---- from the log ---- */

static struct queue *queue_of_number(struct queues *queues, int64_t number)
{
    struct queue *queue = queue_find(queues, number);
    return queue ? queue : queues->maker(queues->maker_context, queues, number);
}

static void load_sequence(void *context, int64_t number, uint64_t last)
{
    struct queue *queue = queue_of_number(context, number);
    if (queue) {
        queue->last_sequence = last;
    }
}

static void load_message(void *context, const struct queue_row *row)
{
    struct queues *queues = context;
    struct queue *queue = queue_of_number(queues, row->queue);
    if (row->row > queues->last_row) {
        queues->last_row = row->row;
    }
    if (!queue) {
        LOG(LOG_WARN, "STORE-ORPHAN", "a message whose device is gone was left out",
            {"message", row->message_id});
        return;
    }
    struct entry *entry = memory_allocate(sizeof *entry);
    entry->row = *row;
    entry->row.message_id = memory_copy_string(row->message_id);
    entry->queue = queue;
    entry->state = row->locked ? QUEUE_INVISIBLE : QUEUE_ENQUEUED;
    entry_list(entry);
    if (queue->enqueued) {
        queue_stir(queue);
    }
}

static void forget_entries(struct entry **list)
{
    while (*list) {
        struct entry *entry = *list;
        entry_unlist(entry);
        entry_free(entry);
    }
}

static void forget_queue(struct queue *queue)
{
    forget_entries(&queue->enqueued);
    forget_entries(&queue->invisible);
    queue->last_sequence = 0;
    queue->is_numbered = false;
}

void queues_load(struct queues *queues, queue_maker *maker, void *context)
{
    queues->maker = maker;
    queues->maker_context = context;
    queue_log_each(queues->log, load_sequence, load_message, queues);
}

/* ---- the end of a group ---- */

static void group_committed(void *owner)
{
    struct queues *queues = owner;
    struct queue *telling = queues->stirred;
    queues->committed = queues->totals; /* before the listener begins the next group */
    queues->stirred = NULL;
    for (struct queue *queue; (queue = telling);) {
        telling = queue->next_stirred;
        queue->is_stirred = false;
        if (queues->listener && queue->enqueued) {
            queues->listener->ready(queues->listener_context, queue);
        }
    }
}

static void group_undone(void *owner, const struct hub_error *failure)
{
    (void)failure;
    struct queues *queues = owner;
    struct queue *queue, *next;
    queues->numbered = NULL;
    HASH_ITER (by_number, queues->by_number, queue, next) {
        forget_queue(queue);
    }
    queues->totals = queues->committed;
    queues->totals.enqueued_now = queues->totals.invisible_now = 0; /* counted while loading */
    queues_load(queues, queues->maker, queues->maker_context);
}

static const struct database_member member = {group_committed, group_undone};

/* ---- the shelf ---- */

struct queues *queues_open(struct database *database, struct journal *journal)
{
    struct queues *queues = memory_allocate(sizeof *queues);
    queues->database = database;
    queues->journal = journal;
    queues->log = queue_log_open(database);
    database_join(database, &member, queues);
    database_before_commit(database, write_numbers, queues);
    return queues;
}

static void queue_free(struct queue *queue)
{
    struct queues *queues = queue->queues;
    if (queues->listener) {
        queues->listener->removed(queues->listener_context, queue);
    }
    forget_queue(queue);
    HASH_DELETE(by_number, queues->by_number, queue);
    free(queue->name);
    free(queue);
}

void queues_free(struct queues *queues)
{
    if (!queues) {
        return;
    }
    queues->listener = NULL;
    struct queue *queue, *next;
    HASH_ITER (by_number, queues->by_number, queue, next) {
        queue_free(queue);
    }
    deadlines_release(&queues->deadlines);
    queue_log_free(queues->log);
    free(queues);
}

void queues_listen(struct queues *queues, const struct queues_listener *listener, void *context)
{
    queues->listener = listener;
    queues->listener_context = context;
}

struct queue_totals queues_get_totals(const struct queues *queues)
{
    return queues->totals;
}

/* ---- one queue ---- */

struct queue *queue_create(struct queues *queues, int64_t number, const char *name,
    const struct queue_policy *policy, const struct queue_owner *owner, void *owner_context)
{
    struct queue *queue = memory_allocate(sizeof *queue);
    queue->queues = queues;
    queue->number = number;
    queue->name = memory_copy_string(name);
    queue->policy = policy;
    queue->owner = owner;
    queue->owner_context = owner_context;
    HASH_ADD(by_number, queues->by_number, number, sizeof queue->number, queue);
    return queue;
}

/* Takes it out of a list of its group that is linked by the member at `link`. */
static void unchain(struct queue **first, struct queue *queue, bool numbered)
{
    while (*first && *first != queue) {
        first = numbered ? &(*first)->next_numbered : &(*first)->next_stirred;
    }
    if (*first) {
        *first = numbered ? queue->next_numbered : queue->next_stirred;
    }
}

void queue_forget(struct queue *queue)
{
    struct queues *queues = queue->queues;
    if (queue->is_stirred) {
        unchain(&queues->stirred, queue, false);
    }
    if (queue->is_numbered) {
        unchain(&queues->numbered, queue, true);
    }
    queue_free(queue);
}

void queues_forget_all(struct queues *queues)
{
    struct queue *queue, *next;
    HASH_ITER (by_number, queues->by_number, queue, next) {
        if (queue->number != QUEUE_FEEDBACK) {
            queue_forget(queue);
        }
    }
}

struct queue *queue_find(struct queues *queues, int64_t number)
{
    struct queue *queue;
    HASH_FIND(by_number, queues->by_number, &number, sizeof number, queue);
    return queue;
}

int64_t queue_number(const struct queue *queue)
{
    return queue->number;
}

const char *queue_name(const struct queue *queue)
{
    return queue->name;
}

void queue_set_attachment(struct queue *queue, void *attachment)
{
    queue->attachment = attachment;
}

void *queue_get_attachment(const struct queue *queue)
{
    return queue->attachment;
}

struct queue_counts queue_get_counts(const struct queue *queue)
{
    return queue->counts;
}

bool queue_has_ready(const struct queue *queue)
{
    return queue->enqueued != NULL;
}

size_t queue_count_held(const struct queue *queue, uint64_t connection)
{
    size_t count = 0;
    const struct entry *entry;
    DL_FOREACH (queue->invisible, entry) {
        count += entry->holder == connection;
    }
    return count;
}

/* ---- looking ---- */

/* The first in the list above `after`; the list of locked ones has no order. */
static const struct entry *find_above(const struct entry *list, uint64_t after)
{
    const struct entry *found = NULL, *entry;
    DL_FOREACH (list, entry) {
        if (entry->row.sequence > after && (!found || entry->row.sequence < found->row.sequence)) {
            found = entry;
        }
    }
    return found;
}

static const struct entry *next_above(const struct queue *queue, uint64_t after)
{
    const struct entry *a = find_above(queue->enqueued, after);
    const struct entry *b = find_above(queue->invisible, after);
    return !a || (b && b->row.sequence < a->row.sequence) ? b : a;
}

bool queue_view_next(const struct queue *queue, uint64_t after, struct queue_view *view)
{
    const struct entry *entry = next_above(queue, after);
    if (!entry) {
        return false;
    }
    *view = (struct queue_view){.sequence = entry->row.sequence,
        .state = entry->state,
        .delivery_count = entry->row.delivery_count,
        .lock_token = entry->row.lock_token,
        .enqueued = entry->row.enqueued,
        .expires = entry->row.expires,
        .locked_until = entry->row.locked_until,
        .message_id = text_of(entry->row.message_id)};
    return true;
}

struct message *queue_read(struct queue *queue, uint64_t sequence)
{
    const struct entry *entry = next_above(queue, sequence - 1);
    return entry && entry->row.sequence == sequence ? entry_message((struct entry *)entry) : NULL;
}
