/* What devices order to go wrong: which properties are an order, and what its rule matches. */
#include "protocols/session/fault_order.h"

#include "protocols/session/fault.h"
#include "tests/store/fixture.h"
#include "tests/suite.h"

static struct fixture f;
static struct sessions *sessions;
static struct connection *connections[PROTOCOL_HTTPS + 1];

static void stay(void *owner, enum session_end end)
{
    (void)owner;
    (void)end;
}

static void begin(void)
{
    fixture_open(&f, false);
    sessions = sessions_open(f.hub);
    for (enum protocol protocol = PROTOCOL_AMQP; protocol <= PROTOCOL_HTTPS; protocol++) {
        connections[protocol] = connection_open(sessions, protocol, "127.0.2.1:1", stay, NULL);
    }
    fault_orders_take(sessions, true);
}

static void finish(void)
{
    sessions_close(sessions);
    fixture_close(&f);
}

/* Texts that are NULL are left out. */
struct properties {
    const char *type, *reason, *delay, *duration;
};

static bool read_kind(enum protocol protocol, struct properties properties,
    enum telemetry_kind kind, struct fault_order *order)
{
    const char *const values[][2] = {{"AzIoTHub_FaultOperationType", properties.type},
        {"AzIoTHub_FaultOperationCloseReason", properties.reason},
        {"AzIoTHub_FaultOperationDelayInSecs", properties.delay},
        {"AzIoTHub_FaultOperationDurationInSecs", properties.duration}};
    struct telemetry_event *event = telemetry_event_create();
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (values[i][1]) {
            telemetry_event_add(event, kind, text_of(values[i][0]), text_of(values[i][1]));
        }
    }
    bool is_read = fault_order_read(connections[protocol], "d1", event, order);
    telemetry_event_free(event);
    return is_read;
}

static bool read(enum protocol protocol, struct properties properties, struct fault_order *order)
{
    return read_kind(protocol, properties, TELEMETRY_APPLICATION, order);
}

START_TEST(test_no_order_is_taken_unless_the_hub_is_told_to)
{
    const struct properties order = {.type = "KillTcp"};
    struct fault_order read_order;
    begin();
    ck_assert(read(PROTOCOL_MQTT, order, &read_order));
    ck_assert(!read_kind(PROTOCOL_MQTT, order, TELEMETRY_SYSTEM, &read_order));
    ck_assert(!read(PROTOCOL_MQTT, (struct properties){.delay = "1"}, &read_order));
    fault_orders_take(sessions, false);
    ck_assert(!read(PROTOCOL_MQTT, order, &read_order));
    finish();
    fixture_open(&f, false);
    sessions = sessions_open(f.hub);
    connections[PROTOCOL_MQTT] = connection_open(sessions, PROTOCOL_MQTT, "x", stay, NULL);
    ck_assert_msg(!read(PROTOCOL_MQTT, order, &read_order), "it does so by itself");
    finish();
}
END_TEST

START_TEST(test_each_type_is_known_over_its_protocols)
{
    enum {
        A = 1,
        M = 2,
        H = 4
    };
    static const struct {
        const char *type;
        unsigned where;
        enum fault_order_kind kind;
        enum hub_code code;
    } cases[] = {{"KillTcp", A | M | H, ORDER_DROP, HUB_OK},
        {"ShutDownMqtt", M, ORDER_CLOSE, HUB_OK}, {"ShutDownAmqp", A, ORDER_CLOSE, HUB_OK},
        {"KillAmqpConnection", A, ORDER_CLOSE, HUB_OK},
        {"KillAmqpSession", A, ORDER_END_SESSION, HUB_OK},
        {"KillAmqpCBSLinkReq", A, ORDER_END_CBS_REQUESTS, HUB_OK},
        {"KillAmqpCBSLinkResp", A, ORDER_END_CBS_REPLIES, HUB_OK},
        {"KillAmqpD2CLink", A, ORDER_END_TELEMETRY, HUB_OK},
        {"KillAmqpC2DLink", A, ORDER_END_MESSAGES, HUB_OK},
        {"KillAmqpTwinLinkReq", A, ORDER_END_TWIN_REQUESTS, HUB_OK},
        {"KillAmqpTwinLinkResp", A, ORDER_END_TWIN_REPLIES, HUB_OK},
        {"KillAmqpMethodReqLink", A, ORDER_END_METHOD_CALLS, HUB_OK},
        {"KillAmqpMethodRespLink", A, ORDER_END_METHOD_ANSWERS, HUB_OK},
        {"InvokeThrottling", A | M | H, ORDER_REFUSE, HUB_THROTTLING_EXCEPTION},
        {"InvokeMaxMessageQuota", A | M | H, ORDER_REFUSE, HUB_IOT_HUB_QUOTA_EXCEEDED},
        {"InvokeAuthError", A | M | H, ORDER_REFUSE, HUB_IOT_HUB_UNAUTHORIZED_ACCESS},
        {"killTcp", 0, ORDER_DROP, HUB_OK}, {"KillTcp ", 0, ORDER_DROP, HUB_OK},
        {"", 0, ORDER_DROP, HUB_OK}};
    static const unsigned bits[] = {[PROTOCOL_AMQP] = A,
        [PROTOCOL_AMQP_WS] = A,
        [PROTOCOL_MQTT] = M,
        [PROTOCOL_MQTT_WS] = M,
        [PROTOCOL_HTTPS] = H};
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (enum protocol protocol = PROTOCOL_AMQP; protocol <= PROTOCOL_HTTPS; protocol++) {
            struct fault_order order;
            bool is_order = read(protocol, (struct properties){.type = cases[i].type}, &order);
            ck_assert_msg(is_order == ((cases[i].where & bits[protocol]) != 0), "%s over %s",
                cases[i].type, protocol_name(protocol));
            if (is_order) {
                ck_assert_str_eq(order.type, cases[i].type);
                ck_assert_int_eq(order.kind, cases[i].kind);
                ck_assert_int_eq(order.code, cases[i].code);
            }
        }
    }
    finish();
}
END_TEST

