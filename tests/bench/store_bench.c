/*
 * Whole life cycles per second of the store (send, lock, complete; 1 KiB bodies, groups of 64)
 * beside raw SQLite writing the same rows in the same groups, in one run: the ratio is what the
 * store costs beyond its log.
 *
 * The two alternate for some rounds and the best round of each counts: what else the machine does
 * disturbs single rounds.
 *
 * Usage: store_bench [CYCLES A ROUND] → one JSON line.
 */
#include "store/checkpoint.h"
#include "store/hub.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROUP 64
#define DEVICES 8
#define BODY 1024
#define ROUNDS 5

static const char *const devices[DEVICES] = {"d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7"};
static char directory[] = "/tmp/devicebound-bench-XXXXXX";

static void path_of(const char *name, char out[64])
{
    snprintf(out, 64, "%s/%s", directory, name);
}

static void require(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "store_bench: %s failed\n", what);
        exit(1);
    }
}

/* ---- the store ---- */

static void run_group(struct hub *hub)
{
    static const char body[BODY] = "x";
    static struct delivery deliveries[GROUP];
    for (int i = 0; i < GROUP; i++) {
        struct message *message = message_create();
        message_set(message, MESSAGE_ID, TEXT("m-123456"), NULL);
        message_append_body(message, body, sizeof body);
        require(mailbox_send(hub_mailboxes(hub), devices[i % DEVICES], message, NULL, hub_now(hub),
                    NULL, NULL) == HUB_OK,
            "send");
        message_release(message);
    }
    hub_end_turn(hub);
    for (int i = 0; i < GROUP; i++) {
        mailbox_receive(hub_mailboxes(hub), devices[i % DEVICES], NULL, NULL, hub_now(hub),
            &deliveries[i], NULL);
        require(deliveries[i].message != NULL, "receive");
        message_release(deliveries[i].message);
    }
    hub_end_turn(hub);
    for (int i = 0; i < GROUP; i++) {
        require(mailbox_settle(hub_mailboxes(hub), devices[i % DEVICES], &deliveries[i].lock_token,
                    SETTLE_COMPLETE, NULL, hub_now(hub), NULL) == HUB_OK,
            "settle");
    }
    hub_end_turn(hub);
}

static double bench_store(long cycles)
{
    char path[64];
    path_of("store.db", path);
    struct clock *clock = clock_create();
    struct hub *hub;
    const struct hub_options options = {
        .path = path, .clock = clock, .settings = hub_settings_default()};
    require(hub_open(&hub, &options, NULL) == HUB_OK, "open");
    for (int i = 0; i < DEVICES; i++) {
        struct identity_draft draft = {.enabled = true};
        struct identity *identity;
        snprintf(draft.device_id, sizeof draft.device_id, "%s", devices[i]);
        hub_put_device(hub, &draft, (struct etag_condition){ETAG_CREATE_ONLY, 0}, &identity, NULL);
    }
    hub_end_turn(hub);
    int64_t start = clock_monotonic_ms();
    for (long done = 0; done < cycles; done += GROUP) {
        run_group(hub);
    }
    double seconds = (double)(clock_monotonic_ms() - start) / 1000;
    hub_close(hub);
    clock_free(clock);
    return (double)cycles / seconds;
}

/* ---- raw SQLite ---- */

static sqlite3_stmt *prepare(sqlite3 *handle, const char *sql)
{
    sqlite3_stmt *statement;
    require(sqlite3_prepare_v2(handle, sql, -1, &statement, NULL) == SQLITE_OK, sql);
    return statement;
}

static void step(sqlite3_stmt *statement)
{
    require(sqlite3_step(statement) == SQLITE_DONE, sqlite3_sql(statement));
    sqlite3_reset(statement);
}

