/* Modules in the registry: one by one, all of a device, many at once. */
#include "tests/protocols/https/rest.h"

#include <stdio.h>
#include <string.h>

static struct rest rest;

#define MODULE(id) "/devices/d1/modules/" id "?" VERSION

static struct answer *ask(
    const char *method, const char *target, const char *if_match, const char *body)
{
    char headers[128] = "";
    if (if_match) {
        snprintf(headers, sizeof headers, "If-Match: %s\r\n", if_match);
    }
    return rest_ask(&rest, method, target, (struct rest_request){.headers = headers, .body = body});
}

static const char *member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

START_TEST(test_a_module_is_written_in_the_documented_order)
{
    rest_open(&rest);
    struct answer *answer = ask("PUT", MODULE("m1"), NULL,
        "{\"deviceId\":\"d1\",\"moduleId\":\"m1\",\"managedBy\":\"IotEdge\"}");
    answer_check_status(answer, 200);
    ck_assert_str_eq(answer_header(answer, "ETag"), "\"MA==\"");
    json_t *body = answer_json(answer);
    char expected[1024];
    const json_t *keys = json_object_get(json_object_get(body, "authentication"), "symmetricKey");
    snprintf(expected, sizeof expected,
        "{\"moduleId\":\"m1\",\"managedBy\":\"IotEdge\",\"deviceId\":\"d1\","
        "\"generationId\":\"%s\",\"etag\":\"MA==\",\"connectionState\":\"Disconnected\","
        "\"connectionStateUpdatedTime\":\"0001-01-01T00:00:00\","
        "\"lastActivityTime\":\"0001-01-01T00:00:00\",\"cloudToDeviceMessageCount\":0,"
        "\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"%s\",\"secondaryKey\":\"%s\"},"
        "\"x509Thumbprint\":{\"primaryThumbprint\":null,\"secondaryThumbprint\":null},"
        "\"type\":\"sas\"}}",
        member(body, "generationId"), member(keys, "primaryKey"), member(keys, "secondaryKey"));
    ck_assert_str_eq(answer->body, expected);
    json_decref(body);
    rest_close(&rest);
}
END_TEST

START_TEST(test_if_match_decides_about_modules_as_about_devices)
{
    rest_open(&rest);
    answer_check_flat(ask("PUT", MODULE("m1"), "*", "{}"), HUB_MODULE_NOT_FOUND);
    answer_check_status(ask("PUT", MODULE("m1"), NULL, "{}"), 200);
    answer_check_flat(ask("PUT", MODULE("m1"), NULL, "{}"), HUB_MODULE_ALREADY_EXISTS_ON_DEVICE);
    answer_check_status(ask("PUT", MODULE("m1"), "\"MA==\"", "{}"), 200);
    answer_check_flat(ask("PUT", MODULE("m1"), "\"MA==\"", "{}"), HUB_PRECONDITION_FAILED);
    answer_check_flat(ask("DELETE", MODULE("m1"), NULL, NULL), HUB_PRECONDITION_FAILED);
    answer_check_flat(ask("DELETE", MODULE("m1"), "MA==", NULL), HUB_PRECONDITION_FAILED);
    answer_check_status(ask("DELETE", MODULE("m1"), "\"*\"", NULL), 204);
    answer_check_flat(ask("DELETE", MODULE("m1"), "*", NULL), HUB_MODULE_NOT_FOUND);
    answer_check_flat(rest_expect(&rest, 404, "GET", MODULE("m1")), HUB_MODULE_NOT_FOUND);
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_body_that_makes_no_module_is_refused)
{
    static const char *const bodies[] = {"[]", "{\"moduleId\":\"m2\"}", "{\"deviceId\":\"d2\"}",
        "{\"moduleId\":1}", "{\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"x\"}}}"};
    rest_open(&rest);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        answer_check_flat(ask("PUT", MODULE("m1"), NULL, bodies[i]), HUB_ARGUMENT_INVALID);
    }
    answer_check_flat(ask("PUT", MODULE("m%2F1"), NULL, "{}"), HUB_ARGUMENT_INVALID);
    rest_expect(&rest, 404, "GET", MODULE("m1"));
    answer_check_status(
        ask("PUT", MODULE("m1"), NULL, "{\"authentication\":{\"type\":\"none\"}}"), 200);
    ck_assert_ptr_nonnull(strstr(rest_expect(&rest, 200, "GET", MODULE("m1"))->body,
        "\"authentication\":{\"symmetricKey\":{\"primaryKey\":null,\"secondaryKey\":null}"));
    rest_close(&rest);
}
END_TEST

