/*
 * Each code that REST can show: its status, its name in the header, its layout, and that the
 * request changed nothing. What nothing a client does leads to is raised by a fault rule.
 */
#include "protocols/session/fault.h"
#include "tests/protocols/https/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rest rest;

#define TOKEN "/01234567-89ab-cdef-0123-456789abcdef"
#define SEND "/devices/d1/messages/devicebound?" VERSION
#define EVENTS "/devices/d1/messages/events?" VERSION
#define BATCH "Content-Type: application/vnd.microsoft.iothub.json\r\n"

enum layout {
    FLAT,
    NESTED
};

/* What there is before the request. */
enum scene {
    PLAIN, /* d1 with the module m1 and a message, d2 */
    FULL_QUEUE, /* fifty messages for d1 */
    FULL_OF_MODULES, /* fifty modules of d1 */
    DISABLED, /* d1 is */
    NO_COMMITS
};

enum body {
    SHORT,
    LARGE, /* one byte more than a device-bound message may have */
    HUGE, /* one more than telemetry */
    MANY /* a bulk of 101 */
};

static const struct row {
    enum hub_code code;
    enum layout layout;
    const char *method, *target, *headers, *body;
    enum scene scene;
    enum body kind;
    bool is_device, is_nobody; /* who asks; else the owner's policy */
    bool by_fault; /* a rule raises the code */
    enum fault_operation fault; /* where */
} rows[] = {
    {HUB_GENERIC_BAD_REQUEST, FLAT, "GET", "/nowhere?" VERSION, .headers = "Upgrade: x\r\n"},
    {HUB_INVALID_PROTOCOL_VERSION, FLAT, "GET", "/devices/d1", .scene = PLAIN},
    {HUB_ARGUMENT_INVALID, FLAT, "PUT", "/devices/new?" VERSION, .body = "{\"status\":\"x\"}"},
    {HUB_ARGUMENT_INVALID, FLAT, "POST", SEND, .headers = "iothub-messageid: bad id\r\n",
        .body = "x"},
    {HUB_IOT_HUB_FORMAT_ERROR, NESTED, "POST", EVENTS, .headers = BATCH, .body = "{}",
        .is_device = true},
    {HUB_DESERIALIZATION_ERROR, FLAT, "PUT", "/devices/new?" VERSION, .body = "{"},
    {HUB_DESERIALIZATION_ERROR, NESTED, "POST", EVENTS, .headers = BATCH, .body = "{",
        .is_device = true},
    {HUB_DEFAULT_STORAGE_ENDPOINT_NOT_CONFIGURED, FLAT, "POST", "/devices/d1/files?" VERSION,
        .body = "{\"blobName\":\"x\"}", .is_device = true},
    {HUB_DEFAULT_STORAGE_ENDPOINT_NOT_CONFIGURED, FLAT, "POST",
        "/devices/d1/files/notifications?" VERSION, .body = "{\"correlationId\":\"x\"}",
        .is_device = true},
    {HUB_DEFAULT_STORAGE_ENDPOINT_NOT_CONFIGURED, FLAT, "POST",
        "/devices/d1/files/notifications/x?" VERSION, .body = "{}", .is_device = true},
    {HUB_IOT_HUB_UNAUTHORIZED_ACCESS, FLAT, "POST", "/devices/d1/files?" VERSION,
        .body = "{\"blobName\":\"x\"}", .is_nobody = true},
    {HUB_IOT_HUB_UNAUTHORIZED_ACCESS, FLAT, "GET", "/devices/d1?" VERSION, .is_nobody = true},
    {HUB_IOT_HUB_UNAUTHORIZED_ACCESS, FLAT, "GET", SEND, .is_nobody = true},
    {HUB_DEVICE_MAXIMUM_QUEUE_DEPTH_EXCEEDED, FLAT, "POST", SEND, .body = "x", .scene = FULL_QUEUE},
    {HUB_INVALID_MESSAGE_EXPIRY_TIME, FLAT, "POST", SEND,
        .headers = "iothub-expiry: 2000-01-01T00:00:00Z\r\n", .body = "x"},
    {HUB_GENERIC_NOT_FOUND, FLAT, "GET", "/jobs?" VERSION, .scene = PLAIN},
    {HUB_DEVICE_NOT_FOUND, FLAT, "GET", "/devices/none?" VERSION, .scene = PLAIN},
    {HUB_DEVICE_NOT_FOUND, FLAT, "POST", "/devices/none/messages/devicebound?" VERSION,
        .body = "x"},
    {HUB_DEVICE_NOT_FOUND, FLAT, "POST", SEND, .body = "x", .scene = DISABLED},
    {HUB_DEVICE_NOT_FOUND, FLAT, "GET", "/twins/none?" VERSION, .scene = PLAIN},
    {HUB_DEVICE_NOT_FOUND, NESTED, "GET", SEND, .scene = DISABLED, .is_device = true},
    {HUB_MODULE_NOT_FOUND, FLAT, "GET", "/devices/d1/modules/none?" VERSION, .scene = PLAIN},
    {HUB_GENERIC_METHOD_NOT_ALLOWED, FLAT, "PATCH", "/devices/d1?" VERSION, .body = "{}"},
    {HUB_DEVICE_ALREADY_EXISTS, FLAT, "PUT", "/devices/d1?" VERSION, .body = "{}"},
    {HUB_MODULE_ALREADY_EXISTS_ON_DEVICE, FLAT, "PUT", "/devices/d1/modules/m1?" VERSION,
        .body = "{}"},
    {HUB_PRECONDITION_FAILED, FLAT, "PUT", "/devices/d1?" VERSION, .headers = "If-Match: MTIz\r\n",
        .body = "{}"},
    {HUB_PRECONDITION_FAILED, FLAT, "DELETE", "/devices/d1?" VERSION, .scene = PLAIN},
    {HUB_PRECONDITION_FAILED, FLAT, "PATCH", "/twins/d1?" VERSION, .headers = "If-Match: x\r\n",
        .body = "{}"},
    {HUB_DEVICE_MESSAGE_LOCK_LOST, NESTED, "DELETE",
        "/devices/d1/messages/devicebound" TOKEN "?" VERSION, .is_device = true},
    {HUB_DEVICE_MESSAGE_LOCK_LOST, NESTED, "DELETE",
        "/messages/servicebound/feedback" TOKEN "?" VERSION, .scene = PLAIN},
    {HUB_MESSAGE_TOO_LARGE, FLAT, "POST", SEND, .kind = LARGE},
    {HUB_MESSAGE_TOO_LARGE, NESTED, "POST", EVENTS, .kind = HUGE, .is_device = true},
    {HUB_TOO_MANY_DEVICES, FLAT, "POST", "/devices?" VERSION, .kind = MANY},
    {HUB_TOO_MANY_MODULES_ON_DEVICE, FLAT, "PUT", "/devices/d1/modules/more?" VERSION, .body = "{}",
        .scene = FULL_OF_MODULES},
    {HUB_SERVER_ERROR, FLAT, "PUT", "/devices/new?" VERSION, .body = "{}", .scene = NO_COMMITS},
    {HUB_SERVER_ERROR, FLAT, "PATCH", "/twins/d1?" VERSION, .body = "{\"tags\":{\"a\":1}}",
        .scene = NO_COMMITS},
    {HUB_SERVER_ERROR, FLAT, "DELETE", "/devices/d1?" VERSION, .headers = "If-Match: *\r\n",
        .scene = NO_COMMITS},
    {HUB_SERVER_ERROR, FLAT, "POST", SEND, .body = "x", .scene = NO_COMMITS},
    {HUB_SERVER_ERROR, NESTED, "GET", SEND, .scene = NO_COMMITS, .is_device = true},
    {HUB_IOT_HUB_UNAUTHORIZED, FLAT, "GET", "/devices/d1?" VERSION, .by_fault = true,
        .fault = FAULT_AUTHENTICATE},
    {HUB_IOT_HUB_UNAUTHORIZED, FLAT, "GET", SEND, .is_device = true, .by_fault = true,
        .fault = FAULT_AUTHENTICATE},
    {HUB_IOT_HUB_SUSPENDED, FLAT, "GET", "/devices?" VERSION, .by_fault = true,
        .fault = FAULT_CONNECT},
    {HUB_IOT_HUB_SUSPENDED, NESTED, "GET", SEND, .is_device = true, .by_fault = true,
        .fault = FAULT_AUTHENTICATE},
    {HUB_IOT_HUB_QUOTA_EXCEEDED, FLAT, "POST", SEND, .body = "x", .by_fault = true,
        .fault = FAULT_SEND},
    {HUB_IOT_HUB_QUOTA_EXCEEDED, NESTED, "POST", EVENTS, .body = "x", .is_device = true,
        .by_fault = true, .fault = FAULT_SEND},
    {HUB_GENERIC_UNSUPPORTED_MEDIA_TYPE, FLAT, "PUT", "/devices/new?" VERSION, .body = "{}",
        .by_fault = true, .fault = FAULT_AUTHENTICATE},
    {HUB_GENERIC_UNSUPPORTED_MEDIA_TYPE, NESTED, "POST", EVENTS, .body = "x", .is_device = true,
        .by_fault = true, .fault = FAULT_SEND},
    {HUB_THROTTLING_EXCEPTION, FLAT, "PUT", "/devices/new?" VERSION, .body = "{}", .by_fault = true,
        .fault = FAULT_AUTHENTICATE},
    {HUB_THROTTLING_EXCEPTION, FLAT, "GET", SEND, .is_device = true, .by_fault = true,
        .fault = FAULT_DELIVER},
    {HUB_THROTTLING_EXCEPTION, FLAT, "DELETE", "/messages/servicebound/feedback" TOKEN "?" VERSION,
        .by_fault = true, .fault = FAULT_SETTLE},
    {HUB_SERVICE_UNAVAILABLE, FLAT, "PATCH", "/twins/d1?" VERSION, .body = "{\"tags\":{\"a\":1}}",
        .by_fault = true, .fault = FAULT_AUTHENTICATE},
    {HUB_SERVICE_UNAVAILABLE, NESTED, "DELETE",
        "/devices/d1/messages/devicebound" TOKEN "?" VERSION, .is_device = true, .by_fault = true,
        .fault = FAULT_SETTLE},
    {HUB_THROTTLE_BACKLOG_LIMIT_EXCEEDED, FLAT, "GET", "/devices/d1?" VERSION, .by_fault = true,
        .fault = FAULT_AUTHENTICATE},
    {HUB_THROTTLING_BACKLOG_TIMEOUT, FLAT, "GET", "/devices/d1?" VERSION, .by_fault = true,
        .fault = FAULT_AUTHENTICATE},
    {HUB_DEVICE_THROTTLING_LIMIT_EXCEEDED, FLAT, "GET", "/devices/d1?" VERSION, .by_fault = true,
        .fault = FAULT_AUTHENTICATE},
    {HUB_GENERIC_TIMEOUT, FLAT, "GET", "/devices/d1?" VERSION, .by_fault = true,
        .fault = FAULT_AUTHENTICATE},
    {HUB_GENERIC_BAD_GATEWAY, FLAT, "GET", "/devices/d1?" VERSION, .by_fault = true,
        .fault = FAULT_AUTHENTICATE},
    {HUB_SERVER_BUSY, FLAT, "GET", "/devices/d1?" VERSION, .by_fault = true,
        .fault = FAULT_AUTHENTICATE},
    {HUB_IOT_HUB_RESTORING, FLAT, "GET", "/devices/d1?" VERSION, .by_fault = true,
        .fault = FAULT_AUTHENTICATE},
    {HUB_GATEWAY_TIMEOUT, FLAT, "GET", "/devices/d1?" VERSION, .by_fault = true,
        .fault = FAULT_AUTHENTICATE},
};

