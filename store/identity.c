#include "store/identity.h"

#include "store/memory.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uthash.h>
#include <utlist.h>

/* One identity: the public part first, then what ties it into the registry. */
struct entry {
    struct identity identity;
    struct entry *prev, *next; /* of the devices, or of its device's modules, as created */
    struct entry *modules; /* of a device */
    size_t module_count;
    UT_hash_handle by_name;
    bool seen; /* while the log is read again */
};

struct identity_registry {
    struct database *database;
    struct entry *by_name;
    struct entry *devices;
    size_t device_count;
    uint64_t last_ticks; /* generation ids never repeat */
    struct policy policies[POLICY_COUNT];
    sqlite3_stmt *insert, *update, *remove, *select;
};

/* .NET ticks: 100 ns since the year 1. */
#define TICKS_AT_1970 621355968000000000ULL

/* ---- policies ---- */

void identity_set_policy_key(struct identity_registry *registry, const struct key *key)
{
    for (size_t i = 0; i < POLICY_COUNT; i++) {
        registry->policies[i].primary = *key;
        registry->policies[i].secondary = *key;
    }
}

static void make_policies(struct identity_registry *registry)
{
    static const struct {
        const char *name;
        unsigned permissions;
    } rows[POLICY_COUNT] = {
        {"iothubowner", PERMISSION_REGISTRY_READ | PERMISSION_REGISTRY_WRITE |
                            PERMISSION_SERVICE_CONNECT | PERMISSION_DEVICE_CONNECT},
        {"service", PERMISSION_SERVICE_CONNECT},
        {"device", PERMISSION_DEVICE_CONNECT},
        {"registryRead", PERMISSION_REGISTRY_READ},
        {"registryReadWrite", PERMISSION_REGISTRY_READ | PERMISSION_REGISTRY_WRITE},
    };
    for (size_t i = 0; i < POLICY_COUNT; i++) {
        registry->policies[i].name = rows[i].name;
        registry->policies[i].permissions = rows[i].permissions;
    }
    struct key key = key_generate();
    identity_set_policy_key(registry, &key);
}

const struct policy *identity_policy_at(const struct identity_registry *registry, size_t index)
{
    return index < POLICY_COUNT ? &registry->policies[index] : NULL;
}

const struct policy *identity_policy_find(
    const struct identity_registry *registry, const char *name)
{
    for (size_t i = 0; i < POLICY_COUNT; i++) {
        if (strcasecmp(registry->policies[i].name, name) == 0) {
            return &registry->policies[i];
        }
    }
    return NULL;
}

/* ---- the index ---- */

void identity_write_name(
    const char *device_id, const char *module_id, char out[IDENTITY_NAME_MAX + 1])
{
    bool is_module = module_id && module_id[0] != '\0';
    snprintf(out, IDENTITY_NAME_MAX + 1, "%s%s%s", device_id, is_module ? "/" : "",
        is_module ? module_id : "");
}

static struct entry *entry_find(struct identity_registry *registry, const char *name)
{
    struct entry *entry;
    HASH_FIND(by_name, registry->by_name, name, strlen(name), entry);
    return entry;
}

/* Under its name and, if that is a module's, under its device. */
static struct entry *entry_add(struct identity_registry *registry, const char *name)
{
    struct entry *entry = memory_allocate(sizeof *entry);
    struct identity *identity = &entry->identity;
    size_t device_length = strcspn(name, "/");
    snprintf(identity->name, sizeof identity->name, "%s", name);
    memcpy(identity->is.device_id, name, device_length);
    HASH_ADD(by_name, registry->by_name, identity.name[0], strlen(identity->name), entry);
    if (name[device_length] == '\0') {
        DL_APPEND(registry->devices, entry);
        registry->device_count++;
    } else {
        struct entry *device = entry_find(registry, identity->is.device_id);
        snprintf(
            identity->is.module_id, sizeof identity->is.module_id, "%s", name + device_length + 1);
        identity->device = &device->identity;
        DL_APPEND(device->modules, entry);
        device->module_count++;
    }
    return entry;
}

