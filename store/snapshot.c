#include "store/snapshot.h"

#include "store/memory.h"

#include <dirent.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#define PATH_SIZE 4352
#define SUFFIX ".db"

/* One in memory. */
struct kept {
    struct snapshot_view view;
    sqlite3 *handle;
    struct kept *prev, *next;
};

struct snapshots {
    char *directory; /* NULL: in memory */
    struct kept *kept;
};

struct snapshots *snapshots_open(const char *path)
{
    struct snapshots *snapshots = memory_allocate(sizeof *snapshots);
    if (path) {
        size_t size = strlen(path) + sizeof "-snapshots";
        snapshots->directory = memory_allocate(size);
        snprintf(snapshots->directory, size, "%s-snapshots", path);
    }
    return snapshots;
}

static void drop(struct snapshots *snapshots, struct kept *kept)
{
    DL_DELETE(snapshots->kept, kept);
    sqlite3_close(kept->handle);
    free(kept);
}

void snapshots_free(struct snapshots *snapshots)
{
    if (snapshots) {
        while (snapshots->kept) {
            drop(snapshots, snapshots->kept);
        }
        free(snapshots->directory);
        free(snapshots);
    }
}

bool snapshot_name_is_valid(const char *name)
{
    static const char accepted[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t length = strlen(name);
    return length >= 1 && length <= SNAPSHOT_NAME_MAX && strspn(name, accepted) == length &&
           !strchr("-_.", name[0]);
}

/* ---- the clock within ---- */

static bool write_clock(sqlite3 *handle, const struct clock *clock)
{
    char *sql = sqlite3_mprintf("DELETE FROM clock; INSERT INTO clock VALUES (1, %lld, %d, %d)",
        (long long)clock_now(clock).us, clock_is_frozen(clock), clock_tokens_follow(clock));
    bool is_written = sqlite3_exec(handle, sql, NULL, NULL, NULL) == SQLITE_OK;
    sqlite3_free(sql);
    return is_written;
}

struct clock_row {
    struct instant now;
    bool frozen, tokens_follow;
};

/* Takes the row out, since a hub's own file has none. */
static bool take_clock(sqlite3 *handle, struct clock_row *row)
{
    sqlite3_stmt *select = NULL;
    bool found = sqlite3_prepare_v2(handle, "SELECT now, frozen, tokens_follow FROM clock", -1,
                     &select, NULL) == SQLITE_OK &&
                 sqlite3_step(select) == SQLITE_ROW;
    if (found) {
        row->now.us = sqlite3_column_int64(select, 0);
        row->frozen = sqlite3_column_int(select, 1);
        row->tokens_follow = sqlite3_column_int(select, 2);
    }
    sqlite3_finalize(select);
    return found && sqlite3_exec(handle, "DELETE FROM clock", NULL, NULL, NULL) == SQLITE_OK;
}

static void set_clock(struct clock *clock, const struct clock_row *row)
{
    clock_reset(clock);
    clock_set(clock, row->now);
    if (row->frozen) {
        clock_freeze(clock);
        clock_set(clock, row->now);
    }
    clock_let_tokens_follow(clock, row->tokens_follow);
}

/* ---- files ---- */

static void write_path(
    const struct snapshots *snapshots, const char *name, const char *suffix, char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s/%s%s", snapshots->directory, name, suffix);
}

static bool view_file(
    const struct snapshots *snapshots, const char *name, struct snapshot_view *view)
{
    char path[PATH_SIZE];
    struct stat found;
    write_path(snapshots, name, SUFFIX, path);
    if (!snapshot_name_is_valid(name) || stat(path, &found) != 0) {
        return false;
    }
    *view = (struct snapshot_view){.size = (size_t)found.st_size};
    view->saved.us = (int64_t)found.st_mtim.tv_sec * 1000000 + found.st_mtim.tv_nsec / 1000;
    snprintf(view->name, sizeof view->name, "%s", name);
    return true;
}

/* The first file whose name is above `after`. */
static bool next_file(
    const struct snapshots *snapshots, const char *after, struct snapshot_view *view)
{
    char name[SNAPSHOT_NAME_MAX + 1], first[SNAPSHOT_NAME_MAX + 1] = "";
    DIR *directory = opendir(snapshots->directory);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        size_t length = strlen(entry->d_name);
        size_t suffix = sizeof SUFFIX - 1;
        if (length <= suffix || length - suffix > SNAPSHOT_NAME_MAX ||
            strcmp(entry->d_name + length - suffix, SUFFIX) != 0) {
            continue;
        }
        snprintf(name, sizeof name, "%.*s", (int)(length - suffix), entry->d_name);
        if (strcmp(name, after) > 0 && (!first[0] || strcmp(name, first) < 0)) {
            memcpy(first, name, sizeof first);
        }
    }
    if (directory) {
        closedir(directory);
    }
    return first[0] && (view_file(snapshots, first, view) || next_file(snapshots, first, view));
}

static bool write_file(struct snapshots *snapshots, const char *name, sqlite3 *from)
{
    char path[PATH_SIZE], temporary[PATH_SIZE];
    sqlite3 *file = NULL;
    write_path(snapshots, name, SUFFIX, path);
    write_path(snapshots, name, ".tmp", temporary);
    unlink(temporary);
    bool is_written = (mkdir(snapshots->directory, 0700) == 0 || errno == EEXIST) &&
                      sqlite3_open_v2(temporary, &file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                          NULL) == SQLITE_OK &&
                      database_copy(file, from);
    return sqlite3_close(file) == SQLITE_OK && is_written && rename(temporary, path) == 0;
}

/* ---- saving ---- */

