#include "protocols/session/fault.h"
#include "protocols/session/fault_order.h"
#include "tests/protocols/https/rest.h"

#include <stdio.h>
#include <string.h>

#define BOUND "/devices/d1/messages/devicebound"
#define RECEIVE BOUND "?" VERSION

static struct rest rest;

static void add(enum fault_operation operation, struct fault fault)
{
    const struct fault_rule rule = {.family = FAULT_HTTPS,
        .operation = operation,
        .times = 1,
        .probability = 1,
        .fault = fault};
    ck_assert_uint_gt(fault_add(rest.sessions, &rule), 0);
}

static void add_action(enum fault_operation operation, enum fault_action action)
{
    add(operation, (struct fault){.action = action});
}

/* The connection is closed without an answer; another one takes its place. */
static bool is_closed(void *context)
{
    return peer_is_closed(context);
}

static void expect_end(
    bool reset, const char *method, const char *target, const char *token, const char *body)
{
    struct peer *peer = rest.peer;
    size_t before, after;
    peer_received(peer, &before);
    peer_print(peer,
        "%s %s HTTP/1.1\r\nHost: hub.local\r\nAuthorization: %s\r\nContent-Length: %zu\r\n\r\n%s",
        method, target, token, strlen(body), body);
    bench_run_until(&rest.bench, is_closed, peer);
    peer_received(peer, &after);
    ck_assert_uint_eq(before, after);
    ck_assert_int_eq(peer_is_reset(peer), reset);
    peer_free(peer);
    rest.peer = peer_create(&rest.bench);
    https_server_accept(rest.server, peer_stream(rest.peer));
}

static const char *device_token(void)
{
    return token_for("hub.local/devices/d1");
}

static const char *owner_token(void)
{
    return make_token((struct token_recipe){.resource = "hub.local", .policy = "iothubowner"});
}

/* Receives as d1; the target of the settlement. Static. */
static const char *receive(void)
{
    static char target[200];
    struct answer *answer = rest_as_device(&rest, 200, "GET", RECEIVE);
    char etag[64];
    snprintf(etag, sizeof etag, "%s", answer_header(answer, "ETag"));
    etag[strlen(etag) - 1] = '\0';
    snprintf(target, sizeof target, BOUND "/%s?" VERSION, etag + 1);
    return target;
}

START_TEST(test_a_connection_is_dropped_as_it_begins)
{
    rest_open(&rest);
    add_action(FAULT_CONNECT, FAULT_DROP);
    expect_end(true, "GET", RECEIVE, device_token(), "");
    rest_as_device(&rest, 204, "GET", RECEIVE);
    add_action(FAULT_CONNECT, FAULT_CLOSE);
    rest_as_device(&rest, 204, "GET", RECEIVE); /* it has begun already */
    rest_close(&rest);
}
END_TEST

START_TEST(test_an_error_is_told_as_any_other)
{
    static const struct {
        enum fault_operation operation;
        enum hub_code code;
        const char *method, *target;
        bool nested;
    } cases[] = {{FAULT_AUTHENTICATE, HUB_IOT_HUB_UNAUTHORIZED_ACCESS, "GET", RECEIVE, false},
        {FAULT_DELIVER, HUB_THROTTLING_EXCEPTION, "GET", RECEIVE, false},
        {FAULT_DELIVER, HUB_SERVER_ERROR, "GET", RECEIVE, true},
        {FAULT_SETTLE, HUB_SERVICE_UNAVAILABLE, "DELETE", BOUND "/x?" VERSION, true},
        {FAULT_SEND, HUB_IOT_HUB_QUOTA_EXCEEDED, "POST", "/devices/d1/messages/events?" VERSION,
            true}};
    rest_open(&rest);
    rest_send(&rest, "hi");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fault fault = {.action = FAULT_ERROR};
        hub_refuse(&fault.error, cases[i].code, NULL);
        add(cases[i].operation, fault);
        struct answer *answer =
            rest_as_device(&rest, cases[i].code / 1000, cases[i].method, cases[i].target);
        (cases[i].nested ? answer_check_nested : answer_check_flat)(answer, cases[i].code);
    }
    ck_assert_uint_eq(rest_counts(&rest, "d1").enqueued, 1);
    rest_as_device(&rest, 200, "GET", RECEIVE);
    rest_close(&rest);
}
END_TEST

