/*
 * The index behind store/queue: messages that have not ended, in lists by state, by lock token and
 * by deadline; made from the log at the start and after a failed group. Private to queue.c and
 * queue_index.c: queue.c decides and writes states, queue_index.c keeps what was decided findable.
 */
#ifndef DEVICEBOUND_STORE_QUEUE_INDEX_H
#define DEVICEBOUND_STORE_QUEUE_INDEX_H

#include "store/deadline.h"
#include "store/queue.h"
#include "store/queue_log.h"

#include <uthash.h>

/* One message that has not ended. */
struct entry {
    struct queue_row row; /* as it is in the log */
    struct queue *queue;
    enum queue_state state; /* written by change() only */
    struct message *message; /* NULL: only in the log */
    uint64_t holder; /* connection it was last locked for; 0: none that is known */
    struct deadline deadline; /* the end of its lock or its expiry, whichever is first */
    struct entry *prev, *next; /* in the queue's list of its state */
    UT_hash_handle by_token; /* while invisible */
};

struct queue {
    struct queues *queues;
    int64_t number;
    char *name; /* NULL: the feedback queue */
    const struct queue_policy *policy;
    const struct queue_owner *owner;
    void *owner_context;
    void *attachment;
    uint64_t last_sequence;
    struct entry *enqueued; /* by sequence number */
    struct entry *invisible; /* by the time of their locking */
    struct queue_counts counts;
    bool is_stirred, is_numbered;
    struct queue *next_stirred; /* something became deliverable in this group */
    struct queue *next_numbered; /* a sequence number was given in this group */
    UT_hash_handle by_number;
};

struct queues {
    struct database *database;
    struct journal *journal;
    struct queue_log *log;
    queue_maker *maker;
    void *maker_context;
    const struct queues_listener *listener;
    void *listener_context;
    struct queue *by_number;
    struct entry *by_token;
    struct deadlines deadlines;
    struct queue *stirred, *numbered;
    int64_t last_row;
    size_t kept_bytes;
    struct queue_totals totals;
    struct queue_totals committed; /* what is taken back to after a failed group */
};

/* Into the list, the tokens and the deadlines of its state; and out of them. */
void entry_list(struct entry *entry);
void entry_unlist(struct entry *entry);

/* Releases the message and the entry, which is in no list. */
void entry_free(struct entry *entry);

/* Keeps the message beside the index, if there is room. */
void entry_keep_message(struct entry *entry, struct message *message);

/* Returns shared; NULL: the log cannot give it. */
struct message *entry_message(struct entry *entry);

/* Something in the queue became deliverable: the listener hears of it after the commit. */
void queue_stir(struct queue *queue);

/* The next sequence number; the log learns the last one before the commit. */
uint64_t queue_number_next(struct queue *queue);

#endif
