/* POST /devices/query: pages, continuations, permissions. */
#include "tests/protocols/https/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rest rest;

#define TARGET "/devices/query?" VERSION

static struct answer *query(const char *text, const char *page_size, const char *continuation)
{
    char headers[256] = "", body[256];
    if (page_size) {
        snprintf(headers, sizeof headers, "x-ms-max-item-count: %s\r\n", page_size);
    }
    if (continuation) {
        snprintf(headers + strlen(headers), sizeof headers - strlen(headers),
            "x-ms-continuation: %s\r\n", continuation);
    }
    snprintf(body, sizeof body, "{\"query\":\"%s\"}", text);
    return rest_ask(&rest, "POST", TARGET, (struct rest_request){.headers = headers, .body = body});
}

static void open_hub(void)
{
    rest_open(&rest);
    small_hub_add(&rest.small, "d3");
    small_hub_add_module(&rest.small, "d1", "m1");
    small_hub_add_module(&rest.small, "d1", "m2");
    small_hub_add_module(&rest.small, "d3", "m1");
    hub_end_turn(rest.hub);
}

START_TEST(test_select_all_gives_whole_twins)
{
    open_hub();
    struct answer *answer = query("SELECT * FROM devices", NULL, NULL);
    answer_check_status(answer, 200);
    ck_assert_str_eq(answer_header(answer, "x-ms-item-type"), "Twin");
    ck_assert_ptr_null(answer_header(answer, "x-ms-continuation"));
    json_t *rows = answer_json(answer);
    ck_assert_uint_eq(json_array_size(rows), 3);
    json_t *twin = answer_json(rest_expect(&rest, 200, "GET", "/twins/d2?" VERSION));
    ck_assert(json_equal(json_array_get(rows, 1), twin));
    json_decref(twin);
    json_decref(rows);
    rest_close(&rest);
}
END_TEST

START_TEST(test_pages_of_one_over_three_devices_have_two_continuations)
{
    char continuation[64] = "";
    static const char *const expected[] = {
        "[{\"deviceId\":\"d1\"}]", "[{\"deviceId\":\"d2\"}]", "[{\"deviceId\":\"d3\"}]"};
    open_hub();
    for (int i = 0; i < 3; i++) {
        struct answer *answer = query("SELECT deviceId FROM devices", "1", continuation);
        ck_assert_str_eq(answer->body, expected[i]);
        ck_assert_str_eq(answer_header(answer, "x-ms-item-type"), "Raw");
        const char *next = answer_header(answer, "x-ms-continuation");
        ck_assert_int_eq(next != NULL, i < 2);
        snprintf(continuation, sizeof continuation, "%s", next ? next : "");
    }
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_page_that_ends_with_the_last_match_has_no_continuation)
{
    open_hub();
    struct answer *answer =
        query("SELECT deviceId FROM devices WHERE deviceId IN ['d1','d2']", "2", NULL);
    ck_assert_str_eq(answer->body, "[{\"deviceId\":\"d1\"},{\"deviceId\":\"d2\"}]");
    ck_assert_ptr_null(answer_header(answer, "x-ms-continuation"));
    answer = query("SELECT deviceId FROM devices WHERE deviceId = 'none'", NULL, NULL);
    ck_assert_str_eq(answer->body, "[]");
    rest_close(&rest);
}
END_TEST

START_TEST(test_pages_stay_whole_while_devices_come_and_go)
{
    char continuation[64];
    open_hub();
    struct answer *answer = query("SELECT deviceId FROM devices", "2", NULL);
    snprintf(continuation, sizeof continuation, "%s", answer_header(answer, "x-ms-continuation"));
    hub_delete_device(rest.hub, "d2", (struct etag_condition){ETAG_ANY, 0}, NULL);
    small_hub_add(&rest.small, "d4");
    hub_end_turn(rest.hub);
    answer = query("SELECT deviceId FROM devices", "2", continuation);
    ck_assert_str_eq(answer->body, "[{\"deviceId\":\"d3\"},{\"deviceId\":\"d4\"}]");
    rest_close(&rest);
}
END_TEST

