/* Statements 41 to 55 of store/LIFECYCLE.md: feedback. */
#include "tests/store/fixture.h"

#include <stdio.h>
#include <string.h>

static struct fixture f;

/* The five ways a message ends. */
enum way {
    COMPLETE,
    REJECT,
    EXCEED,
    EXPIRE,
    PURGE,
    WAY_COUNT
};

/* Sends one message to d1 and lets it end that way. */
static void live(const char *ack, enum way way)
{
    struct delivery delivery;
    fixture_send(
        &f, "d1", (struct sending){.id = "m-1", .ack = ack, .expires_in = DURATION_SECONDS(300)});
    if (way == EXPIRE) {
        fixture_advance(&f, DURATION_SECONDS(300));
        return;
    }
    if (way == PURGE) {
        ck_assert_uint_eq(fixture_purge(&f, "d1"), 1);
        return;
    }
    hub_settings(f.hub)->device.max_delivery_count = 1;
    ck_assert(fixture_receive(&f, "d1", &delivery));
    fixture_settle(&f, "d1", delivery.lock_token,
        way == COMPLETE ? SETTLE_COMPLETE
        : way == REJECT ? SETTLE_REJECT
                        : SETTLE_ABANDON);
}

START_TEST(test_41_without_ack_there_is_no_record)
{
    fixture_open(&f, false);
    for (enum way way = COMPLETE; way < WAY_COUNT; way++) {
        live(NULL, way);
        live("none", way);
    }
    ck_assert_str_eq(fixture_statuses(&f), "");
    fixture_close(&f);
}
END_TEST

START_TEST(test_42_positive_and_completed_gives_success)
{
    fixture_open(&f, false);
    const char *generation = identity_find(hub_identities(f.hub), "d1")->generation_id;
    live("positive", COMPLETE);
    feedback_flush(hub_feedback(f.hub), hub_now(f.hub));
    hub_end_turn(f.hub);
    json_t *batch = fixture_read_batch(&f);
    ck_assert_uint_eq(json_array_size(batch), 1);
    char expected[512];
    snprintf(expected, sizeof expected,
        "{\"originalMessageId\":\"m-1\",\"description\":\"Success\","
        "\"deviceGenerationId\":\"%s\",\"deviceId\":\"d1\","
        "\"enqueuedTimeUtc\":\"2026-03-01T12:00:00.0000000Z\",\"statusCode\":\"Success\"}",
        generation);
    char *text = json_dumps(json_array_get(batch, 0), JSON_COMPACT);
    ck_assert_str_eq(text, expected);
    free(text);
    json_decref(batch);
    fixture_close(&f);
}
END_TEST

START_TEST(test_43_an_outcome_that_was_not_asked_for_gives_no_record)
{
    fixture_open(&f, false);
    live("positive", REJECT);
    live("negative", COMPLETE);
    ck_assert_str_eq(fixture_statuses(&f), "");
    fixture_close(&f);
}
END_TEST

START_TEST(test_44_negative_tells_how_a_message_failed)
{
    fixture_open(&f, false);
    live("negative", REJECT);
    ck_assert_str_eq(fixture_statuses(&f), "Rejected");
    live("negative", EXPIRE);
    ck_assert_str_eq(fixture_statuses(&f), "Expired");
    live("negative", EXCEED);
    ck_assert_str_eq(fixture_statuses(&f), "DeliveryCountExceeded");
    live("negative", PURGE);
    ck_assert_str_eq(fixture_statuses(&f), "Purged");
    fixture_close(&f);
}
END_TEST

START_TEST(test_45_full_gives_exactly_one_record_whichever_way)
{
    static const char *const expected[] = {
        "Success", "Rejected", "DeliveryCountExceeded", "Expired", "Purged"};
    fixture_open(&f, false);
    for (enum way way = COMPLETE; way < WAY_COUNT; way++) {
        live("full", way);
        ck_assert_str_eq(fixture_statuses(&f), expected[way]);
    }
    fixture_close(&f);
}
END_TEST

