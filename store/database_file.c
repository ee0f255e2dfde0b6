#include "store/database_file.h"

#include "store/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define APPLICATION_ID 0x64766263 /* "dvbc", in the file's header */

enum hub_code database_file_refuse(struct hub_error *error, const char *name, const char *why)
{
    return hub_refuse(error, HUB_SERVER_ERROR, "the database %s %s", name, why);
}

static bool execute(sqlite3 *handle, const char *sql)
{
    return sqlite3_exec(handle, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* The first column of the first row, as a number. */
static bool query_number(sqlite3 *handle, const char *sql, int64_t *value)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(handle, sql, -1, &statement, NULL) != SQLITE_OK) {
        return false;
    }
    bool found = sqlite3_step(statement) == SQLITE_ROW;
    *value = found ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    return found;
}

static int newest_version(void)
{
    int version = 0;
    for (const struct schema_file *file = schema_files; file->version; file++) {
        version = file->version;
    }
    return version;
}

enum hub_code database_file_check(sqlite3 *handle, const char *name, struct hub_error *error)
{
    int64_t application, version, pages, sound = 0;
    if (!query_number(handle, "PRAGMA page_count", &pages) ||
        !query_number(handle, "PRAGMA application_id", &application) ||
        !query_number(handle, "PRAGMA user_version", &version)) {
        return database_file_refuse(
            error, name, "is damaged, or no database at all; it was left as it is");
    }
    if (pages == 0) {
        return HUB_OK;
    }
    if (application != APPLICATION_ID) {
        return database_file_refuse(
            error, name, "was not made by devicebound; it was left as it is");
    }
    if (version > newest_version()) {
        return database_file_refuse(
            error, name, "was made by a newer version of devicebound; it was left as it is");
    }
    if (!query_number(handle, "SELECT quick_check = 'ok' FROM pragma_quick_check(1)", &sound) ||
        !sound) {
        return database_file_refuse(error, name, "is damaged; it was left as it is");
    }
    return HUB_OK;
}

enum hub_code database_file_inspect(const char *path, struct hub_error *error)
{
    if (access(path, F_OK) != 0) {
        return HUB_OK;
    }
    if (access(path, R_OK | W_OK) != 0) {
        return database_file_refuse(error, path, "cannot be read and written");
    }
    sqlite3 *handle;
    enum hub_code code = HUB_OK;
    if (sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        code = database_file_refuse(error, path, sqlite3_errmsg(handle));
    } else {
        /* The log of a killed server must survive this look at it. */
        sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        code = database_file_check(handle, path, error);
    }
    sqlite3_close(handle);
    return code;
}

enum hub_code database_file_lock(const char *path, int *descriptor, struct hub_error *error)
{
    char *name = sqlite3_mprintf("%s-lock", path);
    *descriptor = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    sqlite3_free(name);
    if (*descriptor < 0) {
        return hub_refuse(error, HUB_SERVER_ERROR, "the database %s cannot be written: %s", path,
            strerror(errno));
    }
    if (flock(*descriptor, LOCK_EX | LOCK_NB) != 0) {
        return database_file_refuse(error, path, "is in use by another devicebound");
    }
    return HUB_OK;
}

bool database_file_migrate(sqlite3 *handle)
{
    int64_t version;
    if (!query_number(handle, "PRAGMA user_version", &version)) {
        return false;
    }
    for (const struct schema_file *file = schema_files; file->version; file++) {
        if (file->version <= version) {
            continue;
        }
        char *mark = sqlite3_mprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
            APPLICATION_ID, file->version);
        bool applied =
            execute(handle, "BEGIN") && execute(handle, file->sql) && execute(handle, mark);
        sqlite3_free(mark);
        if (!applied) {
            return false;
        }
    }
    return true;
}
