/* Device-bound messages: QoS, window, locks, acknowledgement. */
#include "tests/protocols/mqtt/mqtt_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fake_stream *open_subscribed(struct mqtt_fixture *f, int qos)
{
    struct fake_stream *client = client_open(f, "d1", true);
    client_subscribe(f, client, DEVICE_BOUND, qos);
    HEARS(f, client, qos ? "SUBACK 5 1" : "SUBACK 5 0");
    return client;
}

static void set_window(struct mqtt_fixture *f, uint32_t inflight, bool redeliver)
{
    struct mqtt_options options = mqtt_options_default();
    options.inflight = inflight;
    options.redeliver_on_connection = redeliver;
    mqtt_fixture_set(f, options);
}

START_TEST(test_message_is_published_with_its_whole_topic)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = open_subscribed(&f, 1);
    fixture_send(&f.store, "d1", (struct sending){.body = "hello", .id = "m-1", .ack = "full"});
    settle_turns(&f);
    HEARS(&f, client,
        "PUBLISH d0 q1 i1 devices/d1/messages/devicebound/%24.mid=m-1&"
        "%24.to=%2Fdevices%2Fd1%2Fmessages%2Fdevicebound&iothub-ack=full: hello");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_63_qos_0_is_completed_when_written)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = open_subscribed(&f, 0);
    fixture_send(&f.store, "d1", (struct sending){.body = "x", .ack = "positive"});
    settle_turns(&f);
    HEARS_SHORT(&f, client, "PUBLISH d0 q0 i0 x");
    ck_assert_uint_eq(fixture_ended(&f.store, OUTCOME_COMPLETED), 1);
    ck_assert_str_eq(fixture_statuses(&f.store), "Success");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_puback_completes_and_nothing_is_said)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = open_subscribed(&f, 1);
    send_body(&f, "d1", "x");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i1 x");
    ck_assert_uint_eq(fixture_counts(&f.store, "d1").invisible, 1);
    client_puback(&f, client, 1);
    HEARS(&f, client, "");
    ck_assert_uint_eq(fixture_ended(&f.store, OUTCOME_COMPLETED), 1);
    ck_assert_str_eq(fixture_statuses(&f.store), "Success");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_empty_and_largest_bodies_arrive_whole)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = open_subscribed(&f, 1);
    send_body(&f, "d1", "");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i1 ");
    static char body[65000 + 1];
    memset(body, 'b', 65000);
    size_t writes = client->writes;
    send_body(&f, "d1", body);
    const char *heard = client_hear_short(&f, client);
    ck_assert_str_eq(heard + strlen("PUBLISH d0 q1 i2 "), body);
    ck_assert_uint_eq(client->writes, writes + 1); /* one WebSocket message */
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_window_bounds_what_is_in_flight)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    set_window(&f, 3, true);
    struct fake_stream *client = open_subscribed(&f, 1);
    fixture_send_many(&f.store, "d1", 8);
    settle_turns(&f);
    for (int id = 1; id <= 3; id++) {
        char start[32];
        snprintf(start, sizeof start, "PUBLISH d0 q1 i%d ", id);
        ck_assert_mem_eq(client_hear_short(&f, client), start, strlen(start));
    }
    HEARS(&f, client, "");
    ck_assert_uint_eq(fixture_counts(&f.store, "d1").invisible, 3);
    client_puback(&f, client, 3); /* in any order */
    ck_assert_mem_eq(client_hear_short(&f, client), "PUBLISH d0 q1 i4 ", 17);
    HEARS(&f, client, "");
    client_puback(&f, client, 3); /* twice: ignored */
    client_puback(&f, client, 1);
    ck_assert_mem_eq(client_hear_short(&f, client), "PUBLISH d0 q1 i5 ", 17);
    HEARS(&f, client, "");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_lapsed_lock_sends_again_on_the_same_connection)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = open_subscribed(&f, 1);
    send_body(&f, "d1", "m1");
    send_body(&f, "d1", "m2");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i1 m1");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i2 m2");
    advance_hub(&f, DURATION_SECONDS(59));
    HEARS(&f, client, "");
    advance_hub(&f, DURATION_SECONDS(1));
    HEARS_SHORT(&f, client, "PUBLISH d1 q1 i1 m1");
    HEARS_SHORT(&f, client, "PUBLISH d1 q1 i2 m2");
    HEARS(&f, client, "");
    client_puback(&f, client, 1);
    client_puback(&f, client, 2);
    ck_assert_uint_eq(fixture_ended(&f.store, OUTCOME_COMPLETED), 2);
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_full_window_of_lapsed_locks_is_sent_again)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    set_window(&f, 1, true);
    struct fake_stream *client = open_subscribed(&f, 1);
    send_body(&f, "d1", "m1");
    send_body(&f, "d1", "m2");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i1 m1");
    for (int i = 0; i < 3; i++) {
        advance_hub(&f, DURATION_MINUTES(1));
        HEARS_SHORT(&f, client, "PUBLISH d1 q1 i1 m1");
        HEARS(&f, client, "");
    }
    client_puback(&f, client, 1);
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i2 m2");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_lapsed_lock_sends_nothing_again_when_that_is_set_off)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    set_window(&f, 1, false);
    struct fake_stream *client = open_subscribed(&f, 1);
    send_body(&f, "d1", "m1");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i1 m1");
    advance_hub(&f, DURATION_MINUTES(1));
    advance_hub(&f, DURATION_MINUTES(1));
    HEARS(&f, client, "");
    client_puback(&f, client, 1); /* the late word still counts */
    ck_assert_uint_eq(fixture_ended(&f.store, OUTCOME_COMPLETED), 1);
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_message_that_ends_in_flight_frees_its_place_and_its_puback_is_ignored)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    set_window(&f, 1, true);
    struct fake_stream *client = open_subscribed(&f, 1);
    fixture_send(
        &f.store, "d1", (struct sending){.body = "m1", .expires_in = DURATION_SECONDS(10)});
    settle_turns(&f);
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i1 m1");
    advance_hub(&f, DURATION_SECONDS(10));
    send_body(&f, "d1", "m2");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i2 m2");
    client_puback(&f, client, 1);
    HEARS(&f, client, "");
    ck_assert_uint_eq(fixture_purge(&f.store, "d1"), 1);
    send_body(&f, "d1", "m3");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i3 m3");
    client_puback(&f, client, 2);
    ck_assert_uint_eq(fixture_counts(&f.store, "d1").invisible, 1);
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_end_of_the_connection_frees_its_messages_for_other_protocols)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = open_subscribed(&f, 1);
    send_body(&f, "d1", "m1");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i1 m1");
    struct delivery delivery;
    ck_assert(!fixture_receive(&f.store, "d1", &delivery));
    fake_stream_hang_up(client);
    settle_turns(&f);
    ck_assert(fixture_receive(&f.store, "d1", &delivery));
    ck_assert_uint_eq(delivery.delivery_count, 0);
    ck_assert_uint_eq(count_events(&f, JOURNAL_SETTLE_REFUSED), 0);
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_message_redelivered_by_another_protocol_first_has_no_dup)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    send_body(&f, "d1", "m1");
    struct delivery delivery;
    ck_assert(fixture_receive(&f.store, "d1", &delivery));
    fixture_settle(&f.store, "d1", delivery.lock_token, SETTLE_ABANDON);
    struct fake_stream *client = open_subscribed(&f, 1);
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i1 m1");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_message_whose_topic_is_too_long_is_rejected)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = open_subscribed(&f, 1);
    struct message *message = message_create();
    static char value[30000];
    memset(value, '/', sizeof value);
    message_add_property(message, TEXT("p"), (struct text){value, sizeof value}, NULL);
    ck_assert_int_eq(mailbox_send(hub_mailboxes(f.store.hub), "d1", message, NULL,
                         hub_now(f.store.hub), NULL, &f.store.error),
        HUB_OK);
    message_release(message);
    settle_turns(&f);
    HEARS(&f, client, "");
    ck_assert_uint_eq(fixture_ended(&f.store, OUTCOME_REJECTED), 1);
    send_body(&f, "d1", "next");
    ck_assert_mem_eq(client_hear_short(&f, client), "PUBLISH d0 q1 ", 14);
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_peer_that_does_not_read_is_not_offered_more)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    set_window(&f, 50, true);
    struct fake_stream *client = open_subscribed(&f, 1);
    client->is_stalled = true;
    static char body[65000 + 1];
    memset(body, 'b', 65000);
    for (int i = 0; i < 20; i++) {
        send_body(&f, "d1", body);
    }
    ck_assert_uint_lt(client->output.length, 6 * 65536);
    size_t waiting = fixture_counts(&f.store, "d1").enqueued;
    ck_assert_uint_ge(waiting, 14);
    client->output.length = 0;
    fake_stream_drain(client);
    settle_turns(&f);
    ck_assert_uint_lt(fixture_counts(&f.store, "d1").enqueued, waiting);
    mqtt_fixture_close(&f);
}
END_TEST

SUITE_MAIN("mqtt delivery", test_message_is_published_with_its_whole_topic,
    test_63_qos_0_is_completed_when_written, test_puback_completes_and_nothing_is_said,
    test_empty_and_largest_bodies_arrive_whole, test_window_bounds_what_is_in_flight,
    test_lapsed_lock_sends_again_on_the_same_connection,
    test_full_window_of_lapsed_locks_is_sent_again,
    test_lapsed_lock_sends_nothing_again_when_that_is_set_off,
    test_message_that_ends_in_flight_frees_its_place_and_its_puback_is_ignored,
    test_end_of_the_connection_frees_its_messages_for_other_protocols,
    test_message_redelivered_by_another_protocol_first_has_no_dup,
    test_message_whose_topic_is_too_long_is_rejected,
    test_peer_that_does_not_read_is_not_offered_more)
