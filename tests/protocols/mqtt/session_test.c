/* What a session remembers: subscriptions, their age, and what was on its way. */
#include "tests/protocols/mqtt/mqtt_fixture.h"

#include <stdlib.h>
#include <string.h>

static struct fake_stream *open_clean(struct mqtt_fixture *f)
{
    return client_open(f, "d1", true);
}

/* CONNECT of d1 with a stored session, its CONNACK not yet heard. */
static struct fake_stream *connect_stored(struct mqtt_fixture *f)
{
    struct fake_stream *client = client_dial(f);
    client_connect(f, client, (struct connect_recipe){0});
    return client;
}

static void subscribe(struct mqtt_fixture *f, struct fake_stream *client, int qos)
{
    client_subscribe(f, client, DEVICE_BOUND, qos);
    HEARS(f, client, qos ? "SUBACK 5 1" : "SUBACK 5 0");
}

static void disconnect(struct mqtt_fixture *f, struct fake_stream *client)
{
    SEND(f, client, "\xe0\x00");
    HEARS(f, client, "CLOSED");
}

/* A stored session with a subscription, and nobody connected. */
static void prepare(struct mqtt_fixture *f)
{
    struct fake_stream *client = connect_stored(f);
    HEARS(f, client, "CONNACK 0 0");
    subscribe(f, client, 1);
    disconnect(f, client);
}

START_TEST(test_session_is_present_when_a_subscription_is_stored)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = connect_stored(&f);
    HEARS(&f, client, "CONNACK 0 0");
    disconnect(&f, client);
    client = connect_stored(&f); /* a session without subscriptions is none */
    HEARS(&f, client, "CONNACK 0 0");
    subscribe(&f, client, 1);
    disconnect(&f, client);
    client = connect_stored(&f);
    HEARS(&f, client, "CONNACK 1 0");
    client_unsubscribe(&f, client, DEVICE_BOUND);
    HEARS(&f, client, "UNSUBACK 6");
    disconnect(&f, client);
    client = connect_stored(&f);
    HEARS(&f, client, "CONNACK 0 0");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_session_survives_loss_and_restart)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, true);
    struct fake_stream *client = connect_stored(&f);
    HEARS(&f, client, "CONNACK 0 0");
    subscribe(&f, client, 1);
    fake_stream_hang_up(client);
    settle_turns(&f);
    send_body(&f, "d1", "m1");
    mqtt_fixture_restart(&f, DURATION_MINUTES(1));
    client = connect_stored(&f);
    HEARS(&f, client, "CONNACK 1 0");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i1 m1");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_clean_session_forgets_what_was_stored_and_is_not_stored)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    prepare(&f);
    struct fake_stream *client = client_dial(&f);
    client_connect(&f, client, (struct connect_recipe){.clean = true});
    HEARS(&f, client, "CONNACK 0 0");
    send_body(&f, "d1", "m1");
    HEARS(&f, client, ""); /* the stored subscription is gone */
    advance_hub(&f, DURATION_MS(1));
    subscribe(&f, client, 1);
    disconnect(&f, client);
    client = connect_stored(&f);
    HEARS(&f, client, "CONNACK 0 0");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_stored_subscription_is_active_before_any_subscribe)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    prepare(&f);
    send_body(&f, "d1", "m1");
    struct fake_stream *client = connect_stored(&f);
    HEARS(&f, client, "CONNACK 1 0");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i1 m1");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_connecting_without_a_subscription_consumes_nothing)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    send_body(&f, "d1", "m1");
    disconnect(&f, client_open(&f, "d1", false));
    disconnect(&f, open_clean(&f));
    ck_assert_uint_eq(fixture_counts(&f.store, "d1").enqueued, 1);
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_every_subscribe_of_a_clean_session_empties_the_queue)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    for (int i = 0; i < 2; i++) {
        send_body(&f, "d1", "waits");
        advance_hub(&f, DURATION_MS(1));
        struct fake_stream *client = open_clean(&f);
        subscribe(&f, client, 1);
        HEARS(&f, client, "");
        disconnect(&f, client);
    }
    ck_assert_uint_eq(fixture_ended(&f.store, OUTCOME_REJECTED), 2);
    ck_assert_str_eq(fixture_statuses(&f.store), "Rejected,Rejected");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_message_of_the_same_millisecond_is_delivered)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = open_clean(&f);
    fixture_send(&f.store, "d1", (struct sending){.body = "m1"});
    clock_advance(f.store.clock, (struct duration){999});
    subscribe(&f, client, 1);
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i1 m1");
    mqtt_fixture_close(&f);
}
END_TEST

