#include "store/queue_log.h"

#include "store/memory.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct queue_log {
    struct database *database;
    uint8_t *content; /* room for one encoded message */
    size_t content_room;
    sqlite3_stmt *insert, *update, *remove, *read, *set_sequence, *remove_queue, *messages, *queues;
};

struct queue_log *queue_log_open(struct database *database)
{
    struct queue_log *log = memory_allocate(sizeof *log);
    log->database = database;
    log->insert = database_prepare(database,
        "INSERT INTO message (row, queue, sequence, enqueued, expires, delivery_count, deliveries,"
        " ack, size, message_id, generation_id, content)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)");
    log->update = database_prepare(database,
        "UPDATE message SET delivery_count = ?2, deliveries = ?3, locked_until = ?4,"
        " lock_token = ?5 WHERE row = ?1");
    log->remove = database_prepare(database, "DELETE FROM message WHERE row = ?1");
    log->read = database_prepare(database, "SELECT content FROM message WHERE row = ?1");
    log->set_sequence =
        database_prepare(database, "INSERT INTO queue (number, last_sequence) VALUES (?1, ?2)"
                                   " ON CONFLICT (number) DO UPDATE SET last_sequence = ?2");
    log->remove_queue = database_prepare(database, "DELETE FROM queue WHERE number = ?1");
    log->messages = database_prepare(database,
        "SELECT row, queue, sequence, enqueued, expires, delivery_count, deliveries, locked_until,"
        " lock_token, ack, size, message_id, generation_id FROM message ORDER BY row");
    log->queues = database_prepare(database, "SELECT number, last_sequence FROM queue");
    return log;
}

void queue_log_free(struct queue_log *log)
{
    if (log) {
        free(log->content);
        free(log); /* the statements are the database's */
    }
}

void queue_log_insert(
    struct queue_log *log, const struct queue_row *row, const struct message *message)
{
    size_t length = message_encoded_size(message);
    if (length > log->content_room) {
        log->content = memory_grow(log->content, length, 1);
        log->content_room = length;
    }
    message_encode(message, log->content);
    sqlite3_stmt *insert = log->insert;
    sqlite3_bind_int64(insert, 1, row->row);
    sqlite3_bind_int64(insert, 2, row->queue);
    sqlite3_bind_int64(insert, 3, (int64_t)row->sequence);
    sqlite3_bind_int64(insert, 4, row->enqueued.us);
    sqlite3_bind_int64(insert, 5, row->expires.us);
    sqlite3_bind_int64(insert, 6, row->delivery_count);
    sqlite3_bind_int64(insert, 7, row->deliveries);
    sqlite3_bind_int(insert, 8, (int)row->ack);
    sqlite3_bind_int64(insert, 9, (int64_t)row->size);
    sqlite3_bind_text(insert, 10, row->message_id, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 11, row->generation_id, -1, SQLITE_STATIC);
    sqlite3_bind_blob64(insert, 12, log->content, length, SQLITE_STATIC);
    database_run(log->database, insert);
    sqlite3_clear_bindings(insert);
}

void queue_log_update(struct queue_log *log, const struct queue_row *row)
{
    sqlite3_stmt *update = log->update;
    sqlite3_bind_int64(update, 1, row->row);
    sqlite3_bind_int64(update, 2, row->delivery_count);
    sqlite3_bind_int64(update, 3, row->deliveries);
    if (row->locked) {
        sqlite3_bind_int64(update, 4, row->locked_until.us);
        sqlite3_bind_blob(
            update, 5, row->lock_token.bytes, sizeof row->lock_token.bytes, SQLITE_STATIC);
    } else {
        sqlite3_bind_null(update, 4);
        sqlite3_bind_null(update, 5);
    }
    database_run(log->database, update);
}

void queue_log_delete(struct queue_log *log, int64_t row)
{
    sqlite3_bind_int64(log->remove, 1, row);
    database_run(log->database, log->remove);
}

struct message *queue_log_read(struct queue_log *log, int64_t row)
{
    struct message *message = NULL;
    sqlite3_bind_int64(log->read, 1, row);
    if (sqlite3_step(log->read) == SQLITE_ROW) {
        message = message_decode(
            sqlite3_column_blob(log->read, 0), (size_t)sqlite3_column_bytes(log->read, 0));
    }
    sqlite3_reset(log->read);
    return message;
}

void queue_log_set_sequence(struct queue_log *log, int64_t queue, uint64_t last)
{
    sqlite3_bind_int64(log->set_sequence, 1, queue);
    sqlite3_bind_int64(log->set_sequence, 2, (int64_t)last);
    database_run(log->database, log->set_sequence);
}

void queue_log_delete_queue(struct queue_log *log, int64_t queue)
{
    sqlite3_bind_int64(log->remove_queue, 1, queue);
    database_run(log->database, log->remove_queue);
}

static struct queue_row read_row(sqlite3_stmt *from)
{
    struct queue_row row = {.row = sqlite3_column_int64(from, 0),
        .queue = sqlite3_column_int64(from, 1),
        .sequence = (uint64_t)sqlite3_column_int64(from, 2),
        .enqueued.us = sqlite3_column_int64(from, 3),
        .expires.us = sqlite3_column_int64(from, 4),
        .delivery_count = (uint32_t)sqlite3_column_int64(from, 5),
        .deliveries = (uint32_t)sqlite3_column_int64(from, 6),
        .locked = sqlite3_column_bytes(from, 8) == sizeof row.lock_token.bytes,
        .locked_until.us = sqlite3_column_int64(from, 7),
        .ack = (enum message_ack)sqlite3_column_int(from, 9),
        .size = (size_t)sqlite3_column_int64(from, 10),
        .message_id = (char *)sqlite3_column_text(from, 11)};
    if (row.locked) {
        memcpy(row.lock_token.bytes, sqlite3_column_blob(from, 8), sizeof row.lock_token.bytes);
    }
    snprintf(row.generation_id, sizeof row.generation_id, "%s",
        (const char *)sqlite3_column_text(from, 12));
    return row;
}

void queue_log_each(struct queue_log *log,
    void (*sequence)(void *context, int64_t queue, uint64_t last),
    void (*message)(void *context, const struct queue_row *row), void *context)
{
    while (sqlite3_step(log->queues) == SQLITE_ROW) {
        sequence(context, sqlite3_column_int64(log->queues, 0),
            (uint64_t)sqlite3_column_int64(log->queues, 1));
    }
    sqlite3_reset(log->queues);
    while (sqlite3_step(log->messages) == SQLITE_ROW) {
        struct queue_row row = read_row(log->messages);
        message(context, &row);
    }
    sqlite3_reset(log->messages);
}