START_TEST(test_an_empty_queue_delivers_nothing_to_strike)
{
    rest_open(&rest);
    add_action(FAULT_DELIVER, FAULT_DROP);
    rest_as_device(&rest, 204, "GET", RECEIVE);
    ck_assert_uint_eq(fault_next(rest.sessions, 0)->matched, 0);
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_drop_before_the_commit_does_no_work)
{
    rest_open(&rest);
    add_action(FAULT_SEND, FAULT_DROP);
    expect_end(true, "POST", RECEIVE, owner_token(), "hi");
    ck_assert_uint_eq(rest_counts(&rest, "d1").enqueued, 0);
    add_action(FAULT_SEND, FAULT_CLOSE);
    expect_end(false, "POST", RECEIVE, owner_token(), "hi");
    ck_assert_uint_eq(rest_counts(&rest, "d1").enqueued, 0);
    rest_close(&rest);
}
END_TEST

START_TEST(test_an_answer_is_lost_after_the_work)
{
    static const struct {
        struct fault fault;
        bool reset;
    } cases[] = {{{.action = FAULT_DROP, .after_commit = true}, true},
        {{.action = FAULT_CLOSE, .after_commit = true}, false},
        {{.action = FAULT_LOSE_ACK}, false}};
    rest_open(&rest);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        add(FAULT_SEND, cases[i].fault);
        expect_end(cases[i].reset, "POST", RECEIVE, owner_token(), "hi");
        ck_assert_uint_eq(rest_counts(&rest, "d1").enqueued, 1);
        char settle[200];
        snprintf(settle, sizeof settle, "%s", receive());
        add(FAULT_SETTLE, cases[i].fault);
        expect_end(cases[i].reset, "DELETE", settle, device_token(), "");
        ck_assert_uint_eq(rest_journal_count(&rest, JOURNAL_COMPLETED), i + 1);
        rest_as_device(&rest, 412, "DELETE", settle);
    }
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_message_is_delivered_twice)
{
    rest_open(&rest);
    rest_send(&rest, "hi");
    add_action(FAULT_DELIVER, FAULT_DUPLICATE);
    char first[200], second[200];
    snprintf(first, sizeof first, "%s", receive());
    snprintf(second, sizeof second, "%s", receive());
    ck_assert_str_ne(first, second);
    rest_as_device(&rest, 204, "GET", RECEIVE);
    rest_as_device(&rest, 412, "DELETE", first);
    rest_as_device(&rest, 204, "DELETE", second);
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_lock_lapses_before_its_settlement)
{
    rest_open(&rest);
    rest_send(&rest, "hi");
    const char *settle = receive();
    add_action(FAULT_SETTLE, FAULT_EXPIRE_LOCK);
    answer_check_nested(rest_as_device(&rest, 412, "DELETE", settle), HUB_DEVICE_MESSAGE_LOCK_LOST);
    ck_assert_uint_eq(rest_counts(&rest, "d1").enqueued, 1);
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_request_is_held_and_then_served)
{
    rest_open(&rest);
    rest_send(&rest, "hi");
    add(FAULT_AUTHENTICATE, (struct fault){.action = FAULT_DELAY, .delay = DURATION_MS(5)});
    add(FAULT_DELIVER, (struct fault){.action = FAULT_DELAY, .delay = DURATION_MS(5)});
    rest_as_device(&rest, 200, "GET", RECEIVE);
    ck_assert_uint_eq(rest_journal_count(&rest, JOURNAL_FAULT_INJECTED), 2);
    rest_close(&rest);
}
END_TEST

START_TEST(test_who_is_held_is_let_go_at_the_end)
{
    rest_open(&rest);
    add(FAULT_AUTHENTICATE, (struct fault){.action = FAULT_DELAY, .delay = FAULT_DELAY_MAX});
    peer_print(rest.peer, "GET " RECEIVE " HTTP/1.1\r\nHost: hub.local\r\n\r\n");
    bench_run_for(&rest.bench, 5);
    sessions_end_all(rest.sessions, END_RESET);
    bench_run_until(&rest.bench, is_closed, rest.peer);
    peer_free(rest.peer);
    rest.peer = peer_create(&rest.bench);
    https_server_accept(rest.server, peer_stream(rest.peer));
    add(FAULT_AUTHENTICATE, (struct fault){.action = FAULT_DELAY, .delay = FAULT_DELAY_MAX});
    peer_print(rest.peer, "GET " RECEIVE " HTTP/1.1\r\nHost: hub.local\r\n\r\n");
    bench_run_for(&rest.bench, 5);
    rest_close(&rest);
}
END_TEST

