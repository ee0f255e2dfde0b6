#include "store/identity.h"

#include "store/memory.h"
#include "store/random.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uthash.h>

/* One device: the public part first, then what ties it into the registry. */
struct entry {
    struct identity identity;
    struct entry *previous, *next; /* in the order of creation */
    UT_hash_handle by_id;
    bool seen; /* while the log is read again */
};

struct identity_registry {
    struct database *database;
    struct entry *by_id;
    struct entry *first, *last;
    uint64_t last_ticks; /* generation ids never repeat */
    struct policy policies[POLICY_COUNT];
    sqlite3_stmt *insert, *update, *remove, *select;
};

/* .NET ticks: 100 ns since the year 1. */
#define TICKS_AT_1970 621355968000000000ULL

/* ---- keys ---- */

bool key_parse(const char *base64, struct key *key)
{
    size_t length = strlen(base64);
    uint8_t bytes[96];
    if (length == 0 || length % 4 != 0 || length > KEY_TEXT_SIZE - 1) {
        return false;
    }
    int decoded = EVP_DecodeBlock(bytes, (const uint8_t *)base64, (int)length);
    if (decoded < 0) {
        return false;
    }
    decoded -= (base64[length - 1] == '=') + (base64[length - 2] == '=');
    bool fits = decoded >= KEY_MIN && decoded <= KEY_MAX;
    if (fits) {
        memcpy(key->bytes, bytes, (size_t)decoded);
        key->length = (size_t)decoded;
    }
    OPENSSL_cleanse(bytes, sizeof bytes);
    return fits;
}

void key_format(const struct key *key, char out[KEY_TEXT_SIZE])
{
    EVP_EncodeBlock((uint8_t *)out, key->bytes, (int)key->length);
}

struct key key_generate(void)
{
    struct key key = {.length = 32};
    random_fill(key.bytes, key.length);
    return key;
}

struct key key_derive(const char *device_id)
{
    static const char label[] = "devicebound device key";
    struct key key = {.length = 32};
    unsigned length = 0;
    HMAC(EVP_sha256(), label, sizeof label - 1, (const uint8_t *)device_id, strlen(device_id),
        key.bytes, &length);
    return key;
}

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

static struct entry *entry_find(struct identity_registry *registry, const char *device_id)
{
    struct entry *entry;
    HASH_FIND(by_id, registry->by_id, device_id, strlen(device_id), entry);
    return entry;
}

/* `previous` NULL: to the front. */
static void entry_link(
    struct identity_registry *registry, struct entry *entry, struct entry *previous)
{
    entry->previous = previous;
    entry->next = previous ? previous->next : registry->first;
    if (previous) {
        previous->next = entry;
    } else {
        registry->first = entry;
    }
    if (entry->next) {
        entry->next->previous = entry;
    } else {
        registry->last = entry;
    }
}

static struct entry *entry_add(struct identity_registry *registry, const char *device_id)
{
    struct entry *entry = memory_allocate(sizeof *entry);
    snprintf(entry->identity.is.device_id, sizeof entry->identity.is.device_id, "%s", device_id);
    HASH_ADD(by_id, registry->by_id, identity.is.device_id[0], strlen(entry->identity.is.device_id),
        entry);
    entry_link(registry, entry, registry->last);
    return entry;
}

static void entry_unlink(struct identity_registry *registry, struct entry *entry)
{
    if (entry->previous) {
        entry->previous->next = entry->next;
    } else {
        registry->first = entry->next;
    }
    if (entry->next) {
        entry->next->previous = entry->previous;
    } else {
        registry->last = entry->previous;
    }
}

