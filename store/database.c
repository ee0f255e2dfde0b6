#include "store/database.h"

#include "store/checkpoint.h"
#include "store/clock.h"
#include "store/database_file.h"
#include "store/log.h"
#include "store/memory.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMBERS_MAX 8

/* The write-ahead log, in pages of 4 KiB: each STEP more the checkpoint thread is asked to move it,
 * at HARD the loop waits for that. */
#define WAL_STEP_PAGES 1024
#define WAL_HARD_PAGES 16384

/* Each connection is used by one thread alone: SQLite need not lock it. */
#define FILE_FLAGS (SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX)

struct waiting {
    commit_answer *answer; /* NULL: forgotten */
    void *owner;
    void *item;
};

struct waiting_list {
    struct waiting *items;
    size_t count, room;
};

struct database {
    sqlite3 *handle;
    int lock_descriptor; /* held while the file is ours; -1 in memory */
    struct checkpoint *checkpoint;
    int wal_pages;
    int wal_pages_asked; /* at the last request */
    sqlite3_stmt *begin, *commit, *rollback;
    sqlite3_stmt **statements; /* finalised by close */
    size_t statement_count;

    bool group_is_open;
    bool group_is_doomed;
    struct hub_error failure; /* why it is doomed */
    struct waiting_list waiting; /* for the group that is open */
    struct waiting_list running; /* whose answers run now */

    struct {
        const struct database_member *member;
        void *owner;
    } members[MEMBERS_MAX];
    size_t member_count;
    struct {
        void (*write)(void *owner);
        void *owner;
    } writers[MEMBERS_MAX];
    size_t writer_count;
    struct database_counts counts;
};

/* ---- opening ---- */