START_TEST(test_feedback_has_its_own_faults)
{
    static const char feedback[] = "/messages/servicebound/feedback?" VERSION;
    rest_open(&rest);
    struct message *message = message_create();
    message_add_property(message, TEXT("iothub-ack"), TEXT("full"), NULL);
    rest_enqueue(&rest, "d1", message);
    rest_as_device(&rest, 204, "DELETE", receive());
    feedback_flush(hub_feedback(rest.hub), hub_now(rest.hub));
    hub_end_turn(rest.hub);
    struct fault fault = {.action = FAULT_ERROR};
    hub_refuse(&fault.error, HUB_THROTTLING_EXCEPTION, NULL);
    add(FAULT_FEEDBACK, fault);
    rest_expect(&rest, 429, "GET", feedback);
    add_action(FAULT_FEEDBACK, FAULT_DUPLICATE);
    rest_expect(&rest, 200, "GET", feedback);
    rest_expect(&rest, 200, "GET", feedback);
    rest_expect(&rest, 204, "GET", feedback);
    rest_close(&rest);
}
END_TEST

#define SEND_EVENT "/devices/d1/messages/events?" VERSION

static struct answer *send_order(const char *type)
{
    char headers[200];
    snprintf(headers, sizeof headers,
        "iothub-app-AzIoTHub_FaultOperationType: %s\r\n"
        "iothub-app-AzIoTHub_FaultOperationDelayInSecs: 5\r\n"
        "iothub-app-AzIoTHub_FaultOperationDurationInSecs: 5\r\n",
        type);
    return rest_ask(&rest, "POST", SEND_EVENT,
        (struct rest_request){.token = device_token(), .headers = headers, .body = "x"});
}

START_TEST(test_what_a_device_orders_strikes_the_request_that_orders_it)
{
    static const struct {
        const char *type;
        enum hub_code code;
        bool nested;
    } cases[] = {{"InvokeThrottling", HUB_THROTTLING_EXCEPTION, false},
        {"InvokeMaxMessageQuota", HUB_IOT_HUB_QUOTA_EXCEEDED, true},
        {"InvokeAuthError", HUB_IOT_HUB_UNAUTHORIZED_ACCESS, false}};
    rest_open(&rest);
    fault_orders_take(rest.sessions, true);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct answer *answer = send_order(cases[i].type);
        (cases[i].nested ? answer_check_nested : answer_check_flat)(answer, cases[i].code);
        ck_assert_uint_eq(rest_journal_count(&rest, JOURNAL_FAULT_INJECTED), i + 1);
    }
    ck_assert_uint_eq(telemetry_count(hub_telemetry(rest.hub)), 0);
    answer_check_status(send_order("KillAmqpSession"), 204);
    fault_orders_take(rest.sessions, false);
    answer_check_status(send_order("KillTcp"), 204);
    ck_assert_uint_eq(telemetry_count(hub_telemetry(rest.hub)), 2);
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_device_orders_the_reset_of_its_connection)
{
    rest_open(&rest);
    fault_orders_take(rest.sessions, true);
    peer_print(rest.peer,
        "POST " SEND_EVENT " HTTP/1.1\r\nHost: hub.local\r\nAuthorization: %s\r\n"
        "iothub-app-AzIoTHub_FaultOperationType: KillTcp\r\nContent-Length: 1\r\n\r\nx",
        device_token());
    bench_run_until(&rest.bench, is_closed, rest.peer);
    ck_assert(peer_is_reset(rest.peer));
    ck_assert_uint_eq(telemetry_count(hub_telemetry(rest.hub)), 0);
    rest_close(&rest);
}
END_TEST

SUITE_MAIN("https faults", test_a_connection_is_dropped_as_it_begins,
    test_an_error_is_told_as_any_other, test_an_empty_queue_delivers_nothing_to_strike,
    test_a_drop_before_the_commit_does_no_work, test_an_answer_is_lost_after_the_work,
    test_a_message_is_delivered_twice, test_a_lock_lapses_before_its_settlement,
    test_a_request_is_held_and_then_served, test_who_is_held_is_let_go_at_the_end,
    test_feedback_has_its_own_faults, test_what_a_device_orders_strikes_the_request_that_orders_it,
    test_a_device_orders_the_reset_of_its_connection)
