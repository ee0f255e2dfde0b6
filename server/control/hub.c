/*
 * The hub as a whole.
 */
#include "server/connection_string.h"
#include "server/control/internal.h"
#include "store/iso8601.h"

#include <openssl/crypto.h>

static void answer_text(
    struct http_request *request, int status, const char *type, const char *text)
{
    http_answer(request, http_response_create(status, type, text_of(text)));
}

void control_healthz(void *context, struct http_request *request)
{
    (void)context;
    answer_text(request, 200, "text/plain", "ok\n");
}

void control_readyz(void *context, struct http_request *request)
{
    const struct control_source *source = &((struct control *)context)->options.source;
    if (source->is_ready(source->context)) {
        answer_text(request, 200, "text/plain", "ready\n");
    } else {
        http_answer(request, http_problem(503, "The hub is not ready yet."));
    }
}

void control_ca(void *context, struct http_request *request)
{
    const struct control_source *source = &((struct control *)context)->options.source;
    const char *pem = source->ca_pem(source->context);
    if (pem) {
        answer_text(request, 200, "application/x-pem-file", pem);
    } else {
        http_answer(request, http_problem(404, "There is no CA certificate."));
    }
}

/* ---- GET /control/v1/hub ---- */

static json_t *shape_ports(const struct control_source *source)
{
    json_t *shape = json_object();
    const char *name;
    int port;
    for (size_t i = 0; source->port(source->context, i, &name, &port); i++) {
        json_object_set_new(shape, name, port < 0 ? json_null() : json_integer(port));
    }
    return shape;
}

static json_t *shape_permissions(unsigned permissions)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {{PERMISSION_REGISTRY_READ, "RegistryRead"},
        {PERMISSION_REGISTRY_WRITE, "RegistryWrite"},
        {PERMISSION_SERVICE_CONNECT, "ServiceConnect"},
        {PERMISSION_DEVICE_CONNECT, "DeviceConnect"}};
    json_t *shape = json_array();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (permissions & names[i].bit) {
            json_array_append_new(shape, json_string(names[i].name));
        }
    }
    return shape;
}

static json_t *shape_policies(const struct control *control)
{
    json_t *shape = json_array();
    for (size_t i = 0; i < POLICY_COUNT; i++) {
        char text[CONNECTION_STRING_SIZE];
        const struct policy *policy = identity_policy_at(hub_identities(control->hub), i);
        connection_string_of_policy(
            control->options.host_name, policy->name, &policy->primary, text);
        json_t *item = json_object();
        json_object_set_new(item, "name", json_string(policy->name));
        json_object_set_new(item, "permissions", shape_permissions(policy->permissions));
        json_object_set_new(item, "connectionString", json_string(text));
        json_array_append_new(shape, item);
        OPENSSL_cleanse(text, sizeof text);
    }
    return shape;
}

/* Named as in the hub resource of Azure Resource Manager (properties.cloudToDevice). */
static json_t *shape_cloud_to_device(const struct hub_settings *settings)
{
    json_t *feedback = json_object();
    json_object_set_new(feedback, "lockDurationAsIso8601", shape_duration(settings->feedback.lock));
    json_object_set_new(feedback, "ttlAsIso8601", shape_duration(settings->feedback.ttl));
    json_object_set_new(
        feedback, "maxDeliveryCount", json_integer(settings->feedback.max_delivery_count));
    json_t *shape = json_object();
    json_object_set_new(
        shape, "maxDeliveryCount", json_integer(settings->device.max_delivery_count));
    json_object_set_new(shape, "defaultTtlAsIso8601", shape_duration(settings->device.ttl));
    json_object_set_new(shape, "feedback", feedback);
    return shape;
}

static json_t *shape_settings(const struct control_source *source)
{
    json_t *shape = json_array();
    struct control_setting setting;
    for (size_t i = 0; source->setting(source->context, i, &setting); i++) {
        json_t *item = json_object();
        json_object_set_new(item, "name", json_string(setting.name));
        json_object_set_new(item, "value", http_json_text(text_of(setting.value)));
        json_object_set_new(item, "source", json_string(setting.source));
        json_array_append_new(shape, item);
    }
    return shape;
}

/* The batches of feedback lie in a queue too, and are no messages to devices. */
static json_t *shape_counts(const struct control *control)
{
    struct hub *hub = control->hub;
    struct queue_totals totals = queues_get_totals(hub_queues(hub));
    struct queue_counts batches = queue_get_counts(feedback_queue(hub_feedback(hub)));
    json_t *shape = json_object();
    json_object_set_new(
        shape, "devices", json_integer((json_int_t)identity_count(hub_identities(hub))));
    json_object_set_new(
        shape, "connections", json_integer((json_int_t)sessions_count(control->options.sessions)));
    size_t enqueued = totals.enqueued_now - batches.enqueued;
    size_t invisible = totals.invisible_now - batches.invisible;
    json_object_set_new(shape, "enqueued", json_integer((json_int_t)enqueued));
    json_object_set_new(shape, "invisible", json_integer((json_int_t)invisible));
    json_object_set_new(
        shape, "feedbackPending", json_integer((json_int_t)feedback_pending(hub_feedback(hub))));
    json_object_set_new(
        shape, "telemetry", json_integer((json_int_t)telemetry_count(hub_telemetry(hub))));
    return shape;
}

static void answer_hub(struct control *control, struct http_request *request)
{
    const struct control_source *source = &control->options.source;
    hub_now(control->hub); /* what fell due is counted as gone */
    json_t *shape = json_object();
    json_object_set_new(shape, "version", json_string(DEVICEBOUND_VERSION));
    json_object_set_new(shape, "hostName", json_string(control->options.host_name));
    json_object_set_new(shape, "ports", shape_ports(source));
    json_object_set_new(shape, "policies", shape_policies(control));
    json_object_set_new(shape, "cloudToDevice", shape_cloud_to_device(hub_settings(control->hub)));
    json_object_set_new(shape, "settings", shape_settings(source));
    json_object_set_new(shape, "clock", shape_clock(hub_clock(control->hub)));
    json_object_set_new(shape, "counts", shape_counts(control));
    control_answer_json(control, request, 200, shape);
}

void control_hub(void *context, struct http_request *request)
{
    if (control_check_no_query(request)) {
        answer_hub(context, request);
    }
}

/* ---- PATCH /control/v1/hub ---- */

void control_change_hub(void *context, struct http_request *request)
{
    struct control *control = context;
    const struct control_source *source = &control->options.source;
    char mistake[512];
    json_t *body = control_read_body(request, NULL);
    if (!body) {
        return;
    }
    hub_now(control->hub); /* what fell due did so under the old settings */
    bool has_changed = source->change_settings(source->context, body, mistake);
    json_decref(body);
    if (has_changed) {
        answer_hub(control, request);
    } else {
        struct hub_error error;
        hub_refuse(&error, HUB_ARGUMENT_INVALID, "%s.", mistake);
        control_refuse(request, &error);
    }
}
