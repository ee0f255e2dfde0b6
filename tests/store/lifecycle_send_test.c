/* Statements 1 to 12 of store/LIFECYCLE.md: sending, and the queue. */
#include "tests/store/fixture.h"

#include <stdlib.h>
#include <string.h>

static struct fixture f;

START_TEST(test_01_an_empty_queue_gives_nothing)
{
    struct delivery delivery;
    fixture_open(&f, false);
    ck_assert(!fixture_receive(&f, "d1", &delivery));
    ck_assert_uint_eq(fixture_counts(&f, "d1").enqueued, 0);
    ck_assert_uint_eq(fixture_counts(&f, "d1").invisible, 0);
    fixture_close(&f);
}
END_TEST

START_TEST(test_02_a_message_arrives_as_it_was_sent)
{
    fixture_open(&f, false);
    struct message *sent = message_create();
    message_set(sent, MESSAGE_ID, TEXT("m-1"), NULL);
    message_set(sent, MESSAGE_CORRELATION_ID, TEXT("c-1"), NULL);
    message_add_property(sent, TEXT("colour"), TEXT("gr\xc3\xbcn"), NULL);
    message_add_property(sent, TEXT("nothing"), TEXT_ABSENT, NULL);
    message_append_body(sent, "a\0b", 3);
    struct mailboxes *mailboxes = hub_mailboxes(f.hub);
    ck_assert_int_eq(
        mailbox_send(mailboxes, "d1", sent, NULL, hub_now(f.hub), NULL, &f.error), HUB_OK);
    hub_end_turn(f.hub);

    struct delivery delivery;
    ck_assert_int_eq(
        mailbox_receive(mailboxes, "d1", NULL, NULL, hub_now(f.hub), &delivery, &f.error), HUB_OK);
    const struct message *got = delivery.message;
    ck_assert(text_equal(message_body(got), (struct text){"a\0b", 3}));
    ck_assert(text_equal(message_get(got, MESSAGE_ID), TEXT("m-1")));
    ck_assert(text_equal(message_get(got, MESSAGE_CORRELATION_ID), TEXT("c-1")));
    ck_assert(text_equal(message_get(got, MESSAGE_TO), TEXT("/devices/d1/messages/devicebound")));
    ck_assert(text_equal(message_property_at(got, 0).name, TEXT("colour")));
    ck_assert(text_equal(message_property_at(got, 0).value, TEXT("gr\xc3\xbcn")));
    ck_assert_ptr_null(message_property_at(got, 1).value.bytes);
    ck_assert_uint_eq(delivery.sequence, 1);
    ck_assert_uint_eq(delivery.delivery_count, 0);
    message_release(delivery.message);
    message_release(sent);
    fixture_close(&f);
}
END_TEST

START_TEST(test_03_the_51st_waiting_message_is_refused)
{
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 50);
    ck_assert_int_eq(fixture_send(&f, "d1", (struct sending){.body = "one too many"}),
        HUB_DEVICE_MAXIMUM_QUEUE_DEPTH_EXCEEDED);
    ck_assert_uint_eq(fixture_counts(&f, "d1").enqueued, 50);
    struct delivery delivery;
    for (uint64_t n = 1; n <= 50; n++) {
        ck_assert(fixture_receive(&f, "d1", &delivery));
        ck_assert_uint_eq(delivery.sequence, n);
    }
    ck_assert(!fixture_receive(&f, "d1", &delivery));
    fixture_close(&f);
}
END_TEST

START_TEST(test_04_a_locked_message_counts_toward_the_depth)
{
    struct delivery delivery;
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 50);
    ck_assert(fixture_receive(&f, "d1", &delivery));
    ck_assert_int_eq(
        fixture_send(&f, "d1", (struct sending){0}), HUB_DEVICE_MAXIMUM_QUEUE_DEPTH_EXCEEDED);
    fixture_close(&f);
}
END_TEST

START_TEST(test_05_a_completed_message_frees_its_place)
{
    struct delivery delivery;
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 50);
    ck_assert(fixture_receive(&f, "d1", &delivery));
    ck_assert_int_eq(fixture_settle(&f, "d1", delivery.lock_token, SETTLE_COMPLETE), HUB_OK);
    ck_assert_int_eq(fixture_send(&f, "d1", (struct sending){0}), HUB_OK);
    fixture_close(&f);
}
END_TEST

START_TEST(test_06_an_expired_message_frees_its_place)
{
    fixture_open(&f, false);
    fixture_send(&f, "d1", (struct sending){.expires_in = DURATION_SECONDS(1)});
    fixture_send_many(&f, "d1", 49);
    ck_assert_int_eq(
        fixture_send(&f, "d1", (struct sending){0}), HUB_DEVICE_MAXIMUM_QUEUE_DEPTH_EXCEEDED);
    fixture_advance(&f, DURATION_SECONDS(1));
    ck_assert_int_eq(fixture_send(&f, "d1", (struct sending){0}), HUB_OK);
    fixture_close(&f);
}
END_TEST

START_TEST(test_07_a_full_queue_does_not_hold_up_another_device)
{
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 50);
    ck_assert_int_eq(fixture_send(&f, "d2", (struct sending){0}), HUB_OK);
    fixture_close(&f);
}
END_TEST