static void entry_drop(struct identity_registry *registry, struct entry *entry)
{
    HASH_DELETE(by_id, registry->by_id, entry);
    entry_unlink(registry, entry);
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

/* Returns the entry, which then stands behind `previous`. */
static struct entry *read_row(
    struct identity_registry *registry, sqlite3_stmt *row, struct entry *previous)
{
    char device_id[DEVICE_ID_MAX + 1];
    read_text(row, 1, device_id, sizeof device_id);
    struct entry *entry = entry_find(registry, device_id);
    if (!entry) {
        entry = entry_add(registry, device_id);
    }
    entry_unlink(registry, entry);
    entry_link(registry, entry, previous);
    entry->seen = true;
    struct identity *identity = &entry->identity;
    identity->row = sqlite3_column_int64(row, 0);
    read_text(row, 2, identity->generation_id, sizeof identity->generation_id);
    identity->etag = (uint64_t)sqlite3_column_int64(row, 3);
    identity->is.enabled = sqlite3_column_int(row, 4);
    read_text(row, 5, identity->is.status_reason, sizeof identity->is.status_reason);
    identity->status_updated.us = sqlite3_column_int64(row, 6);
    identity->created.us = sqlite3_column_int64(row, 7);
    identity->is.authentication = (enum identity_authentication)sqlite3_column_int(row, 8);
    read_key(row, 9, &identity->is.primary);
    read_key(row, 10, &identity->is.secondary);
    read_text(row, 11, identity->is.primary_thumbprint, sizeof identity->is.primary_thumbprint);
    read_text(row, 12, identity->is.secondary_thumbprint, sizeof identity->is.secondary_thumbprint);
    identity->is.iot_edge = sqlite3_column_int(row, 13);
    uint64_t ticks = strtoull(identity->generation_id, NULL, 10);
    if (ticks > registry->last_ticks) {
        registry->last_ticks = ticks;
    }
    return entry;
}

/* Brings the index to what the log says, keeping the identities that are in both where they are:
 * others hold pointers to them. */
static void load(struct identity_registry *registry)
{
    for (struct entry *entry = registry->first; entry; entry = entry->next) {
        entry->seen = false;
    }
    struct entry *last = NULL;
    while (sqlite3_step(registry->select) == SQLITE_ROW) {
        last = read_row(registry, registry->select, last);
    }
    sqlite3_reset(registry->select);
    for (struct entry *entry = registry->first, *next; entry; entry = next) {
        next = entry->next;
        if (!entry->seen) {
            entry_drop(registry, entry);
        }
    }
}

static void undone(void *owner, const struct hub_error *failure)
{
    (void)failure;
    load(owner);
}

static const struct database_member member = {.undone = undone};

struct identity_registry *identity_registry_open(struct database *database)
{
    struct identity_registry *registry = memory_allocate(sizeof *registry);
    registry->database = database;
    make_policies(registry);
    registry->select = database_prepare(database,
        "SELECT row, device_id, generation_id, etag, enabled, status_reason, status_updated,"
        " created, authentication, primary_key, secondary_key, primary_thumbprint,"
        " secondary_thumbprint, iot_edge FROM device ORDER BY row");
    registry->insert = database_prepare(database,
        "INSERT INTO device (device_id, generation_id, etag, enabled, status_reason,"
        " status_updated, created, authentication, primary_key, secondary_key, primary_thumbprint,"
        " secondary_thumbprint, iot_edge) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
        " ?12, ?13)");
    registry->update = database_prepare(database,
        "UPDATE device SET generation_id = ?2, etag = ?3, enabled = ?4, status_reason = ?5,"
        " status_updated = ?6, created = ?7, authentication = ?8, primary_key = ?9,"
        " secondary_key = ?10, primary_thumbprint = ?11, secondary_thumbprint = ?12,"
        " iot_edge = ?13 WHERE device_id = ?1");
    registry->remove = database_prepare(database, "DELETE FROM device WHERE device_id = ?1");
    load(registry);
    database_join(database, &member, registry);
    return registry;
}

void identity_registry_free(struct identity_registry *registry)
{
    if (!registry) {
        return;
    }
    while (registry->first) {
        entry_drop(registry, registry->first);
    }
    OPENSSL_cleanse(registry, sizeof *registry);
    free(registry);
}

static void write_row(
    struct identity_registry *registry, sqlite3_stmt *write, const struct identity *identity)
{
    const struct identity_draft *is = &identity->is;
    const char *texts[] = {is->device_id, identity->generation_id};
    sqlite3_bind_text(write, 1, texts[0], -1, SQLITE_STATIC);
    sqlite3_bind_text(write, 2, texts[1], -1, SQLITE_STATIC);
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

struct identity *identity_find(struct identity_registry *registry, const char *device_id)
{
    struct entry *entry = entry_find(registry, device_id);
    return entry ? &entry->identity : NULL;
}

size_t identity_count(const struct identity_registry *registry)
{
    return HASH_CNT(by_id, registry->by_id);
}

struct identity *identity_next(struct identity_registry *registry, const struct identity *previous)
{
    struct entry *entry = previous ? ((const struct entry *)previous)->next : registry->first;
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

static enum hub_code check_condition(const struct identity *identity, const char *device_id,
    struct etag_condition condition, struct hub_error *error)
{
    if (!identity) {
        return hub_refuse(error, HUB_DEVICE_NOT_FOUND, "%s", device_id);
    }
    if (condition.match == ETAG_EXACT && condition.etag != identity->etag) {
        return hub_refuse(error, HUB_PRECONDITION_FAILED, "PreconditionFailed");
    }
    return HUB_OK;
}

/* A new device: its generation id is the time of its creation, made unique. */
static struct identity *begin(
    struct identity_registry *registry, const char *device_id, struct instant now)
{
    struct identity *identity = &entry_add(registry, device_id)->identity;
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
    enum hub_code code = check_draft(draft, error);
    if (code != HUB_OK) {
        return code;
    }
    struct identity *identity = identity_find(registry, draft->device_id);
    if (condition.match == ETAG_CREATE_ONLY) {
        if (identity) {
            return hub_refuse(error, HUB_DEVICE_ALREADY_EXISTS,
                "A device with ID '%s' is already registered.", draft->device_id);
        }
        identity = begin(registry, draft->device_id, now);
        apply(identity, draft);
        write_row(registry, registry->insert, identity);
        identity->row = sqlite3_last_insert_rowid(database_handle(registry->database));
    } else {
        code = check_condition(identity, draft->device_id, condition, error);
        if (code != HUB_OK) {
            return code;
        }
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

enum hub_code identity_delete(struct identity_registry *registry, const char *device_id,
    struct etag_condition condition, struct hub_error *error)
{
    if (condition.match == ETAG_CREATE_ONLY) {
        return hub_refuse(error, HUB_PRECONDITION_FAILED, "Etag missing");
    }
    struct entry *entry = entry_find(registry, device_id);
    enum hub_code code =
        check_condition(entry ? &entry->identity : NULL, device_id, condition, error);
    if (code != HUB_OK) {
        return code;
    }
    sqlite3_bind_text(registry->remove, 1, device_id, -1, SQLITE_TRANSIENT);
    database_run(registry->database, registry->remove);
    entry_drop(registry, entry);
    return HUB_OK;
}