static void entry_drop(struct identity_registry *registry, struct entry *entry)
{
    while (entry->modules) {
        entry_drop(registry, entry->modules);
    }
    HASH_DELETE(by_name, registry->by_name, entry);
    if (entry->identity.device) {
        struct entry *device = entry_find(registry, entry->identity.is.device_id);
        DL_DELETE(device->modules, entry);
        device->module_count--;
    } else {
        DL_DELETE(registry->devices, entry);
        registry->device_count--;
    }
    OPENSSL_cleanse(entry, sizeof *entry);
    free(entry);
}

/* ---- the log ---- */

static void read_text(sqlite3_stmt *row, int column, char *out, size_t size)
{
    snprintf(out, size, "%s", (const char *)sqlite3_column_text(row, column));
}

static void read_key(sqlite3_stmt *row, int column, struct key *key)
{
    int length = sqlite3_column_bytes(row, column);
    key->length = length > KEY_MAX ? KEY_MAX : (size_t)length;
    if (key->length > 0) {
        memcpy(key->bytes, sqlite3_column_blob(row, column), key->length);
    }
}

static void read_draft(sqlite3_stmt *row, struct identity_draft *is)
{
    is->enabled = sqlite3_column_int(row, 4);
    read_text(row, 5, is->status_reason, sizeof is->status_reason);
    is->authentication = (enum identity_authentication)sqlite3_column_int(row, 8);
    read_key(row, 9, &is->primary);
    read_key(row, 10, &is->secondary);
    read_text(row, 11, is->primary_thumbprint, sizeof is->primary_thumbprint);
    read_text(row, 12, is->secondary_thumbprint, sizeof is->secondary_thumbprint);
    is->iot_edge = sqlite3_column_int(row, 13);
    read_text(row, 14, is->managed_by, sizeof is->managed_by);
}

static void read_row(struct identity_registry *registry, sqlite3_stmt *row)
{
    char name[IDENTITY_NAME_MAX + 1];
    read_text(row, 1, name, sizeof name);
    struct entry *entry = entry_find(registry, name);
    if (!entry) {
        entry = entry_add(registry, name);
    }
    entry->seen = true;
    struct identity *identity = &entry->identity;
    identity->row = sqlite3_column_int64(row, 0);
    read_text(row, 2, identity->generation_id, sizeof identity->generation_id);
    identity->etag = (uint64_t)sqlite3_column_int64(row, 3);
    identity->status_updated.us = sqlite3_column_int64(row, 6);
    identity->created.us = sqlite3_column_int64(row, 7);
    read_draft(row, &identity->is);
    uint64_t ticks = strtoull(identity->generation_id, NULL, 10);
    if (ticks > registry->last_ticks) {
        registry->last_ticks = ticks;
    }
}

static void drop_unseen(struct identity_registry *registry, struct entry *head)
{
    struct entry *entry, *next;
    DL_FOREACH_SAFE (head, entry, next) {
        if (!entry->seen) {
            entry_drop(registry, entry);
        } else {
            drop_unseen(registry, entry->modules);
        }
    }
}

static int compare_rows(const struct entry *a, const struct entry *b)
{
    return (a->identity.row > b->identity.row) - (a->identity.row < b->identity.row);
}

/* Brings the index to what the log says, keeping the identities that are in both where they are:
 * others hold pointers to them. A device's row comes before those of its modules. */
static void load(struct identity_registry *registry)
{
    struct entry *entry, *next;
    HASH_ITER (by_name, registry->by_name, entry, next) {
        entry->seen = false;
    }
    while (sqlite3_step(registry->select) == SQLITE_ROW) {
        read_row(registry, registry->select);
    }
    sqlite3_reset(registry->select);
    drop_unseen(registry, registry->devices);
    DL_SORT(registry->devices, compare_rows);
    DL_FOREACH (registry->devices, entry) {
        DL_SORT(entry->modules, compare_rows);
    }
}