static struct kept *find(const struct snapshots *snapshots, const char *name)
{
    struct kept *kept;
    DL_FOREACH (snapshots->kept, kept) {
        if (strcmp(kept->view.name, name) == 0) {
            return kept;
        }
    }
    return NULL;
}

static bool exists(struct snapshots *snapshots, const char *name)
{
    struct snapshot_view view;
    return snapshots->directory ? view_file(snapshots, name, &view) : find(snapshots, name) != NULL;
}

static size_t count_all(struct snapshots *snapshots)
{
    struct snapshot_view view = {.name = ""};
    size_t count = 0;
    while (snapshots_next(snapshots, view.name, &view)) {
        count++;
    }
    return count;
}

static size_t size_of(sqlite3 *handle)
{
    sqlite3_stmt *select = NULL;
    size_t size = 0;
    sqlite3_prepare_v2(handle,
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", -1, &select,
        NULL);
    if (sqlite3_step(select) == SQLITE_ROW) {
        size = (size_t)sqlite3_column_int64(select, 0);
    }
    sqlite3_finalize(select);
    return size;
}

/* Takes `handle`. */
static void keep(struct snapshots *snapshots, const char *name, sqlite3 *handle)
{
    struct kept *kept = find(snapshots, name);
    if (kept) {
        drop(snapshots, kept);
    }
    kept = memory_allocate(sizeof *kept);
    kept->handle = handle;
    kept->view.saved = clock_machine_now();
    kept->view.size = size_of(handle);
    snprintf(kept->view.name, sizeof kept->view.name, "%s", name);
    DL_APPEND(snapshots->kept, kept);
}

/* A copy in memory, the first step of both ways. NULL: it cannot be made. */
static sqlite3 *copy_of(sqlite3 *from)
{
    sqlite3 *copy = NULL;
    if (sqlite3_open(":memory:", &copy) != SQLITE_OK || !database_copy(copy, from)) {
        sqlite3_close(copy);
        return NULL;
    }
    return copy;
}

enum hub_code snapshot_save(struct snapshots *snapshots, const char *name,
    struct database *database, const struct clock *clock, struct hub_error *error)
{
    if (!snapshot_name_is_valid(name)) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID,
            "The name of a snapshot is 1 to 64 letters, digits and - _ . after the first.");
    }
    if (!exists(snapshots, name) && count_all(snapshots) >= SNAPSHOTS_MAX) {
        return hub_refuse(
            error, HUB_IOT_HUB_QUOTA_EXCEEDED, "There are %d snapshots already.", SNAPSHOTS_MAX);
    }
    sqlite3 *copy = copy_of(database_handle(database));
    bool is_saved = copy && write_clock(copy, clock) &&
                    (!snapshots->directory || write_file(snapshots, name, copy));
    if (is_saved && !snapshots->directory) {
        keep(snapshots, name, copy);
    } else {
        sqlite3_close(copy);
    }
    return is_saved ? HUB_OK
                    : hub_refuse(error, HUB_SERVER_ERROR, "The snapshot could not be written.");
}

/* ---- restoring ---- */

/* A copy of the snapshot, with this version's schema. NULL: refused. */
static sqlite3 *read_copy(struct snapshots *snapshots, const char *name, struct hub_error *error)
{
    char path[PATH_SIZE];
    sqlite3 *file = NULL, *copy = NULL;
    if (snapshots->directory) {
        write_path(snapshots, name, SUFFIX, path);
        if (sqlite3_open_v2(path, &file, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK) {
            copy = copy_of(file);
        }
        sqlite3_close(file);
    } else {
        copy = copy_of(find(snapshots, name)->handle);
    }
    if (!copy) {
        hub_refuse(error, HUB_SERVER_ERROR, "The snapshot cannot be read.");
    } else if (database_adopt(copy, name, error) != HUB_OK) {
        sqlite3_close(copy);
        copy = NULL;
    }
    return copy;
}

enum hub_code snapshot_restore(struct snapshots *snapshots, const char *name,
    struct database *database, struct clock *clock, struct hub_error *error)
{
    struct clock_row row = {0};
    if (!exists(snapshots, name)) {
        return hub_refuse(error, HUB_GENERIC_NOT_FOUND, "There is no snapshot \"%.64s\".", name);
    }
    sqlite3 *copy = read_copy(snapshots, name, error);
    if (!copy) {
        return HUB_SERVER_ERROR;
    }
    enum hub_code code = take_clock(copy, &row)
                             ? database_replace(database, copy, error)
                             : hub_refuse(error, HUB_SERVER_ERROR, "The snapshot has no clock.");
    sqlite3_close(copy);
    if (code == HUB_OK) {
        set_clock(clock, &row);
    }
    return code;
}

/* ---- the list ---- */

bool snapshot_remove(struct snapshots *snapshots, const char *name)
{
    char path[PATH_SIZE];
    if (!exists(snapshots, name)) {
        return false;
    }
    if (!snapshots->directory) {
        drop(snapshots, find(snapshots, name));
        return true;
    }
    write_path(snapshots, name, SUFFIX, path);
    return unlink(path) == 0;
}

bool snapshots_next(struct snapshots *snapshots, const char *after, struct snapshot_view *view)
{
    const struct kept *kept, *first = NULL;
    if (snapshots->directory) {
        return next_file(snapshots, after, view);
    }
    DL_FOREACH (snapshots->kept, kept) {
        if (strcmp(kept->view.name, after) > 0 &&
            (!first || strcmp(kept->view.name, first->view.name) < 0)) {
            first = kept;
        }
    }
    if (first) {
        *view = first->view;
    }
    return first != NULL;
}
