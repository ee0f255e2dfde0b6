/* What devices publish: telemetry, twin, methods; and what ends the connection. */
#include "tests/protocols/mqtt/mqtt_fixture.h"
#include "tests/store/twin_limits.h"

#include <stdlib.h>
#include <string.h>

#define EVENTS "devices/d1/messages/events/"
#define GET "$iothub/twin/GET/?$rid="
#define REPORT "$iothub/twin/PATCH/properties/reported/?$rid="

static const struct {
    const char *topic;
    int qos;
    const char *heard;
} rows[] = {
    {"devices/d1/messages/events", 1, "PUBACK 9"}, {EVENTS, 1, "PUBACK 9"},
    {EVENTS "a=1&b=2", 1, "PUBACK 9"}, {EVENTS "%24.mid=1/", 1, "PUBACK 9"},
    {EVENTS "$.ct=text%2Fplain", 1, "PUBACK 9"}, {EVENTS, 0, ""}, {EVENTS, 2, "CLOSED"},
    {EVENTS "a=b=c", 1, "CLOSED"}, {EVENTS "a=%GG", 0, "CLOSED"}, {EVENTS "?a=1", 0, "CLOSED"},
    {EVENTS "a=1:2", 0, "CLOSED"}, {"devices/d2/messages/events/", 0, "CLOSED"},
    {"devices/d1/messages/devicebound/a=1", 0, "CLOSED"},
    {"devices/d1/modules/m1/messages/events/", 0, "CLOSED"}, {"a/b", 0, "CLOSED"},
    {"a/b", 1, "CLOSED"}, {"$SYS/x", 0, "CLOSED"}, {"$iothub/twin/GET/", 0, "CLOSED"},
    {"$iothub/twin/res/200/?$rid=1", 0, "CLOSED"}, {"$iothub/methods/res/200/?$rid=77", 0, ""},
    {"$iothub/methods/res/200/?$rid=77", 1, "PUBACK 9"},
    {"$iothub/methods/res/x/?$rid=77", 0, "CLOSED"},
    {GET "1", 1, "PUBACK 9"}, /* without a subscription nothing is sent */
};

START_TEST(test_topic_is_taken_or_ends_the_connection)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = client_open(&f, "d1", true);
    client_publish(&f, client, rows[_i].topic, rows[_i].qos, 9, "body");
    HEARS(&f, client, rows[_i].heard);
    if (strcmp(rows[_i].heard, "CLOSED") == 0) {
        ck_assert_uint_eq(count_events(&f, JOURNAL_TELEMETRY), 0);
    } else {
        HEARS(&f, client, "");
    }
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_telemetry_is_journalled_and_counted)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = client_open(&f, "d1", true);
    client_publish(&f, client, EVENTS "%24.mid=m7&a=1", 0, 0, "x");
    const struct journal_entry *entry = NULL, *last = NULL;
    while ((entry = journal_next(hub_journal(f.store.hub), entry ? entry->id : 0))) {
        last = entry->event == JOURNAL_TELEMETRY ? entry : last;
    }
    ck_assert_ptr_nonnull(last);
    ck_assert_str_eq(last->device, "d1");
    ck_assert_str_eq(last->message_id, "m7");
    ck_assert_str_eq(last->protocol, "mqtt");
    ck_assert_uint_eq(telemetry_count(hub_telemetry(f.store.hub)), 1);
    SEND(&f, client, "\x31\x1d\x00\x1b" EVENTS); /* RETAIN */
    ck_assert_str_eq(last_reason(&f, JOURNAL_TELEMETRY), "mqtt-retain");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_telemetry_is_kept_as_it_came)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = client_open(&f, "d1", true);
    struct telemetry_property property;
    size_t at = 0;
    client_publish(&f, client, EVENTS "%24.mid=m7&a=1", 1, 3, "x");
    const struct telemetry_item *item = telemetry_next(hub_telemetry(f.store.hub), "d1", 0);
    ck_assert_str_eq(item->protocol, "mqtt");
    ck_assert(text_equal(telemetry_event_body(item->event), TEXT("x")));
    ck_assert(text_equal(telemetry_event_find(item->event, TELEMETRY_MESSAGE_ID), TEXT("m7")));
    SEND(&f, client, "\x31\x1d\x00\x1b" EVENTS); /* RETAIN */
    item = telemetry_next(hub_telemetry(f.store.hub), "d1", item->id);
    ck_assert_uint_eq(telemetry_event_body(item->event).length, 0);
    ck_assert(telemetry_event_next(item->event, &at, &property));
    ck_assert_int_eq(property.kind, TELEMETRY_APPLICATION);
    ck_assert_str_eq(property.name.bytes, "mqtt-retain");
    ck_assert_str_eq(property.value.bytes, "true");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_puback_waits_for_the_commit)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = client_open(&f, "d1", true);
    static const char publish[] = "\x32\x1f\x00\x1b" EVENTS "\x00\x07";
    fake_stream_feed(client, publish, sizeof publish - 1);
    HEARS(&f, client, "");
    settle_turns(&f);
    HEARS(&f, client, "PUBACK 7");
    mqtt_fixture_close(&f);
}
END_TEST

