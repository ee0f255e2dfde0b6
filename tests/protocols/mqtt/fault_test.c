/* What goes wrong on purpose. */
#include "protocols/session/fault.h"
#include "protocols/session/fault_order.h"
#include "tests/protocols/mqtt/mqtt_fixture.h"
#include "tests/suite.h"

#define EVENTS "devices/d1/messages/events/"

static struct mqtt_fixture f;

static void begin(void)
{
    mqtt_fixture_open(&f, false);
}

static void finish(void)
{
    mqtt_fixture_close(&f);
}

static void add(enum fault_operation operation, struct fault fault)
{
    const struct fault_rule rule = {.family = FAULT_MQTT,
        .operation = operation,
        .device = "d1",
        .times = 1,
        .probability = 1,
        .fault = fault};
    ck_assert_uint_gt(fault_add(f.sessions, &rule), 0);
}

static void add_action(enum fault_operation operation, enum fault_action action)
{
    add(operation, (struct fault){.action = action});
}

static void add_error(enum fault_operation operation, enum hub_code code)
{
    struct fault fault = {.action = FAULT_ERROR};
    hub_refuse(&fault.error, code, NULL);
    add(operation, fault);
}

static void add_delay(enum fault_operation operation)
{
    add(operation, (struct fault){.action = FAULT_DELAY, .delay = DURATION_SECONDS(2)});
}

static struct fake_stream *open_subscribed(int qos)
{
    struct fake_stream *client = client_open(&f, "d1", true);
    client_subscribe(&f, client, DEVICE_BOUND, qos);
    HEARS(&f, client, qos ? "SUBACK 5 1" : "SUBACK 5 0");
    return client;
}

START_TEST(test_a_connect_is_refused_dropped_closed_or_late)
{
    static const struct {
        enum fault_operation operation;
        enum hub_code code;
        const char *heard;
    } cases[] = {{FAULT_CONNECT, HUB_SERVICE_UNAVAILABLE, "CONNACK 0 3"},
        {FAULT_CONNECT, HUB_THROTTLING_EXCEPTION, "CONNACK 0 3"},
        {FAULT_CONNECT, HUB_DEVICE_THROTTLING_LIMIT_EXCEEDED, "CONNACK 0 3"},
        {FAULT_CONNECT, HUB_SERVER_BUSY, "CONNACK 0 3"},
        {FAULT_CONNECT, HUB_IOT_HUB_SUSPENDED, "CONNACK 0 3"},
        {FAULT_CONNECT, HUB_IOT_HUB_QUOTA_EXCEEDED, "CONNACK 0 3"},
        {FAULT_CONNECT, HUB_SERVER_ERROR, "CONNACK 0 3"},
        {FAULT_CONNECT, HUB_GENERIC_UNSUPPORTED_MEDIA_TYPE, "CONNACK 0 5"},
        {FAULT_AUTHENTICATE, HUB_IOT_HUB_UNAUTHORIZED, "CONNACK 0 5"},
        {FAULT_AUTHENTICATE, HUB_IOT_HUB_UNAUTHORIZED_ACCESS, "CONNACK 0 5"},
        {FAULT_AUTHENTICATE, HUB_DEVICE_NOT_FOUND, "CONNACK 0 5"}};
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        add_error(cases[i].operation, cases[i].code);
        struct fake_stream *client = client_dial(&f);
        client_connect(&f, client, (struct connect_recipe){0});
        HEARS(&f, client, cases[i].heard);
        HEARS(&f, client, "CLOSED");
    }
    add_action(FAULT_CONNECT, FAULT_DROP);
    struct fake_stream *client = client_dial(&f);
    client_connect(&f, client, (struct connect_recipe){0});
    HEARS(&f, client, "RESET");
    add_action(FAULT_AUTHENTICATE, FAULT_CLOSE);
    client = client_dial(&f);
    client_connect(&f, client, (struct connect_recipe){0});
    HEARS(&f, client, "CLOSED");
    add_delay(FAULT_CONNECT);
    add_delay(FAULT_AUTHENTICATE);
    client = client_dial(&f);
    client_connect(&f, client, (struct connect_recipe){0});
    client_publish(&f, client, EVENTS, 1, 9, "x");
    advance_machine(&f, 3999);
    HEARS(&f, client, "");
    advance_machine(&f, 1);
    HEARS(&f, client, "CONNACK 0 0");
    HEARS(&f, client, "PUBACK 9"); /* what came behind it was kept */
    finish();
}
END_TEST

START_TEST(test_telemetry_refused_with_any_code_ends_the_connection)
{
    enum hub_code code;
    begin();
    for (size_t i = 0; hub_code_at(i, &code); i++) {
        struct fake_stream *client = client_open(&f, "d1", true);
        add_error(FAULT_SEND, code);
        client_publish(&f, client, EVENTS, 1, 9, "x");
        HEARS(&f, client, "CLOSED");
    }
    ck_assert_uint_eq(count_events(&f, JOURNAL_TELEMETRY), 0);
    finish();
}
END_TEST