START_TEST(test_46_abandons_on_the_way_give_no_record)
{
    struct delivery delivery;
    fixture_open(&f, false);
    fixture_send(&f, "d1", (struct sending){.ack = "full"});
    for (int i = 0; i < 3; i++) {
        fixture_receive(&f, "d1", &delivery);
        fixture_settle(&f, "d1", delivery.lock_token, i < 2 ? SETTLE_ABANDON : SETTLE_COMPLETE);
    }
    ck_assert_str_eq(fixture_statuses(&f), "Success");
    fixture_close(&f);
}
END_TEST

START_TEST(test_47_a_lone_record_leaves_after_15_seconds)
{
    struct delivery delivery;
    fixture_open(&f, false);
    live("full", COMPLETE);
    fixture_advance(&f, DURATION_MS(14999));
    ck_assert_ptr_null(fixture_read_batch(&f));
    fixture_advance(&f, DURATION_MS(1));
    ck_assert(queue_lock_next(
        feedback_queue(hub_feedback(f.hub)), NULL, NULL, hub_now(f.hub), &delivery));
    ck_assert(text_equal(message_get(delivery.message, MESSAGE_CONTENT_TYPE),
        TEXT("application/vnd.microsoft.iothub.feedback.json")));
    ck_assert(text_equal(message_get(delivery.message, MESSAGE_USER_ID), TEXT("devicebound")));
    struct text body = message_body(delivery.message);
    ck_assert_int_eq(body.bytes[0], '[');
    ck_assert_int_eq(body.bytes[body.length - 1], ']');
    message_release(delivery.message);
    fixture_close(&f);
}
END_TEST

static void complete_many(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        live("full", COMPLETE);
    }
}

START_TEST(test_48_the_64th_record_sends_the_batch_at_once)
{
    fixture_open(&f, false);
    complete_many(63);
    ck_assert_ptr_null(fixture_read_batch(&f));
    complete_many(1);
    json_t *batch = fixture_read_batch(&f);
    ck_assert_uint_eq(json_array_size(batch), 64);
    json_decref(batch);
    fixture_close(&f);
}
END_TEST

START_TEST(test_49_the_65th_waits_for_its_own_interval)
{
    fixture_open(&f, false);
    complete_many(65);
    json_t *batch = fixture_read_batch(&f);
    ck_assert_uint_eq(json_array_size(batch), 64);
    json_decref(batch);
    ck_assert_ptr_null(fixture_read_batch(&f));
    fixture_advance(&f, DURATION_SECONDS(15));
    batch = fixture_read_batch(&f);
    ck_assert_uint_eq(json_array_size(batch), 1);
    json_decref(batch);
    fixture_close(&f);
}
END_TEST

START_TEST(test_50_a_record_bears_the_time_of_the_outcome)
{
    struct delivery delivery;
    fixture_open(&f, false);
    fixture_send(&f, "d1", (struct sending){.ack = "full"});
    fixture_advance(&f, DURATION_SECONDS(7));
    fixture_receive(&f, "d1", &delivery);
    fixture_advance(&f, DURATION_SECONDS(5));
    fixture_settle(&f, "d1", delivery.lock_token, SETTLE_COMPLETE);
    fixture_advance(&f, DURATION_SECONDS(20));
    json_t *batch = fixture_read_batch(&f);
    ck_assert_str_eq(
        json_string_value(json_object_get(json_array_get(batch, 0), "enqueuedTimeUtc")),
        "2026-03-01T12:00:12.0000000Z");
    json_decref(batch);
    fixture_close(&f);
}
END_TEST

START_TEST(test_51_a_batch_nobody_reads_is_gone_after_an_hour)
{
    fixture_open(&f, false);
    live("full", COMPLETE);
    fixture_advance(&f, DURATION_SECONDS(15));
    fixture_advance(&f, DURATION_HOURS(1));
    ck_assert_ptr_null(fixture_read_batch(&f));
    fixture_close(&f);
}
END_TEST

static struct delivery lock_batch(void)
{
    struct delivery delivery;
    ck_assert(queue_lock_next(
        feedback_queue(hub_feedback(f.hub)), NULL, NULL, hub_now(f.hub), &delivery));
    message_release(delivery.message);
    hub_end_turn(f.hub);
    return delivery;
}

