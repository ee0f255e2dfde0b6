/*
 * Devices, without a service SDK.
 */
#include "protocols/https/identity_codec.h"
#include "server/control/internal.h"

#include <openssl/crypto.h>
#include <string.h>

static const struct identity *find(struct control *control, struct http_request *request)
{
    const char *id = http_request_parameter(request, 0);
    const struct identity *identity = identity_find(hub_identities(control->hub), id);
    if (!identity) {
        struct hub_error error;
        hub_refuse(&error, HUB_DEVICE_NOT_FOUND, "There is no device \"%.128s\".", id);
        control_refuse(request, &error);
    }
    return identity;
}

void control_devices(void *context, struct http_request *request)
{
    struct control *control = context;
    struct list_page page;
    if (!control_read_page(request, &page)) {
        return;
    }
    hub_now(control->hub);
    struct identity_registry *registry = hub_identities(control->hub);
    json_t *items = json_array();
    const struct identity *identity = NULL;
    while ((identity = identity_next(registry, identity))) {
        if ((uint64_t)identity->row <= page.after) {
            continue;
        }
        if (json_array_size(items) == page.limit) {
            break;
        }
        json_array_append_new(items, shape_device(control, identity));
        page.after = (uint64_t)identity->row;
    }
    control_answer_json(control, request, 200, shape_page(items, identity != NULL, page.after));
}

void control_get_device(void *context, struct http_request *request)
{
    struct control *control = context;
    if (!control_check_no_query(request)) {
        return;
    }
    hub_now(control->hub);
    const struct identity *identity = find(control, request);
    if (identity) {
        control_answer_json(control, request, 200, shape_device(control, identity));
    }
}

/* What a member does not say stays as it is. */
static void keep(struct identity_draft *draft, const json_t *body, const struct identity *existing)
{
    const struct identity_draft *is = &existing->is;
    if (!json_object_get(body, "status")) {
        draft->enabled = is->enabled;
    }
    if (!json_object_get(body, "statusReason")) {
        memcpy(draft->status_reason, is->status_reason, sizeof draft->status_reason);
    }
    if (!json_object_get(body, "authentication")) {
        struct identity_draft kept = *is;
        kept.enabled = draft->enabled;
        memcpy(kept.status_reason, draft->status_reason, sizeof kept.status_reason);
        *draft = kept;
    }
    draft->iot_edge = is->iot_edge;
}

/* Of an object that may be missing or null. */
static enum hub_code check_members(
    const json_t *parent, const char *name, const char *const *members, struct hub_error *error)
{
    const json_t *object = json_object_get(parent, name);
    if (object && !json_is_null(object) && !json_is_object(object)) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID, "The member \"%s\" is not an object.", name);
    }
    const char *unknown = json_is_object(object) ? http_json_unknown_member(object, members) : NULL;
    return !unknown ? HUB_OK
                    : hub_refuse(error, HUB_ARGUMENT_INVALID,
                          "The member \"%.64s\" of \"%s\" is not known.", unknown, name);
}

/* The registry overlooks what it does not know, as the service does; here it is a typo. */
static enum hub_code check_authentication(const json_t *body, struct hub_error *error)
{
    static const char *const kinds[] = {"symmetricKey", "x509Thumbprint", "type", NULL};
    static const char *const keys[] = {"primaryKey", "secondaryKey", NULL};
    static const char *const thumbprints[] = {"primaryThumbprint", "secondaryThumbprint", NULL};
    const json_t *authentication = json_object_get(body, "authentication");
    enum hub_code code = check_members(body, "authentication", kinds, error);
    if (code == HUB_OK) {
        code = check_members(authentication, "symmetricKey", keys, error);
    }
    return code == HUB_OK ? check_members(authentication, "x509Thumbprint", thumbprints, error)
                          : code;
}

static enum hub_code read_device(
    const json_t *body, const char *id, struct identity_draft *draft, struct hub_error *error)
{
    const json_t *named = json_object_get(body, "deviceId");
    if (named && (!json_is_string(named) || strcmp(json_string_value(named), id) != 0)) {
        return hub_refuse(
            error, HUB_ARGUMENT_INVALID, "The device id of the body is not the one of the path.");
    }
    enum hub_code code = check_authentication(body, error);
    return code == HUB_OK ? identity_read(body, id, draft, error) : code;
}

void control_put_device(void *context, struct http_request *request)
{
    static const char *const members[] = {
        "deviceId", "status", "statusReason", "authentication", NULL};
    struct control *control = context;
    const char *id = http_request_parameter(request, 0);
    struct identity_draft draft = {0};
    struct hub_error error;
    json_t *body = control_read_body(request, members);
    if (!body) {
        return;
    }
    struct identity *identity = identity_find(hub_identities(control->hub), id);
    const struct etag_condition condition = {.match = identity ? ETAG_ANY : ETAG_CREATE_ONLY};
    int status = identity ? 200 : 201;
    enum hub_code code = read_device(body, id, &draft, &error);
    if (code == HUB_OK) {
        if (identity) {
            keep(&draft, body, identity);
        }
        code = hub_put_device(control->hub, &draft, condition, &identity, &error);
    }
    OPENSSL_cleanse(&draft, sizeof draft);
    json_decref(body);
    if (code == HUB_OK) {
        control_answer_json(control, request, status, shape_device(control, identity));
    } else {
        control_refuse(request, &error);
    }
}

void control_delete_device(void *context, struct http_request *request)
{
    struct control *control = context;
    const struct etag_condition any = {.match = ETAG_ANY};
    struct hub_error error;
    if (!control_check_no_query(request)) {
        return;
    }
    if (hub_delete_device(control->hub, http_request_parameter(request, 0), any, &error) ==
        HUB_OK) {
        control_answer_empty(control, request);
    } else {
        control_refuse(request, &error);
    }
}