START_TEST(test_a_subscription_fails_or_is_late)
{
    begin();
    struct fake_stream *client = client_open(&f, "d1", true);
    add_error(FAULT_ATTACH, HUB_SERVER_ERROR);
    client_subscribe(&f, client, DEVICE_BOUND, 1);
    HEARS(&f, client, "SUBACK 5 128");
    send_body(&f, "d1", "x");
    HEARS(&f, client, "");
    add_delay(FAULT_ATTACH);
    client_subscribe(&f, client, DEVICE_BOUND, 1);
    HEARS(&f, client, "");
    advance_machine(&f, 2000);
    HEARS(&f, client, "SUBACK 5 1");
    finish();
}
END_TEST

START_TEST(test_telemetry_is_lost_before_or_after_its_commit)
{
    static const struct {
        struct fault fault;
        const char *heard;
        size_t taken;
    } cases[] = {{{.action = FAULT_DROP}, "RESET", 0}, {{.action = FAULT_CLOSE}, "CLOSED", 0},
        {{.action = FAULT_ERROR}, "CLOSED", 0},
        {{.action = FAULT_DROP, .after_commit = true}, "RESET", 1},
        {{.action = FAULT_CLOSE, .after_commit = true}, "CLOSED", 1},
        {{.action = FAULT_LOSE_ACK}, "", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin();
        struct fake_stream *client = client_open(&f, "d1", true);
        add(FAULT_SEND, cases[i].fault);
        client_publish(&f, client, EVENTS, 1, 9, "x");
        HEARS(&f, client, cases[i].heard);
        ck_assert_uint_eq(count_events(&f, JOURNAL_TELEMETRY), cases[i].taken);
        ck_assert_uint_eq(count_events(&f, JOURNAL_FAULT_INJECTED), 1);
        finish();
    }
}
END_TEST

START_TEST(test_a_message_comes_twice)
{
    begin();
    struct fake_stream *client = open_subscribed(1);
    add_action(FAULT_DELIVER, FAULT_DUPLICATE);
    send_body(&f, "d1", "x");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i1 x");
    HEARS_SHORT(&f, client, "PUBLISH d1 q1 i1 x");
    client_puback(&f, client, 1);
    client_puback(&f, client, 1);
    HEARS(&f, client, "");
    ck_assert_uint_eq(fixture_ended(&f.store, OUTCOME_COMPLETED), 1);
    finish();
    begin();
    client = open_subscribed(0);
    add_action(FAULT_DELIVER, FAULT_DUPLICATE);
    send_body(&f, "d1", "x");
    HEARS_SHORT(&f, client, "PUBLISH d0 q0 i0 x");
    HEARS_SHORT(&f, client, "PUBLISH d0 q0 i0 x");
    finish();
}
END_TEST

START_TEST(test_a_message_that_is_dropped_is_free_again)
{
    begin();
    struct fake_stream *client = open_subscribed(1);
    add_action(FAULT_DELIVER, FAULT_DROP);
    send_body(&f, "d1", "x");
    HEARS(&f, client, "RESET");
    ck_assert_uint_eq(fixture_counts(&f.store, "d1").enqueued, 1);
    finish();
}
END_TEST

START_TEST(test_messages_are_late_and_in_order)
{
    begin();
    struct fake_stream *client = open_subscribed(1);
    add_delay(FAULT_DELIVER);
    send_body(&f, "d1", "a");
    send_body(&f, "d1", "b");
    HEARS(&f, client, "");
    ck_assert_uint_eq(fixture_counts(&f.store, "d1").invisible, 2);
    advance_machine(&f, 2000);
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i1 a");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i2 b");
    add_delay(FAULT_DELIVER);
    send_body(&f, "d1", "c");
    finish(); /* while one waits */
}
END_TEST

