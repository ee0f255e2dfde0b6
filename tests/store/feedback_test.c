/* What lifecycle_feedback_test does not ask: which outcomes are wanted, and the shape of a batch.
 */
#include "store/feedback.h"

#include "tests/store/fixture.h"

#include <string.h>

static struct fixture f;

static void record(enum message_ack ack, enum queue_outcome outcome, struct text id)
{
    feedback_record(hub_feedback(f.hub), "d1",
        &(struct queue_end){
            .outcome = outcome, .message_id = id, .generation_id = "638", .ack = ack, .at = START});
}

START_TEST(test_statuses_have_the_services_words)
{
    static const char *const names[QUEUE_OUTCOME_COUNT] = {[OUTCOME_COMPLETED] = "Success",
        [OUTCOME_REJECTED] = "Rejected",
        [OUTCOME_DELIVERY_COUNT_EXCEEDED] = "DeliveryCountExceeded",
        [OUTCOME_EXPIRED] = "Expired",
        [OUTCOME_PURGED] = "Purged"};
    for (int i = 0; i < QUEUE_OUTCOME_COUNT; i++) {
        const char *name = feedback_status_name((enum queue_outcome)i);
        ck_assert_int_eq(name != NULL, names[i] != NULL);
        ck_assert(!name || strcmp(name, names[i]) == 0);
    }
}
END_TEST

START_TEST(test_an_outcome_is_recorded_when_its_sender_asked_for_it)
{
    static const bool wanted[][QUEUE_OUTCOME_COUNT] = {[ACK_NONE] = {0},
        [ACK_POSITIVE] = {[OUTCOME_COMPLETED] = true},
        [ACK_NEGATIVE] = {[OUTCOME_REJECTED] = true,
            [OUTCOME_DELIVERY_COUNT_EXCEEDED] = true,
            [OUTCOME_EXPIRED] = true,
            [OUTCOME_PURGED] = true},
        [ACK_FULL] = {[OUTCOME_COMPLETED] = true,
            [OUTCOME_REJECTED] = true,
            [OUTCOME_DELIVERY_COUNT_EXCEEDED] = true,
            [OUTCOME_EXPIRED] = true,
            [OUTCOME_PURGED] = true}};
    fixture_open(&f, false);
    for (int ack = ACK_NONE; ack <= ACK_FULL; ack++) {
        for (int outcome = 0; outcome < QUEUE_OUTCOME_COUNT; outcome++) {
            size_t before = feedback_pending(hub_feedback(f.hub));
            record((enum message_ack)ack, (enum queue_outcome)outcome, TEXT("m"));
            ck_assert_msg(feedback_pending(hub_feedback(f.hub)) - before == wanted[ack][outcome],
                "%s, %s", message_ack_name((enum message_ack)ack),
                queue_outcome_name((enum queue_outcome)outcome));
        }
    }
    fixture_close(&f);
}
END_TEST

START_TEST(test_a_record_has_the_members_of_the_services_own)
{
    fixture_open(&f, false);
    record(ACK_FULL, OUTCOME_COMPLETED, TEXT("m-1"));
    record(ACK_FULL, OUTCOME_EXPIRED, TEXT_ABSENT);
    ck_assert_uint_eq(feedback_flush(hub_feedback(f.hub), hub_now(f.hub)), 2);
    hub_end_turn(f.hub);
    json_t *batch = fixture_read_batch(&f);
    char *text = json_dumps(batch, JSON_COMPACT);
    ck_assert_str_eq(text,
        "[{\"originalMessageId\":\"m-1\",\"description\":\"Success\","
        "\"deviceGenerationId\":\"638\",\"deviceId\":\"d1\","
        "\"enqueuedTimeUtc\":\"2026-03-01T12:00:00.0000000Z\",\"statusCode\":\"Success\"},"
        "{\"originalMessageId\":\"\",\"description\":\"Expired\","
        "\"deviceGenerationId\":\"638\",\"deviceId\":\"d1\","
        "\"enqueuedTimeUtc\":\"2026-03-01T12:00:00.0000000Z\",\"statusCode\":\"Expired\"}]");
    free(text);
    json_decref(batch);
    fixture_close(&f);
}
END_TEST

START_TEST(test_a_batch_is_a_message_of_the_hub)
{
    struct delivery delivery;
    fixture_open(&f, false);
    strcpy(hub_settings(f.hub)->name, "myhub");
    record(ACK_FULL, OUTCOME_COMPLETED, TEXT("m"));
    feedback_flush(hub_feedback(f.hub), hub_now(f.hub));
    ck_assert(queue_lock_next(
        feedback_queue(hub_feedback(f.hub)), NULL, NULL, hub_now(f.hub), &delivery));
    ck_assert(text_equal(message_get(delivery.message, MESSAGE_USER_ID), TEXT("myhub")));
    ck_assert(text_equal(
        message_get(delivery.message, MESSAGE_CONTENT_TYPE), TEXT(FEEDBACK_CONTENT_TYPE)));
    message_release(delivery.message);
    fixture_close(&f);
}
END_TEST

START_TEST(test_batches_are_no_larger_than_the_setting)
{
    fixture_open(&f, false);
    hub_settings(f.hub)->feedback_batch_size = 3;
    for (int i = 0; i < 7; i++) {
        record(ACK_FULL, OUTCOME_COMPLETED, TEXT("m"));
    }
    ck_assert_uint_eq(feedback_pending(hub_feedback(f.hub)), 1); /* two batches have left */
    feedback_flush(hub_feedback(f.hub), hub_now(f.hub));
    hub_end_turn(f.hub);
    static const size_t sizes[] = {3, 3, 1};
    for (size_t i = 0; i < 3; i++) {
        json_t *batch = fixture_read_batch(&f);
        ck_assert_uint_eq(json_array_size(batch), sizes[i]);
        json_decref(batch);
    }
    ck_assert_ptr_null(fixture_read_batch(&f));
    fixture_close(&f);
}
END_TEST

START_TEST(test_nothing_is_due_while_nothing_waits)
{
    fixture_open(&f, false);
    ck_assert(instant_is_never(feedback_next_due(hub_feedback(f.hub))));
    ck_assert_uint_eq(feedback_flush(hub_feedback(f.hub), hub_now(f.hub)), 0);
    record(ACK_FULL, OUTCOME_COMPLETED, TEXT("m"));
    ck_assert_int_eq(feedback_next_due(hub_feedback(f.hub)).us, START.us + 15000000);
    feedback_forget_device(hub_feedback(f.hub), "d2"); /* somebody else */
    ck_assert_uint_eq(feedback_pending(hub_feedback(f.hub)), 1);
    feedback_forget_device(hub_feedback(f.hub), "d1");
    ck_assert(instant_is_never(feedback_next_due(hub_feedback(f.hub))));
    fixture_close(&f);
}
END_TEST

SUITE_MAIN("feedback", test_statuses_have_the_services_words,
    test_an_outcome_is_recorded_when_its_sender_asked_for_it,
    test_a_record_has_the_members_of_the_services_own, test_a_batch_is_a_message_of_the_hub,
    test_batches_are_no_larger_than_the_setting, test_nothing_is_due_while_nothing_waits)