START_TEST(test_52_an_unsettled_batch_comes_back_when_its_lock_ends)
{
    fixture_open(&f, false);
    live("full", COMPLETE);
    fixture_advance(&f, DURATION_SECONDS(15));
    struct delivery first = lock_batch();
    ck_assert_ptr_null(fixture_read_batch(&f));
    fixture_advance(&f, DURATION_SECONDS(60));
    struct delivery second = lock_batch();
    ck_assert_uint_eq(second.sequence, first.sequence);
    ck_assert_uint_eq(second.delivery_count, 0);
    fixture_close(&f);
}
END_TEST

START_TEST(test_53_a_batch_abandoned_too_often_is_gone_without_feedback_of_its_own)
{
    fixture_open(&f, false);
    hub_settings(f.hub)->feedback.max_delivery_count = 2;
    live("full", COMPLETE);
    fixture_advance(&f, DURATION_SECONDS(15));
    for (int i = 0; i < 2; i++) {
        struct delivery delivery = lock_batch();
        ck_assert_int_eq(queue_settle(feedback_queue(hub_feedback(f.hub)), &delivery.lock_token,
                             SETTLE_ABANDON, NULL, hub_now(f.hub), NULL),
            HUB_OK);
        hub_end_turn(f.hub);
    }
    ck_assert_uint_eq(feedback_pending(hub_feedback(f.hub)), 0);
    ck_assert_ptr_null(fixture_read_batch(&f));
    fixture_close(&f);
}
END_TEST

START_TEST(test_54_a_batch_reaches_one_reader)
{
    struct delivery first, second;
    fixture_open(&f, false);
    hub_settings(f.hub)->feedback_batch_size = 1;
    complete_many(2);
    first = lock_batch();
    second = lock_batch();
    ck_assert_uint_ne(first.sequence, second.sequence);
    ck_assert_ptr_null(fixture_read_batch(&f));
    fixture_close(&f);
}
END_TEST

START_TEST(test_55_a_deleted_device_takes_its_waiting_records_with_it)
{
    struct delivery delivery;
    fixture_open(&f, false);
    live("full", COMPLETE);
    fixture_send(&f, "d2", (struct sending){.ack = "full", .id = "of-d2"});
    fixture_receive(&f, "d2", &delivery);
    fixture_settle(&f, "d2", delivery.lock_token, SETTLE_COMPLETE);
    fixture_delete(&f, "d1");
    fixture_advance(&f, DURATION_SECONDS(15));
    json_t *batch = fixture_read_batch(&f);
    ck_assert_uint_eq(json_array_size(batch), 1);
    ck_assert_str_eq(
        json_string_value(json_object_get(json_array_get(batch, 0), "deviceId")), "d2");
    json_decref(batch);
    fixture_close(&f);
}
END_TEST

START_TEST(test_waiting_records_survive_a_restart_and_keep_their_interval)
{
    fixture_open(&f, true);
    live("full", COMPLETE);
    fixture_restart(&f, DURATION_SECONDS(10));
    ck_assert_ptr_null(fixture_read_batch(&f));
    fixture_advance(&f, DURATION_SECONDS(5));
    json_t *batch = fixture_read_batch(&f);
    ck_assert_uint_eq(json_array_size(batch), 1);
    json_decref(batch);
    fixture_close(&f);
}
END_TEST

SUITE_MAIN("lifecycle: feedback", test_41_without_ack_there_is_no_record,
    test_42_positive_and_completed_gives_success,
    test_43_an_outcome_that_was_not_asked_for_gives_no_record,
    test_44_negative_tells_how_a_message_failed,
    test_45_full_gives_exactly_one_record_whichever_way, test_46_abandons_on_the_way_give_no_record,
    test_47_a_lone_record_leaves_after_15_seconds, test_48_the_64th_record_sends_the_batch_at_once,
    test_49_the_65th_waits_for_its_own_interval, test_50_a_record_bears_the_time_of_the_outcome,
    test_51_a_batch_nobody_reads_is_gone_after_an_hour,
    test_52_an_unsettled_batch_comes_back_when_its_lock_ends,
    test_53_a_batch_abandoned_too_often_is_gone_without_feedback_of_its_own,
    test_54_a_batch_reaches_one_reader, test_55_a_deleted_device_takes_its_waiting_records_with_it,
    test_waiting_records_survive_a_restart_and_keep_their_interval)