static void undone(void *owner, const struct hub_error *failure)
{
    struct identity_registry *registry = owner;
    /* Other rows: nobody holds pointers, and the order is to be that of the rows. */
    while (!failure && registry->devices) {
        entry_drop(registry, registry->devices);
    }
    load(registry);
}

static const struct database_member member = {.undone = undone};

struct identity_registry *identity_registry_open(struct database *database)
{
    struct identity_registry *registry = memory_allocate(sizeof *registry);
    registry->database = database;
    make_policies(registry);
    registry->select = database_prepare(database,
        "SELECT row, name, generation_id, etag, enabled, status_reason, status_updated,"
        " created, authentication, primary_key, secondary_key, primary_thumbprint,"
        " secondary_thumbprint, iot_edge, managed_by FROM identity ORDER BY row");
    registry->insert = database_prepare(database,
        "INSERT INTO identity (name, generation_id, etag, enabled, status_reason,"
        " status_updated, created, authentication, primary_key, secondary_key, primary_thumbprint,"
        " secondary_thumbprint, iot_edge, managed_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
        " ?10, ?11, ?12, ?13, ?14)");
    registry->update = database_prepare(database,
        "UPDATE identity SET generation_id = ?2, etag = ?3, enabled = ?4, status_reason = ?5,"
        " status_updated = ?6, created = ?7, authentication = ?8, primary_key = ?9,"
        " secondary_key = ?10, primary_thumbprint = ?11, secondary_thumbprint = ?12,"
        " iot_edge = ?13, managed_by = ?14 WHERE name = ?1");
    registry->remove = database_prepare(database, "DELETE FROM identity WHERE name = ?1");
    load(registry);
    database_join(database, &member, registry);
    return registry;
}

void identity_registry_free(struct identity_registry *registry)
{
    if (!registry) {
        return;
    }
    while (registry->devices) {
        entry_drop(registry, registry->devices);
    }
    OPENSSL_cleanse(registry, sizeof *registry);
    free(registry);
}