/* Subscribe, leave, come back, and subscribe again after a message was sent. */
START_TEST(test_subscribing_again_keeps_the_age_and_sends_nothing_twice)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    prepare(&f);
    advance_hub(&f, DURATION_SECONDS(1));
    send_body(&f, "d1", "m1");
    advance_hub(&f, DURATION_SECONDS(1));
    struct fake_stream *client = connect_stored(&f);
    HEARS(&f, client, "CONNACK 1 0");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i1 m1");
    subscribe(&f, client, 1);
    HEARS(&f, client, "");
    client_puback(&f, client, 1);
    ck_assert_uint_eq(fixture_ended(&f.store, OUTCOME_COMPLETED), 1);
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_subscribing_again_replaces_the_qos)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = connect_stored(&f);
    HEARS(&f, client, "CONNACK 0 0");
    subscribe(&f, client, 1);
    send_body(&f, "d1", "m1");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i1 m1");
    subscribe(&f, client, 0);
    send_body(&f, "d1", "m2");
    HEARS_SHORT(&f, client, "PUBLISH d0 q0 i0 m2");
    client_puback(&f, client, 1); /* what is in flight is finished as it began */
    ck_assert_uint_eq(fixture_ended(&f.store, OUTCOME_COMPLETED), 2);
    disconnect(&f, client);
    send_body(&f, "d1", "m3");
    client = connect_stored(&f);
    HEARS(&f, client, "CONNACK 1 0");
    HEARS_SHORT(&f, client, "PUBLISH d0 q0 i0 m3");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_unsubscribe_stops_new_messages_and_finishes_those_in_flight)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = connect_stored(&f);
    HEARS(&f, client, "CONNACK 0 0");
    subscribe(&f, client, 1);
    send_body(&f, "d1", "m1");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i1 m1");
    client_unsubscribe(&f, client, DEVICE_BOUND);
    HEARS(&f, client, "UNSUBACK 6");
    send_body(&f, "d1", "m2");
    HEARS(&f, client, "");
    client_puback(&f, client, 1);
    ck_assert_uint_eq(fixture_ended(&f.store, OUTCOME_COMPLETED), 1);
    advance_hub(&f, DURATION_SECONDS(1));
    subscribe(&f, client, 1); /* a new subscription: m2 is too old for it */
    HEARS(&f, client, "");
    ck_assert_uint_eq(fixture_ended(&f.store, OUTCOME_REJECTED), 1);
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_overlapping_filters_deliver_one_copy)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = open_clean(&f);
    subscribe(&f, client, 1);
    client_subscribe(&f, client, "devices/d1/messages/devicebound/", 1);
    HEARS(&f, client, "SUBACK 5 1");
    send_body(&f, "d1", "m1");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i1 m1");
    HEARS(&f, client, "");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_bare_filter_starts_no_delivery_and_rejects_nothing)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    send_body(&f, "d1", "m1");
    advance_hub(&f, DURATION_SECONDS(1));
    struct fake_stream *client = open_clean(&f);
    client_subscribe(&f, client, "devices/d1/messages/devicebound", 1);
    HEARS(&f, client, "SUBACK 5 1");
    HEARS(&f, client, "");
    ck_assert_uint_eq(fixture_counts(&f.store, "d1").enqueued, 1);
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_sixth_filter_ends_the_connection)
{
    static const char *const filters[] = {DEVICE_BOUND, "devices/d1/messages/devicebound",
        "$iothub/twin/res/#", "$iothub/twin/PATCH/properties/desired/#", "$iothub/methods/POST/#"};
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = open_clean(&f);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 5; i++) {
            client_subscribe(&f, client, filters[i], 1);
            HEARS(&f, client, "SUBACK 5 1");
        }
    }
    client_subscribe(&f, client, "devices/d1/messages/devicebound/", 1);
    HEARS(&f, client, "CLOSED");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_unknown_filter_fails_when_that_is_set)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct mqtt_options options = mqtt_options_default();
    options.unknown_filter = MQTT_UNKNOWN_FILTER_FAILS;
    mqtt_fixture_set(&f, options);
    struct fake_stream *client = open_clean(&f);
    client_subscribe(&f, client, "devices/d2/messages/devicebound/#", 1);
    HEARS(&f, client, "SUBACK 5 128");
    subscribe(&f, client, 1);
    mqtt_fixture_close(&f);
}
END_TEST

/* ---- a commit that fails ---- */

static void feed_doomed(
    struct mqtt_fixture *f, struct fake_stream *client, const void *bytes, size_t length)
{
    fake_stream_feed(client, bytes, length);
    doom_group(f);
    settle_turns(f);
}

START_TEST(test_connect_that_is_not_committed_has_no_connack)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = client_dial(&f);
    uint8_t packet[4096];
    size_t length = make_connect(&(struct connect_recipe){0}, packet);
    feed_doomed(&f, client, packet, length);
    HEARS(&f, client, "CLOSED");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_subscribe_that_is_not_committed_leaves_no_subscription)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = client_open(&f, "d1", false);
    static const char subscribe_twin[] = "\x82\x17\x00\x05\x00\x12$iothub/twin/res/#\x01";
    feed_doomed(&f, client, subscribe_twin, sizeof subscribe_twin - 1);
    HEARS(&f, client, "CLOSED");
    client = connect_stored(&f);
    HEARS(&f, client, "CONNACK 0 0");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_puback_that_is_not_committed_brings_the_message_again)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = connect_stored(&f);
    HEARS(&f, client, "CONNACK 0 0");
    subscribe(&f, client, 1);
    send_body(&f, "d1", "m1");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i1 m1");
    feed_doomed(&f, client, "\x40\x02\x00\x01", 4);
    HEARS(&f, client, "CLOSED");
    struct queue_counts counts = fixture_counts(&f.store, "d1");
    ck_assert_uint_eq(counts.enqueued + counts.invisible, 1);
    client = connect_stored(&f);
    HEARS(&f, client, "CONNACK 1 0");
    advance_hub(&f, DURATION_MINUTES(1));
    HEARS_SHORT(&f, client, "PUBLISH d1 q1 i1 m1");
    mqtt_fixture_close(&f);
}
END_TEST

