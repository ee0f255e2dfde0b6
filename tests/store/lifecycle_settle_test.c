/* Statements 24 to 32 of store/LIFECYCLE.md: settling. */
#include "tests/store/fixture.h"

static struct fixture f;

static struct delivery receive(void)
{
    struct delivery delivery;
    ck_assert(fixture_receive(&f, "d1", &delivery));
    return delivery;
}

static void settle(struct delivery delivery, enum queue_settlement settlement)
{
    ck_assert_int_eq(fixture_settle(&f, "d1", delivery.lock_token, settlement), HUB_OK);
}

static void abandon_times(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        settle(receive(), SETTLE_ABANDON);
    }
}

START_TEST(test_24_a_completed_message_is_gone_after_a_restart_too)
{
    struct delivery delivery;
    fixture_open(&f, true);
    fixture_send_many(&f, "d1", 1);
    settle(receive(), SETTLE_COMPLETE);
    fixture_restart(&f, DURATION_SECONDS(61));
    ck_assert(!fixture_receive(&f, "d1", &delivery));
    ck_assert_uint_eq(fixture_counts(&f, "d1").enqueued, 0);
    fixture_close(&f);
}
END_TEST

START_TEST(test_25_a_rejected_message_never_comes_again)
{
    struct delivery delivery;
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 1);
    settle(receive(), SETTLE_REJECT);
    ck_assert_uint_eq(fixture_ended(&f, OUTCOME_REJECTED), 1);
    fixture_advance(&f, DURATION_SECONDS(61));
    ck_assert(!fixture_receive(&f, "d1", &delivery));
    fixture_close(&f);
}
END_TEST

START_TEST(test_26_an_abandoned_message_is_deliverable_at_once_and_counted)
{
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 1);
    settle(receive(), SETTLE_ABANDON);
    ck_assert_uint_eq(receive().delivery_count, 1);
    fixture_close(&f);
}
END_TEST

START_TEST(test_27_an_abandoned_message_returns_to_its_place)
{
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 2);
    settle(receive(), SETTLE_ABANDON);
    ck_assert_uint_eq(receive().sequence, 1);
    fixture_close(&f);
}
END_TEST

START_TEST(test_28_the_third_abandon_of_three_ends_the_message)
{
    struct delivery delivery;
    fixture_open(&f, false);
    hub_settings(f.hub)->device.max_delivery_count = 3;
    fixture_send_many(&f, "d1", 1);
    abandon_times(3);
    ck_assert(!fixture_receive(&f, "d1", &delivery));
    ck_assert_uint_eq(fixture_ended(&f, OUTCOME_DELIVERY_COUNT_EXCEEDED), 1);
    fixture_close(&f);
}
END_TEST

START_TEST(test_29_with_a_maximum_of_one_the_first_abandon_ends_the_message)
{
    struct delivery delivery;
    fixture_open(&f, false);
    hub_settings(f.hub)->device.max_delivery_count = 1;
    fixture_send_many(&f, "d1", 1);
    abandon_times(1);
    ck_assert(!fixture_receive(&f, "d1", &delivery));
    ck_assert_uint_eq(fixture_ended(&f, OUTCOME_DELIVERY_COUNT_EXCEEDED), 1);
    fixture_close(&f);
}
END_TEST

static void lapse_times(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        receive();
        fixture_advance(&f, DURATION_SECONDS(60));
    }
}

START_TEST(test_30_ten_lapsed_locks_do_not_end_a_message)
{
    fixture_open(&f, false);
    hub_settings(f.hub)->device.max_delivery_count = 3;
    fixture_send_many(&f, "d1", 1);
    lapse_times(10);
    ck_assert_uint_eq(receive().delivery_count, 0);
    fixture_close(&f);
}
END_TEST

START_TEST(test_30_where_lapses_count_the_third_of_three_ends_the_message)
{
    struct delivery delivery;
    fixture_open(&f, false);
    hub_settings(f.hub)->device.max_delivery_count = 3;
    hub_settings(f.hub)->device.count_lock_expiry = true;
    fixture_send(&f, "d1", (struct sending){.ack = "full"});
    lapse_times(3);
    ck_assert(!fixture_receive(&f, "d1", &delivery));
    ck_assert_str_eq(fixture_statuses(&f), "DeliveryCountExceeded");
    fixture_close(&f);
}
END_TEST

START_TEST(test_31_a_message_abandoned_twice_may_still_be_completed)
{
    fixture_open(&f, false);
    hub_settings(f.hub)->device.max_delivery_count = 3;
    fixture_send_many(&f, "d1", 1);
    abandon_times(2);
    receive();
    fixture_advance(&f, DURATION_SECONDS(61));
    settle(receive(), SETTLE_COMPLETE);
    ck_assert_uint_eq(fixture_ended(&f, OUTCOME_COMPLETED), 1);
    fixture_close(&f);
}
END_TEST

START_TEST(test_32_a_lowered_maximum_acts_at_the_next_abandon)
{
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 1);
    abandon_times(5);
    hub_settings(f.hub)->device.max_delivery_count = 2;
    fixture_advance(&f, DURATION_MINUTES(5));
    ck_assert_uint_eq(fixture_counts(&f, "d1").enqueued, 1);
    abandon_times(1);
    ck_assert_uint_eq(fixture_ended(&f, OUTCOME_DELIVERY_COUNT_EXCEEDED), 1);
    fixture_close(&f);
}
END_TEST

SUITE_MAIN("lifecycle: settle", test_24_a_completed_message_is_gone_after_a_restart_too,
    test_25_a_rejected_message_never_comes_again,
    test_26_an_abandoned_message_is_deliverable_at_once_and_counted,
    test_27_an_abandoned_message_returns_to_its_place,
    test_28_the_third_abandon_of_three_ends_the_message,
    test_29_with_a_maximum_of_one_the_first_abandon_ends_the_message,
    test_30_ten_lapsed_locks_do_not_end_a_message,
    test_30_where_lapses_count_the_third_of_three_ends_the_message,
    test_31_a_message_abandoned_twice_may_still_be_completed,
    test_32_a_lowered_maximum_acts_at_the_next_abandon)
