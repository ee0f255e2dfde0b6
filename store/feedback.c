#include "store/feedback.h"

#include "store/iso8601.h"
#include "store/memory.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* An outcome that waits for its batch. */
struct record {
    int64_t row;
    char *device_id;
    char *generation_id;
    char *message_id; /* "": the message had none */
    enum queue_outcome outcome;
    struct instant at;
    struct record *prev, *next;
};

struct feedback {
    struct database *database;
    struct journal *journal;
    const struct hub_settings *settings;
    struct queue *queue;
    struct record *waiting; /* in the order of the outcomes */
    size_t count;
    uint64_t batches;
    int64_t last_row;
    sqlite3_stmt *insert, *remove, *select;
};

const char *feedback_status_name(enum queue_outcome outcome)
{
    static const char *const names[QUEUE_OUTCOME_COUNT] = {[OUTCOME_COMPLETED] = "Success",
        [OUTCOME_REJECTED] = "Rejected",
        [OUTCOME_DELIVERY_COUNT_EXCEEDED] = "DeliveryCountExceeded",
        [OUTCOME_EXPIRED] = "Expired",
        [OUTCOME_PURGED] = "Purged"};
    return names[outcome];
}

/* ---- waiting records ---- */

static void add(struct feedback *feedback, const struct record *values)
{
    struct record *record = memory_allocate(sizeof *record);
    *record = (struct record){.row = values->row,
        .device_id = memory_copy_string(values->device_id),
        .generation_id = memory_copy_string(values->generation_id),
        .message_id = memory_copy_string(values->message_id),
        .outcome = values->outcome,
        .at = values->at};
    DL_APPEND(feedback->waiting, record);
    feedback->count++;
    if (record->row > feedback->last_row) {
        feedback->last_row = record->row;
    }
}

static void drop(struct feedback *feedback, struct record *record)
{
    DL_DELETE(feedback->waiting, record);
    feedback->count--;
    free(record->device_id);
    free(record->generation_id);
    free(record->message_id);
    free(record);
}

static void remove_row(struct feedback *feedback, const struct record *record)
{
    sqlite3_bind_int64(feedback->remove, 1, record->row);
    database_run(feedback->database, feedback->remove);
}

static void insert_row(struct feedback *feedback, const struct record *record)
{
    sqlite3_stmt *insert = feedback->insert;
    sqlite3_bind_int64(insert, 1, record->row);
    sqlite3_bind_text(insert, 2, record->device_id, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 3, record->generation_id, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 4, record->message_id, -1, SQLITE_STATIC);
    sqlite3_bind_int(insert, 5, (int)record->outcome);
    sqlite3_bind_int64(insert, 6, record->at.us);
    database_run(feedback->database, insert);
    sqlite3_clear_bindings(insert);
}

static void forget_all(struct feedback *feedback)
{
    while (feedback->waiting) {
        drop(feedback, feedback->waiting);
    }
}

static void load(struct feedback *feedback)
{
    sqlite3_stmt *row = feedback->select;
    while (sqlite3_step(row) == SQLITE_ROW) {
        add(feedback, &(struct record){.row = sqlite3_column_int64(row, 0),
                          .device_id = (char *)sqlite3_column_text(row, 1),
                          .generation_id = (char *)sqlite3_column_text(row, 2),
                          .message_id = (char *)sqlite3_column_text(row, 3),
                          .outcome = (enum queue_outcome)sqlite3_column_int(row, 4),
                          .at.us = sqlite3_column_int64(row, 5)});
    }
    sqlite3_reset(row);
}

static void group_undone(void *owner, const struct hub_error *failure)
{
    (void)failure;
    forget_all(owner);
    load(owner);
}

static const struct database_member member = {.undone = group_undone};

