/*
 * Devices and modules, one by one, and what is counted of them.
 */
#include "protocols/https/access.h"
#include "protocols/https/etag.h"
#include "protocols/https/handlers.h"
#include "protocols/https/identity_codec.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 1000

static struct etag_condition condition_of(const struct http_request *request)
{
    return etag_read_condition(http_request_header(request, "If-Match"));
}

static void answer_identity(struct https_server *server, struct http_request *request,
    const struct identity *identity, bool is_new)
{
    char etag[ETAG_TEXT_SIZE], quoted[ETAG_TEXT_SIZE + 2];
    etag_format(identity->etag, etag);
    snprintf(quoted, sizeof quoted, "\"%s\"", etag);
    struct http_response *response = http_response_json(
        200, HTTP_JSON_TYPE, identity_write(server->context.hub, identity, is_new));
    http_response_header(response, "ETag", quoted);
    answer_committed(server, request, response);
}

/* ---- one device, or one module of it ---- */

/* What the path names; `module_id` is NULL for a device. */
struct target {
    const char *device_id, *module_id;
};

static struct target target_of(const struct http_request *request)
{
    const char *module_id = http_request_parameter(request, 1);
    return (struct target){http_request_parameter(request, 0), module_id[0] ? module_id : NULL};
}

/* Whoever may, and for modules: their device is there and enabled. The service says of that only
 * that one may not. */
static bool admit(
    struct https_server *server, struct http_request *request, enum permission permission)
{
    struct target target = target_of(request);
    struct hub_error error;
    if (!access_service(server, request, permission) ||
        !access_rate(server, request, THROTTLE_REGISTRY)) {
        return false;
    }
    const struct identity *device =
        identity_find(hub_identities(server->context.hub), target.device_id);
    if (target.module_id && (!device || !device->is.enabled)) {
        hub_refuse(&error, HUB_IOT_HUB_UNAUTHORIZED_ACCESS, NULL);
        answer_refusal(server, request, &error);
        return false;
    }
    return true;
}

/* A member may be missing; if it is there it says what the path does. */
static bool agrees(const json_t *body, const char *name, const char *id)
{
    const json_t *value = json_object_get(body, name);
    return !value || json_is_null(value) ||
           (id && json_is_string(value) && strcmp(json_string_value(value), id) == 0);
}

static enum hub_code read_body(
    const struct http_request *request, struct identity_draft *draft, struct hub_error *error)
{
    struct target target = target_of(request);
    json_t *body = http_request_json(request, error);
    if (!body) {
        return error->code;
    }
    enum hub_code code;
    if (!json_is_object(body)) {
        code = hub_refuse(error, HUB_ARGUMENT_INVALID, "The body is not a JSON object.");
    } else if (!agrees(body, "deviceId", target.device_id)) {
        code = hub_refuse(
            error, HUB_ARGUMENT_INVALID, "The device id of the body is not the one of the path.");
    } else if (target.module_id && !agrees(body, "moduleId", target.module_id)) {
        code = hub_refuse(
            error, HUB_ARGUMENT_INVALID, "The module id of the body is not the one of the path.");
    } else {
        code = identity_read_module(body, target.device_id, target.module_id, draft, error);
    }
    json_decref(body);
    return code;
}

void registry_put(void *context, struct http_request *request)
{
    struct https_server *server = context;
    struct identity_draft draft;
    struct identity *identity;
    struct hub_error error;
    if (!admit(server, request, PERMISSION_REGISTRY_WRITE)) {
        return;
    }
    struct etag_condition condition = condition_of(request);
    enum hub_code code = read_body(request, &draft, &error);
    if (code == HUB_OK) {
        code = hub_put_device(server->context.hub, &draft, condition, &identity, &error);
    }
    OPENSSL_cleanse(&draft, sizeof draft);
    if (code == HUB_OK) {
        answer_identity(server, request, identity, condition.match == ETAG_CREATE_ONLY);
    } else {
        answer_refusal(server, request, &error);
    }
}

void registry_get(void *context, struct http_request *request)
{
    struct https_server *server = context;
    struct identity_registry *registry = hub_identities(server->context.hub);
    struct target target = target_of(request);
    struct hub_error error;
    if (!admit(server, request, PERMISSION_REGISTRY_READ)) {
        return;
    }
    const struct identity *identity =
        target.module_id ? identity_find_module(registry, target.device_id, target.module_id)
                         : identity_find(registry, target.device_id);
    if (identity) {
        answer_identity(server, request, identity, false);
        return;
    }
    if (target.module_id) {
        hub_refuse(&error, HUB_MODULE_NOT_FOUND, "Module %s of device %s is not registered.",
            target.module_id, target.device_id);
    } else {
        hub_refuse(&error, HUB_DEVICE_NOT_FOUND, "%s", target.device_id);
    }
    answer_refusal(server, request, &error);
}

void registry_delete(void *context, struct http_request *request)
{
    struct https_server *server = context;
    struct hub *hub = server->context.hub;
    struct target target = target_of(request);
    struct hub_error error;
    if (!admit(server, request, PERMISSION_REGISTRY_WRITE)) {
        return;
    }
    struct etag_condition condition = condition_of(request);
    enum hub_code code =
        target.module_id
            ? hub_delete_module(hub, target.device_id, target.module_id, condition, &error)
            : hub_delete_device(hub, target.device_id, condition, &error);
    if (code == HUB_OK) {
        answer_committed_empty(server, request);
    } else {
        answer_refusal(server, request, &error);
    }
}