START_TEST(test_the_fifty_first_module_is_refused)
{
    char target[64];
    rest_open(&rest);
    for (int i = 0; i < 50; i++) {
        snprintf(target, sizeof target, MODULE("m%d"), i);
        answer_check_status(ask("PUT", target, NULL, "{}"), 200);
    }
    answer_check_flat(ask("PUT", MODULE("more"), NULL, "{}"), HUB_TOO_MANY_MODULES_ON_DEVICE);
    json_t *list = answer_json(rest_expect(&rest, 200, "GET", "/devices/d1/modules?" VERSION));
    ck_assert_uint_eq(json_array_size(list), 50);
    ck_assert_str_eq(member(json_array_get(list, 49), "moduleId"), "m49");
    json_decref(list);
    ck_assert_str_eq(rest_expect(&rest, 200, "GET", "/devices/d2/modules/?" VERSION)->body, "[]");
    rest_close(&rest);
}
END_TEST

START_TEST(test_modules_of_a_missing_or_disabled_device_are_unauthorized)
{
    static const char *const devices[] = {"none", "d1", "d1%2Fm1"};
    char target[64];
    rest_open(&rest);
    small_hub_add_module(&rest.small, "d1", "m1");
    answer_check_status(ask("PUT", "/devices/d1?" VERSION, "*", "{\"status\":\"disabled\"}"), 200);
    for (size_t i = 0; i < 3; i++) {
        snprintf(target, sizeof target, "/devices/%s/modules/m1?" VERSION, devices[i]);
        answer_check_flat(ask("PUT", target, "*", "{}"), HUB_IOT_HUB_UNAUTHORIZED_ACCESS);
        answer_check_flat(ask("GET", target, NULL, NULL), HUB_IOT_HUB_UNAUTHORIZED_ACCESS);
        answer_check_flat(ask("DELETE", target, "*", NULL), HUB_IOT_HUB_UNAUTHORIZED_ACCESS);
        snprintf(target, sizeof target, "/devices/%s/modules?" VERSION, devices[i]);
        answer_check_flat(ask("GET", target, NULL, NULL), HUB_IOT_HUB_UNAUTHORIZED_ACCESS);
    }
    ck_assert_ptr_nonnull(identity_find_module(hub_identities(rest.hub), "d1", "m1"));
    rest_close(&rest);
}
END_TEST

