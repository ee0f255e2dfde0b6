#include "store/subscription.h"

#include "store/memory.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

struct subscriptions {
    struct database *database;
    sqlite3_stmt *select, *put, *remove, *forget;
    sqlite3_stmt *select_unacknowledged, *put_unacknowledged, *acknowledge, *forget_unacknowledged;
};

struct subscriptions *subscriptions_open(struct database *database)
{
    struct subscriptions *subscriptions = memory_allocate(sizeof *subscriptions);
    subscriptions->database = database;
    subscriptions->select = database_prepare(database,
        "SELECT filter, qos, created FROM subscription WHERE device = ?1 ORDER BY filter");
    subscriptions->put = database_prepare(database,
        "INSERT OR REPLACE INTO subscription (device, filter, qos, created)"
        " VALUES (?1, ?2, ?3, ?4)");
    subscriptions->remove =
        database_prepare(database, "DELETE FROM subscription WHERE device = ?1 AND filter = ?2");
    subscriptions->forget =
        database_prepare(database, "DELETE FROM subscription WHERE device = ?1");
    subscriptions->select_unacknowledged = database_prepare(database,
        "SELECT sequence, packet_id FROM unacknowledged WHERE device = ?1 ORDER BY sequence");
    subscriptions->put_unacknowledged = database_prepare(database,
        "INSERT OR REPLACE INTO unacknowledged (device, packet_id, sequence) VALUES (?1, ?2, ?3)");
    subscriptions->acknowledge = database_prepare(
        database, "DELETE FROM unacknowledged WHERE device = ?1 AND packet_id = ?2");
    subscriptions->forget_unacknowledged =
        database_prepare(database, "DELETE FROM unacknowledged WHERE device = ?1");
    return subscriptions;
}

void subscriptions_free(struct subscriptions *subscriptions)
{
    free(subscriptions);
}

/* ---- filters ---- */

size_t subscriptions_read(
    struct subscriptions *subscriptions, int64_t device, struct subscription out[SUBSCRIPTIONS_MAX])
{
    sqlite3_stmt *row = subscriptions->select;
    size_t count = 0;
    sqlite3_bind_int64(row, 1, device);
    while (count < SUBSCRIPTIONS_MAX && sqlite3_step(row) == SQLITE_ROW) {
        struct subscription *subscription = &out[count++];
        snprintf(subscription->filter, sizeof subscription->filter, "%s",
            (const char *)sqlite3_column_text(row, 0));
        subscription->qos = (uint8_t)sqlite3_column_int(row, 1);
        subscription->created.us = sqlite3_column_int64(row, 2);
    }
    sqlite3_reset(row);
    return count;
}

void subscriptions_put(
    struct subscriptions *subscriptions, int64_t device, const struct subscription *subscription)
{
    sqlite3_stmt *put = subscriptions->put;
    sqlite3_bind_int64(put, 1, device);
    sqlite3_bind_text(put, 2, subscription->filter, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int(put, 3, subscription->qos);
    sqlite3_bind_int64(put, 4, subscription->created.us);
    database_run(subscriptions->database, put);
}

void subscriptions_remove(struct subscriptions *subscriptions, int64_t device, const char *filter)
{
    sqlite3_bind_int64(subscriptions->remove, 1, device);
    sqlite3_bind_text(subscriptions->remove, 2, filter, -1, SQLITE_TRANSIENT);
    database_run(subscriptions->database, subscriptions->remove);
}

/* ---- deliveries ---- */

struct unacknowledged *subscriptions_read_unacknowledged(
    struct subscriptions *subscriptions, int64_t device, size_t *count)
{
    sqlite3_stmt *row = subscriptions->select_unacknowledged;
    struct unacknowledged *list = NULL;
    *count = 0;
    sqlite3_bind_int64(row, 1, device);
    while (sqlite3_step(row) == SQLITE_ROW) {
        list = memory_grow(list, *count + 1, sizeof *list);
        list[(*count)++] =
            (struct unacknowledged){.sequence = (uint64_t)sqlite3_column_int64(row, 0),
                .packet_id = (uint16_t)sqlite3_column_int(row, 1)};
    }
    sqlite3_reset(row);
    return list;
}

void subscriptions_put_unacknowledged(struct subscriptions *subscriptions, int64_t device,
    const struct unacknowledged *unacknowledged)
{
    sqlite3_stmt *put = subscriptions->put_unacknowledged;
    sqlite3_bind_int64(put, 1, device);
    sqlite3_bind_int(put, 2, unacknowledged->packet_id);
    sqlite3_bind_int64(put, 3, (int64_t)unacknowledged->sequence);
    database_run(subscriptions->database, put);
}

void subscriptions_acknowledge(
    struct subscriptions *subscriptions, int64_t device, uint16_t packet_id)
{
    sqlite3_bind_int64(subscriptions->acknowledge, 1, device);
    sqlite3_bind_int(subscriptions->acknowledge, 2, packet_id);
    database_run(subscriptions->database, subscriptions->acknowledge);
}

void subscriptions_forget(struct subscriptions *subscriptions, int64_t device)
{
    sqlite3_bind_int64(subscriptions->forget, 1, device);
    database_run(subscriptions->database, subscriptions->forget);
    sqlite3_bind_int64(subscriptions->forget_unacknowledged, 1, device);
    database_run(subscriptions->database, subscriptions->forget_unacknowledged);
}
