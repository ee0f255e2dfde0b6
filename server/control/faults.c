/*
 * Fault rules, as JSON.
 */
#include "protocols/session/fault.h"
#include "server/control/internal.h"
#include "store/iso8601.h"

#include <stdlib.h>
#include <string.h>

static const char *const families[] = {
    [FAULT_AMQP] = "amqp", [FAULT_MQTT] = "mqtt", [FAULT_HTTPS] = "https"};
static const char *const operations[] = {[FAULT_CONNECT] = "connect",
    [FAULT_AUTHENTICATE] = "authenticate",
    [FAULT_ATTACH] = "attach",
    [FAULT_SEND] = "send",
    [FAULT_DELIVER] = "deliver",
    [FAULT_SETTLE] = "settle",
    [FAULT_FEEDBACK] = "feedback"};

static enum hub_code refuse(struct hub_error *error, const char *member, const char *accepted)
{
    return hub_refuse(
        error, HUB_ARGUMENT_INVALID, "The member \"%s\" of the rule is not %s.", member, accepted);
}

static enum hub_code check_members(
    const json_t *object, const char *const *known, const char *name, struct hub_error *error)
{
    if (!json_is_object(object)) {
        return refuse(error, name, "an object");
    }
    const char *unknown = http_json_unknown_member(object, known);
    return unknown ? hub_refuse(error, HUB_ARGUMENT_INVALID,
                         "The member \"%.64s\" of \"%s\" is not known.", unknown, name)
                   : HUB_OK;
}

/* The place among the words; `count` where there is none given. False: another word. */
static bool read_word(const json_t *value, const char *const *words, size_t count, unsigned *place)
{
    const char *text = json_string_value(value);
    for (*place = 0; text && *place < count; (*place)++) {
        if (strcmp(words[*place], text) == 0) {
            return true;
        }
    }
    *place = (unsigned)count;
    return !value;
}

/* ---- reading ---- */

static enum hub_code read_match(
    const json_t *match, struct fault_rule *rule, struct hub_error *error)
{
    static const char *const known[] = {"protocol", "device", "operation", NULL};
    const json_t *device = json_object_get(match, "device");
    unsigned family, operation;
    enum hub_code code = match ? check_members(match, known, "match", error) : HUB_OK;
    if (code != HUB_OK) {
        return code;
    }
    if (!read_word(json_object_get(match, "protocol"), families, FAULT_FAMILY_COUNT, &family)) {
        return refuse(error, "protocol", "amqp, mqtt or https");
    }
    if (!read_word(
            json_object_get(match, "operation"), operations, FAULT_OPERATION_COUNT, &operation)) {
        return refuse(
            error, "operation", "connect, authenticate, attach, send, deliver, settle or feedback");
    }
    if (device && (!json_is_string(device) || json_string_length(device) == 0 ||
                      json_string_length(device) > IDENTITY_NAME_MAX)) {
        return refuse(error, "device", "the name of a device or module, * and ? among it");
    }
    rule->family = (enum fault_family)family;
    rule->operation = (enum fault_operation)operation;
    if (device) {
        memcpy(rule->device, json_string_value(device), json_string_length(device) + 1);
    }
    return HUB_OK;
}

/* The number of an error, or its name; it has to be one that a peer is told. */
static bool read_code(const json_t *value, enum hub_code *code)
{
    const char *name = json_string_value(value);
    for (size_t i = 0; hub_code_at(i, code); i++) {
        if (name ? strcmp(hub_code_name(*code), name) == 0
                 : json_is_integer(value) && json_integer_value(value) == (json_int_t)*code) {
            return true;
        }
    }
    return false;
}