/* Codes that no row has, and why. */
static const struct {
    enum hub_code code;
    const char *reason;
} elsewhere[] = {
    {HUB_INVALID_OPERATION, "of bulk items, below; of AMQP links"},
    {HUB_ARGUMENT_NULL, "of bulk items, below"},
    {HUB_DEVICE_DEFINED_MULTIPLE_TIMES, "of bulk items, below"},
    {HUB_BULK_REGISTRY_OPERATION_FAILURE, "of bulk items, below: another body"},
    {HUB_IOT_HUB_NOT_FOUND, "of another Host header, below"},
    {HUB_CONNECTION_FORCEFULLY_CLOSED_ON_NEW_CONNECTION, "MQTT: closed without a packet"},
    {HUB_IOT_HUB_MAX_CBS_TOKEN_EXCEEDED, "AMQP: tokens of a connection"},
    {HUB_LINK_ADDRESS_NOT_FOUND, "AMQP: links"},
    {HUB_LINK_CREATION_CONFLICT, "AMQP: links"},
};

static void disable_d1(void)
{
    struct identity *device = identity_find(hub_identities(rest.hub), "d1");
    struct identity_draft draft = device->is;
    draft.enabled = false;
    hub_put_device(rest.hub, &draft, (struct etag_condition){ETAG_ANY, 0}, &device, NULL);
    hub_end_turn(rest.hub);
}