/* Some clients put the id into this path as it is: what has no device decoded may have one raw. */
void registry_purge(void *context, struct http_request *request)
{
    struct https_server *server = context;
    struct hub *hub = server->context.hub;
    struct hub_error error;
    size_t count;
    if (!access_service(server, request, PERMISSION_SERVICE_CONNECT)) {
        return;
    }
    const char *device_id = http_request_parameter(request, 0);
    if (!identity_find(hub_identities(hub), device_id)) {
        device_id = http_request_raw_parameter(request, 0);
    }
    struct actor actor = access_actor(request);
    if (mailbox_purge(hub_mailboxes(hub), device_id, &actor, hub_now(hub), &count, &error) !=
        HUB_OK) {
        answer_refusal(server, request, &error);
        return;
    }
    json_t *body = json_object();
    json_object_set_new(body, "deviceId", json_string(device_id));
    json_object_set_new(body, "moduleId", json_null());
    json_object_set_new(body, "totalMessagesPurged", json_integer((json_int_t)count));
    answer_committed_json(server, request, body);
}

/* ---- all devices ---- */

/* The query's `top`; 0: it is none. */
static long read_top(const struct http_request *request)
{
    char text[16], *end;
    if (!http_request_query(request, "top", text, sizeof text)) {
        return LIST_MAX;
    }
    long top = strtol(text, &end, 10);
    return end != text && *end == '\0' && top >= 1 && top <= LIST_MAX ? top : 0;
}

void registry_list(void *context, struct http_request *request)
{
    struct https_server *server = context;
    struct hub *hub = server->context.hub;
    struct hub_error error;
    if (!access_service(server, request, PERMISSION_REGISTRY_READ) ||
        !access_rate(server, request, THROTTLE_REGISTRY)) {
        return;
    }
    long top = read_top(request);
    if (top == 0) {
        hub_refuse(&error, HUB_ARGUMENT_INVALID, "top is not a number from 1 to %d.", LIST_MAX);
        answer_refusal(server, request, &error);
        return;
    }
    json_t *list = json_array();
    const struct identity *identity = NULL;
    while (top-- > 0 && (identity = identity_next(hub_identities(hub), identity))) {
        json_array_append_new(list, identity_write(hub, identity, false));
    }
    answer_committed_json(server, request, list);
}

/* All of them: a device has no more than MODULES_MAX. */
void registry_list_modules(void *context, struct http_request *request)
{
    struct https_server *server = context;
    struct hub *hub = server->context.hub;
    struct hub_error error;
    if (!access_service(server, request, PERMISSION_REGISTRY_READ) ||
        !access_rate(server, request, THROTTLE_REGISTRY)) {
        return;
    }
    const struct identity *device =
        identity_find(hub_identities(hub), http_request_parameter(request, 0));
    if (!device || !device->is.enabled) {
        hub_refuse(&error, HUB_IOT_HUB_UNAUTHORIZED_ACCESS, NULL);
        answer_refusal(server, request, &error);
        return;
    }
    json_t *list = json_array();
    const struct identity *module = NULL;
    while ((module = identity_next_module(device, module))) {
        json_array_append_new(list, identity_write(hub, module, false));
    }
    answer_committed_json(server, request, list);
}

struct device_counts {
    size_t total, enabled, connected;
};

static struct device_counts count_devices(struct identity_registry *registry)
{
    struct device_counts counts = {0, 0, 0};
    const struct identity *identity = NULL;
    while ((identity = identity_next(registry, identity))) {
        counts.total++;
        counts.enabled += identity->is.enabled ? 1 : 0;
        counts.connected += identity->connections > 0 ? 1 : 0;
    }
    return counts;
}

void registry_device_statistics(void *context, struct http_request *request)
{
    struct https_server *server = context;
    if (!access_service(server, request, PERMISSION_REGISTRY_READ) ||
        !access_rate(server, request, THROTTLE_REGISTRY)) {
        return;
    }
    struct device_counts counts = count_devices(hub_identities(server->context.hub));
    json_t *body = json_object();
    json_object_set_new(body, "totalDeviceCount", json_integer((json_int_t)counts.total));
    json_object_set_new(body, "enabledDeviceCount", json_integer((json_int_t)counts.enabled));
    json_object_set_new(
        body, "disabledDeviceCount", json_integer((json_int_t)(counts.total - counts.enabled)));
    answer_committed_json(server, request, body);
}

void registry_service_statistics(void *context, struct http_request *request)
{
    struct https_server *server = context;
    if (!access_service(server, request, PERMISSION_REGISTRY_READ) ||
        !access_rate(server, request, THROTTLE_REGISTRY)) {
        return;
    }
    struct device_counts counts = count_devices(hub_identities(server->context.hub));
    json_t *body = json_object();
    json_object_set_new(body, "connectedDeviceCount", json_integer((json_int_t)counts.connected));
    answer_committed_json(server, request, body);
}