static enum hub_code read_detail(const json_t *action, struct fault *fault, struct hub_error *error)
{
    const json_t *when = json_object_get(action, "when");
    const char *duration = json_string_value(json_object_get(action, "duration"));
    bool can_wait = fault->action == FAULT_DROP || fault->action == FAULT_CLOSE;
    enum hub_code code;
    if (when) {
        const char *text = json_is_string(when) ? json_string_value(when) : "";
        fault->after_commit = strcmp(text, "afterCommit") == 0;
        if (!can_wait || (!fault->after_commit && strcmp(text, "beforeCommit") != 0)) {
            return refuse(error, "when", "beforeCommit or afterCommit, of drop or close");
        }
    }
    if (!json_object_get(action, "duration") != (fault->action != FAULT_DELAY) ||
        (fault->action == FAULT_DELAY &&
            (!duration || !iso8601_parse_duration(duration, &fault->delay) ||
                fault->delay.us > FAULT_DELAY_MAX.us))) {
        return refuse(error, "duration", "an ISO 8601 duration up to PT3M, of delay");
    }
    if (!json_object_get(action, "code") != (fault->action != FAULT_ERROR) ||
        (fault->action == FAULT_ERROR && !read_code(json_object_get(action, "code"), &code))) {
        return refuse(error, "code", "number or name of an error, of error");
    }
    if (fault->action == FAULT_ERROR) {
        hub_refuse(&fault->error, code, NULL);
    }
    return HUB_OK;
}

static enum hub_code read_action(const json_t *action, struct fault *fault, struct hub_error *error)
{
    static const char *const known[] = {"type", "when", "duration", "code", NULL};
    const char *type = json_string_value(json_object_get(action, "type"));
    enum hub_code code = check_members(action, known, "action", error);
    if (code != HUB_OK) {
        return code;
    }
    for (enum fault_action each = FAULT_DELAY; type && each < FAULT_ACTION_COUNT; each++) {
        if (strcmp(fault_action_name(each), type) == 0) {
            fault->action = each;
        }
    }
    if (fault->action == FAULT_NONE) {
        return refuse(
            error, "type", "delay, drop, close, error, duplicate, lose-ack or expire-lock");
    }
    return read_detail(action, fault, error);
}

static bool read_count(const json_t *value, json_int_t least, uint64_t *count)
{
    *count = value ? (uint64_t)json_integer_value(value) : 0;
    return !value || (json_is_integer(value) && json_integer_value(value) >= least);
}

static enum hub_code read_rule(const json_t *body, struct fault_rule *rule, struct hub_error *error)
{
    const json_t *probability = json_object_get(body, "probability");
    enum hub_code code = read_match(json_object_get(body, "match"), rule, error);
    if (code == HUB_OK) {
        code = read_action(json_object_get(body, "action"), &rule->fault, error);
    }
    if (code != HUB_OK) {
        return code;
    }
    if (!read_count(json_object_get(body, "after"), 0, &rule->after)) {
        return refuse(error, "after", "a count");
    }
    if (!read_count(json_object_get(body, "times"), 1, &rule->times)) {
        return refuse(error, "times", "a count from 1");
    }
    if (!read_count(json_object_get(body, "seed"), 0, &rule->seed)) {
        return refuse(error, "seed", "a number from 0");
    }
    rule->has_seed = json_object_get(body, "seed") != NULL;
    rule->probability = probability ? json_number_value(probability) : 1;
    if ((probability && !json_is_number(probability)) ||
        !(rule->probability >= 0 && rule->probability <= 1)) {
        return refuse(error, "probability", "a number from 0 to 1");
    }
    if (!fault_makes_sense(
            rule->family, rule->operation, rule->fault.action, rule->fault.after_commit)) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID,
            "The action \"%s\" cannot happen at what the rule matches.",
            fault_action_name(rule->fault.action));
    }
    return HUB_OK;
}

/* ---- showing ---- */

