#include "store/twin.h"

#include "store/memory.h"

#include <jansson.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

struct twins {
    struct database *database;
    sqlite3_stmt *select, *put, *forget;
};

struct twins *twins_open(struct database *database)
{
    struct twins *twins = memory_allocate(sizeof *twins);
    twins->database = database;
    twins->select =
        database_prepare(database, "SELECT reported, version FROM twin WHERE device = ?1");
    twins->put = database_prepare(
        database, "INSERT OR REPLACE INTO twin (device, reported, version) VALUES (?1, ?2, ?3)");
    twins->forget = database_prepare(database, "DELETE FROM twin WHERE device = ?1");
    return twins;
}

void twins_free(struct twins *twins)
{
    free(twins);
}

/* ---- JSON ---- */

/* jansson reports a lack of memory by NULL; the store does not go on without it. */
static json_t *some(json_t *json)
{
    if (!json) {
        abort();
    }
    return json;
}

static void set(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new_nocheck(object, name, some(value)) != 0) {
        abort();
    }
}

static bool name_is_valid(const char *name)
{
    for (const unsigned char *at = (const unsigned char *)name; *at; at++) {
        if (*at <= ' ' || *at == 0x7f || *at == '.' || *at == '$') {
            return false;
        }
    }
    return *name != 0;
}

/* `depth`: levels that may still be opened below this value. */
static enum hub_code check(const json_t *value, int depth, struct hub_error *error)
{
    if (!json_is_object(value) && !json_is_array(value)) {
        return HUB_OK;
    }
    if (depth == 0) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID,
            "The reported properties are nested deeper than %d levels.", TWIN_DEPTH_MAX);
    }
    enum hub_code code = HUB_OK;
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)value, name, member)
    {
        if (!name_is_valid(name)) {
            return hub_refuse(error, HUB_ARGUMENT_INVALID,
                "A property name is empty or has a dot, a dollar sign, a space or a control"
                " character.");
        }
        code = check(member, depth - 1, error);
        if (code != HUB_OK) {
            return code;
        }
    }
    size_t index;
    json_array_foreach(value, index, member)
    {
        code = check(member, depth - 1, error);
        if (code != HUB_OK) {
            return code;
        }
    }
    return HUB_OK;
}

/* RFC 7396, section 2; `target` is an object. Its depth is bounded by check(). */
static void merge(json_t *target, json_t *patch)
{
    const char *name;
    json_t *value;
    json_object_foreach(patch, name, value)
    {
        if (json_is_null(value)) {
            json_object_del(target, name);
        } else if (!json_is_object(value)) {
            set(target, name, json_incref(value));
        } else {
            if (!json_is_object(json_object_get(target, name))) {
                set(target, name, json_object());
            }
            merge(json_object_get(target, name), value);
        }
    }
}

/* ---- rows ---- */

/* Returns the reported properties, owned. */
static json_t *read_reported(struct twins *twins, int64_t device, uint64_t *version)
{
    json_t *reported = NULL;
    *version = 1;
    sqlite3_bind_int64(twins->select, 1, device);
    if (sqlite3_step(twins->select) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(twins->select, 0);
        *version = (uint64_t)sqlite3_column_int64(twins->select, 1);
        reported = json_loads(text, 0, NULL);
    }
    sqlite3_reset(twins->select);
    return reported ? reported : some(json_object());
}

char *twins_read(struct twins *twins, int64_t device)
{
    uint64_t version;
    json_t *reported = read_reported(twins, device, &version);
    set(reported, "$version", json_integer((json_int_t)version));
    json_t *desired = some(json_object());
    set(desired, "$version", json_integer(1));
    json_t *twin = some(json_object());
    set(twin, "desired", desired);
    set(twin, "reported", reported);
    char *text = json_dumps(twin, JSON_COMPACT);
    if (!text) {
        abort();
    }
    json_decref(twin);
    return text;
}

static enum hub_code write_reported(struct twins *twins, int64_t device, const json_t *reported,
    uint64_t version, struct hub_error *error)
{
    char *text = json_dumps(reported, JSON_COMPACT);
    if (!text) {
        abort();
    }
    size_t length = strlen(text);
    enum hub_code code = HUB_OK;
    if (length > TWIN_SIZE_MAX) {
        code = hub_refuse(error, HUB_MESSAGE_TOO_LARGE,
            "The reported properties would take %zu bytes; %d is the limit.", length,
            TWIN_SIZE_MAX);
    } else {
        sqlite3_bind_int64(twins->put, 1, device);
        sqlite3_bind_text(twins->put, 2, text, (int)length, SQLITE_TRANSIENT);
        sqlite3_bind_int64(twins->put, 3, (int64_t)version);
        database_run(twins->database, twins->put);
    }
    free(text);
    return code;
}

enum hub_code twins_report(struct twins *twins, int64_t device, struct text patch,
    uint64_t *version, struct hub_error *error)
{
    json_t *change = patch.length > 0 ? json_loadb(patch.bytes, patch.length, 0, NULL) : NULL,
           *reported = NULL;
    enum hub_code code;
    if (!json_is_object(change)) {
        code = hub_refuse(error, HUB_DESERIALIZATION_ERROR, NULL);
        goto cleanup;
    }
    code = check(change, TWIN_DEPTH_MAX, error);
    if (code != HUB_OK) {
        goto cleanup;
    }
    reported = read_reported(twins, device, version);
    merge(reported, change);
    code = write_reported(twins, device, reported, ++*version, error);
cleanup:
    json_decref(reported);
    json_decref(change);
    return code;
}

void twins_forget(struct twins *twins, int64_t device)
{
    sqlite3_bind_int64(twins->forget, 1, device);
    database_run(twins->database, twins->forget);
}
