#include "store/twin.h"

#include "store/memory.h"
#include "store/twin_document.h"

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
    twins->select = database_prepare(database,
        "SELECT etag, version, tags, desired, desired_metadata, desired_version, reported,"
        " reported_metadata, reported_version FROM twin WHERE device = ?1");
    twins->put = database_prepare(database,
        "INSERT OR REPLACE INTO twin (device, etag, version, tags, desired, desired_metadata,"
        " desired_version, reported, reported_metadata, reported_version)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
    twins->forget = database_prepare(database, "DELETE FROM twin WHERE device = ?1");
    return twins;
}

void twins_free(struct twins *twins)
{
    free(twins);
}

/* ---- rows ---- */

/* What cannot be read, which no version has written, is empty. */
static json_t *read_json(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    json_t *json = text ? json_loads(text, 0, NULL) : NULL;
    return json ? json : document_some(json_object());
}

static struct twin_properties read_properties(sqlite3_stmt *row, int column)
{
    return (struct twin_properties){.values = read_json(row, column),
        .metadata = read_json(row, column + 1),
        .version = (uint64_t)sqlite3_column_int64(row, column + 2)};
}

static struct twin_properties no_properties(void)
{
    return (struct twin_properties){document_some(json_object()), document_some(json_object()), 1};
}

struct twin twins_load(struct twins *twins, int64_t row)
{
    struct twin twin;
    sqlite3_bind_int64(twins->select, 1, row);
    if (sqlite3_step(twins->select) == SQLITE_ROW) {
        twin = (struct twin){.etag = (uint64_t)sqlite3_column_int64(twins->select, 0),
            .version = (uint64_t)sqlite3_column_int64(twins->select, 1),
            .tags = read_json(twins->select, 2),
            .desired = read_properties(twins->select, 3),
            .reported = read_properties(twins->select, 6)};
    } else {
        twin = (struct twin){.etag = 1,
            .version = 2,
            .tags = document_some(json_object()),
            .desired = no_properties(),
            .reported = no_properties()};
    }
    sqlite3_reset(twins->select);
    return twin;
}

static void properties_release(struct twin_properties *properties)
{
    json_decref(properties->values);
    json_decref(properties->metadata);
}

void twin_release(struct twin *twin)
{
    json_decref(twin->tags);
    properties_release(&twin->desired);
    properties_release(&twin->reported);
}

static void bind_json(sqlite3_stmt *statement, int parameter, const json_t *json)
{
    sqlite3_bind_text(statement, parameter, document_dump(json), -1, free);
}

static void bind_properties(
    sqlite3_stmt *statement, int parameter, const struct twin_properties *properties)
{
    bind_json(statement, parameter, properties->values);
    bind_json(statement, parameter + 1, properties->metadata);
    sqlite3_bind_int64(statement, parameter + 2, (int64_t)properties->version);
}

static enum hub_code check_size(
    const json_t *json, size_t limit, const char *what, struct hub_error *error)
{
    size_t size = document_size(json);
    if (size > limit) {
        return hub_refuse(error, HUB_MESSAGE_TOO_LARGE,
            "The %s would take %zu bytes; %zu is the limit.", what, size, limit);
    }
    return HUB_OK;
}

static enum hub_code check_sizes(const struct twin *twin, struct hub_error *error)
{
    enum hub_code code = check_size(twin->tags, TWIN_TAGS_SIZE_MAX, "tags", error);
    if (code == HUB_OK) {
        code = check_size(twin->desired.values, TWIN_SIZE_MAX, "desired properties", error);
    }
    return code == HUB_OK
               ? check_size(twin->reported.values, TWIN_SIZE_MAX, "reported properties", error)
               : code;
}

/* One more version of the whole. */
static void write(struct twins *twins, int64_t row, struct twin *twin)
{
    sqlite3_bind_int64(twins->put, 1, row);
    sqlite3_bind_int64(twins->put, 2, (int64_t)twin->etag);
    sqlite3_bind_int64(twins->put, 3, (int64_t)++twin->version);
    bind_json(twins->put, 4, twin->tags);
    bind_properties(twins->put, 5, &twin->desired);
    bind_properties(twins->put, 8, &twin->reported);
    database_run(twins->database, twins->put);
}

void twins_forget(struct twins *twins, int64_t row)
{
    sqlite3_bind_int64(twins->forget, 1, row);
    database_run(twins->database, twins->forget);
}

/* ---- devices ---- */

static json_t *write_for_device(const struct twin_properties *properties)
{
    document_set(properties->values, "$version", json_integer((json_int_t)properties->version));
    return json_incref(properties->values);
}