static json_t *shape_match(const struct fault_rule *rule)
{
    json_t *shape = json_object();
    if (rule->family != FAULT_ANY_FAMILY) {
        json_object_set_new(shape, "protocol", json_string(families[rule->family]));
    }
    if (rule->device[0] != '\0') {
        json_object_set_new(shape, "device", json_string(rule->device));
    }
    if (rule->connection > 0) {
        json_object_set_new(shape, "connection", json_integer((json_int_t)rule->connection));
    }
    if (rule->operation != FAULT_ANY_OPERATION) {
        json_object_set_new(shape, "operation", json_string(operations[rule->operation]));
    }
    return shape;
}

static json_t *shape_action(const struct fault *fault)
{
    json_t *shape = json_object();
    json_object_set_new(shape, "type", json_string(fault_action_name(fault->action)));
    if (fault->action == FAULT_DROP || fault->action == FAULT_CLOSE) {
        json_object_set_new(
            shape, "when", json_string(fault->after_commit ? "afterCommit" : "beforeCommit"));
    } else if (fault->action == FAULT_DELAY) {
        json_object_set_new(shape, "duration", shape_duration(fault->delay));
    } else if (fault->action == FAULT_ERROR) {
        json_object_set_new(shape, "code", json_integer(fault->error.code));
    }
    return shape;
}

static json_t *shape_rule(const struct fault_rule *rule)
{
    json_t *shape = json_object();
    json_object_set_new(shape, "id", json_integer((json_int_t)rule->id));
    json_object_set_new(shape, "match", shape_match(rule));
    json_object_set_new(shape, "after", json_integer((json_int_t)rule->after));
    if (rule->times > 0) {
        json_object_set_new(shape, "times", json_integer((json_int_t)rule->times));
    }
    json_object_set_new(shape, "probability", json_real(rule->probability));
    if (rule->has_seed) {
        json_object_set_new(shape, "seed", json_integer((json_int_t)rule->seed));
    }
    json_object_set_new(shape, "action", shape_action(&rule->fault));
    json_object_set_new(shape, "matched", json_integer((json_int_t)rule->matched));
    json_object_set_new(shape, "applied", json_integer((json_int_t)rule->applied));
    return shape;
}

/* ---- requests ---- */

void control_faults(void *context, struct http_request *request)
{
    struct control *control = context;
    const struct fault_rule *rule;
    struct list_page page;
    if (!control_read_page(request, &page)) {
        return;
    }
    json_t *items = json_array();
    while ((rule = fault_next(control->options.sessions, page.after)) &&
           json_array_size(items) < page.limit) {
        json_array_append_new(items, shape_rule(rule));
        page.after = rule->id;
    }
    control_answer_json(control, request, 200, shape_page(items, rule != NULL, page.after));
}

void control_add_fault(void *context, struct http_request *request)
{
    static const char *const members[] = {
        "match", "after", "times", "probability", "seed", "action", NULL};
    struct control *control = context;
    struct sessions *sessions = control->options.sessions;
    struct fault_rule rule = {0};
    struct hub_error error;
    json_t *body = control_read_body(request, members);
    if (!body) {
        return;
    }
    if (read_rule(body, &rule, &error) != HUB_OK) {
        control_refuse(request, &error);
    } else if ((rule.id = fault_add(sessions, &rule)) == 0) {
        hub_refuse(&error, HUB_IOT_HUB_QUOTA_EXCEEDED, "There are %d rules already.", FAULTS_MAX);
        control_refuse(request, &error);
    } else {
        control_answer_json(control, request, 201, shape_rule(&rule));
    }
    json_decref(body);
}

void control_delete_fault(void *context, struct http_request *request)
{
    struct control *control = context;
    const char *text = http_request_parameter(request, 0);
    char *end;
    if (!control_check_no_query(request)) {
        return;
    }
    uint64_t id = strtoull(text, &end, 10);
    if (*end == '\0' && fault_remove(control->options.sessions, id)) {
        control_answer_empty(control, request);
    } else {
        struct hub_error error;
        hub_refuse(&error, HUB_GENERIC_NOT_FOUND, "There is no fault \"%.20s\".", text);
        control_refuse(request, &error);
    }
}
