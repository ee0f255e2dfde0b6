/* Statements 33 to 40 of store/LIFECYCLE.md: expiry. */
#include "tests/store/fixture.h"

static struct fixture f;

START_TEST(test_33_without_an_expiry_a_message_lives_an_hour)
{
    struct delivery delivery;
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 2);
    fixture_advance(&f, DURATION_SECONDS(3599));
    ck_assert(fixture_receive(&f, "d1", &delivery));
    fixture_advance(&f, DURATION_SECONDS(1));
    ck_assert(!fixture_receive(&f, "d1", &delivery));
    ck_assert_uint_eq(fixture_ended(&f, OUTCOME_EXPIRED), 2);
    fixture_close(&f);
}
END_TEST

START_TEST(test_34_the_default_in_force_at_the_send_holds)
{
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 1);
    hub_settings(f.hub)->device.ttl = DURATION_MINUTES(5);
    fixture_send_many(&f, "d1", 1);
    fixture_advance(&f, DURATION_MINUTES(5));
    ck_assert_uint_eq(fixture_counts(&f, "d1").enqueued, 1);
    fixture_advance(&f, DURATION_MINUTES(54));
    ck_assert_uint_eq(fixture_counts(&f, "d1").enqueued, 1);
    fixture_advance(&f, DURATION_MINUTES(1));
    ck_assert_uint_eq(fixture_counts(&f, "d1").enqueued, 0);
    fixture_close(&f);
}
END_TEST

START_TEST(test_35_an_expiry_of_its_own_wins)
{
    struct delivery delivery;
    fixture_open(&f, false);
    fixture_send(&f, "d1", (struct sending){.expires_in = DURATION_SECONDS(30)});
    fixture_advance(&f, DURATION_SECONDS(31));
    ck_assert(!fixture_receive(&f, "d1", &delivery));
    ck_assert_uint_eq(fixture_ended(&f, OUTCOME_EXPIRED), 1);
    fixture_close(&f);
}
END_TEST

START_TEST(test_36_a_locked_message_that_expires_cannot_be_completed)
{
    struct delivery delivery;
    fixture_open(&f, false);
    fixture_send(&f, "d1", (struct sending){.expires_in = DURATION_SECONDS(30)});
    fixture_receive(&f, "d1", &delivery);
    fixture_advance(&f, DURATION_SECONDS(30));
    ck_assert_int_eq(fixture_settle(&f, "d1", delivery.lock_token, SETTLE_COMPLETE),
        HUB_DEVICE_MESSAGE_LOCK_LOST);
    ck_assert_uint_eq(fixture_ended(&f, OUTCOME_EXPIRED), 1);
    ck_assert_uint_eq(fixture_ended(&f, OUTCOME_COMPLETED), 0);
    fixture_close(&f);
}
END_TEST

START_TEST(test_36_in_the_same_instant_expiry_goes_before_the_end_of_the_lock)
{
    struct delivery delivery;
    fixture_open(&f, false);
    fixture_send(&f, "d1", (struct sending){.expires_in = DURATION_SECONDS(60), .ack = "full"});
    fixture_receive(&f, "d1", &delivery);
    fixture_advance(&f, DURATION_SECONDS(60));
    ck_assert_str_eq(fixture_statuses(&f), "Expired");
    fixture_close(&f);
}
END_TEST

START_TEST(test_37_an_expired_message_does_not_come_back_when_its_lock_would_end)
{
    struct delivery delivery;
    fixture_open(&f, false);
    fixture_send(&f, "d1", (struct sending){.expires_in = DURATION_SECONDS(30)});
    fixture_receive(&f, "d1", &delivery);
    fixture_advance(&f, DURATION_SECONDS(90));
    ck_assert(!fixture_receive(&f, "d1", &delivery));
    fixture_close(&f);
}
END_TEST

START_TEST(test_38_an_expiry_in_the_past_is_refused)
{
    fixture_open(&f, false);
    ck_assert_int_eq(fixture_send(&f, "d1", (struct sending){.expires_in = DURATION_SECONDS(-1)}),
        HUB_INVALID_MESSAGE_EXPIRY_TIME);
    ck_assert_uint_eq(fixture_counts(&f, "d1").enqueued, 0);
    fixture_close(&f);
}
END_TEST

START_TEST(test_39_an_expiry_beyond_two_days_is_cut)
{
    fixture_open(&f, false);
    ck_assert_int_eq(
        fixture_send(&f, "d1", (struct sending){.expires_in = DURATION_DAYS(900)}), HUB_OK);
    fixture_advance(&f, DURATION_SECONDS(2 * 86400 - 1));
    ck_assert_uint_eq(fixture_counts(&f, "d1").enqueued, 1);
    fixture_advance(&f, DURATION_SECONDS(1));
    ck_assert_uint_eq(fixture_counts(&f, "d1").enqueued, 0);
    fixture_close(&f);
}
END_TEST

START_TEST(test_40_what_expires_while_the_hub_is_down_is_expired_when_it_starts)
{
    struct delivery delivery;
    fixture_open(&f, true);
    fixture_send(&f, "d1", (struct sending){.expires_in = DURATION_SECONDS(30), .ack = "full"});
    fixture_restart(&f, DURATION_MINUTES(5));
    ck_assert_uint_eq(fixture_counts(&f, "d1").enqueued, 0);
    ck_assert(!fixture_receive(&f, "d1", &delivery));
    json_t *batch = fixture_read_batch(&f);
    json_t *record = json_array_get(batch, 0);
    ck_assert_str_eq(json_string_value(json_object_get(record, "statusCode")), "Expired");
    ck_assert_str_eq(json_string_value(json_object_get(record, "enqueuedTimeUtc")),
        "2026-03-01T12:00:30.0000000Z");
    json_decref(batch);
    fixture_close(&f);
}
END_TEST

SUITE_MAIN("lifecycle: expiry", test_33_without_an_expiry_a_message_lives_an_hour,
    test_34_the_default_in_force_at_the_send_holds, test_35_an_expiry_of_its_own_wins,
    test_36_a_locked_message_that_expires_cannot_be_completed,
    test_36_in_the_same_instant_expiry_goes_before_the_end_of_the_lock,
    test_37_an_expired_message_does_not_come_back_when_its_lock_would_end,
    test_38_an_expiry_in_the_past_is_refused, test_39_an_expiry_beyond_two_days_is_cut,
    test_40_what_expires_while_the_hub_is_down_is_expired_when_it_starts)
