/*
 * The identity registry: devices and their modules with keys, thumbprints, status, generation id
 * and ETag, and the hub's shared access policies. All in memory; each change is a row of the open
 * commit group.
 *
 * An identity is known by its name: "device" or "device/module". No id has a slash, so no two
 * identities share a name.
 *
 * Callers that delete or disable a device go through store/hub, which ends its queue and tells who
 * is connected. Belongs to the loop's thread.
 *
 * Sources: learn.microsoft.com, "Understand the identity registry" and "Control access to IoT Hub
 * by using shared access signatures"; REST reference of Devices and Modules - Create Or Update
 * Identity.
 */
#ifndef DEVICEBOUND_STORE_IDENTITY_H
#define DEVICEBOUND_STORE_IDENTITY_H

#include "store/clock.h"
#include "store/database.h"
#include "store/error.h"
#include "store/key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_ID_MAX 128 /* of a module's id as well */
#define IDENTITY_NAME_MAX (2 * DEVICE_ID_MAX + 1)
#define MODULES_MAX 50 /* of one device */
#define STATUS_REASON_MAX 128
#define THUMBPRINT_MAX 64 /* hex digits: SHA-1 has 40, SHA-256 has 64 */

enum identity_authentication {
    AUTHENTICATION_SAS,
    AUTHENTICATION_SELF_SIGNED,
    AUTHENTICATION_CA,
    AUTHENTICATION_NONE /* of modules only: it cannot connect */
};

/* What a caller wants a device or a module to be. */
struct identity_draft {
    char device_id[DEVICE_ID_MAX + 1];
    char module_id[DEVICE_ID_MAX + 1]; /* "": the device itself */
    char managed_by[DEVICE_ID_MAX + 1]; /* of modules; "": null */
    bool enabled; /* a module has no status of its own: true */
    char status_reason[STATUS_REASON_MAX + 1]; /* "": null */
    enum identity_authentication authentication;
    struct key primary, secondary; /* both absent: new ones are made, for type sas */
    char primary_thumbprint[THUMBPRINT_MAX + 1], secondary_thumbprint[THUMBPRINT_MAX + 1];
    bool iot_edge; /* kept, without effect */
};

/* A registered device or module. */
struct identity {
    int64_t row; /* never reused: what is created anew has another */
    char name[IDENTITY_NAME_MAX + 1];
    const struct identity *device; /* of a module; NULL for a device */
    struct identity_draft is;
    char generation_id[24]; /* .NET ticks of its creation, as decimal */
    uint64_t etag; /* rises by one per write */
    struct instant status_updated; /* 0: never */
    struct instant created;
    /* Run-time marks of protocols/session; not stored. */
    uint32_t connections;
    struct instant connection_updated, last_activity; /* 0: never */
};

/* If-Match of a request. */
enum etag_match {
    ETAG_CREATE_ONLY,
    ETAG_ANY,
    ETAG_EXACT
};
struct etag_condition {
    enum etag_match match;
    uint64_t etag; /* of ETAG_EXACT */
};

struct identity_registry;

/* Loads everything. Borrows `database` until freed. Returns owned. */
struct identity_registry *identity_registry_open(struct database *database);
void identity_registry_free(struct identity_registry *registry);

/* 1 to 128 of letters, digits and - : . + % _ # * ? ! ( ) , = @ ; $ '; of modules as well. */
bool identity_id_is_valid(const char *device_id);

/* "device" for `module_id` NULL or "", else "device/module". */
void identity_write_name(
    const char *device_id, const char *module_id, char out[IDENTITY_NAME_MAX + 1]);

/* The device of that id, or the identity of that name. Return borrowed until it is deleted; NULL
 * when there is none. Ids are case-sensitive. */
struct identity *identity_find(struct identity_registry *registry, const char *device_id);
struct identity *identity_find_module(
    struct identity_registry *registry, const char *device_id, const char *module_id);
struct identity *identity_find_name(struct identity_registry *registry, const char *name);

/* Whether it may be spoken to and for: itself, or its device, is enabled. */
bool identity_is_enabled(const struct identity *identity);

/* Creates (ETAG_CREATE_ONLY) or replaces the whole of a device or module. Errors: ARGUMENT_INVALID
 * (id, one key without the other, thumbprint), DEVICE_ALREADY_EXISTS, MODULE_ALREADY_EXISTS_ON_
 * DEVICE, TOO_MANY_MODULES_ON_DEVICE, DEVICE_NOT_FOUND, MODULE_NOT_FOUND, PRECONDITION_FAILED.
 * `*out` borrows as identity_find. */
enum hub_code identity_put(struct identity_registry *registry, const struct identity_draft *draft,
    struct etag_condition condition, struct instant now, struct identity **out,
    struct hub_error *error);

/* A device goes with its modules. Errors: DEVICE_NOT_FOUND, MODULE_NOT_FOUND, PRECONDITION_FAILED;
 * ETAG_CREATE_ONLY stands for a missing If-Match, which is PRECONDITION_FAILED too. Called by
 * store/hub only. */
enum hub_code identity_delete(struct identity_registry *registry, const char *name,
    struct etag_condition condition, struct hub_error *error);

/* Of devices; modules are not counted. */
size_t identity_count(const struct identity_registry *registry);

/* Devices, or the modules of one, in the order of their creation. `previous` NULL: the first.
 * Return borrowed; NULL after the last. */
struct identity *identity_next(struct identity_registry *registry, const struct identity *previous);
struct identity *identity_next_module(
    const struct identity *device, const struct identity *previous);

/* ---- shared access policies; fixed names and permissions ---- */

enum permission {
    PERMISSION_REGISTRY_READ = 1,
    PERMISSION_REGISTRY_WRITE = 2, /* includes reading */
    PERMISSION_SERVICE_CONNECT = 4,
    PERMISSION_DEVICE_CONNECT = 8
};

struct policy {
    const char *name;
    unsigned permissions; /* sum of enum permission */
    struct key primary, secondary;
};

#define POLICY_COUNT 5 /* iothubowner, service, device, registryRead, registryReadWrite */

/* All policies share the key that the operator gave. */
void identity_set_policy_key(struct identity_registry *registry, const struct key *key);
const struct policy *identity_policy_at(const struct identity_registry *registry, size_t index);
/* Names compare without case. Returns borrowed; NULL when there is none. */
const struct policy *identity_policy_find(
    const struct identity_registry *registry, const char *name);

#endif
