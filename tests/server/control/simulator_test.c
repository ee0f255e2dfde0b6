#include "tests/server/control/control_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIMULATOR V1 "/devices/d1/simulator"

static void send_message(void)
{
    act(201, "POST", V1 "/devices/d1/messages", "{\"messageId\":\"m\",\"ack\":\"full\"}");
}

static void advance(const char *by)
{
    char body[40];
    snprintf(body, sizeof body, "{\"by\":\"%s\"}", by);
    act(200, "POST", V1 "/clock/advance", body);
}

/* The events of d1 with the seconds since the start, and no others: "enqueued@0 …". */
static void check_history(const char *expected)
{
    char history[2000] = "";
    const struct journal_entry *entry;
    for (uint64_t after = 0; (entry = journal_next(hub_journal(small.hub), after));) {
        after = entry->id;
        if (entry->device && entry->event != JOURNAL_FEEDBACK_RECORDED) {
            size_t length = strlen(history);
            snprintf(history + length, sizeof history - length, "%s%s@%d", length ? " " : "",
                journal_event_name(entry->event),
                (int)(instant_since(entry->at, TEST_NOW).us / 1000000));
        }
    }
    ck_assert_str_eq(history, expected);
}

START_TEST(test_a_played_device_settles_at_once)
{
    static const struct {
        const char *rule, *history;
    } cases[] = {{"{\"do\":\"complete\"}", "enqueued@0 delivered@0 completed@0"},
        {"{\"on\":\"message\",\"do\":\"reject\"}", "enqueued@0 delivered@0 rejected@0"},
        {"{\"do\":\"ignore\"}", "enqueued@0 delivered@0"},
        {"{\"do\":\"abandon\",\"times\":2,\"then\":{\"do\":\"complete\"}}",
            "enqueued@0 delivered@0 abandoned@0 delivered@0 abandoned@0 delivered@0 completed@0"},
        {"{\"do\":\"abandon\",\"times\":1}", "enqueued@0 delivered@0 abandoned@0"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin();
        act(200, "PUT", SIMULATOR, cases[i].rule);
        send_message();
        act(200, "GET", V1 "/clock", NULL);
        check_history(cases[i].history);
        finish();
    }
}
END_TEST

START_TEST(test_what_waits_already_is_received)
{
    begin();
    send_message();
    act(200, "PUT", SIMULATOR, "{\"do\":\"complete\"}");
    check_history("enqueued@0 delivered@0 completed@0");
    ck_assert_uint_eq(feedback_pending(hub_feedback(small.hub)), 1);
    finish();
}
END_TEST

START_TEST(test_a_delay_runs_on_the_hubs_clock)
{
    begin();
    act(200, "PUT", SIMULATOR, "{\"do\":\"complete\",\"delay\":\"PT2S\"}");
    send_message();
    advance("PT1S");
    check_history("enqueued@0 delivered@0");
    advance("PT61S");
    check_history("enqueued@0 delivered@0 completed@2");
    finish();
}
END_TEST

START_TEST(test_an_advance_plays_everything_in_due_order)
{
    begin();
    act(200, "PUT", SIMULATOR,
        "{\"do\":\"abandon\",\"delay\":\"PT2S\",\"times\":2,\"then\":{\"do\":\"ignore\","
        "\"times\":1,\"then\":{\"do\":\"complete\",\"delay\":\"PT5S\"}}}");
    send_message();
    advance("PT5M");
    check_history("enqueued@0 delivered@0 abandoned@2 delivered@2 abandoned@4 delivered@4 "
                  "lockExpired@64 delivered@64 completed@69");
    finish();
}
END_TEST

START_TEST(test_a_delay_beyond_the_lock_loses_it)
{
    begin();
    act(200, "PUT", SIMULATOR, "{\"do\":\"complete\",\"delay\":\"PT90S\",\"times\":1}");
    send_message();
    advance("PT2M");
    check_history("enqueued@0 delivered@0 lockExpired@60 settleRefused@90");
    finish();
}
END_TEST

START_TEST(test_a_rule_is_shown_replaced_and_removed)
{
    begin();
    act(200, "PUT", SIMULATOR, "{\"do\":\"complete\",\"delay\":\"PT2S\",\"times\":3}");
    send_message();
    json_t *device = ask(200, "GET", V1 "/devices/d1", NULL);
    char *shown = json_dumps(json_object_get(device, "simulator"), JSON_COMPACT);
    ck_assert_str_eq(shown, "{\"on\":\"message\",\"do\":\"complete\",\"delay\":\"PT2S\",\"times\":"
                            "3,\"received\":1}");
    free(shown);
    json_decref(device);
    act(200, "PUT", SIMULATOR, "{\"do\":\"reject\"}");
    advance("PT3S");
    check_history("enqueued@0 delivered@0"); /* the old rule is forgotten */
    act(204, "DELETE", SIMULATOR, NULL);
    check_refused(404, "GET", SIMULATOR, NULL, "not played");
    check_refused(404, "DELETE", SIMULATOR, NULL, "not played");
    send_message();
    act(200, "GET", V1 "/clock", NULL);
    check_history("enqueued@0 delivered@0 enqueued@3");
    finish();
}
END_TEST

START_TEST(test_a_rule_that_cannot_be_is_refused)
{
    static const struct {
        const char *body, *words;
    } cases[] = {{"{}", "\"do\""}, {"{\"do\":\"eat\"}", "\"do\""},
        {"{\"do\":\"complete\",\"on\":\"twin\"}", "\"on\""},
        {"{\"do\":\"complete\",\"delay\":\"2s\"}", "\"delay\""},
        {"{\"do\":\"complete\",\"delay\":\"-PT2S\"}", "\"delay\""},
        {"{\"do\":\"complete\",\"delay\":\"P3D\"}", "\"delay\""},
        {"{\"do\":\"complete\",\"times\":0}", "\"times\""},
        {"{\"do\":\"complete\",\"times\":1.5}", "\"times\""},
        {"{\"do\":\"complete\",\"then\":{\"do\":\"reject\"}}", "\"then\""},
        {"{\"do\":\"complete\",\"times\":1,\"then\":{\"does\":\"reject\"}}", "\"does\""},
        {"{\"do\":\"complete\",\"times\":1,\"then\":[]}", "object"}, {"[]", "object"},
        {"x", "JSON"}};
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_refused(400, "PUT", SIMULATOR, cases[i].body, cases[i].words);
    }
    check_refused(404, "PUT", V1 "/devices/none/simulator", "{\"do\":\"complete\"}", "none");
    check_refused(404, "GET", SIMULATOR, NULL, "not played");
    finish();
}
END_TEST