char *twins_read(struct twins *twins, int64_t row)
{
    struct twin twin = twins_load(twins, row);
    json_t *both = document_some(json_object());
    document_set(both, "desired", write_for_device(&twin.desired));
    document_set(both, "reported", write_for_device(&twin.reported));
    char *text = document_dump(both);
    json_decref(both);
    twin_release(&twin);
    return text;
}

/* `patch` is one that document_check has passed. */
static void change_properties(
    struct twin_properties *properties, json_t *patch, struct instant now, bool stamps_version)
{
    properties->version++;
    document_merge(properties->values, patch);
    document_stamp(properties->metadata, patch, now, stamps_version ? properties->version : 0);
}

enum hub_code twins_report(struct twins *twins, int64_t row, struct text patch, struct instant now,
    uint64_t *version, struct hub_error *error)
{
    json_t *change = patch.length > 0 ? json_loadb(patch.bytes, patch.length, 0, NULL) : NULL;
    enum hub_code code = json_is_object(change)
                             ? document_check(change, error)
                             : hub_refuse(error, HUB_DESERIALIZATION_ERROR, NULL);
    if (code == HUB_OK) {
        struct twin twin = twins_load(twins, row);
        change_properties(&twin.reported, change, now, false);
        *version = twin.reported.version;
        code = check_sizes(&twin, error);
        if (code == HUB_OK) {
            write(twins, row, &twin);
        }
        twin_release(&twin);
    }
    json_decref(change);
    return code;
}

/* ---- services ---- */

/* The member of the patch that has to be an object, as a copy without what the hub itself writes;
 * `*patch` NULL: there is none. */
static enum hub_code take_part(
    const json_t *from, const char *name, json_t **patch, struct hub_error *error)
{
    const json_t *value = json_object_get(from, name);
    *patch = NULL;
    if (!value || json_is_null(value)) {
        return HUB_OK;
    }
    if (!json_is_object(value)) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID, "%s is not a JSON object.", name);
    }
    json_t *copy = document_some(json_copy((json_t *)value));
    json_object_del(copy, "$metadata");
    json_object_del(copy, "$version");
    enum hub_code code = document_check(copy, error);
    if (code == HUB_OK) {
        *patch = copy;
    } else {
        json_decref(copy);
    }
    return code;
}

/* Whether all of a part goes first: it is replaced, or null. */
static bool is_emptied(const json_t *from, const char *name, enum twin_change change)
{
    return change == TWIN_REPLACE || json_is_null(json_object_get(from, name));
}

static void apply(struct twin *twin, const json_t *patch, json_t *tags, json_t *desired,
    enum twin_change change, struct instant now)
{
    const json_t *properties = json_object_get(patch, "properties");
    bool empties_desired = is_emptied(properties, "desired", change);
    twin->etag++;
    if (is_emptied(patch, "tags", change)) {
        json_object_clear(twin->tags);
    }
    if (tags) {
        document_merge(twin->tags, tags);
    }
    if (empties_desired) {
        json_object_clear(twin->desired.values);
        json_object_clear(twin->desired.metadata);
    }
    if (desired || empties_desired) {
        change_properties(&twin->desired, desired, now, true);
    }
}

/* `twin` becomes what it would be, and is to be released whatever the answer. */
static enum hub_code try_change(struct twin *twin, const json_t *patch, enum twin_change change,
    struct instant now, struct hub_error *error)
{
    const json_t *properties = json_object_get(patch, "properties");
    json_t *tags = NULL, *desired = NULL;
    if (!json_is_object(patch) ||
        (properties && !json_is_null(properties) && !json_is_object(properties))) {
        return hub_refuse(
            error, HUB_ARGUMENT_INVALID, "The twin, or its properties, is not a JSON object.");
    }
    enum hub_code code = take_part(patch, "tags", &tags, error);
    if (code == HUB_OK) {
        code = take_part(properties, "desired", &desired, error);
    }
    if (code == HUB_OK) {
        apply(twin, patch, tags, desired, change, now);
        code = check_sizes(twin, error);
    }
    json_decref(tags);
    json_decref(desired);
    return code;
}

enum hub_code twins_change(struct twins *twins, int64_t row, const json_t *patch,
    enum twin_change change, struct instant now, struct hub_error *error)
{
    struct twin twin = twins_load(twins, row);
    enum hub_code code = try_change(&twin, patch, change, now, error);
    if (code == HUB_OK) {
        write(twins, row, &twin);
    }
    twin_release(&twin);
    return code;
}

enum hub_code twins_check(struct twins *twins, int64_t row, const json_t *patch,
    enum twin_change change, struct hub_error *error)
{
    struct twin twin = twins_load(twins, row);
    enum hub_code code = try_change(&twin, patch, change, (struct instant){0}, error);
    twin_release(&twin);
    return code;
}