START_TEST(test_modules_are_asked_for_by_their_collection)
{
    open_hub();
    struct answer *answer = query("SELECT deviceId, moduleId FROM devices.modules", "2", NULL);
    ck_assert_str_eq(answer->body, "[{\"deviceId\":\"d1\",\"moduleId\":\"m1\"},"
                                   "{\"deviceId\":\"d1\",\"moduleId\":\"m2\"}]");
    char continuation[64];
    snprintf(continuation, sizeof continuation, "%s", answer_header(answer, "x-ms-continuation"));
    answer = query("SELECT deviceId, moduleId FROM devices.modules", "2", continuation);
    ck_assert_str_eq(answer->body, "[{\"deviceId\":\"d3\",\"moduleId\":\"m1\"}]");
    answer = query("SELECT moduleId FROM devices.modules WHERE deviceId = 'd3'", NULL, NULL);
    ck_assert_str_eq(answer->body, "[{\"moduleId\":\"m1\"}]");
    rest_close(&rest);
}
END_TEST

START_TEST(test_count_is_one_row_of_all_that_match)
{
    open_hub();
    ck_assert_str_eq(query("SELECT COUNT() AS n FROM devices", "1", NULL)->body, "[{\"n\":3}]");
    ck_assert_str_eq(
        query("SELECT COUNT() AS n FROM devices.modules WHERE moduleId = 'm1'", NULL, NULL)->body,
        "[{\"n\":2}]");
    ck_assert_str_eq(
        query("SELECT COUNT() AS n FROM devices WHERE status = 'disabled'", NULL, NULL)->body,
        "[{\"n\":0}]");
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_query_that_is_not_understood_is_400)
{
    open_hub();
    struct answer *answer = query("SELECT * FROM devices GROUP BY status", NULL, NULL);
    answer_check_flat(answer, HUB_ARGUMENT_INVALID);
    ck_assert_ptr_nonnull(strstr(answer->body,
        "\"Message\":\"ErrorCode:ArgumentInvalid;BadRequest: GROUP is not supported here.\""));
    static const char *const bodies[] = {"{}", "[]", "{\"query\":1}", "{\"query\":\"\"}"};
    for (size_t i = 0; i < 4; i++) {
        answer_check_flat(rest_ask(&rest, "POST", TARGET, (struct rest_request){.body = bodies[i]}),
            HUB_ARGUMENT_INVALID);
    }
    answer_check_flat(rest_ask(&rest, "POST", TARGET, (struct rest_request){.body = "SELECT"}),
        HUB_DESERIALIZATION_ERROR);
    rest_close(&rest);
}
END_TEST

START_TEST(test_page_sizes_and_continuations_are_checked)
{
    static const char *const sizes[] = {"0", "-1", "many", "1x"};
    static const char *const continuations[] = {"x", "1", "1-", "01-0", "1-2-3", "-", "1-2 3"};
    open_hub();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        answer_check_flat(query("SELECT * FROM devices", sizes[i], NULL), HUB_ARGUMENT_INVALID);
    }
    for (size_t i = 0; i < sizeof continuations / sizeof continuations[0]; i++) {
        answer_check_flat(
            query("SELECT * FROM devices", NULL, continuations[i]), HUB_ARGUMENT_INVALID);
    }
    answer_check_status(query("SELECT * FROM devices", "2147483647", NULL), 200);
    ck_assert_str_eq(query("SELECT * FROM devices", NULL, "99-0")->body, "[]");
    rest_close(&rest);
}
END_TEST

SUITE_MAIN("query", test_select_all_gives_whole_twins,
    test_pages_of_one_over_three_devices_have_two_continuations,
    test_a_page_that_ends_with_the_last_match_has_no_continuation,
    test_pages_stay_whole_while_devices_come_and_go, test_modules_are_asked_for_by_their_collection,
    test_count_is_one_row_of_all_that_match, test_a_query_that_is_not_understood_is_400,
    test_page_sizes_and_continuations_are_checked)
