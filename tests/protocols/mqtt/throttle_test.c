/* Rate limits over MQTT, which has an answer for a connection and for twins, and none for
 * telemetry. */
#include "protocols/session/throttle.h"
#include "tests/protocols/mqtt/mqtt_fixture.h"
#include "tests/suite.h"

static struct mqtt_fixture f;

static void begin(void)
{
    mqtt_fixture_open(&f, false);
    throttle_set_profile(f.sessions, THROTTLE_FREE);
}

static void exhaust(enum throttle_operation operation)
{
    while (throttle_take(f.sessions, operation, clock_now(f.store.clock), NULL) == HUB_OK) {
    }
}

START_TEST(test_a_connection_too_many_is_unavailable)
{
    begin();
    exhaust(THROTTLE_CONNECT);
    struct fake_stream *client = client_dial(&f);
    client_connect(&f, client, (struct connect_recipe){0});
    HEARS(&f, client, "CONNACK 0 3");
    HEARS(&f, client, "CLOSED");
    advance_hub(&f, DURATION_SECONDS(1));
    client_open(&f, "d1", true);
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_a_refused_connection_uses_nothing_up_and_disturbs_nobody)
{
    begin();
    struct fake_stream *client = client_open(&f, "d1", true);
    exhaust(THROTTLE_CONNECT);
    struct fake_stream *second = client_dial(&f);
    client_connect(&f, second, (struct connect_recipe){0});
    HEARS(&f, second, "CONNACK 0 3");
    HEARS(&f, client, "");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_telemetry_beyond_its_rate_ends_the_connection)
{
    begin();
    struct fake_stream *client = client_open(&f, "d1", true);
    exhaust(THROTTLE_TELEMETRY);
    uint64_t told = hub_refusal_count(HUB_THROTTLING_EXCEPTION);
    client_publish(&f, client, "devices/d1/messages/events/", 1, 9, "x");
    HEARS(&f, client, "CLOSED");
    ck_assert_uint_eq(count_events(&f, JOURNAL_TELEMETRY), 0);
    ck_assert_uint_eq(hub_refusal_count(HUB_THROTTLING_EXCEPTION), told + 1);
    ck_assert_str_eq(last_reason(&f, JOURNAL_DISCONNECTED), "refused: ThrottlingException");
    advance_hub(&f, DURATION_SECONDS(1));
    client = client_open(&f, "d1", true);
    client_publish(&f, client, "devices/d1/messages/events/", 1, 9, "x");
    HEARS(&f, client, "PUBACK 9");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_twin_operations_beyond_their_rate_are_429)
{
    static const struct {
        enum throttle_operation operation;
        const char *topic, *refused, *done;
    } cases[] = {{THROTTLE_TWIN_READ, "$iothub/twin/GET/?$rid=7",
                     "PUBLISH d0 q0 i0 $iothub/twin/res/429/?$rid=7: ",
                     "PUBLISH d0 q0 i0 $iothub/twin/res/200/?$rid=7: "
                     "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}"},
        {THROTTLE_TWIN_UPDATE, "$iothub/twin/PATCH/properties/reported/?$rid=8",
            "PUBLISH d0 q0 i0 $iothub/twin/res/429/?$rid=8: ",
            "PUBLISH d0 q0 i0 $iothub/twin/res/204/?$rid=8&$version=2: "}};
    begin();
    struct fake_stream *client = client_open(&f, "d1", true);
    client_subscribe(&f, client, "$iothub/twin/res/#", 0);
    HEARS(&f, client, "SUBACK 5 0");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        exhaust(cases[i].operation);
        client_publish(&f, client, cases[i].topic, 0, 0, "{}");
        client_hears_refusal(&f, client, cases[i].refused, HUB_THROTTLING_EXCEPTION);
        advance_hub(&f, DURATION_SECONDS(1));
        client_publish(&f, client, cases[i].topic, 0, 0, "{}");
        HEARS(&f, client, cases[i].done);
    }
    mqtt_fixture_close(&f);
}
END_TEST

SUITE_MAIN("mqtt throttle", test_a_connection_too_many_is_unavailable,
    test_a_refused_connection_uses_nothing_up_and_disturbs_nobody,
    test_telemetry_beyond_its_rate_ends_the_connection,
    test_twin_operations_beyond_their_rate_are_429)
