/* Twins of devices and modules as a service reads and changes them. */
#include "protocols/https/etag.h"
#include "tests/protocols/https/rest.h"
#include "tests/store/twin_limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rest rest;

#define TWIN(id) "/twins/" id "?" VERSION

static struct answer *ask(
    const char *method, const char *target, const char *if_match, const char *body)
{
    char headers[128] = "";
    if (if_match) {
        snprintf(headers, sizeof headers, "If-Match: %s\r\n", if_match);
    }
    return rest_ask(&rest, method, target, (struct rest_request){.headers = headers, .body = body});
}

static void assert_twin(const char *target, const char *name, const char *expected)
{
    json_t *twin = answer_json(rest_expect(&rest, 200, "GET", target));
    const json_t *at = twin;
    char path[64], *rest_of_path, *part;
    snprintf(path, sizeof path, "%s", name);
    for (part = strtok_r(path, ".", &rest_of_path); part;
         part = strtok_r(NULL, ".", &rest_of_path)) {
        at = json_object_get(at, part);
    }
    char *text = json_dumps(at, JSON_COMPACT | JSON_ENCODE_ANY);
    ck_assert_str_eq(text ? text : "missing", expected);
    free(text);
    json_decref(twin);
}

START_TEST(test_a_twin_that_nobody_changed_is_written_in_the_recorded_order)
{
    rest_open(&rest);
    struct answer *answer = rest_expect(&rest, 200, "GET", TWIN("d1"));
    ck_assert_str_eq(answer_header(answer, "ETag"), "\"AAAAAAAAAAE=\"");
    ck_assert_str_eq(answer->body,
        "{\"deviceId\":\"d1\",\"etag\":\"AAAAAAAAAAE=\",\"deviceEtag\":\"MA==\","
        "\"status\":\"enabled\",\"statusUpdateTime\":\"0001-01-01T00:00:00Z\","
        "\"connectionState\":\"Disconnected\",\"lastActivityTime\":\"0001-01-01T00:00:00Z\","
        "\"cloudToDeviceMessageCount\":0,\"authenticationType\":\"sas\","
        "\"x509Thumbprint\":{\"PrimaryThumbprint\":null,\"SecondaryThumbprint\":null},"
        "\"modelId\":\"\",\"version\":2,\"properties\":{"
        "\"desired\":{\"$metadata\":{\"$lastUpdated\":\"2023-11-14T22:13:20.0000000Z\"},"
        "\"$version\":1},"
        "\"reported\":{\"$metadata\":{\"$lastUpdated\":\"2023-11-14T22:13:20.0000000Z\"},"
        "\"$version\":1}},\"capabilities\":{\"iotEdge\":false}}");
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_patch_merges_and_answers_the_whole_twin)
{
    rest_open(&rest);
    struct answer *answer = ask("PATCH", TWIN("d1"), NULL,
        "{\"tags\":{\"floor\":1},\"properties\":{\"desired\":{\"interval\":5}}}");
    answer_check_status(answer, 200);
    ck_assert_str_eq(answer_header(answer, "ETag"), "\"AAAAAAAAAAI=\"");
    ck_assert_ptr_nonnull(strstr(answer->body, "\"tags\":{\"floor\":1}"));
    answer_check_status(ask("PATCH", TWIN("d1"), "*", "{\"tags\":{\"room\":2}}"), 200);
    assert_twin(TWIN("d1"), "tags", "{\"floor\":1,\"room\":2}");
    assert_twin(TWIN("d1"), "properties.desired.$version", "2");
    assert_twin(TWIN("d1"), "version", "4");
    assert_twin(TWIN("d2"), "version", "2");
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_put_replaces)
{
    rest_open(&rest);
    ask("PATCH", TWIN("d1"), NULL, "{\"tags\":{\"a\":1},\"properties\":{\"desired\":{\"a\":1}}}");
    answer_check_status(
        ask("PUT", TWIN("d1"), NULL, "{\"properties\":{\"desired\":{\"b\":1}}}"), 200);
    assert_twin(TWIN("d1"), "tags", "missing");
    assert_twin(TWIN("d1"), "properties.desired.a", "missing");
    assert_twin(TWIN("d1"), "properties.desired.b", "1");
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_stale_etag_changes_nothing)
{
    static const char *const stale[] = {
        "\"AAAAAAAAAAI=\"", "AAAAAAAAAAI=", "\"MQ==\"", "junk", "\"AAAAAAAAAAEA\""};
    static const char *const good[] = {
        NULL, "*", "\"*\"", "\"\"", "AAAAAAAAAAU=", "\"AAAAAAAAAAY=\""};
    rest_open(&rest);
    for (size_t i = 0; i < sizeof stale / sizeof stale[0]; i++) {
        answer_check_flat(
            ask("PATCH", TWIN("d1"), stale[i], "{\"tags\":{\"a\":1}}"), HUB_PRECONDITION_FAILED);
        answer_check_flat(ask("PUT", TWIN("d1"), stale[i], "{}"), HUB_PRECONDITION_FAILED);
    }
    assert_twin(TWIN("d1"), "version", "2");
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        answer_check_status(ask("PATCH", TWIN("d1"), good[i], "{\"tags\":{\"a\":1}}"), 200);
    }
    rest_close(&rest);
}
END_TEST

