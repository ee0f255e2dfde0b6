#include "protocols/session/fault.h"
#include "protocols/session/fault_order.h"
#include "tests/server/control/control_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAULTS V1 "/faults"

static struct connection *connections[PROTOCOL_HTTPS + 1];

static void stay(void *owner, enum session_end end)
{
    (void)owner;
    (void)end;
}

static void begin_connected(void)
{
    begin();
    for (enum protocol protocol = PROTOCOL_AMQP; protocol <= PROTOCOL_HTTPS; protocol++) {
        connections[protocol] = connection_open(sessions, protocol, "127.0.90.2:1", stay, NULL);
    }
}

static void finish_connected(void)
{
    for (enum protocol protocol = PROTOCOL_AMQP; protocol <= PROTOCOL_HTTPS; protocol++) {
        connection_close(connections[protocol], NULL);
    }
    finish();
}

static enum fault_action ask_rule(
    enum protocol protocol, enum fault_operation operation, const char *device_id)
{
    return fault_ask(connections[protocol], operation, device_id).action;
}

/* "x" where a rule strikes, "." where not, for so many messages of d1. */
static const char *strikes(size_t count)
{
    static char marks[101];
    for (size_t i = 0; i < count; i++) {
        marks[i] = ask_rule(PROTOCOL_AMQP, FAULT_DELIVER, "d1") == FAULT_NONE ? '.' : 'x';
    }
    marks[count] = '\0';
    return marks;
}

START_TEST(test_a_rule_is_added_listed_and_removed)
{
    begin_connected();
    json_t *rule = ask(201, "POST", FAULTS,
        "{\"match\":{\"protocol\":\"amqp\",\"device\":\"d*\",\"operation\":\"send\"},\"after\":1,"
        "\"times\":2,\"probability\":0.5,\"seed\":7,\"action\":{\"type\":\"drop\",\"when\":"
        "\"afterCommit\"}}");
    char *shown = json_dumps(rule, JSON_COMPACT);
    ck_assert_str_eq(shown,
        "{\"id\":1,\"match\":{\"protocol\":\"amqp\",\"device\":\"d*\",\"operation\":\"send\"},"
        "\"after\":1,\"times\":2,\"probability\":0.5,\"seed\":7,\"action\":{\"type\":\"drop\","
        "\"when\":\"afterCommit\"},\"matched\":0,\"applied\":0}");
    free(shown);
    json_decref(rule);
    act(201, "POST", FAULTS, "{\"action\":{\"type\":\"error\",\"code\":\"ThrottlingException\"}}");
    act(201, "POST", FAULTS, "{\"action\":{\"type\":\"delay\",\"duration\":\"PT2S\"}}");
    json_t *list = ask(200, "GET", FAULTS "?limit=2", NULL);
    const json_t *items = json_object_get(list, "items");
    ck_assert_uint_eq(json_array_size(items), 2);
    ck_assert_int_eq(number(json_object_get(json_array_get(items, 1), "action"), "code"), 429001);
    ck_assert_str_eq(text(list, "next"), "2");
    json_decref(list);
    act(204, "DELETE", FAULTS "/1", NULL);
    check_refused(404, "DELETE", FAULTS "/1", NULL, "\"1\"");
    check_refused(404, "DELETE", FAULTS "/x", NULL, "\"x\"");
    act(204, "POST", V1 "/reset", NULL);
    ck_assert_ptr_null(fault_next(sessions, 0));
    finish_connected();
}
END_TEST

