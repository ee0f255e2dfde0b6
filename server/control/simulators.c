/*
 * Devices that the hub plays.
 */
#include "server/control/internal.h"
#include "server/simulator_codec.h"

static void refuse_unplayed(struct http_request *request)
{
    struct hub_error error;
    hub_refuse(&error, HUB_GENERIC_NOT_FOUND, "The device \"%.128s\" is not played.",
        http_request_parameter(request, 0));
    control_refuse(request, &error);
}

json_t *shape_simulator(struct control *control, const char *device_id)
{
    uint64_t received;
    const struct simulator_rule *rule =
        simulator_find(control->options.sessions, device_id, &received);
    if (!rule) {
        return json_null();
    }
    json_t *shape = simulator_write(rule);
    json_object_set_new(shape, "received", json_integer((json_int_t)received));
    return shape;
}

void control_put_simulator(void *context, struct http_request *request)
{
    struct control *control = context;
    const char *id = http_request_parameter(request, 0);
    struct simulator_rule rule;
    struct hub_error error;
    if (!control_check_no_query(request)) {
        return;
    }
    json_t *body = http_request_json(request, &error);
    enum hub_code code = body ? simulator_read(body, &rule, &error) : error.code;
    json_decref(body);
    if (code == HUB_OK) {
        code = simulator_put(control->options.sessions, id, &rule, &error);
    }
    if (code == HUB_OK) {
        control_answer_json(control, request, 200, shape_simulator(control, id));
    } else {
        control_refuse(request, &error);
    }
}

void control_get_simulator(void *context, struct http_request *request)
{
    struct control *control = context;
    if (!control_check_no_query(request)) {
        return;
    }
    json_t *shape = shape_simulator(control, http_request_parameter(request, 0));
    if (json_is_null(shape)) {
        refuse_unplayed(request);
    } else {
        control_answer_json(control, request, 200, shape);
    }
}

void control_delete_simulator(void *context, struct http_request *request)
{
    struct control *control = context;
    if (!control_check_no_query(request)) {
        return;
    }
    if (simulator_remove(control->options.sessions, http_request_parameter(request, 0))) {
        control_answer_empty(control, request);
    } else {
        refuse_unplayed(request);
    }
}