START_TEST(test_java_patches_by_post)
{
    rest_open(&rest);
    answer_check_status(rest_ask(&rest, "POST", TWIN("d1"),
                            (struct rest_request){.headers = "X-HTTP-Method-Override: PATCH\r\n",
                                .body = "{\"tags\":{\"a\":1}}"}),
        200);
    assert_twin(TWIN("d1"), "tags.a", "1");
    answer_check_flat(
        ask("POST", TWIN("d1"), NULL, "{\"tags\":{\"a\":2}}"), HUB_GENERIC_METHOD_NOT_ALLOWED);
    assert_twin(TWIN("d1"), "tags.a", "1");
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_module_has_a_twin_of_its_own)
{
    rest_open(&rest);
    small_hub_add_module(&rest.small, "d1", "m1");
    answer_check_status(
        ask("PATCH", "/twins/d1/modules/m1?" VERSION, NULL, "{\"tags\":{\"a\":1}}"), 200);
    assert_twin("/twins/d1/modules/m1?" VERSION, "moduleId", "\"m1\"");
    assert_twin("/twins/d1/modules/m1?" VERSION, "tags.a", "1");
    assert_twin("/twins/d1/modules/m1?" VERSION, "capabilities", "missing");
    assert_twin(TWIN("d1"), "tags", "missing");
    rest_close(&rest);
}
END_TEST

START_TEST(test_unknown_devices_and_modules_are_device_not_found)
{
    static const char *const targets[] = {TWIN("none"), "/twins/d1/modules/none?" VERSION,
        "/twins/none/modules/m1?" VERSION, TWIN("d1%2Fm1")};
    rest_open(&rest);
    small_hub_add_module(&rest.small, "d1", "m1");
    for (size_t i = 0; i < 4; i++) {
        answer_check_flat(ask("GET", targets[i], NULL, NULL), HUB_DEVICE_NOT_FOUND);
        answer_check_flat(ask("PATCH", targets[i], NULL, "{}"), HUB_DEVICE_NOT_FOUND);
        answer_check_flat(ask("PUT", targets[i], NULL, "{}"), HUB_DEVICE_NOT_FOUND);
    }
    rest_close(&rest);
}
END_TEST

START_TEST(test_bodies_that_change_no_twin_are_refused)
{
    rest_open(&rest);
    answer_check_flat(ask("PATCH", TWIN("d1"), NULL, "{"), HUB_DESERIALIZATION_ERROR);
    answer_check_flat(ask("PATCH", TWIN("d1"), NULL, "[]"), HUB_ARGUMENT_INVALID);
    answer_check_flat(ask("PATCH", TWIN("d1"), NULL, "{\"tags\":[]}"), HUB_ARGUMENT_INVALID);
    answer_check_flat(ask("PUT", TWIN("d1"), NULL, "{\"tags\":{\"$a\":1}}"), HUB_ARGUMENT_INVALID);
    assert_twin(TWIN("d1"), "version", "2");
    rest_close(&rest);
}
END_TEST

START_TEST(test_names_and_values_beyond_their_limits_are_argument_invalid)
{
    char body[8192];
    rest_open(&rest);
    for (size_t i = 0; i < TWIN_LIMIT_COUNT; i++) {
        snprintf(body, sizeof body, "{\"properties\":{\"desired\":%s}}", twin_limits[i].exceeds);
        answer_check_flat(ask("PATCH", TWIN("d1"), NULL, body), HUB_ARGUMENT_INVALID);
        snprintf(body, sizeof body, "{\"tags\":%s}", twin_limits[i].exceeds);
        answer_check_flat(ask("PUT", TWIN("d1"), NULL, body), HUB_ARGUMENT_INVALID);
        assert_twin(TWIN("d1"), "version", "2");
        snprintf(body, sizeof body, "{\"tags\":%s}", twin_limits[i].fits);
        answer_check_status(ask("PUT", TWIN("d2"), NULL, body), 200);
    }
    rest_close(&rest);
}
END_TEST

