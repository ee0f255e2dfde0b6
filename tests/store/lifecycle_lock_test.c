/* Statements 13 to 23 of store/LIFECYCLE.md: the lock. */
#include "tests/store/fixture.h"

#include <string.h>

static struct fixture f;

static bool same(struct lock_token a, struct lock_token b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

START_TEST(test_13_a_locked_message_is_given_to_nobody_else)
{
    struct delivery delivery;
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 1);
    ck_assert(fixture_receive(&f, "d1", &delivery));
    ck_assert(!fixture_receive(&f, "d1", &delivery));
    fixture_close(&f);
}
END_TEST

START_TEST(test_14_messages_behind_a_locked_one_are_not_held_back)
{
    struct delivery a, b;
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 2);
    ck_assert(fixture_receive(&f, "d1", &a));
    ck_assert(fixture_receive(&f, "d1", &b));
    ck_assert_uint_eq(a.sequence, 1);
    ck_assert_uint_eq(b.sequence, 2);
    fixture_close(&f);
}
END_TEST

START_TEST(test_15_a_lock_lasts_a_minute)
{
    struct delivery first, second;
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 1);
    ck_assert(fixture_receive(&f, "d1", &first));
    fixture_advance(&f, DURATION_SECONDS(59));
    ck_assert(!fixture_receive(&f, "d1", &second));
    fixture_advance(&f, DURATION_SECONDS(2));
    ck_assert(fixture_receive(&f, "d1", &second));
    ck_assert_uint_eq(second.sequence, first.sequence);
    ck_assert(!same(first.lock_token, second.lock_token));
    ck_assert(second.redelivered);
    fixture_close(&f);
}
END_TEST

START_TEST(test_16_a_lapsed_lock_does_not_count)
{
    struct delivery delivery;
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 1);
    fixture_receive(&f, "d1", &delivery);
    fixture_advance(&f, DURATION_SECONDS(61));
    ck_assert(fixture_receive(&f, "d1", &delivery));
    ck_assert_uint_eq(delivery.delivery_count, 0);
    fixture_close(&f);
}
END_TEST

START_TEST(test_17_the_token_of_a_lapsed_lock_is_dead)
{
    static const enum queue_settlement settlements[] = {
        SETTLE_COMPLETE, SETTLE_REJECT, SETTLE_ABANDON};
    for (size_t i = 0; i < 3; i++) {
        struct delivery delivery;
        fixture_open(&f, false);
        fixture_send_many(&f, "d1", 1);
        fixture_receive(&f, "d1", &delivery);
        fixture_advance(&f, DURATION_SECONDS(60));
        ck_assert_int_eq(fixture_settle(&f, "d1", delivery.lock_token, settlements[i]),
            HUB_DEVICE_MESSAGE_LOCK_LOST);
        ck_assert_uint_eq(fixture_counts(&f, "d1").enqueued, 1);
        fixture_close(&f);
    }
}
END_TEST

START_TEST(test_18_only_the_latest_token_settles)
{
    struct delivery first, second;
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 1);
    fixture_receive(&f, "d1", &first);
    fixture_advance(&f, DURATION_SECONDS(61));
    fixture_receive(&f, "d1", &second);
    ck_assert_int_eq(
        fixture_settle(&f, "d1", first.lock_token, SETTLE_COMPLETE), HUB_DEVICE_MESSAGE_LOCK_LOST);
    ck_assert_int_eq(fixture_settle(&f, "d1", second.lock_token, SETTLE_COMPLETE), HUB_OK);
    fixture_close(&f);
}
END_TEST

START_TEST(test_19_a_message_is_completed_once)
{
    struct delivery delivery;
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 1);
    fixture_receive(&f, "d1", &delivery);
    ck_assert_int_eq(fixture_settle(&f, "d1", delivery.lock_token, SETTLE_COMPLETE), HUB_OK);
    ck_assert_int_eq(fixture_settle(&f, "d1", delivery.lock_token, SETTLE_COMPLETE),
        HUB_DEVICE_MESSAGE_LOCK_LOST);
    fixture_close(&f);
}
END_TEST

START_TEST(test_20_a_lock_time_of_its_own_holds_for_that_delivery)
{
    struct delivery delivery;
    const struct duration five = DURATION_SECONDS(5);
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 1);
    mailbox_receive(hub_mailboxes(f.hub), "d1", &five, NULL, hub_now(f.hub), &delivery, &f.error);
    message_release(delivery.message);
    hub_end_turn(f.hub);
    fixture_advance(&f, DURATION_SECONDS(6));
    ck_assert(fixture_receive(&f, "d1", &delivery));
    fixture_advance(&f, DURATION_SECONDS(6));
    ck_assert(!fixture_receive(&f, "d1", &delivery));
    fixture_close(&f);
}
END_TEST

START_TEST(test_21_a_token_settles_for_its_own_device_only)
{
    struct delivery delivery;
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 1);
    fixture_receive(&f, "d1", &delivery);
    ck_assert_int_eq(fixture_settle(&f, "d2", delivery.lock_token, SETTLE_COMPLETE),
        HUB_DEVICE_MESSAGE_LOCK_LOST);
    ck_assert_uint_eq(fixture_counts(&f, "d1").invisible, 1);
    ck_assert_int_eq(fixture_settle(&f, "d1", delivery.lock_token, SETTLE_COMPLETE), HUB_OK);
    fixture_close(&f);
}
END_TEST

START_TEST(test_22_receives_of_one_turn_never_share_a_message)
{
    struct delivery deliveries[4];
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 3);
    for (size_t i = 0; i < 4; i++) {
        mailbox_receive(
            hub_mailboxes(f.hub), "d1", NULL, NULL, hub_now(f.hub), &deliveries[i], &f.error);
        ck_assert_uint_eq(deliveries[i].sequence, i < 3 ? i + 1 : 0);
        message_release(deliveries[i].message);
    }
    hub_end_turn(f.hub);
    fixture_close(&f);
}
END_TEST

START_TEST(test_23_locks_exclude_each_other_whoever_holds_them)
{
    struct delivery delivery;
    struct actor amqp = {"amqp", 7};
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 1);
    ck_assert(queue_lock_next(
        mailbox_of(hub_mailboxes(f.hub), "d1"), NULL, &amqp, hub_now(f.hub), &delivery));
    message_release(delivery.message);
    hub_end_turn(f.hub);
    ck_assert(!fixture_receive(&f, "d1", &delivery));
    fixture_close(&f);
}
END_TEST

SUITE_MAIN("lifecycle: lock", test_13_a_locked_message_is_given_to_nobody_else,
    test_14_messages_behind_a_locked_one_are_not_held_back, test_15_a_lock_lasts_a_minute,
    test_16_a_lapsed_lock_does_not_count, test_17_the_token_of_a_lapsed_lock_is_dead,
    test_18_only_the_latest_token_settles, test_19_a_message_is_completed_once,
    test_20_a_lock_time_of_its_own_holds_for_that_delivery,
    test_21_a_token_settles_for_its_own_device_only,
    test_22_receives_of_one_turn_never_share_a_message,
    test_23_locks_exclude_each_other_whoever_holds_them)