/* ---- twin ---- */

static struct fake_stream *open_twin(struct mqtt_fixture *f)
{
    struct fake_stream *client = client_open(f, "d1", false);
    client_subscribe(f, client, "$iothub/twin/res/#", 1);
    HEARS(f, client, "SUBACK 5 1");
    return client;
}

START_TEST(test_twin_is_read_with_the_request_id_as_it_came)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = open_twin(&f);
    client_publish(&f, client, GET "5E-a%20", 0, 0, " ");
    HEARS(&f, client,
        "PUBLISH d0 q0 i0 $iothub/twin/res/200/?$rid=5E-a%20: "
        "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}");
    client_publish(&f, client, GET "2", 1, 4, "");
    HEARS(&f, client, "PUBACK 4");
    HEARS_SHORT(&f, client,
        "PUBLISH d0 q0 i0 {\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_reported_properties_are_merged_versioned_and_kept)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, true);
    struct fake_stream *client = open_twin(&f);
    client_publish(&f, client, REPORT "1", 1, 4, "{\"a\":1,\"b\":2}");
    HEARS(&f, client, "PUBACK 4");
    HEARS(&f, client, "PUBLISH d0 q0 i0 $iothub/twin/res/204/?$rid=1&$version=2: ");
    client_publish(&f, client, REPORT "2", 0, 0, "{\"a\":null}");
    HEARS(&f, client, "PUBLISH d0 q0 i0 $iothub/twin/res/204/?$rid=2&$version=3: ");
    client_publish(&f, client, REPORT "3", 0, 0, "nonsense");
    client_hears_refusal(
        &f, client, "PUBLISH d0 q0 i0 $iothub/twin/res/400/?$rid=3: ", HUB_DESERIALIZATION_ERROR);
    client_publish(&f, client, "$iothub/twin/PATCH/properties/reported/", 0, 0, "{\"c\":3}");
    HEARS(&f, client, "");
    mqtt_fixture_restart(&f, DURATION_MINUTES(1));
    client = client_dial(&f);
    client_connect(&f, client, (struct connect_recipe){0});
    HEARS(&f, client, "CONNACK 1 0");
    client_publish(&f, client, GET "4", 0, 0, "");
    HEARS_SHORT(&f, client,
        "PUBLISH d0 q0 i0 {\"desired\":{\"$version\":1},"
        "\"reported\":{\"b\":2,\"c\":3,\"$version\":4}}");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_reports_beyond_the_limits_of_names_and_values_are_400)
{
    char heard[96];
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = open_twin(&f);
    for (size_t i = 0; i < TWIN_LIMIT_COUNT; i++) {
        client_publish(&f, client, REPORT "1", 0, 0, twin_limits[i].exceeds);
        client_hears_refusal(
            &f, client, "PUBLISH d0 q0 i0 $iothub/twin/res/400/?$rid=1: ", HUB_ARGUMENT_INVALID);
        client_publish(&f, client, REPORT "2", 0, 0, twin_limits[i].fits);
        snprintf(heard, sizeof heard,
            "PUBLISH d0 q0 i0 $iothub/twin/res/204/?$rid=2&$version=%zu: ", i + 2);
        HEARS(&f, client, heard);
    }
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_device_reads_what_a_service_desires)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = client_open(&f, "d1", true);
    client_subscribe(&f, client, "$iothub/twin/res/#", 0);
    HEARS(&f, client, "SUBACK 5 0");
    json_t *patch =
        json_pack("{s{ss} s{s{si}}}", "tags", "floor", "1", "properties", "desired", "interval", 5);
    struct hub *hub = f.store.hub;
    ck_assert_int_eq(twins_change(hub_twins(hub), identity_find(hub_identities(hub), "d1")->row,
                         patch, TWIN_MERGE, START, NULL),
        HUB_OK);
    json_decref(patch);
    settle_turns(&f);
    client_publish(&f, client, GET "7", 0, 0, "");
    HEARS(&f, client,
        "PUBLISH d0 q0 i0 $iothub/twin/res/200/?$rid=7: "
        "{\"desired\":{\"interval\":5,\"$version\":2},\"reported\":{\"$version\":1}}");
    mqtt_fixture_close(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mqtt publish");
    TCase *tests = tcase_create("publish");
    tcase_add_loop_test(
        tests, test_topic_is_taken_or_ends_the_connection, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tests, test_telemetry_is_journalled_and_counted);
    tcase_add_test(tests, test_telemetry_is_kept_as_it_came);
    tcase_add_test(tests, test_puback_waits_for_the_commit);
    tcase_add_test(tests, test_twin_is_read_with_the_request_id_as_it_came);
    tcase_add_test(tests, test_reports_beyond_the_limits_of_names_and_values_are_400);
    tcase_add_test(tests, test_device_reads_what_a_service_desires);
    tcase_add_test(tests, test_reported_properties_are_merged_versioned_and_kept);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