START_TEST(test_what_a_device_reports_is_in_the_twin)
{
    uint64_t version;
    struct hub_error error;
    rest_open(&rest);
    int64_t row = identity_find(hub_identities(rest.hub), "d1")->row;
    ck_assert_int_eq(twins_report(hub_twins(rest.hub), row, TEXT("{\"fw\":\"2\"}"),
                         hub_now(rest.hub), &version, &error),
        HUB_OK);
    hub_end_turn(rest.hub);
    assert_twin(TWIN("d1"), "properties.reported.fw", "\"2\"");
    assert_twin(TWIN("d1"), "properties.reported.$metadata.fw",
        "{\"$lastUpdated\":\"2023-11-14T22:13:20.0000000Z\"}");
    assert_twin(TWIN("d1"), "etag", "\"AAAAAAAAAAE=\"");
    ask("PUT", TWIN("d1"), NULL, "{\"properties\":{\"reported\":{\"fw\":\"3\"}}}");
    assert_twin(TWIN("d1"), "properties.reported.fw", "\"2\"");
    rest_close(&rest);
}
END_TEST

START_TEST(test_bulk_items_bring_and_change_twins)
{
    rest_open(&rest);
    answer_check_status(ask("POST", "/devices?" VERSION, NULL,
                            "[{\"id\":\"new\",\"importMode\":\"create\",\"tags\":{\"a\":1},"
                            "\"properties\":{\"desired\":{\"b\":2}}},"
                            "{\"id\":\"d1\",\"importMode\":\"updateTwin\",\"tags\":{\"c\":3}},"
                            "{\"id\":\"d2\",\"importMode\":\"UpdateTwinIfMatchETag\","
                            "\"twinETag\":\"AAAAAAAAAAE=\",\"tags\":{\"d\":4}}]"),
        200);
    assert_twin(TWIN("new"), "tags.a", "1");
    assert_twin(TWIN("new"), "properties.desired.b", "2");
    assert_twin(TWIN("d1"), "tags.c", "3");
    assert_twin(TWIN("d1"), "deviceEtag", "\"MA==\"");
    assert_twin(TWIN("d2"), "tags.d", "4");
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_bulk_item_with_a_twin_is_done_whole_or_not_at_all)
{
    rest_open(&rest);
    struct answer *answer = ask("POST", "/devices?" VERSION, NULL,
        "[{\"id\":\"new\",\"importMode\":\"create\",\"tags\":{\"$a\":1}},"
        "{\"id\":\"d1\",\"importMode\":\"updateTwinIfMatchETag\",\"twinETag\":\"AAAAAAAAAAI=\","
        "\"tags\":{\"d\":4}},"
        "{\"id\":\"d2\",\"importMode\":\"updateTwinIfMatchETag\",\"tags\":{\"d\":4}},"
        "{\"id\":\"none\",\"importMode\":\"updateTwin\",\"tags\":{\"d\":4}}]");
    answer_check_status(answer, 400);
    ck_assert_str_eq(answer->body,
        "{\"isSuccessful\":false,\"errors\":["
        "{\"deviceId\":\"new\",\"errorCode\":400004,\"errorStatus\":\"new\"},"
        "{\"deviceId\":\"d1\",\"errorCode\":412001,\"errorStatus\":\"d1\"},"
        "{\"deviceId\":\"d2\",\"errorCode\":412001,\"errorStatus\":\"d2\"},"
        "{\"deviceId\":\"none\",\"errorCode\":404001,\"errorStatus\":\"none\"}],\"warnings\":[]}");
    rest_expect(&rest, 404, "GET", "/devices/new?" VERSION);
    assert_twin(TWIN("d1"), "tags", "missing");
    rest_close(&rest);
}
END_TEST

SUITE_MAIN("twins", test_bulk_items_bring_and_change_twins,
    test_a_bulk_item_with_a_twin_is_done_whole_or_not_at_all,
    test_a_twin_that_nobody_changed_is_written_in_the_recorded_order,
    test_a_patch_merges_and_answers_the_whole_twin, test_a_put_replaces,
    test_a_stale_etag_changes_nothing, test_java_patches_by_post,
    test_a_module_has_a_twin_of_its_own, test_unknown_devices_and_modules_are_device_not_found,
    test_bodies_that_change_no_twin_are_refused,
    test_names_and_values_beyond_their_limits_are_argument_invalid,
    test_what_a_device_reports_is_in_the_twin)
