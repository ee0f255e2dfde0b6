/*
 * Many devices in one request: each item for itself.
 *
 * Source: learn.microsoft.com, REST reference of Bulk Registry - Update Registry.
 */
#include "protocols/https/access.h"
#include "protocols/https/etag.h"
#include "protocols/https/handlers.h"
#include "protocols/https/identity_codec.h"

#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

#define BULK_ITEMS_MAX 100

enum bulk_act {
    BULK_CREATE,
    BULK_CREATE_OR_UPDATE,
    BULK_UPDATE,
    BULK_UPDATE_IF_MATCH,
    BULK_DELETE,
    BULK_DELETE_IF_MATCH,
    BULK_UPDATE_TWIN,
    BULK_UPDATE_TWIN_IF_MATCH,
    BULK_UNKNOWN
};

static const char *const mode_names[BULK_UNKNOWN] = {[BULK_CREATE] = "create",
    [BULK_CREATE_OR_UPDATE] = "createOrUpdate",
    [BULK_UPDATE] = "update",
    [BULK_UPDATE_IF_MATCH] = "updateIfMatchETag",
    [BULK_DELETE] = "delete",
    [BULK_DELETE_IF_MATCH] = "deleteIfMatchETag",
    [BULK_UPDATE_TWIN] = "updateTwin",
    [BULK_UPDATE_TWIN_IF_MATCH] = "updateTwinIfMatchETag"};

static enum bulk_act read_mode(const json_t *item)
{
    const char *mode = json_string_value(json_object_get(item, "importMode"));
    enum bulk_act act = BULK_CREATE;
    while (act < BULK_UNKNOWN && (!mode || strcasecmp(mode, mode_names[act]) != 0)) {
        act++;
    }
    return act;
}

/* The reference writes eTag; the npm SDK passes on the etag of the identity it was given. */
static const char *item_etag(const json_t *item)
{
    const char *etag = json_string_value(json_object_get(item, "eTag"));
    return etag ? etag : json_string_value(json_object_get(item, "etag"));
}

/* An item that wants a version to match has to name one. */
static struct etag_condition condition_of(
    enum bulk_act act, const json_t *item, const struct identity *identity)
{
    switch (act) {
    case BULK_CREATE:
        return (struct etag_condition){.match = ETAG_CREATE_ONLY};
    case BULK_CREATE_OR_UPDATE:
        return (struct etag_condition){.match = identity ? ETAG_ANY : ETAG_CREATE_ONLY};
    case BULK_UPDATE_IF_MATCH:
    case BULK_DELETE_IF_MATCH: {
        struct etag_condition condition = etag_read_condition(item_etag(item));
        if (condition.match == ETAG_CREATE_ONLY) {
            condition = (struct etag_condition){.match = ETAG_EXACT, .etag = UINT64_MAX};
        }
        return condition;
    }
    case BULK_UPDATE:
    case BULK_DELETE:
    case BULK_UPDATE_TWIN:
    case BULK_UPDATE_TWIN_IF_MATCH:
    case BULK_UNKNOWN:
        break;
    }
    return (struct etag_condition){.match = ETAG_ANY};
}

/* What an item names; `module_id` is NULL for a device. */
struct target {
    const char *device_id, *module_id;
};

static struct target target_of(const json_t *items, size_t index)
{
    const json_t *item = json_array_get(items, index);
    return (struct target){json_string_value(json_object_get(item, "id")),
        json_string_value(json_object_get(item, "moduleId"))};
}

static struct identity *find(struct hub *hub, struct target target)
{
    struct identity_registry *registry = hub_identities(hub);
    return target.module_id ? identity_find_module(registry, target.device_id, target.module_id)
                            : identity_find(registry, target.device_id);
}

/* ---- twins ---- */

static bool has_twin(const json_t *item)
{
    const json_t *tags = json_object_get(item, "tags");
    const json_t *properties = json_object_get(item, "properties");
    return (tags && !json_is_null(tags)) || (properties && !json_is_null(properties));
}

static enum hub_code check_twin_etag(
    struct hub *hub, const json_t *item, const struct identity *identity, struct hub_error *error)
{
    const char *text = json_string_value(json_object_get(item, "twinETag"));
    struct etag_condition condition = etag_read_twin_condition(text ? text : item_etag(item));
    struct twin twin = twins_load(hub_twins(hub), identity->row);
    bool fits = condition.match == ETAG_EXACT && condition.etag == twin.etag;
    twin_release(&twin);
    return fits ? HUB_OK : hub_refuse(error, HUB_PRECONDITION_FAILED, "PreconditionFailed");
}

static enum hub_code change_twin(struct hub *hub, enum bulk_act act, const json_t *item,
    struct target target, struct hub_error *error)
{
    const struct identity *identity = find(hub, target);
    enum hub_code code = HUB_OK;
    if (!identity) {
        return hub_refuse(error, HUB_DEVICE_NOT_FOUND, "%s", target.device_id);
    }
    if (act == BULK_UPDATE_TWIN_IF_MATCH) {
        code = check_twin_etag(hub, item, identity, error);
    }
    return code == HUB_OK
               ? twins_change(hub_twins(hub), identity->row, item, TWIN_MERGE, hub_now(hub), error)
               : code;
}

/* ---- identities ---- */

static enum hub_code delete (struct hub *hub, enum bulk_act act, const json_t *item,
    struct target target, struct hub_error *error) {
    struct etag_condition condition = condition_of(act, item, find(hub, target));
        return target.module_id
                   ? hub_delete_module(hub, target.device_id, target.module_id, condition, error)
                   : hub_delete_device(hub, target.device_id, condition, error);
}