START_TEST(test_delay_and_duration_are_whole_seconds)
{
    static const struct {
        struct properties properties;
        int64_t delay, duration; /* -1: no order */
    } cases[] = {{{"KillTcp", "boom", NULL, NULL}, 0, 0},
        {{"KillTcp", "20", "5", "100000"}, 5, 100000}, {{"KillTcp", "20", "1", NULL}, 1, 0},
        {{"InvokeThrottling", "20", "1", NULL}, 1, 20}, /* as the C SDK's suite has it */
        {{"InvokeThrottling", "20", "1", "5"}, 1, 5},
        {{"InvokeThrottling", " throttle connection ", "0", "5"}, 0, 5},
        {{"InvokeThrottling", "boom", "0", NULL}, -1, 0},
        {{"KillTcp", "boom", "999999999", "0"}, 999999999, 0},
        {{"KillTcp", "boom", "1000000000", "0"}, -1, 0}, {{"KillTcp", "boom", "-1", "0"}, -1, 0},
        {{"KillTcp", "boom", "1.5", "0"}, -1, 0}, {{"KillTcp", "boom", "", "0"}, -1, 0},
        {{"KillTcp", "boom", "1", "soon"}, -1, 0}};
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fault_order order;
        bool is_order = read(PROTOCOL_AMQP, cases[i].properties, &order);
        ck_assert_msg(is_order == (cases[i].delay >= 0), "case %zu", i);
        if (is_order) {
            ck_assert_int_eq(order.delay.us, DURATION_SECONDS(cases[i].delay).us);
            ck_assert_int_eq(order.duration.us, DURATION_SECONDS(cases[i].duration).us);
        }
    }
    finish();
}
END_TEST

START_TEST(test_its_rule_strikes_what_that_device_sends_on_that_connection_alone)
{
    struct fault_order order;
    begin();
    ck_assert(read(PROTOCOL_AMQP, (struct properties){"InvokeThrottling", "20", "0", "5"}, &order));
    struct connection *here = connections[PROTOCOL_AMQP];
    uint64_t rule = fault_order_add_rule(here, "d*", &order);
    ck_assert_uint_gt(rule, 0);
    ck_assert_int_eq(fault_ask(here, FAULT_SEND, "d1").action, FAULT_NONE); /* it is no pattern */
    ck_assert_int_eq(fault_ask(here, FAULT_SEND, NULL).action, FAULT_NONE);
    ck_assert_int_eq(fault_ask(here, FAULT_ATTACH, "d*").action, FAULT_NONE);
    ck_assert_int_eq(fault_ask(connections[PROTOCOL_AMQP_WS], FAULT_SEND, "d*").action, FAULT_NONE);
    for (int i = 0; i < 2; i++) {
        struct fault fault = fault_ask(here, FAULT_SEND, "d*");
        ck_assert_int_eq(fault.action, FAULT_ERROR);
        ck_assert_int_eq(fault.error.code, HUB_THROTTLING_EXCEPTION);
    }
    ck_assert(fault_remove(sessions, rule));
    ck_assert_int_eq(fault_ask(here, FAULT_SEND, "d*").action, FAULT_NONE);
    finish();
}
END_TEST

SUITE_MAIN("fault orders", test_no_order_is_taken_unless_the_hub_is_told_to,
    test_each_type_is_known_over_its_protocols, test_delay_and_duration_are_whole_seconds,
    test_its_rule_strikes_what_that_device_sends_on_that_connection_alone)