static bool execute(sqlite3 *handle, const char *sql)
{
    return sqlite3_exec(handle, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static int note_wal(void *context, sqlite3 *handle, const char *name, int pages)
{
    (void)handle;
    (void)name;
    ((struct database *)context)->wal_pages = pages;
    return SQLITE_OK;
}

static enum hub_code open_file(struct database *database, const char *path,
    enum durability durability, struct hub_error *error)
{
    enum hub_code code = database_file_lock(path, &database->lock_descriptor, error);
    if (code == HUB_OK) {
        code = database_file_inspect(path, error);
    }
    if (code != HUB_OK) {
        return code;
    }
    const char *synchronous = durability == DURABILITY_POWER ? "PRAGMA synchronous = FULL"
                                                             : "PRAGMA synchronous = NORMAL";
    if (sqlite3_open_v2(path, &database->handle, FILE_FLAGS, NULL) != SQLITE_OK ||
        !execute(database->handle, "PRAGMA journal_mode = WAL") ||
        !execute(database->handle, synchronous) ||
        !execute(database->handle, "PRAGMA wal_autocheckpoint = 0") ||
        !database_file_migrate(database->handle)) {
        return hub_refuse(error, HUB_SERVER_ERROR, "the database %s cannot be written: %s", path,
            sqlite3_errmsg(database->handle));
    }
    database->checkpoint = checkpoint_start(path);
    if (!database->checkpoint) {
        return database_file_refuse(error, path, "cannot be opened a second time for checkpoints");
    }
    sqlite3_wal_hook(database->handle, note_wal, database);
    return HUB_OK;
}

static enum hub_code open_memory(struct database *database, struct hub_error *error)
{
    if (sqlite3_open_v2(":memory:", &database->handle, FILE_FLAGS, NULL) != SQLITE_OK ||
        !database_file_migrate(database->handle)) {
        return database_file_refuse(error, "in memory", sqlite3_errmsg(database->handle));
    }
    return HUB_OK;
}

enum hub_code database_open(
    struct database **out, const char *path, enum durability durability, struct hub_error *error)
{
    /* SQLite's own accounting of memory costs a lock per allocation, and nobody reads it. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    struct database *database = memory_allocate(sizeof *database);
    database->lock_descriptor = -1;
    enum hub_code code =
        path ? open_file(database, path, durability, error) : open_memory(database, error);
    if (code != HUB_OK) {
        database_close(database);
        return code;
    }
    database->begin = database_prepare(database, "BEGIN IMMEDIATE");
    database->commit = database_prepare(database, "COMMIT");
    database->rollback = database_prepare(database, "ROLLBACK");
    *out = database;
    return HUB_OK;
}

void database_close(struct database *database)
{
    if (!database) {
        return;
    }
    if (database->group_is_open) {
        database_commit(database);
    }
    checkpoint_stop(database->checkpoint);
    for (size_t i = 0; i < database->statement_count; i++) {
        sqlite3_finalize(database->statements[i]);
    }
    sqlite3_close(database->handle);
    if (database->lock_descriptor >= 0) {
        close(database->lock_descriptor);
    }
    free(database->statements);
    free(database->waiting.items);
    free(database->running.items);
    free(database);
}

/* ---- for the modules of the store ---- */

void database_join(struct database *database, const struct database_member *member, void *owner)
{
    if (database->member_count == MEMBERS_MAX) {
        abort();
    }
    database->members[database->member_count].member = member;
    database->members[database->member_count++].owner = owner;
}

void database_before_commit(struct database *database, void (*write)(void *owner), void *owner)
{
    if (database->writer_count == MEMBERS_MAX) {
        abort();
    }
    database->writers[database->writer_count].write = write;
    database->writers[database->writer_count++].owner = owner;
}

sqlite3_stmt *database_prepare(struct database *database, const char *sql)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v3(
            database->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK) {
        fprintf(stderr, "devicebound: %s: %s\n", sqlite3_errmsg(database->handle), sql);
        abort();
    }
    database->statements = memory_grow(
        database->statements, database->statement_count + 1, sizeof *database->statements);
    database->statements[database->statement_count++] = statement;
    return statement;
}

sqlite3 *database_handle(struct database *database)
{
    return database->handle;
}

/* Steps to the end and resets. */
static bool step(struct database *database, sqlite3_stmt *statement)
{
    int result;
    do {
        result = sqlite3_step(statement);
    } while (result == SQLITE_ROW);
    sqlite3_reset(statement);
    if (result != SQLITE_DONE) {
        LOG(LOG_ERROR, "STORE-WRITE", "a write to the database failed",
            {"error", sqlite3_errmsg(database->handle)});
        hub_refuse(&database->failure, HUB_SERVER_ERROR, "The hub could not store this: %s.",
            sqlite3_errmsg(database->handle));
    }
    return result == SQLITE_DONE;
}

void database_run(struct database *database, sqlite3_stmt *statement)
{
    if (!database->group_is_open) {
        database->group_is_open = true;
        database->group_is_doomed = !step(database, database->begin);
    }
    if (database->group_is_doomed) {
        sqlite3_reset(statement);
    } else if (!step(database, statement)) {
        database->group_is_doomed = true;
    }
}

/* ---- answers ---- */

void database_await(struct database *database, commit_answer *answer, void *owner, void *item)
{
    struct waiting_list *list = &database->waiting;
    if (list->count == list->room) {
        list->room = list->room ? list->room * 2 : 64;
        list->items = memory_grow(list->items, list->room, sizeof *list->items);
    }
    list->items[list->count++] = (struct waiting){answer, owner, item};
}

static void forget_in(struct waiting_list *list, const void *owner)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].owner == owner) {
            list->items[i].answer = NULL;
        }
    }
}

void database_forget(struct database *database, const void *owner)
{
    forget_in(&database->waiting, owner);
    forget_in(&database->running, owner);
}

/* Those of the group that ends. What members and answers register waits for the next one. */
static void take_answers(struct database *database)
{
    struct waiting_list empty = database->running;
    database->running = database->waiting;
    database->waiting = empty;
}

static void run_answers(struct database *database, const struct hub_error *failure)
{
    for (size_t i = 0; i < database->running.count; i++) {
        struct waiting *waiting = &database->running.items[i];
        if (waiting->answer) {
            waiting->answer(waiting->owner, waiting->item, failure);
        }
    }
    database->running.count = 0;
}

/* ---- the end of a group ---- */

static bool close_group(struct database *database)
{
    for (size_t i = 0; i < database->writer_count; i++) {
        database->writers[i].write(database->writers[i].owner);
    }
    bool committed = !database->group_is_doomed && step(database, database->commit);
    if (!committed && !sqlite3_get_autocommit(database->handle)) {
        step(database, database->rollback);
    }
    database->group_is_open = false;
    database->group_is_doomed = false;
    return committed;
}

