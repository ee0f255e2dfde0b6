/*
 * The rows behind store/queue: what of a message and of a queue is in SQLite. Called by store/queue
 * only, which is also the only one who decides what they say.
 */
#ifndef DEVICEBOUND_STORE_QUEUE_LOG_H
#define DEVICEBOUND_STORE_QUEUE_LOG_H

#include "store/clock.h"
#include "store/database.h"
#include "store/lock_token.h"
#include "store/message.h"

#include <stdbool.h>
#include <stdint.h>

#define GENERATION_ID_SIZE 24

/* One message that has not ended, without its content. */
struct queue_row {
    int64_t row;
    int64_t queue;
    uint64_t sequence;
    struct instant enqueued, expires;
    uint32_t delivery_count;
    uint32_t deliveries; /* how often it was given to a consumer */
    bool locked;
    struct instant locked_until;
    struct lock_token lock_token;
    enum message_ack ack;
    size_t size;
    char *message_id; /* NULL: none */
    char generation_id[GENERATION_ID_SIZE];
};

struct queue_log;

/* Borrows `database`. Returns owned. */
struct queue_log *queue_log_open(struct database *database);
void queue_log_free(struct queue_log *log);

void queue_log_insert(
    struct queue_log *log, const struct queue_row *row, const struct message *message);
/* Lock, deliveries and delivery count. */
void queue_log_update(struct queue_log *log, const struct queue_row *row);
void queue_log_delete(struct queue_log *log, int64_t row);

/* Returns owned; NULL: the row cannot be read. */
struct message *queue_log_read(struct queue_log *log, int64_t row);

void queue_log_set_sequence(struct queue_log *log, int64_t queue, uint64_t last);
void queue_log_delete_queue(struct queue_log *log, int64_t queue);

/* Every queue's last sequence number, then every message in the order of the keys; `message_id` is
 * borrowed during the call. */
void queue_log_each(struct queue_log *log,
    void (*sequence)(void *context, int64_t queue, uint64_t last),
    void (*message)(void *context, const struct queue_row *row), void *context);

#endif