START_TEST(test_a_rule_that_cannot_be_is_refused)
{
    static const struct {
        const char *body, *words;
    } cases[] = {{"{}", "\"action\""}, {"{\"action\":{}}", "\"type\""},
        {"{\"action\":{\"type\":\"none\"}}", "\"type\""},
        {"{\"action\":{\"type\":\"explode\"}}", "\"type\""},
        {"{\"action\":\"drop\"}", "\"action\""},
        {"{\"action\":{\"type\":\"drop\",\"at\":1}}", "\"at\""},
        {"{\"action\":{\"type\":\"drop\",\"when\":\"later\"}}", "\"when\""},
        {"{\"action\":{\"type\":\"lose-ack\",\"when\":\"afterCommit\"}}", "\"when\""},
        {"{\"action\":{\"type\":\"drop\",\"code\":404001}}", "\"code\""},
        {"{\"action\":{\"type\":\"error\"}}", "\"code\""},
        {"{\"action\":{\"type\":\"error\",\"code\":1}}", "\"code\""},
        {"{\"action\":{\"type\":\"error\",\"code\":\"Nothing\"}}", "\"code\""},
        {"{\"action\":{\"type\":\"error\",\"code\":true}}", "\"code\""},
        {"{\"action\":{\"type\":\"delay\"}}", "\"duration\""},
        {"{\"action\":{\"type\":\"delay\",\"duration\":2}}", "\"duration\""},
        {"{\"action\":{\"type\":\"delay\",\"duration\":\"PT4M\"}}", "\"duration\""},
        {"{\"action\":{\"type\":\"drop\",\"duration\":\"PT1S\"}}", "\"duration\""},
        {"{\"action\":{\"type\":\"drop\"},\"match\":[]}", "\"match\""},
        {"{\"action\":{\"type\":\"drop\"},\"match\":{\"protocol\":\"ftp\"}}", "\"protocol\""},
        {"{\"action\":{\"type\":\"drop\"},\"match\":{\"operation\":\"eat\"}}", "\"operation\""},
        {"{\"action\":{\"type\":\"drop\"},\"match\":{\"device\":\"\"}}", "\"device\""},
        {"{\"action\":{\"type\":\"drop\"},\"match\":{\"devices\":\"x\"}}", "\"devices\""},
        {"{\"action\":{\"type\":\"drop\"},\"after\":-1}", "\"after\""},
        {"{\"action\":{\"type\":\"drop\"},\"times\":0}", "\"times\""},
        {"{\"action\":{\"type\":\"drop\"},\"probability\":1.1}", "\"probability\""},
        {"{\"action\":{\"type\":\"drop\"},\"probability\":\"1\"}", "\"probability\""},
        {"{\"action\":{\"type\":\"drop\"},\"seed\":1.5}", "\"seed\""},
        {"{\"action\":{\"type\":\"drop\"},\"name\":1}", "\"name\""},
        {"{\"action\":{\"type\":\"duplicate\"},\"match\":{\"operation\":\"send\"}}",
            "cannot happen"},
        {"{\"action\":{\"type\":\"drop\"},\"match\":{\"protocol\":\"https\",\"operation\":"
         "\"attach\"}}",
            "cannot happen"},
        {"{\"action\":{\"type\":\"lose-ack\"},\"match\":{\"protocol\":\"mqtt\",\"operation\":"
         "\"settle\"}}",
            "cannot happen"},
        {"{\"action\":{\"type\":\"drop\",\"when\":\"afterCommit\"},\"match\":{\"operation\":"
         "\"connect\"}}",
            "cannot happen"}};
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_refused(400, "POST", FAULTS, cases[i].body, cases[i].words);
    }
    ck_assert_ptr_null(fault_next(sessions, 0));
    finish();
}
END_TEST

START_TEST(test_a_rule_strikes_what_it_matches_alone)
{
    begin_connected();
    act(201, "POST", FAULTS,
        "{\"match\":{\"protocol\":\"amqp\",\"device\":\"d?\",\"operation\":\"deliver\"},"
        "\"action\":{\"type\":\"duplicate\"}}");
    ck_assert_int_eq(ask_rule(PROTOCOL_AMQP, FAULT_DELIVER, "d1"), FAULT_DUPLICATE);
    ck_assert_int_eq(ask_rule(PROTOCOL_AMQP_WS, FAULT_DELIVER, "d2"), FAULT_DUPLICATE);
    ck_assert_int_eq(ask_rule(PROTOCOL_MQTT, FAULT_DELIVER, "d1"), FAULT_NONE);
    ck_assert_int_eq(ask_rule(PROTOCOL_AMQP, FAULT_SETTLE, "d1"), FAULT_NONE);
    ck_assert_int_eq(ask_rule(PROTOCOL_AMQP, FAULT_DELIVER, "d12"), FAULT_NONE);
    ck_assert_int_eq(ask_rule(PROTOCOL_AMQP, FAULT_DELIVER, NULL), FAULT_NONE);
    hub_end_turn(small.hub);
    const struct fault_rule *rule = fault_next(sessions, 0);
    ck_assert_uint_eq(rule->matched, 2);
    ck_assert_uint_eq(rule->applied, 2);
    ck_assert_uint_eq(count_entries("faultInjected"), 2);
    finish_connected();
}
END_TEST