struct feedback *feedback_open(struct database *database, struct queues *queues,
    struct journal *journal, const struct hub_settings *settings)
{
    struct feedback *feedback = memory_allocate(sizeof *feedback);
    feedback->database = database;
    feedback->journal = journal;
    feedback->settings = settings;
    feedback->queue = queue_create(queues, QUEUE_FEEDBACK, NULL, &settings->feedback, NULL, NULL);
    feedback->insert = database_prepare(database,
        "INSERT INTO feedback_record (row, device_id, generation_id, message_id, outcome, at)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    feedback->remove = database_prepare(database, "DELETE FROM feedback_record WHERE row = ?1");
    feedback->select = database_prepare(database,
        "SELECT row, device_id, generation_id, message_id, outcome, at FROM feedback_record"
        " ORDER BY row");
    load(feedback);
    database_join(database, &member, feedback);
    return feedback;
}

void feedback_free(struct feedback *feedback)
{
    if (feedback) {
        forget_all(feedback);
        free(feedback);
    }
}

struct queue *feedback_queue(struct feedback *feedback)
{
    return feedback->queue;
}

size_t feedback_pending(const struct feedback *feedback)
{
    return feedback->count;
}

uint64_t feedback_batches(const struct feedback *feedback)
{
    return feedback->batches;
}

/* ---- batches ---- */

/* The members and their order are those of the service's own batches; `description` repeats the
 * status because the C service SDK reads nothing else. */
static json_t *record_as_json(const struct record *record)
{
    char at[ISO8601_SIZE];
    iso8601_format_instant(record->at, 7, at);
    const char *status = feedback_status_name(record->outcome);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "originalMessageId", record->message_id,
        "description", status, "deviceGenerationId", record->generation_id, "deviceId",
        record->device_id, "enqueuedTimeUtc", at, "statusCode", status);
}

static json_t *first_as_json(const struct feedback *feedback, size_t size)
{
    json_t *batch = json_array();
    const struct record *record = feedback->waiting;
    for (size_t i = 0; i < size; i++, record = record->next) {
        json_array_append_new(batch, record_as_json(record));
    }
    return batch;
}

json_t *feedback_waiting(const struct feedback *feedback)
{
    return first_as_json(feedback, feedback->count);
}

static char *batch_as_text(const struct feedback *feedback, size_t size)
{
    json_t *batch = first_as_json(feedback, size);
    char *text = json_dumps(batch, JSON_COMPACT);
    json_decref(batch);
    return text;
}

static void send_batch(struct feedback *feedback, struct instant now)
{
    size_t limit = feedback->settings->feedback_batch_size;
    size_t size = feedback->count < limit ? feedback->count : limit;
    char *text = batch_as_text(feedback, size);
    struct message *message = message_create();
    message_set(message, MESSAGE_USER_ID, text_of(feedback->settings->name), NULL);
    message_set(message, MESSAGE_CONTENT_TYPE, TEXT(FEEDBACK_CONTENT_TYPE), NULL);
    message_append_body(message, text, strlen(text));
    queue_enqueue(feedback->queue, message, "", NULL, now, NULL, NULL);
    feedback->batches++;
    message_release(message);
    free(text);
    for (size_t i = 0; i < size; i++) {
        remove_row(feedback, feedback->waiting);
        drop(feedback, feedback->waiting);
    }
}

static bool is_wanted(enum message_ack ack, enum queue_outcome outcome)
{
    if (!feedback_status_name(outcome)) {
        return false;
    }
    return ack == ACK_FULL || ack == (outcome == OUTCOME_COMPLETED ? ACK_POSITIVE : ACK_NEGATIVE);
}

void feedback_record(struct feedback *feedback, const char *device_id, const struct queue_end *end)
{
    if (!is_wanted(end->ack, end->outcome)) {
        return;
    }
    const char *message_id = end->message_id.bytes ? end->message_id.bytes : "";
    const struct record record = {.row = feedback->last_row + 1,
        .device_id = (char *)device_id,
        .generation_id = (char *)end->generation_id,
        .message_id = (char *)message_id,
        .outcome = end->outcome,
        .at = end->at};
    add(feedback, &record);
    insert_row(feedback, &record);
    journal_note(feedback->journal, &(struct journal_entry){.at = end->at,
                                        .event = JOURNAL_FEEDBACK_RECORDED,
                                        .device = device_id,
                                        .message_id = end->message_id.bytes,
                                        .reason = feedback_status_name(end->outcome)});
    while (feedback->count >= feedback->settings->feedback_batch_size) {
        send_batch(feedback, end->at);
    }
}

void feedback_forget_device(struct feedback *feedback, const char *device_id)
{
    struct record *record, *next;
    DL_FOREACH_SAFE (feedback->waiting, record, next) {
        if (strcmp(record->device_id, device_id) == 0) {
            remove_row(feedback, record);
            drop(feedback, record);
        }
    }
}

size_t feedback_flush(struct feedback *feedback, struct instant now)
{
    size_t count = feedback->count;
    while (feedback->waiting) {
        send_batch(feedback, now);
    }
    return count;
}

struct instant feedback_next_due(const struct feedback *feedback)
{
    return feedback->waiting
               ? instant_add(feedback->waiting->at, feedback->settings->feedback_batch_interval)
               : INSTANT_NEVER;
}

void feedback_run_due(struct feedback *feedback, struct instant now)
{
    struct instant due = feedback_next_due(feedback);
    if (instant_compare(due, now) <= 0) {
        feedback_flush(feedback, due);
    }
}
