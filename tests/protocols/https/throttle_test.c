/*
 * Rate limits over HTTPS: what is beyond them is 429001, changes nothing, and says nothing of when
 * to come again.
 */
#include "protocols/session/throttle.h"
#include "tests/protocols/https/rest.h"

#include <stdlib.h>

static struct rest rest;

static const struct row {
    enum throttle_operation operation;
    const char *method, *target, *body;
    int status; /* while there is something left */
    bool is_device;
} rows[] = {
    {THROTTLE_SEND, "POST", "/devices/d1/messages/devicebound?" VERSION, "x", 204, false},
    {THROTTLE_RECEIVE, "GET", "/devices/d1/messages/devicebound?" VERSION, NULL, 204, true},
    {THROTTLE_REGISTRY, "GET", "/devices/d1?" VERSION, NULL, 200, false},
    {THROTTLE_REGISTRY, "PUT", "/devices/d3?" VERSION, "{}", 200, false},
    {THROTTLE_REGISTRY, "DELETE", "/devices/d2?" VERSION, NULL, 412, false},
    {THROTTLE_REGISTRY, "GET", "/devices?" VERSION, NULL, 200, false},
    {THROTTLE_REGISTRY, "POST", "/devices?" VERSION, "[]", 200, false},
    {THROTTLE_REGISTRY, "GET", "/devices/d1/modules?" VERSION, NULL, 200, false},
    {THROTTLE_REGISTRY, "GET", "/statistics/devices?" VERSION, NULL, 200, false},
    {THROTTLE_REGISTRY, "GET", "/statistics/service?" VERSION, NULL, 200, false},
    {THROTTLE_TELEMETRY, "POST", "/devices/d1/messages/events?" VERSION, "x", 204, true},
    {THROTTLE_QUERY, "POST", "/devices/query?" VERSION, "{\"query\":\"SELECT * FROM devices\"}",
        200, false},
    {THROTTLE_TWIN_READ, "GET", "/twins/d1?" VERSION, NULL, 200, false},
    {THROTTLE_TWIN_UPDATE, "PATCH", "/twins/d1?" VERSION, "{}", 200, false},
    {THROTTLE_UPLOAD, "POST", "/devices/d1/files?" VERSION, "{\"blobName\":\"x\"}", 400, true},
};

static void exhaust(enum throttle_operation operation)
{
    struct instant now = clock_now(hub_clock(rest.hub));
    while (throttle_take(rest.sessions, operation, now, NULL) == HUB_OK) {
    }
}

static struct answer *ask(const struct row *row)
{
    return rest_ask(&rest, row->method, row->target,
        (struct rest_request){
            .body = row->body, .token = row->is_device ? token_for("hub.local/devices/d1") : NULL});
}

START_TEST(test_beyond_its_rate_each_operation_is_429001_and_changes_nothing)
{
    const struct row *row = &rows[_i];
    rest_open(&rest);
    throttle_set_profile(rest.sessions, THROTTLE_FREE);
    exhaust(row->operation);
    char *before = rest_write_state(&rest);
    struct answer *answer = ask(row);
    answer_check_flat(answer, HUB_THROTTLING_EXCEPTION);
    ck_assert_ptr_null(answer_header(answer, "Retry-After"));
    char *after = rest_write_state(&rest);
    ck_assert_str_eq(after, before);
    free(after);
    free(before);
    rest_advance(&rest, DURATION_SECONDS(3));
    answer_check_status(ask(row), row->status);
    rest_close(&rest);
}
END_TEST

START_TEST(test_what_another_operation_used_up_refuses_none_of_these)
{
    rest_open(&rest);
    throttle_set_profile(rest.sessions, THROTTLE_S1);
    for (enum throttle_operation each = 0; each < THROTTLE_OPERATION_COUNT; each++) {
        if (each != rows[_i].operation) {
            exhaust(each);
        }
    }
    answer_check_status(ask(&rows[_i]), rows[_i].status);
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_notification_of_an_upload_is_no_start_of_one)
{
    rest_open(&rest);
    throttle_set_profile(rest.sessions, THROTTLE_FREE);
    exhaust(THROTTLE_UPLOAD);
    answer_check_flat(
        rest_as_device(&rest, 400, "POST", "/devices/d1/files/notifications?" VERSION),
        HUB_DEFAULT_STORAGE_ENDPOINT_NOT_CONFIGURED);
    rest_close(&rest);
}
END_TEST

START_TEST(test_who_may_not_ask_uses_nothing_up)
{
    rest_open(&rest);
    throttle_set_profile(rest.sessions, THROTTLE_FREE);
    for (int i = 0; i < 100; i++) {
        answer_check_status(rest_ask(&rest, "POST", "/devices/query?" VERSION,
                                (struct rest_request){
                                    .token = "", .body = "{\"query\":\"SELECT * FROM devices\"}"}),
            401);
    }
    answer_check_status(rest_ask(&rest, "POST", "/devices/query?" VERSION,
                            (struct rest_request){.body = "{\"query\":\"SELECT * FROM devices\"}"}),
        200);
    rest_close(&rest);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("https throttle");
    TCase *cases = tcase_create("https throttle");
    int count = sizeof rows / sizeof rows[0];
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(
        cases, test_beyond_its_rate_each_operation_is_429001_and_changes_nothing, 0, count);
    tcase_add_loop_test(cases, test_what_another_operation_used_up_refuses_none_of_these, 0, count);
    tcase_add_test(cases, test_a_notification_of_an_upload_is_no_start_of_one);
    tcase_add_test(cases, test_who_may_not_ask_uses_nothing_up);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