static void open_scene(enum scene scene)
{
    char id[32];
    rest_open(&rest);
    small_hub_add_module(&rest.small, "d1", "m1");
    rest_send(&rest, "waiting");
    for (int i = 1; scene == FULL_QUEUE && i < 50; i++) {
        rest_send(&rest, "waiting");
    }
    for (int i = 1; scene == FULL_OF_MODULES && i < MODULES_MAX; i++) {
        snprintf(id, sizeof id, "more-%d", i);
        small_hub_add_module(&rest.small, "d1", id);
    }
    if (scene == DISABLED) {
        disable_d1();
    }
    hub_end_turn(rest.hub);
    rest_break_commits(&rest, scene == NO_COMMITS);
}

/* Returns owned; NULL: none. */
static char *write_body(const struct row *row)
{
    size_t length = row->kind == LARGE ? 65537 : 262145;
    if (row->kind == SHORT) {
        return row->body ? strdup(row->body) : NULL;
    }
    char *body = calloc(1, length + 1);
    if (row->kind == MANY) {
        strcpy(body, "[{}");
        for (int i = 1; i < 101; i++) {
            strcpy(body + strlen(body), ",{}");
        }
        strcat(body, "]");
    } else {
        memset(body, 'x', length);
    }
    return body;
}

static void add_fault(enum fault_operation operation, enum hub_code code)
{
    struct fault_rule rule = {.family = FAULT_HTTPS,
        .operation = operation,
        .times = 1,
        .probability = 1,
        .fault = {.action = FAULT_ERROR}};
    hub_refuse(&rule.fault.error, code, NULL);
    ck_assert_uint_gt(fault_add(rest.sessions, &rule), 0);
}