static void write_row(
    struct identity_registry *registry, sqlite3_stmt *write, const struct identity *identity)
{
    const struct identity_draft *is = &identity->is;
    sqlite3_bind_text(write, 1, identity->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(write, 2, identity->generation_id, -1, SQLITE_STATIC);
    sqlite3_bind_int64(write, 3, (int64_t)identity->etag);
    sqlite3_bind_int(write, 4, is->enabled);
    sqlite3_bind_text(write, 5, is->status_reason, -1, SQLITE_STATIC);
    sqlite3_bind_int64(write, 6, identity->status_updated.us);
    sqlite3_bind_int64(write, 7, identity->created.us);
    sqlite3_bind_int(write, 8, (int)is->authentication);
    sqlite3_bind_blob(write, 9, is->primary.bytes, (int)is->primary.length, SQLITE_STATIC);
    sqlite3_bind_blob(write, 10, is->secondary.bytes, (int)is->secondary.length, SQLITE_STATIC);
    sqlite3_bind_text(write, 11, is->primary_thumbprint, -1, SQLITE_STATIC);
    sqlite3_bind_text(write, 12, is->secondary_thumbprint, -1, SQLITE_STATIC);
    sqlite3_bind_int(write, 13, is->iot_edge);
    sqlite3_bind_text(write, 14, is->managed_by, -1, SQLITE_STATIC);
    database_run(registry->database, write);
}

/* ---- finding ---- */

bool identity_id_is_valid(const char *device_id)
{
    size_t length = strlen(device_id);
    return length >= 1 && length <= DEVICE_ID_MAX &&
           strspn(device_id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                             "-:.+%_#*?!(),=@;$'") == length;
}

struct identity *identity_find_name(struct identity_registry *registry, const char *name)
{
    struct entry *entry = entry_find(registry, name);
    return entry ? &entry->identity : NULL;
}

struct identity *identity_find(struct identity_registry *registry, const char *device_id)
{
    struct identity *identity = identity_find_name(registry, device_id);
    return identity && !identity->device ? identity : NULL;
}

/* The ids may come from a peer: too long, or with a slash, they name nothing. */
struct identity *identity_find_module(
    struct identity_registry *registry, const char *device_id, const char *module_id)
{
    char name[IDENTITY_NAME_MAX + 1];
    if (!identity_id_is_valid(device_id) || !identity_id_is_valid(module_id)) {
        return NULL;
    }
    identity_write_name(device_id, module_id, name);
    return identity_find_name(registry, name);
}

bool identity_is_enabled(const struct identity *identity)
{
    return identity->device ? identity->device->is.enabled : identity->is.enabled;
}

size_t identity_count(const struct identity_registry *registry)
{
    return registry->device_count;
}

struct identity *identity_next(struct identity_registry *registry, const struct identity *previous)
{
    struct entry *entry = previous ? ((const struct entry *)previous)->next : registry->devices;
    return entry ? &entry->identity : NULL;
}

struct identity *identity_next_module(
    const struct identity *device, const struct identity *previous)
{
    const struct entry *of = (const struct entry *)device;
    struct entry *entry = previous ? ((const struct entry *)previous)->next : of->modules;
    return entry ? &entry->identity : NULL;
}

/* ---- changing ---- */

/* SHA-1 or SHA-256 in hex, without separators; "" is none. */
static bool thumbprint_is_valid(const char *thumbprint)
{
    size_t length = strlen(thumbprint);
    return (length == 0 || length == 40 || length == 64) &&
           strspn(thumbprint, "0123456789abcdefABCDEF") == length;
}

static enum hub_code check_draft(const struct identity_draft *draft, struct hub_error *error)
{
    if (!identity_id_is_valid(draft->device_id)) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID,
            "The device id is empty, longer than 128 characters, or has a character that is not"
            " allowed.");
    }
    if (draft->module_id[0] != '\0' && !identity_id_is_valid(draft->module_id)) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID,
            "The module id is longer than 128 characters or has a character that is not allowed.");
    }
    if (draft->module_id[0] == '\0' && draft->authentication == AUTHENTICATION_NONE) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID, "A device has to authenticate in some way.");
    }
    if ((draft->primary.length == 0) != (draft->secondary.length == 0)) {
        return hub_refuse(
            error, HUB_ARGUMENT_INVALID, "One symmetric key is given without the other.");
    }
    if (!thumbprint_is_valid(draft->primary_thumbprint) ||
        !thumbprint_is_valid(draft->secondary_thumbprint)) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID,
            "A thumbprint is not 40 or 64 hexadecimal digits without separators.");
    }
    return HUB_OK;
}

static enum hub_code refuse_missing(const char *name, struct hub_error *error)
{
    const char *slash = strchr(name, '/');
    if (!slash) {
        return hub_refuse(error, HUB_DEVICE_NOT_FOUND, "%s", name);
    }
    return hub_refuse(error, HUB_MODULE_NOT_FOUND, "Module %s of device %.*s is not registered.",
        slash + 1, (int)(slash - name), name);
}

static enum hub_code check_condition(const struct identity *identity, const char *name,
    struct etag_condition condition, struct hub_error *error)
{
    if (!identity) {
        return refuse_missing(name, error);
    }
    if (condition.match == ETAG_EXACT && condition.etag != identity->etag) {
        return hub_refuse(error, HUB_PRECONDITION_FAILED, "PreconditionFailed");
    }
    return HUB_OK;
}