/* The write-ahead log is bounded as the store bounds its own (store/database.c). */
static void bound_wal(sqlite3 *handle, struct checkpoint *checkpoint, int pages)
{
    static int asked;
    asked = pages < asked ? 0 : asked;
    if (pages >= 16384) {
        checkpoint_wait(checkpoint);
        sqlite3_wal_checkpoint_v2(handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    } else if (pages - asked >= 1024) {
        asked = pages;
        checkpoint_request(checkpoint);
    }
}

static int note_wal(void *context, sqlite3 *handle, const char *name, int pages)
{
    (void)handle;
    (void)name;
    *(int *)context = pages;
    return SQLITE_OK;
}

static double bench_sqlite(long cycles)
{
    char path[64];
    path_of("raw.db", path);
    sqlite3 *handle;
    require(sqlite3_open(path, &handle) == SQLITE_OK, "open");
    require(sqlite3_exec(handle,
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0;"
                "CREATE TABLE message (row INTEGER PRIMARY KEY, queue INTEGER NOT NULL, sequence"
                " INTEGER NOT NULL, enqueued INTEGER NOT NULL, expires INTEGER NOT NULL,"
                " delivery_count INTEGER NOT NULL, deliveries INTEGER NOT NULL, locked_until"
                " INTEGER, lock_token BLOB, ack INTEGER NOT NULL, size INTEGER NOT NULL,"
                " message_id TEXT, generation_id TEXT NOT NULL, content BLOB NOT NULL) STRICT;"
                "CREATE TABLE queue (number INTEGER PRIMARY KEY, last_sequence INTEGER NOT NULL)"
                " STRICT;",
                NULL, NULL, NULL) == SQLITE_OK,
        "schema");
    struct checkpoint *checkpoint = checkpoint_start(path);
    int wal_pages = 0;
    sqlite3_wal_hook(handle, note_wal, &wal_pages);
    sqlite3_stmt *begin = prepare(handle, "BEGIN IMMEDIATE"), *commit = prepare(handle, "COMMIT");
    sqlite3_stmt *insert = prepare(handle,
        "INSERT INTO message (row, queue, sequence, enqueued, expires, delivery_count, deliveries,"
        " ack, size, message_id, generation_id, content)"
        " VALUES (?1, 1, ?1, ?2, ?2, 0, 0, 0, 1024, 'm-123456', '639079999999999999', ?3)");
    sqlite3_stmt *update =
        prepare(handle, "UPDATE message SET delivery_count = 0, deliveries = 1, locked_until = ?2,"
                        " lock_token = ?3 WHERE row = ?1");
    sqlite3_stmt *remove = prepare(handle, "DELETE FROM message WHERE row = ?1");
    sqlite3_stmt *number =
        prepare(handle, "INSERT INTO queue (number, last_sequence) VALUES (?1, ?2)"
                        " ON CONFLICT (number) DO UPDATE SET last_sequence = ?2");
    static uint8_t content[BODY + 180];
    int64_t start = clock_monotonic_ms();
    for (long done = 0; done < cycles; done += GROUP) {
        sqlite3_stmt *const acts[] = {insert, update, remove};
        for (int act = 0; act < 3; act++) {
            step(begin);
            for (int i = 0; i < GROUP; i++) {
                sqlite3_bind_int64(acts[act], 1, done + i + 1);
                if (act < 2) {
                    sqlite3_bind_int64(acts[act], 2, 1772366400000000 + done);
                    sqlite3_bind_blob(
                        acts[act], 3, content, act == 0 ? sizeof content : 16, SQLITE_STATIC);
                }
                step(acts[act]);
            }
            for (int i = 0; act == 0 && i < DEVICES; i++) {
                sqlite3_bind_int64(number, 1, i);
                sqlite3_bind_int64(number, 2, done);
                step(number);
            }
            step(commit);
            bound_wal(handle, checkpoint, wal_pages);
        }
    }
    double seconds = (double)(clock_monotonic_ms() - start) / 1000;
    sqlite3_stmt *const all[] = {begin, commit, insert, update, remove, number};
    for (size_t i = 0; i < 6; i++) {
        sqlite3_finalize(all[i]);
    }
    checkpoint_stop(checkpoint);
    sqlite3_close(handle);
    return (double)cycles / seconds;
}

static void remove_files(void)
{
    static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm", "store.db-lock",
        "raw.db", "raw.db-wal", "raw.db-shm"};
    char path[64];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        path_of(names[i], path);
        unlink(path);
    }
}

int main(int argc, char **argv)
{
    long cycles = argc > 1 ? strtol(argv[1], NULL, 10) : 100000;
    double raw = 0, store = 0;
    require(mkdtemp(directory) != NULL, "mkdtemp");
    for (int round = 0; round < ROUNDS; round++) {
        double one = bench_sqlite(cycles), other = bench_store(cycles);
        raw = one > raw ? one : raw;
        store = other > store ? other : store;
        remove_files();
    }
    rmdir(directory);
    printf("{\"storeCyclesPerSecond\":%.0f,\"sqliteCyclesPerSecond\":%.0f,\"ratio\":%.2f}\n", store,
        raw, store / raw);
    remove_files();
    return 0;
}
