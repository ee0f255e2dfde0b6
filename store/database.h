/*
 * The SQLite file: opens it, migrates the schema, groups commits and moves the write-ahead log back
 * into the file. Memory is the index; this is the log the index is rebuilt from.
 *
 * One turn of the loop is one commit group. A change writes its rows at once (the first one opens
 * the transaction) and *registers* its answer; database_commit commits and only then runs the
 * answers, in the order they were registered. When a commit fails, every answer is told so, nothing
 * of the group is in the file, and the members rebuild what they keep in memory.
 *
 * Belongs to the loop's thread. The checkpoint runs on a thread and connection of its own, which
 * shares nothing with the loop but the file.
 */
#ifndef DEVICEBOUND_STORE_DATABASE_H
#define DEVICEBOUND_STORE_DATABASE_H

#include "store/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum durability {
    DURABILITY_PROCESS, /* survives kill -9 of the server */
    DURABILITY_POWER /* survives loss of power: every group is synced to the disk */
};

struct database;
struct sqlite3;
struct sqlite3_stmt;

/* `path` NULL: nothing on disk. Returns owned in `*out`. On refusal (SERVER_ERROR) the sentence is
 * one line for the operator: cannot be written, damaged, or made by a newer version; the file is
 * untouched. */
enum hub_code database_open(
    struct database **out, const char *path, enum durability durability, struct hub_error *error);

/* Commits what is open, checkpoints, closes. NULL is nothing. */
void database_close(struct database *database);

/* ---- for the modules of the store ---- */

/* What a module does when a group has ended. Both may be NULL; `failure` says why it was undone.
 * NULL: nothing failed, but the rows are others now (database_reload). */
struct database_member {
    void (*committed)(void *owner);
    void (*undone)(void *owner, const struct hub_error *failure);
};

/* Members are called in the order they joined: before the answers run. */
void database_join(struct database *database, const struct database_member *member, void *owner);

/* Called right before the COMMIT of each group, in order of registration: last rows to write. */
void database_before_commit(struct database *database, void (*write)(void *owner), void *owner);

/* Returns borrowed; aborts on SQL that does not compile: our own mistake. Finalised by close. */
struct sqlite3_stmt *database_prepare(struct database *database, const char *sql);

/* Runs a prepared and bound write within the group, opening it if needed, then resets it. After a
 * failure the group is doomed: its commit will fail, its answers will be refused. */
void database_run(struct database *database, struct sqlite3_stmt *statement);

struct sqlite3 *database_handle(struct database *database);

/* ---- for everybody ---- */

/* Whether the open group will hold, and why. `failure` NULL: it is committed. */
typedef void commit_answer(void *owner, void *item, const struct hub_error *failure);

/* Runs `answer` when the group that is open now has ended; when none is open, at the next
 * database_commit, as committed. Borrows `owner` and `item` until then. */
void database_await(struct database *database, commit_answer *answer, void *owner, void *item);

/* Forgets every waiting answer of `owner`: it is going away. */
void database_forget(struct database *database, const void *owner);

/* Ends the group. Returns true when answers or members have begun another one; not after a failure,
 * so that a full disk does not make the loop spin. */
bool database_commit(struct database *database);

/* Deletes every row of every table within the open group, but for those of the tables `kept` (ends
 * with NULL). */
void database_clear(struct database *database, const char *const *kept);

/* The rows are others now: every member reads them anew. No group may be open. */
void database_reload(struct database *database);

/* Copies every page; what was in `to` is gone. False: `to` says why. */
bool database_copy(struct sqlite3 *to, struct sqlite3 *from);

/* Looks at a database that is not open as one, and brings its schema up to date. Errors as
 * database_open; `name` is for the sentence. */
enum hub_code database_adopt(struct sqlite3 *handle, const char *name, struct hub_error *error);

/* The rows of `from`, which has this version's schema, take the place of all there is. No group may
 * be open; database_reload has to follow. Errors: SERVER_ERROR, with nothing changed. */
enum hub_code database_replace(
    struct database *database, struct sqlite3 *from, struct hub_error *error);

/* Something waits for database_commit. */
bool database_has_work(const struct database *database);

/* Upper bounds of how long commits took, in microseconds; what is slower has a place of its own. */
#define COMMIT_BOUNDS                                                                              \
    {                                                                                              \
        100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000              \
    }
#define COMMIT_BOUND_COUNT 12

/* Counters since the start, for metrics. */
struct database_counts {
    uint64_t commits;
    uint64_t failed_commits;
    uint64_t checkpoints;
    uint64_t commits_by_time[COMMIT_BOUND_COUNT + 1]; /* those that succeeded */
    uint64_t commit_us; /* all of them together */
};
struct database_counts database_get_counts(const struct database *database);

#endif