START_TEST(test_modules_go_with_their_device)
{
    rest_open(&rest);
    small_hub_add_module(&rest.small, "d1", "m1");
    answer_check_status(ask("DELETE", "/devices/d1?" VERSION, "*", NULL), 204);
    answer_check_status(ask("PUT", "/devices/d1?" VERSION, NULL, "{}"), 200);
    answer_check_flat(rest_expect(&rest, 404, "GET", MODULE("m1")), HUB_MODULE_NOT_FOUND);
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_module_is_no_device_to_any_route)
{
    rest_open(&rest);
    small_hub_add_module(&rest.small, "d1", "m1");
    const char *token = make_token(
        (struct token_recipe){.resource = "hub.local/devices/d1/modules/m1", .key = MODULE_KEY});
    answer_check_flat(
        rest_expect(&rest, 404, "GET", "/devices/d1%2Fm1?" VERSION), HUB_DEVICE_NOT_FOUND);
    answer_check_flat(ask("DELETE", "/devices/d1%2Fm1?" VERSION, "*", NULL), HUB_DEVICE_NOT_FOUND);
    answer_check_flat(rest_expect(&rest, 404, "DELETE", "/devices/d1%2Fm1/commands?" VERSION),
        HUB_DEVICE_NOT_FOUND);
    answer_check_nested(rest_ask(&rest, "GET", "/devices/d1%2Fm1/messages/devicebound?" VERSION,
                            (struct rest_request){.token = token}),
        HUB_DEVICE_NOT_FOUND);
    answer_check_nested(rest_ask(&rest, "POST", "/devices/d1%2Fm1/messages/events?" VERSION,
                            (struct rest_request){.token = token, .body = "x"}),
        HUB_DEVICE_NOT_FOUND);
    answer_check_flat(ask("POST", "/devices/d1%2Fm1/messages/devicebound?" VERSION, NULL, "x"),
        HUB_DEVICE_NOT_FOUND);
    answer_check_flat(rest_ask(&rest, "GET", "/devices/d1/modules/m1/messages/devicebound?" VERSION,
                          (struct rest_request){.token = token}),
        HUB_GENERIC_NOT_FOUND);
    ck_assert_str_eq(rest_expect(&rest, 200, "GET", "/statistics/devices?" VERSION)->body,
        "{\"totalDeviceCount\":2,\"enabledDeviceCount\":2,\"disabledDeviceCount\":0}");
    rest_close(&rest);
}
END_TEST

START_TEST(test_bulk_items_may_be_modules)
{
    rest_open(&rest);
    answer_check_status(ask("POST", "/devices?" VERSION, NULL,
                            "[{\"id\":\"d1\",\"moduleId\":\"m1\",\"importMode\":\"create\"},"
                            "{\"id\":\"d1\",\"moduleId\":\"m2\",\"importMode\":\"create\"},"
                            "{\"id\":\"d1\",\"moduleId\":null,\"importMode\":\"update\"}]"),
        200);
    ck_assert_uint_eq(identity_find(hub_identities(rest.hub), "d1")->etag, 1);
    struct answer *answer = ask("POST", "/devices?" VERSION, NULL,
        "[{\"id\":\"d1\",\"moduleId\":\"m1\",\"importMode\":\"delete\"},"
        "{\"id\":\"d1\",\"moduleId\":\"m2\",\"importMode\":\"create\"},"
        "{\"id\":\"none\",\"moduleId\":\"m2\",\"importMode\":\"create\"},"
        "{\"id\":\"d1\",\"moduleId\":7,\"importMode\":\"delete\"}]");
    answer_check_status(answer, 400);
    ck_assert_str_eq(answer->body,
        "{\"isSuccessful\":false,\"errors\":["
        "{\"deviceId\":\"d1\",\"moduleId\":\"m2\",\"errorCode\":409301,\"errorStatus\":\"d1\"},"
        "{\"deviceId\":\"none\",\"moduleId\":\"m2\",\"errorCode\":404001,"
        "\"errorStatus\":\"none\"},"
        "{\"deviceId\":\"d1\",\"errorCode\":400004,\"errorStatus\":\"d1\"}],\"warnings\":[]}");
    ck_assert_ptr_null(identity_find_module(hub_identities(rest.hub), "d1", "m1"));
    ck_assert_ptr_nonnull(identity_find_module(hub_identities(rest.hub), "d1", "m2"));
    rest_close(&rest);
}
END_TEST

SUITE_MAIN("modules", test_a_module_is_written_in_the_documented_order,
    test_if_match_decides_about_modules_as_about_devices,
    test_a_body_that_makes_no_module_is_refused, test_the_fifty_first_module_is_refused,
    test_modules_of_a_missing_or_disabled_device_are_unauthorized,
    test_modules_go_with_their_device, test_a_module_is_no_device_to_any_route,
    test_bulk_items_may_be_modules)