/* A module needs its device, with room for one more. */
static enum hub_code check_new(struct identity_registry *registry,
    const struct identity_draft *draft, const char *name, struct hub_error *error)
{
    bool is_module = draft->module_id[0] != '\0';
    const struct entry *device = is_module ? entry_find(registry, draft->device_id) : NULL;
    if (is_module && !device) {
        return refuse_missing(draft->device_id, error);
    }
    if (entry_find(registry, name)) {
        return is_module ? hub_refuse(error, HUB_MODULE_ALREADY_EXISTS_ON_DEVICE,
                               "A module with ID '%s' is already registered on device '%s'.",
                               draft->module_id, draft->device_id)
                         : hub_refuse(error, HUB_DEVICE_ALREADY_EXISTS,
                               "A device with ID '%s' is already registered.", draft->device_id);
    }
    if (device && device->module_count >= MODULES_MAX) {
        return hub_refuse(error, HUB_TOO_MANY_MODULES_ON_DEVICE,
            "The device has %d modules already.", MODULES_MAX);
    }
    return HUB_OK;
}

/* A new identity: its generation id is the time of its creation, made unique. */
static struct identity *begin(
    struct identity_registry *registry, const char *name, struct instant now)
{
    struct identity *identity = &entry_add(registry, name)->identity;
    uint64_t ticks = (uint64_t)now.us * 10 + TICKS_AT_1970;
    if (ticks <= registry->last_ticks) {
        ticks = registry->last_ticks + 1;
    }
    registry->last_ticks = ticks;
    snprintf(identity->generation_id, sizeof identity->generation_id, "%" PRIu64, ticks);
    identity->created = now;
    return identity;
}

static void apply(struct identity *identity, const struct identity_draft *draft)
{
    identity->is = *draft;
    if (draft->authentication == AUTHENTICATION_SAS && draft->primary.length == 0) {
        identity->is.primary = key_generate();
        identity->is.secondary = key_generate();
    }
}

enum hub_code identity_put(struct identity_registry *registry, const struct identity_draft *draft,
    struct etag_condition condition, struct instant now, struct identity **out,
    struct hub_error *error)
{
    char name[IDENTITY_NAME_MAX + 1];
    bool is_new = condition.match == ETAG_CREATE_ONLY;
    enum hub_code code = check_draft(draft, error);
    if (code != HUB_OK) {
        return code;
    }
    identity_write_name(draft->device_id, draft->module_id, name);
    struct identity *identity = identity_find_name(registry, name);
    code = is_new ? check_new(registry, draft, name, error)
                  : check_condition(identity, name, condition, error);
    if (code != HUB_OK) {
        return code;
    }
    if (is_new) {
        identity = begin(registry, name, now);
        apply(identity, draft);
        write_row(registry, registry->insert, identity);
        identity->row = sqlite3_last_insert_rowid(database_handle(registry->database));
    } else {
        if (identity->is.enabled != draft->enabled) {
            identity->status_updated = now;
        }
        apply(identity, draft);
        identity->etag++;
        write_row(registry, registry->update, identity);
    }
    *out = identity;
    return HUB_OK;
}

static void remove_row(struct identity_registry *registry, const char *name)
{
    sqlite3_bind_text(registry->remove, 1, name, -1, SQLITE_TRANSIENT);
    database_run(registry->database, registry->remove);
}

enum hub_code identity_delete(struct identity_registry *registry, const char *name,
    struct etag_condition condition, struct hub_error *error)
{
    if (condition.match == ETAG_CREATE_ONLY) {
        return hub_refuse(error, HUB_PRECONDITION_FAILED, "Etag missing");
    }
    struct entry *entry = entry_find(registry, name), *module;
    enum hub_code code = check_condition(entry ? &entry->identity : NULL, name, condition, error);
    if (code != HUB_OK) {
        return code;
    }
    DL_FOREACH (entry->modules, module) {
        remove_row(registry, module->identity.name);
    }
    remove_row(registry, name);
    entry_drop(registry, entry);
    return HUB_OK;
}