/* The log is bounded: past HARD the loop itself waits until it can start over. */
static void bound_wal(struct database *database)
{
    if (database->wal_pages < database->wal_pages_asked) {
        database->wal_pages_asked = 0; /* it has started over */
    }
    if (database->wal_pages >= WAL_HARD_PAGES) {
        checkpoint_wait(database->checkpoint);
        sqlite3_wal_checkpoint_v2(database->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        database->wal_pages = 0;
    } else if (database->wal_pages - database->wal_pages_asked >= WAL_STEP_PAGES) {
        database->wal_pages_asked = database->wal_pages;
        checkpoint_request(database->checkpoint);
    }
}

static void note_time(struct database_counts *counts, int64_t us)
{
    static const int64_t bounds[] = COMMIT_BOUNDS;
    size_t place = 0;
    while (place < COMMIT_BOUND_COUNT && us > bounds[place]) {
        place++;
    }
    counts->commits_by_time[place]++;
    counts->commit_us += (uint64_t)us;
}

bool database_commit(struct database *database)
{
    const struct hub_error *failure = NULL;
    struct hub_error reason;
    if (database->group_is_open) {
        int64_t began_us = clock_monotonic_us();
        if (close_group(database)) {
            database->counts.commits++;
            note_time(&database->counts, clock_monotonic_us() - began_us);
            bound_wal(database);
        } else {
            database->counts.failed_commits++;
            reason = database->failure;
            failure = &reason;
        }
    }
    take_answers(database);
    for (size_t i = 0; i < database->member_count; i++) {
        const struct database_member *member = database->members[i].member;
        if (failure && member->undone) {
            member->undone(database->members[i].owner, failure);
        } else if (!failure && member->committed) {
            member->committed(database->members[i].owner);
        }
    }
    run_answers(database, failure);
    return !failure && database_has_work(database);
}

/* ---- other rows ---- */

static bool is_kept(const char *table, const char *const *kept)
{
    for (; *kept; kept++) {
        if (strcmp(*kept, table) == 0) {
            return true;
        }
    }
    return false;
}

void database_clear(struct database *database, const char *const *kept)
{
    sqlite3_stmt *tables = NULL, *clear = NULL;
    sqlite3_prepare_v2(database->handle,
        "SELECT name, 'DELETE FROM \"' || name || '\"' FROM sqlite_schema"
        " WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        -1, &tables, NULL);
    while (sqlite3_step(tables) == SQLITE_ROW) {
        const char *sql = (const char *)sqlite3_column_text(tables, 1);
        if (!is_kept((const char *)sqlite3_column_text(tables, 0), kept) &&
            sqlite3_prepare_v2(database->handle, sql, -1, &clear, NULL) == SQLITE_OK) {
            database_run(database, clear);
            sqlite3_finalize(clear);
        }
    }
    sqlite3_finalize(tables);
}

bool database_copy(sqlite3 *to, sqlite3 *from)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    if (!backup) {
        return false;
    }
    sqlite3_backup_step(backup, -1);
    return sqlite3_backup_finish(backup) == SQLITE_OK;
}

enum hub_code database_adopt(sqlite3 *handle, const char *name, struct hub_error *error)
{
    enum hub_code code = database_file_check(handle, name, error);
    if (code == HUB_OK && !database_file_migrate(handle)) {
        code = database_file_refuse(error, name, sqlite3_errmsg(handle));
    }
    return code;
}

enum hub_code database_replace(struct database *database, sqlite3 *from, struct hub_error *error)
{
    if (database->checkpoint) {
        checkpoint_wait(database->checkpoint);
    }
    return database_copy(database->handle, from)
               ? HUB_OK
               : hub_refuse(error, HUB_SERVER_ERROR, "The database could not be replaced: %s.",
                     sqlite3_errmsg(database->handle));
}

void database_reload(struct database *database)
{
    for (size_t i = 0; i < database->member_count; i++) {
        const struct database_member *member = database->members[i].member;
        if (member->undone) {
            member->undone(database->members[i].owner, NULL);
        }
    }
}

bool database_has_work(const struct database *database)
{
    return database->group_is_open || database->waiting.count > 0;
}

struct database_counts database_get_counts(const struct database *database)
{
    struct database_counts counts = database->counts;
    if (database->checkpoint) {
        counts.checkpoints = checkpoint_count(database->checkpoint);
    }
    return counts;
}