/* The twin that comes with an identity is looked at first: an item is done whole, or not at all. */
static enum hub_code put(struct hub *hub, enum bulk_act act, const json_t *item,
    struct target target, struct hub_error *error)
{
    struct identity_draft draft;
    struct identity *identity = find(hub, target);
    struct etag_condition condition = condition_of(act, item, identity);
    int64_t row = identity ? identity->row : 0;
    enum hub_code code =
        identity_read_module(item, target.device_id, target.module_id, &draft, error);
    if (code == HUB_OK && has_twin(item)) {
        code = twins_check(hub_twins(hub), row, item, TWIN_MERGE, error);
    }
    if (code == HUB_OK) {
        code = hub_put_device(hub, &draft, condition, &identity, error);
    }
    OPENSSL_cleanse(&draft, sizeof draft);
    if (code == HUB_OK && has_twin(item)) {
        code = twins_change(hub_twins(hub), identity->row, item, TWIN_MERGE, hub_now(hub), error);
    }
    return code;
}

/* ---- items ---- */

static enum hub_code change(
    struct hub *hub, const json_t *item, struct target target, struct hub_error *error)
{
    enum bulk_act act = read_mode(item);
    switch (act) {
    case BULK_CREATE:
    case BULK_CREATE_OR_UPDATE:
    case BULK_UPDATE:
    case BULK_UPDATE_IF_MATCH:
        return put(hub, act, item, target, error);
    case BULK_DELETE:
    case BULK_DELETE_IF_MATCH:
        return delete (hub, act, item, target, error);
    case BULK_UPDATE_TWIN:
    case BULK_UPDATE_TWIN_IF_MATCH:
        return change_twin(hub, act, item, target, error);
    case BULK_UNKNOWN:
        break;
    }
    return hub_refuse(error, HUB_INVALID_OPERATION, "The import mode is not supported.");
}

static bool is_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Whether an item before this one names the same. */
static bool is_repeated(const json_t *items, size_t index, struct target target)
{
    for (size_t i = 0; i < index; i++) {
        struct target other = target_of(items, i);
        if (is_same(other.device_id, target.device_id) &&
            is_same(other.module_id, target.module_id)) {
            return true;
        }
    }
    return false;
}

static enum hub_code change_item(
    struct hub *hub, const json_t *items, size_t index, struct hub_error *error)
{
    const json_t *item = json_array_get(items, index);
    struct target target = target_of(items, index);
    const json_t *module_id = json_object_get(item, "moduleId");
    if (!target.device_id) {
        return hub_refuse(error, HUB_ARGUMENT_NULL, "The item has no id.");
    }
    if (module_id && !json_is_null(module_id) && !target.module_id) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID, "moduleId is not a string.");
    }
    if (is_repeated(items, index, target)) {
        return hub_refuse(error, HUB_DEVICE_DEFINED_MULTIPLE_TIMES, NULL);
    }
    return change(hub, item, target, error);
}

static json_t *write_failure(struct target target, const struct hub_error *error)
{
    const char *id = target.device_id;
    json_t *failed = json_object();
    json_object_set_new(failed, "deviceId", json_string(id ? id : ""));
    if (target.module_id) {
        json_object_set_new(failed, "moduleId", json_string(target.module_id));
    }
    json_object_set_new(failed, "errorCode", json_integer(error->code));
    json_object_set_new(failed, "errorStatus", json_string(id ? id : error->sentence));
    return failed;
}

static json_t *change_all(struct hub *hub, const json_t *items)
{
    json_t *errors = json_array();
    for (size_t i = 0; i < json_array_size(items); i++) {
        struct hub_error error;
        if (change_item(hub, items, i, &error) != HUB_OK) {
            json_array_append_new(errors, write_failure(target_of(items, i), &error));
        }
    }
    return errors;
}

static void answer_result(struct https_server *server, struct http_request *request, json_t *errors)
{
    bool is_successful = json_array_size(errors) == 0;
    json_t *body = json_object();
    json_object_set_new(body, "isSuccessful", json_boolean(is_successful));
    json_object_set_new(body, "errors", errors);
    json_object_set_new(body, "warnings", json_array());
    struct http_response *response =
        http_response_json(is_successful ? 200 : 400, HTTP_JSON_TYPE, body);
    if (!is_successful) {
        /* The .NET service SDK reads the body only with a header spelled so. */
        const char *name = hub_code_name(HUB_BULK_REGISTRY_OPERATION_FAILURE);
        http_response_header(response, "IotHubErrorCode", name);
        http_response_header(response, "iothub-errorcode", name);
    }
    answer_committed(server, request, response);
}

void bulk_change(void *context, struct http_request *request)
{
    struct https_server *server = context;
    struct hub_error error;
    enum hub_code code = HUB_OK;
    if (!access_service(server, request, PERMISSION_REGISTRY_WRITE) ||
        !access_rate(server, request, THROTTLE_REGISTRY)) {
        return;
    }
    json_t *items = http_request_json(request, &error);
    if (!items) {
        code = error.code;
    } else if (!json_is_array(items)) {
        code = hub_refuse(&error, HUB_ARGUMENT_INVALID, "The body is not a JSON array.");
    } else if (json_array_size(items) > BULK_ITEMS_MAX) {
        code = hub_refuse(&error, HUB_TOO_MANY_DEVICES,
            "The request names %zu devices, more than %d.", json_array_size(items), BULK_ITEMS_MAX);
    }
    if (code == HUB_OK) {
        answer_result(server, request, change_all(server->context.hub, items));
    } else {
        answer_refusal(server, request, &error);
    }
    json_decref(items);
}