START_TEST(test_an_acknowledgement_goes_wrong)
{
    static const struct {
        struct fault fault;
        const char *heard;
        size_t completed;
    } cases[] = {{{.action = FAULT_DROP}, "RESET", 0}, {{.action = FAULT_CLOSE}, "CLOSED", 0},
        {{.action = FAULT_ERROR}, "CLOSED", 0},
        {{.action = FAULT_DROP, .after_commit = true}, "RESET", 1},
        {{.action = FAULT_CLOSE, .after_commit = true}, "CLOSED", 1},
        {{.action = FAULT_EXPIRE_LOCK}, "PUBLISH d1 q1 i1 x", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin();
        struct fake_stream *client = open_subscribed(1);
        send_body(&f, "d1", "x");
        HEARS_SHORT(&f, client, "PUBLISH d0 q1 i1 x");
        add(FAULT_SETTLE, cases[i].fault);
        client_puback(&f, client, 1);
        ck_assert_str_eq(client_hear_short(&f, client), cases[i].heard);
        ck_assert_uint_eq(fixture_ended(&f.store, OUTCOME_COMPLETED), cases[i].completed);
        finish();
    }
}
END_TEST

START_TEST(test_what_is_held_ends_with_its_connection)
{
    begin();
    struct fake_stream *client = client_open(&f, "d1", true);
    add_delay(FAULT_SEND);
    client_publish(&f, client, EVENTS, 1, 9, "x");
    sessions_end_all(f.sessions, END_DROPPED);
    HEARS(&f, client, "CLOSED");
    advance_machine(&f, 2000);
    ck_assert_uint_eq(count_events(&f, JOURNAL_TELEMETRY), 0);
    finish();
}
END_TEST

/* As the C SDK's suite has it, by percent-encoded properties of the topic. */
#define ORDER(type)                                                                                \
    EVENTS "AzIoTHub_FaultOperationType=" type                                                     \
           "&AzIoTHub_FaultOperationCloseReason=20&AzIoTHub_FaultOperationDelayInSecs=1"           \
           "&AzIoTHub_FaultOperationDurationInSecs=20"

START_TEST(test_a_device_orders_the_end_of_its_connection)
{
    static const struct {
        const char *topic;
        const char *type;
        const char *heard;
    } cases[] = {{ORDER("KillTcp"), "KillTcp", "RESET"},
        {ORDER("Shut%44ownMqtt"), "ShutDownMqtt", "CLOSED"},
        {ORDER("InvokeThrottling"), "InvokeThrottling", "CLOSED"},
        {ORDER("InvokeMaxMessageQuota"), "InvokeMaxMessageQuota", "CLOSED"},
        {ORDER("InvokeAuthError"), "InvokeAuthError", "CLOSED"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin();
        fault_orders_take(f.sessions, true);
        struct fake_stream *client = client_open(&f, "d1", true);
        client_publish(&f, client, cases[i].topic, 1, 9, "x");
        advance_machine(&f, 500);
        client_publish(&f, client, cases[i].topic, 1, 10, "x"); /* as before: no later for it */
        client_publish(&f, client, EVENTS, 1, 11, "x");
        HEARS(&f, client, "PUBACK 11"); /* the order is not answered, nor kept */
        advance_machine(&f, 499);
        HEARS(&f, client, "");
        ck_assert_uint_eq(count_events(&f, JOURNAL_FAULT_INJECTED), 0);
        advance_machine(&f, 1);
        HEARS(&f, client, cases[i].heard);
        ck_assert_uint_eq(count_events(&f, JOURNAL_TELEMETRY), 1);
        ck_assert_uint_eq(count_events(&f, JOURNAL_FAULT_INJECTED), 1);
        ck_assert_str_eq(last_reason(&f, JOURNAL_FAULT_INJECTED), cases[i].type);
        /* Nothing of it is left for the next connection. */
        client = client_open(&f, "d1", true);
        client_publish(&f, client, EVENTS, 1, 9, "x");
        HEARS(&f, client, "PUBACK 9");
        finish();
    }
}
END_TEST

START_TEST(test_what_is_no_order_is_a_message_like_any_other)
{
    static const struct {
        bool takes_orders;
        const char *topic;
    } cases[] = {{false, ORDER("KillTcp")}, {true, ORDER("KillAmqpC2DLink")},
        {true, ORDER("ShutDownAmqp")}, {true, ORDER("Kill")}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin();
        fault_orders_take(f.sessions, cases[i].takes_orders);
        struct fake_stream *client = client_open(&f, "d1", true);
        client_publish(&f, client, cases[i].topic, 1, 9, "x");
        HEARS(&f, client, "PUBACK 9");
        advance_machine(&f, 30000);
        HEARS(&f, client, "");
        ck_assert_uint_eq(count_events(&f, JOURNAL_TELEMETRY), 1);
        ck_assert_uint_eq(count_events(&f, JOURNAL_FAULT_INJECTED), 0);
        finish();
    }
}
END_TEST

START_TEST(test_an_order_ends_with_its_connection)
{
    begin();
    fault_orders_take(f.sessions, true);
    struct fake_stream *client = client_open(&f, "d1", true);
    client_publish(&f, client, ORDER("KillTcp"), 1, 9, "x");
    sessions_end_all(f.sessions, END_DROPPED);
    HEARS(&f, client, "CLOSED");
    advance_machine(&f, 2000);
    ck_assert_uint_eq(count_events(&f, JOURNAL_FAULT_INJECTED), 0);
    finish();
}
END_TEST

SUITE_MAIN("mqtt faults", test_a_connect_is_refused_dropped_closed_or_late,
    test_telemetry_refused_with_any_code_ends_the_connection, test_a_subscription_fails_or_is_late,
    test_telemetry_is_lost_before_or_after_its_commit, test_a_message_comes_twice,
    test_a_message_that_is_dropped_is_free_again, test_messages_are_late_and_in_order,
    test_an_acknowledgement_goes_wrong, test_what_is_held_ends_with_its_connection,
    test_a_device_orders_the_end_of_its_connection,
    test_what_is_no_order_is_a_message_like_any_other, test_an_order_ends_with_its_connection)