static void check(const struct row *row)
{
    open_scene(row->scene);
    if (row->by_fault) {
        add_fault(row->fault, row->code);
    }
    char *before = rest_write_state(&rest), *body = write_body(row);
    struct answer *answer = rest_ask(&rest, row->method, row->target,
        (struct rest_request){.headers = row->headers,
            .body = body,
            .token = row->is_nobody   ? ""
                     : row->is_device ? token_for("hub.local/devices/d1")
                                      : NULL});
    ck_assert_msg(answer->status == hub_code_http_status(row->code), "%s %s: %s", row->method,
        row->target, answer->head);
    if (row->layout == NESTED) {
        answer_check_nested(answer, row->code);
    } else {
        answer_check_flat(answer, row->code);
    }
    rest_break_commits(&rest, false);
    char *after = rest_write_state(&rest);
    ck_assert_str_eq(after, before);
    free(after);
    free(before);
    free(body);
    rest_close(&rest);
}

START_TEST(test_each_code_has_its_status_header_and_layout_and_changes_nothing)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check(&rows[i]);
    }
}
END_TEST

START_TEST(test_every_code_of_the_table_is_provoked_or_has_its_reason)
{
    enum hub_code code;
    for (size_t i = 0; hub_code_at(i, &code); i++) {
        int found = 0;
        for (size_t j = 0; j < sizeof rows / sizeof rows[0]; j++) {
            found |= rows[j].code == code;
        }
        for (size_t j = 0; j < sizeof elsewhere / sizeof elsewhere[0]; j++) {
            found += elsewhere[j].code == code && elsewhere[j].reason[0] ? 2 : 0;
        }
        ck_assert_msg(found == 1 || found == 2, "%d: %s", code, hub_code_name(code));
    }
}
END_TEST