/* A message of `body_size` bytes and one property of `property_size`. */
static enum hub_code send_sized(size_t body_size, size_t property_size)
{
    struct message *message = message_create();
    char *bytes = calloc(1, 70000);
    memset(bytes, 'x', 70000);
    message_append_body(message, bytes, body_size);
    if (property_size > 0) {
        message_add_property(message, TEXT("p"), (struct text){bytes, property_size - 1}, NULL);
    }
    enum hub_code code = mailbox_send(
        hub_mailboxes(f.hub), "d1", message, NULL, hub_now(f.hub), &f.sequence, &f.error);
    hub_end_turn(f.hub);
    message_release(message);
    free(bytes);
    return code;
}

START_TEST(test_08_64_kilobytes_are_accepted_and_a_byte_more_is_not)
{
    fixture_open(&f, false);
    ck_assert_int_eq(send_sized(65536, 0), HUB_OK);
    ck_assert_int_eq(send_sized(65537, 0), HUB_MESSAGE_TOO_LARGE);
    ck_assert_uint_eq(fixture_counts(&f, "d1").enqueued, 1);
    fixture_close(&f);
}
END_TEST

START_TEST(test_09_properties_count_toward_the_size)
{
    fixture_open(&f, false);
    ck_assert_int_eq(send_sized(65000, 536), HUB_OK);
    ck_assert_int_eq(send_sized(65000, 537), HUB_MESSAGE_TOO_LARGE);
    fixture_close(&f);
}
END_TEST

START_TEST(test_10_the_target_must_exist_and_be_enabled)
{
    fixture_open(&f, false);
    ck_assert_int_eq(fixture_send(&f, "nobody", (struct sending){0}), HUB_DEVICE_NOT_FOUND);
    fixture_enable(&f, "d1", false);
    ck_assert_int_eq(fixture_send(&f, "d1", (struct sending){0}), HUB_DEVICE_NOT_FOUND);
    ck_assert_uint_eq(fixture_counts(&f, "d1").enqueued, 0);
    fixture_close(&f);
}
END_TEST

START_TEST(test_11_numbers_rise_by_one_and_a_refused_send_uses_none)
{
    fixture_open(&f, false);
    fixture_send(&f, "d1", (struct sending){0});
    ck_assert_uint_eq(f.sequence, 1);
    ck_assert_int_eq(send_sized(70000, 0), HUB_MESSAGE_TOO_LARGE);
    fixture_send(&f, "d1", (struct sending){0});
    ck_assert_uint_eq(f.sequence, 2);
    fixture_close(&f);
}
END_TEST

START_TEST(test_11_numbers_go_on_after_a_restart_of_an_emptied_queue)
{
    struct delivery delivery;
    fixture_open(&f, true);
    fixture_send_many(&f, "d1", 3);
    while (fixture_receive(&f, "d1", &delivery)) {
        fixture_settle(&f, "d1", delivery.lock_token, SETTLE_COMPLETE);
    }
    fixture_restart(&f, DURATION_SECONDS(1));
    fixture_send(&f, "d1", (struct sending){0});
    ck_assert_uint_eq(f.sequence, 4);
    fixture_close(&f);
}
END_TEST

static size_t depth(void)
{
    return mailbox_depth(hub_mailboxes(f.hub), identity_find(hub_identities(f.hub), "d1"));
}

START_TEST(test_12_the_registry_counts_what_has_not_ended)
{
    struct delivery a, b;
    fixture_open(&f, false);
    ck_assert_uint_eq(depth(), 0);
    fixture_send_many(&f, "d1", 3);
    ck_assert_uint_eq(depth(), 3);
    fixture_receive(&f, "d1", &a);
    ck_assert_uint_eq(depth(), 3);
    fixture_settle(&f, "d1", a.lock_token, SETTLE_ABANDON);
    ck_assert_uint_eq(depth(), 3);
    fixture_receive(&f, "d1", &a);
    fixture_receive(&f, "d1", &b);
    fixture_settle(&f, "d1", a.lock_token, SETTLE_COMPLETE);
    ck_assert_uint_eq(depth(), 2);
    fixture_settle(&f, "d1", b.lock_token, SETTLE_REJECT);
    ck_assert_uint_eq(depth(), 1);
    fixture_advance(&f, DURATION_HOURS(1));
    ck_assert_uint_eq(depth(), 0);
    fixture_close(&f);
}
END_TEST

SUITE_MAIN("lifecycle: send", test_01_an_empty_queue_gives_nothing,
    test_02_a_message_arrives_as_it_was_sent, test_03_the_51st_waiting_message_is_refused,
    test_04_a_locked_message_counts_toward_the_depth, test_05_a_completed_message_frees_its_place,
    test_06_an_expired_message_frees_its_place,
    test_07_a_full_queue_does_not_hold_up_another_device,
    test_08_64_kilobytes_are_accepted_and_a_byte_more_is_not,
    test_09_properties_count_toward_the_size, test_10_the_target_must_exist_and_be_enabled,
    test_11_numbers_rise_by_one_and_a_refused_send_uses_none,
    test_11_numbers_go_on_after_a_restart_of_an_emptied_queue,
    test_12_the_registry_counts_what_has_not_ended)