START_TEST(test_globs_fit_as_globs_do)
{
    static const struct {
        const char *pattern, *id;
        bool fits;
    } cases[] = {{"*", "d1", true}, {"d1", "d1", true}, {"d1", "D1", false}, {"*1", "d1", true},
        {"*1", "d12", false}, {"d*2*", "d1213", true}, {"**", "x", true}, {"?", "d1", false},
        {"a*b*c", "aXbYbZc", true}, {"a*b*c", "aXbYbZ", false}, {"[d]1", "d1", false}};
    begin_connected();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[120];
        snprintf(body, sizeof body,
            "{\"match\":{\"device\":\"%s\"},\"action\":{\"type\":\"drop\"}}", cases[i].pattern);
        act(201, "POST", FAULTS, body);
        ck_assert_msg(
            (ask_rule(PROTOCOL_MQTT, FAULT_SEND, cases[i].id) == FAULT_DROP) == cases[i].fits,
            "case %zu", i);
        fault_remove_all(sessions);
    }
    finish_connected();
}
END_TEST

START_TEST(test_after_and_times_bound_a_rule)
{
    begin_connected();
    act(201, "POST", FAULTS, "{\"after\":2,\"times\":3,\"action\":{\"type\":\"duplicate\"}}");
    ck_assert_str_eq(strikes(8), "..xxx...");
    ck_assert_uint_eq(fault_next(sessions, 0)->matched, 8);
    ck_assert_uint_eq(fault_next(sessions, 0)->applied, 3);
    finish_connected();
}
END_TEST

START_TEST(test_a_seed_replays)
{
    static const char rule[] =
        "{\"probability\":0.3,\"seed\":42,\"action\":{\"type\":\"duplicate\"}}";
    char first[101];
    begin_connected();
    act(201, "POST", FAULTS, rule);
    snprintf(first, sizeof first, "%s", strikes(100));
    uint64_t applied = fault_next(sessions, 0)->applied;
    ck_assert(applied > 15 && applied < 45);
    act(204, "DELETE", FAULTS "/1", NULL);
    act(201, "POST", FAULTS, rule);
    ck_assert_str_eq(strikes(100), first);
    finish_connected();
}
END_TEST

START_TEST(test_the_first_rule_that_strikes_counts)
{
    begin_connected();
    act(201, "POST", FAULTS, "{\"times\":1,\"action\":{\"type\":\"drop\"}}");
    act(201, "POST", FAULTS, "{\"action\":{\"type\":\"close\"}}");
    ck_assert_int_eq(ask_rule(PROTOCOL_MQTT, FAULT_SEND, "d1"), FAULT_DROP);
    ck_assert_int_eq(ask_rule(PROTOCOL_MQTT, FAULT_SEND, "d1"), FAULT_CLOSE);
    ck_assert_uint_eq(fault_next(sessions, 0)->matched, 2);
    ck_assert_uint_eq(fault_next(sessions, 1)->matched, 1);
    finish_connected();
}
END_TEST

START_TEST(test_a_connection_begins_once)
{
    begin_connected();
    act(201, "POST", FAULTS,
        "{\"match\":{\"operation\":\"connect\"},\"after\":1,\"action\":{\"type\":\"drop\"}}");
    ck_assert_int_eq(ask_rule(PROTOCOL_HTTPS, FAULT_CONNECT, NULL), FAULT_NONE);
    ck_assert_int_eq(ask_rule(PROTOCOL_HTTPS, FAULT_CONNECT, NULL), FAULT_NONE);
    ck_assert_int_eq(ask_rule(PROTOCOL_MQTT, FAULT_CONNECT, NULL), FAULT_DROP);
    finish_connected();
}
END_TEST

START_TEST(test_a_rule_that_a_device_ordered_names_its_connection)
{
    const struct fault_order order = {
        .type = "InvokeThrottling", .kind = ORDER_REFUSE, .code = HUB_THROTTLING_EXCEPTION};
    begin_connected();
    fault_order_add_rule(connections[PROTOCOL_AMQP], "d1", &order);
    json_t *list = ask(200, "GET", FAULTS, NULL);
    const json_t *rule = json_array_get(json_object_get(list, "items"), 0);
    char *match = json_dumps(json_object_get(rule, "match"), JSON_COMPACT);
    char expected[120];
    snprintf(expected, sizeof expected,
        "{\"protocol\":\"amqp\",\"device\":\"d1\",\"connection\":%d,\"operation\":\"send\"}",
        (int)connection_id(connections[PROTOCOL_AMQP]));
    ck_assert_str_eq(match, expected);
    free(match);
    json_decref(list);
    finish_connected();
}
END_TEST

SUITE_MAIN("faults", test_a_rule_is_added_listed_and_removed, test_a_rule_that_cannot_be_is_refused,
    test_a_rule_strikes_what_it_matches_alone, test_globs_fit_as_globs_do,
    test_after_and_times_bound_a_rule, test_a_seed_replays, test_the_first_rule_that_strikes_counts,
    test_a_connection_begins_once, test_a_rule_that_a_device_ordered_names_its_connection)