/* Whoever tests a client may want any of them. 401 and 429 are flat everywhere. */
START_TEST(test_a_fault_rule_raises_every_code_in_the_layout_of_its_route)
{
    enum hub_code code;
    open_scene(PLAIN);
    for (size_t i = 0; hub_code_at(i, &code); i++) {
        int status = hub_code_http_status(code);
        add_fault(FAULT_AUTHENTICATE, code);
        answer_check_flat(rest_expect(&rest, status, "GET", "/devices/d1?" VERSION), code);
        add_fault(FAULT_DELIVER, code);
        struct answer *answer = rest_as_device(&rest, status, "GET", SEND);
        bool is_flat = status == 401 || status == 429;
        (is_flat ? answer_check_flat : answer_check_nested)(answer, code);
    }
    ck_assert_uint_eq(rest_counts(&rest, "d1").enqueued, 1);
    rest_close(&rest);
}
END_TEST

START_TEST(test_another_hubs_name_is_iot_hub_not_found)
{
    open_scene(PLAIN);
    answer_check_flat(
        peer_ask(rest.peer, "GET /devices/d1?" VERSION " HTTP/1.1\r\nHost: other.hub\r\n\r\n"),
        HUB_IOT_HUB_NOT_FOUND);
    rest_close(&rest);
}
END_TEST

START_TEST(test_bulk_items_name_their_codes_and_change_nothing)
{
    static const struct {
        const char *item;
        enum hub_code code;
    } items[] = {{"{\"id\":\"d1\",\"importMode\":\"mend\"}", HUB_INVALID_OPERATION},
        {"{\"id\":\"d1\"}", HUB_INVALID_OPERATION},
        {"{\"importMode\":\"create\"}", HUB_ARGUMENT_NULL},
        {"{\"id\":\"a b\",\"importMode\":\"create\"}", HUB_ARGUMENT_INVALID},
        {"{\"id\":\"d1\",\"importMode\":\"create\"}", HUB_DEVICE_ALREADY_EXISTS},
        {"{\"id\":\"none\",\"importMode\":\"update\"}", HUB_DEVICE_NOT_FOUND},
        {"{\"id\":\"none\",\"importMode\":\"delete\"}", HUB_DEVICE_NOT_FOUND},
        {"{\"id\":\"d1\",\"importMode\":\"updateIfMatchETag\",\"eTag\":\"MTIz\"}",
            HUB_PRECONDITION_FAILED},
        {"{\"id\":\"d1\",\"moduleId\":\"m1\",\"importMode\":\"create\"}",
            HUB_MODULE_ALREADY_EXISTS_ON_DEVICE},
        {"{\"id\":\"d1\",\"moduleId\":\"none\",\"importMode\":\"delete\"}", HUB_MODULE_NOT_FOUND}};
    char body[256], expected[32];
    open_scene(PLAIN);
    char *before = rest_write_state(&rest);
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        snprintf(body, sizeof body, "[%s]", items[i].item);
        struct answer *answer =
            rest_ask(&rest, "POST", "/devices?" VERSION, (struct rest_request){.body = body});
        answer_check_status(answer, 400);
        ck_assert_str_eq(answer_header(answer, "iothub-errorcode"), "BulkRegistryOperationFailure");
        ck_assert_str_eq(answer_header(answer, "IotHubErrorCode"), "BulkRegistryOperationFailure");
        snprintf(expected, sizeof expected, "\"errorCode\":%d,", items[i].code);
        ck_assert_msg(strstr(answer->body, expected) != NULL, "%s: %s", body, answer->body);
    }
    char *after = rest_write_state(&rest);
    ck_assert_str_eq(after, before);
    free(after);
    free(before);
    rest_close(&rest);
}
END_TEST

SUITE_MAIN("errors", test_each_code_has_its_status_header_and_layout_and_changes_nothing,
    test_every_code_of_the_table_is_provoked_or_has_its_reason,
    test_a_fault_rule_raises_every_code_in_the_layout_of_its_route,
    test_another_hubs_name_is_iot_hub_not_found,
    test_bulk_items_name_their_codes_and_change_nothing)