START_TEST(test_a_played_device_goes_with_its_device_and_with_a_reset)
{
    begin();
    act(201, "PUT", V1 "/devices/d2", NULL);
    act(200, "PUT", V1 "/devices/d2/simulator", "{\"do\":\"complete\",\"delay\":\"PT2S\"}");
    act(201, "POST", V1 "/devices/d2/messages", "{}");
    act(204, "DELETE", V1 "/devices/d2", NULL);
    advance("PT1M");
    act(201, "PUT", V1 "/devices/d2", NULL);
    check_refused(404, "GET", V1 "/devices/d2/simulator", NULL, "not played");
    act(200, "PUT", SIMULATOR, "{\"do\":\"complete\",\"delay\":\"PT2S\"}");
    send_message();
    act(204, "POST", V1 "/reset", NULL);
    check_refused(404, "GET", SIMULATOR, NULL, "not played");
    ck_assert(instant_is_never(hub_next_due(small.hub)));
    finish();
}
END_TEST

SUITE_MAIN("simulator", test_a_played_device_settles_at_once, test_what_waits_already_is_received,
    test_a_delay_runs_on_the_hubs_clock, test_an_advance_plays_everything_in_due_order,
    test_a_delay_beyond_the_lock_loses_it, test_a_rule_is_shown_replaced_and_removed,
    test_a_rule_that_cannot_be_is_refused,
    test_a_played_device_goes_with_its_device_and_with_a_reset)