/* ---- statements of the life cycle ---- */

START_TEST(test_62_unacknowledged_message_comes_again_with_dup)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, true);
    struct fake_stream *client = connect_stored(&f);
    HEARS(&f, client, "CONNACK 0 0");
    subscribe(&f, client, 1);
    send_body(&f, "d1", "m1");
    send_body(&f, "d1", "m2");
    send_body(&f, "d1", "m3");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i1 m1");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i2 m2");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i3 m3");
    client_puback(&f, client, 2);
    fake_stream_hang_up(client);
    settle_turns(&f);
    ck_assert_uint_eq(fixture_counts(&f.store, "d1").enqueued, 2); /* at once */
    send_body(&f, "d1", "m4");
    for (int i = 0; i < 2; i++) {
        client = connect_stored(&f);
        HEARS(&f, client, "CONNACK 1 0");
        HEARS_SHORT(&f, client, "PUBLISH d1 q1 i1 m1");
        HEARS_SHORT(&f, client, "PUBLISH d1 q1 i3 m3");
        HEARS_SHORT(&f, client, i ? "PUBLISH d1 q1 i2 m4" : "PUBLISH d0 q1 i2 m4");
        mqtt_fixture_restart(&f, DURATION_MINUTES(5));
    }
    struct queue_view view;
    ck_assert(queue_view_next(mailbox_of(hub_mailboxes(f.store.hub), "d1"), 0, &view));
    ck_assert_uint_eq(view.delivery_count, 0);
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_67_messages_sent_meanwhile_arrive_in_order)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    prepare(&f);
    for (int i = 1; i <= 25; i++) {
        char body[16];
        snprintf(body, sizeof body, "m%d", i);
        send_body(&f, "d1", body);
    }
    struct fake_stream *client = connect_stored(&f);
    HEARS(&f, client, "CONNACK 1 0");
    for (int i = 1; i <= 25; i++) {
        char expected[40];
        snprintf(expected, sizeof expected, "PUBLISH d0 q1 i%d m%d", i, i);
        HEARS_SHORT(&f, client, expected);
        client_puback(&f, client, i);
    }
    HEARS(&f, client, "");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_68_first_subscription_rejects_what_waits_unless_set_off)
{
    for (int is_on = 0; is_on < 2; is_on++) {
        struct mqtt_fixture f;
        mqtt_fixture_open(&f, false);
        struct mqtt_options options = mqtt_options_default();
        options.reject_before_subscribe = is_on;
        mqtt_fixture_set(&f, options);
        send_body(&f, "d1", "m1");
        advance_hub(&f, DURATION_SECONDS(1));
        struct fake_stream *client = connect_stored(&f);
        HEARS(&f, client, "CONNACK 0 0");
        subscribe(&f, client, 1);
        HEARS_SHORT(&f, client, is_on ? "" : "PUBLISH d0 q1 i1 m1");
        ck_assert_str_eq(fixture_statuses(&f.store), is_on ? "Rejected" : "");
        send_body(&f, "d1", "m2");
        HEARS_SHORT(&f, client, is_on ? "PUBLISH d0 q1 i1 m2" : "PUBLISH d0 q1 i2 m2");
        mqtt_fixture_close(&f);
    }
}
END_TEST

SUITE_MAIN("mqtt session", test_session_is_present_when_a_subscription_is_stored,
    test_session_survives_loss_and_restart,
    test_clean_session_forgets_what_was_stored_and_is_not_stored,
    test_stored_subscription_is_active_before_any_subscribe,
    test_connecting_without_a_subscription_consumes_nothing,
    test_every_subscribe_of_a_clean_session_empties_the_queue,
    test_message_of_the_same_millisecond_is_delivered,
    test_subscribing_again_keeps_the_age_and_sends_nothing_twice,
    test_subscribing_again_replaces_the_qos,
    test_unsubscribe_stops_new_messages_and_finishes_those_in_flight,
    test_overlapping_filters_deliver_one_copy,
    test_bare_filter_starts_no_delivery_and_rejects_nothing, test_sixth_filter_ends_the_connection,
    test_unknown_filter_fails_when_that_is_set, test_connect_that_is_not_committed_has_no_connack,
    test_subscribe_that_is_not_committed_leaves_no_subscription,
    test_puback_that_is_not_committed_brings_the_message_again,
    test_62_unacknowledged_message_comes_again_with_dup,
    test_67_messages_sent_meanwhile_arrive_in_order,
    test_68_first_subscription_rejects_what_waits_unless_set_off)
