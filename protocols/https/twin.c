/*
 * A service reads and changes the twin of a device or module.
 *
 * Connected devices are not told: they find the change when they read their twin next.
 *
 * Source: learn.microsoft.com, REST reference of Azure IoT Hub, Devices and Modules - Get, Update
 * and Replace Twin.
 */
#include "protocols/https/access.h"
#include "protocols/https/etag.h"
#include "protocols/https/handlers.h"
#include "protocols/https/twin_codec.h"

#include <stdio.h>
#include <strings.h>

/* Which one the path names; NULL: the request has been answered. */
static const struct identity *find(
    struct https_server *server, struct http_request *request, enum throttle_operation operation)
{
    struct identity_registry *registry = hub_identities(server->context.hub);
    const char *device_id = http_request_parameter(request, 0);
    const char *module_id = http_request_parameter(request, 1);
    struct hub_error error;
    if (!access_service(server, request, PERMISSION_SERVICE_CONNECT) ||
        !access_rate(server, request, operation)) {
        return NULL;
    }
    const struct identity *identity = module_id[0] != '\0'
                                          ? identity_find_module(registry, device_id, module_id)
                                          : identity_find(registry, device_id);
    if (!identity) {
        hub_refuse(&error, HUB_DEVICE_NOT_FOUND, "%s", device_id);
        answer_refusal(server, request, &error);
    }
    return identity;
}

static void answer_twin(
    struct https_server *server, struct http_request *request, const struct identity *identity)
{
    char quoted[ETAG_TEXT_SIZE + 2];
    json_t *body = twin_write(server->context.hub, identity);
    snprintf(quoted, sizeof quoted, "\"%s\"", json_string_value(json_object_get(body, "etag")));
    struct http_response *response = http_response_json(200, HTTP_JSON_TYPE, body);
    http_response_header(response, "ETag", quoted);
    answer_committed(server, request, response);
}

void twin_get(void *context, struct http_request *request)
{
    const struct identity *identity = find(context, request, THROTTLE_TWIN_READ);
    if (identity) {
        answer_twin(context, request, identity);
    }
}

static enum hub_code check_condition(struct hub *hub, const struct http_request *request,
    const struct identity *identity, struct hub_error *error)
{
    struct etag_condition condition =
        etag_read_twin_condition(http_request_header(request, "If-Match"));
    struct twin twin = twins_load(hub_twins(hub), identity->row);
    bool fits = condition.match != ETAG_EXACT || condition.etag == twin.etag;
    twin_release(&twin);
    return fits ? HUB_OK : hub_refuse(error, HUB_PRECONDITION_FAILED, "PreconditionFailed");
}

static void change(struct https_server *server, struct http_request *request, enum twin_change how)
{
    struct hub *hub = server->context.hub;
    struct hub_error error;
    const struct identity *identity = find(server, request, THROTTLE_TWIN_UPDATE);
    if (!identity) {
        return;
    }
    json_t *body = http_request_json(request, &error);
    enum hub_code code = body ? check_condition(hub, request, identity, &error) : error.code;
    if (code == HUB_OK) {
        code = twins_change(hub_twins(hub), identity->row, body, how, hub_now(hub), &error);
    }
    json_decref(body);
    if (code == HUB_OK) {
        answer_twin(server, request, identity);
    } else {
        answer_refusal(server, request, &error);
    }
}

void twin_patch(void *context, struct http_request *request)
{
    change(context, request, TWIN_MERGE);
}

void twin_put(void *context, struct http_request *request)
{
    change(context, request, TWIN_REPLACE);
}

/* The Java SDK's PATCH. */
void twin_post(void *context, struct http_request *request)
{
    const char *method = http_request_header(request, "X-HTTP-Method-Override");
    struct hub_error error;
    if (method && strcasecmp(method, "PATCH") == 0) {
        twin_patch(context, request);
        return;
    }
    hub_refuse(&error, HUB_GENERIC_METHOD_NOT_ALLOWED, NULL);
    answer_refusal(context, request, &error);
}
