/*
 * Receiving: credit, what a delivery looks like, how each client settles it and is answered.
 */
#include "protocols/amqp/link.h"

#include "tests/protocols/amqp/peer.h"
#include "tests/protocols/auth/token_maker.h"
#include "tests/suite.h"

#include <string.h>

#define ACCEPTED 0x24
#define REJECTED 0x25
#define RELEASED 0x26
#define MODIFIED 0x27
#define C2D_D1 "/devices/d1/messages/devicebound"
#define FEEDBACK "/messages/serviceBound/feedback"

static void open_receiver(struct peer *peer, struct bench *bench, uint32_t credit)
{
    peer_open_device(peer, bench, "d1");
    peer_attach_receiver(peer, 0, 2, "c2d", C2D_D1);
    peer_flow(peer, 0, 2, 0, credit);
    bench_run(bench);
}

static uint32_t receive(struct peer *peer)
{
    return (uint32_t)peer_expect(peer, FRAME_TRANSFER)->fields[1].is.number;
}

static struct value annotation(const struct frame_seen *frame, const char *key)
{
    struct sections sections;
    struct value value;
    ck_assert(sections_read(frame->payload.bytes, frame->payload.length, &sections));
    ck_assert(map_find(&sections.annotations, key, &value));
    return value;
}

static uint64_t sequence_of(const struct frame_seen *frame)
{
    return annotation(frame, "x-opt-sequence-number").is.number;
}

static uint64_t count_of(const struct frame_seen *frame)
{
    return annotation(frame, "iothub-deliverycount").is.number;
}

/* The answer to an unsettled disposition: ours as the sender, settled. */
static void expect_echo(struct peer *peer, uint32_t id, uint64_t outcome)
{
    const struct frame_seen *frame = peer_expect(peer, FRAME_DISPOSITION);
    ck_assert(!frame->fields[0].is.boolean);
    ck_assert_uint_eq(frame->fields[1].is.number, id);
    ck_assert(frame->fields[3].is.boolean);
    ck_assert_uint_eq(frame_outcome(frame), outcome);
}

static void assert_counts(struct bench *bench, size_t enqueued, size_t invisible)
{
    struct queue_counts counts = bench_counts(bench, "d1");
    ck_assert_uint_eq(counts.enqueued, enqueued);
    ck_assert_uint_eq(counts.invisible, invisible);
}

static size_t pending_feedback(struct bench *bench)
{
    return feedback_pending(hub_feedback(bench->hub));
}

/* ---- what arrives ---- */

START_TEST(test_pitfall_24_a_transfer_has_id_tag_format_and_is_not_settled)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_receiver(&peer, &bench, 10);
    bench_send(&bench, "d1", "m1", "body");
    const struct frame_seen *frame = peer_expect(&peer, FRAME_TRANSFER);
    ck_assert_int_eq(frame->fields[1].type, VALUE_UNSIGNED);
    ck_assert_int_eq(frame->fields[2].type, VALUE_BINARY);
    ck_assert_uint_eq(frame->fields[2].length, 16);
    ck_assert_uint_eq(frame->fields[3].is.number, 0);
    ck_assert(!frame->fields[4].is.boolean);
    ck_assert(!frame->fields[5].is.boolean);

    struct queue_view view;
    struct queue *queue = mailbox_of(hub_mailboxes(bench.hub), "d1");
    uint8_t token[16];
    ck_assert(queue_view_next(queue, 0, &view));
    lock_token_swap(frame->fields[2].bytes, token);
    ck_assert_mem_eq(token, view.lock_token.bytes, 16);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_sent_message_arrives_as_it_was)
{
    struct bench bench;
    struct peer service, device;
    struct writer message = {0};
    struct sections sections;
    struct value ack, body;
    bench_open(&bench);
    peer_open_service(&service, &bench);
    peer_attach_sender(&service, 0, 2, "sender", "/messages/devicebound");
    open_receiver(&device, &bench, 10);
    write_message(&message, "/devices/d1/messages/deviceBound", "m-1", "positiveOnly", "h\xc3\xa9");
    peer_put_transfer(&service, (struct transfer){.handle = 2}, writer_text(&message));
    const struct frame_seen *frame = peer_expect(&device, FRAME_TRANSFER);
    ck_assert(sections_read(frame->payload.bytes, frame->payload.length, &sections));
    ck_assert(text_equal(
        value_text(&sections.properties[PROPERTY_TO]), TEXT("/devices/d1/messages/deviceBound")));
    ck_assert(text_equal(value_text(&sections.properties[PROPERTY_MESSAGE_ID]), TEXT("m-1")));
    ck_assert(map_find(&sections.application, "iothub-ack", &ack));
    ck_assert(text_equal(value_text(&ack), TEXT("positiveOnly")));
    ck_assert(read_value(&sections.bodies, &body));
    ck_assert(text_equal(value_text(&body), TEXT("h\xc3\xa9")));
    ck_assert_int_eq(annotation(frame, "iothub-enqueuedtime").is.integer, TEST_NOW.us / 1000);
    writer_free(&message);
    bench_close(&bench);
}
END_TEST

START_TEST(test_64_each_credit_brings_one_message_in_sequence_order)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    for (int i = 0; i < 3; i++) {
        bench_send(&bench, "d1", "m", "x");
    }
    open_receiver(&peer, &bench, 1);
    ck_assert_uint_eq(sequence_of(peer_expect(&peer, FRAME_TRANSFER)), 1);
    peer_expect_silence(&peer);
    assert_counts(&bench, 2, 1);
    peer_flow(&peer, 0, 2, 1, 1);
    ck_assert_uint_eq(sequence_of(peer_expect(&peer, FRAME_TRANSFER)), 2);
    peer_expect_silence(&peer);
    peer_flow(&peer, 0, 2, 2, 1);
    ck_assert_uint_eq(sequence_of(peer_expect(&peer, FRAME_TRANSFER)), 3);
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_14_without_credit_nothing_is_locked)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_receiver(&peer, &bench, 0);
    bench_send(&bench, "d1", "m", "x");
    peer_expect_silence(&peer);
    assert_counts(&bench, 1, 0);
    bench_close(&bench);
}
END_TEST

START_TEST(test_23_a_message_locked_by_amqp_is_not_given_to_another_protocol)
{
    struct bench bench;
    struct peer peer;
    struct delivery delivery;
    struct actor https = {"https", 99};
    bench_open(&bench);
    open_receiver(&peer, &bench, 1);
    bench_send(&bench, "d1", "m", "x");
    receive(&peer);
    ck_assert_int_eq(mailbox_receive(hub_mailboxes(bench.hub), "d1", NULL, &https,
                         hub_now(bench.hub), &delivery, NULL),
        HUB_OK);
    ck_assert_ptr_null(delivery.message);
    bench_close(&bench);
}
END_TEST

START_TEST(test_23_a_message_locked_by_another_protocol_is_not_given_to_amqp)
{
    struct bench bench;
    struct peer peer;
    struct delivery delivery;
    struct actor https = {"https", 99};
    bench_open(&bench);
    bench_send(&bench, "d1", "m", "x");
    ck_assert_int_eq(mailbox_receive(hub_mailboxes(bench.hub), "d1", NULL, &https,
                         hub_now(bench.hub), &delivery, NULL),
        HUB_OK);
    ck_assert_ptr_nonnull(delivery.message);
    message_release(delivery.message);
    open_receiver(&peer, &bench, 10);
    peer_expect_silence(&peer);
    bench_advance(&bench, DURATION_SECONDS(61));
    receive(&peer);
    bench_close(&bench);
}
END_TEST

/* ---- 5.3 ---- */

START_TEST(test_66_settled_outcomes_complete_reject_and_abandon_and_are_not_answered)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_receiver(&peer, &bench, 100);
    bench_send(&bench, "d1", "m1", "x");
    uint32_t id = receive(&peer);
    peer_put_outcome(&peer, 0, id, id, true, RELEASED);
    const struct frame_seen *again = peer_expect(&peer, FRAME_TRANSFER);
    ck_assert_uint_eq(count_of(again), 1);
    ck_assert_uint_eq(sequence_of(again), 1);
    id = (uint32_t)again->fields[1].is.number;
    peer_put_outcome(&peer, 0, id, id, true, ACCEPTED);
    peer_expect_silence(&peer);
    assert_counts(&bench, 0, 0);
    ck_assert_uint_eq(pending_feedback(&bench), 1);

    bench_send(&bench, "d1", "m2", "x");
    id = receive(&peer);
    peer_put_outcome(&peer, 0, id, id, true, REJECTED);
    peer_expect_silence(&peer);
    assert_counts(&bench, 0, 0);
    ck_assert_uint_eq(pending_feedback(&bench), 2);
    struct queue_totals totals = queues_get_totals(hub_queues(bench.hub));
    ck_assert_uint_eq(totals.ended[OUTCOME_COMPLETED], 1);
    ck_assert_uint_eq(totals.ended[OUTCOME_REJECTED], 1);
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_09_a_settled_disposition_gets_no_disposition_of_ours)
{
    static const uint64_t outcomes[] = {ACCEPTED, REJECTED, RELEASED, MODIFIED};
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_receiver(&peer, &bench, 4);
    for (size_t i = 0; i < 4; i++) {
        bench_send(&bench, "d1", "m", "x");
    }
    for (size_t i = 0; i < 4; i++) {
        uint32_t id = receive(&peer);
        peer_put_outcome(&peer, 0, id, id, true, outcomes[i]);
    }
    peer_expect_silence(&peer);
    /* A second time, and for what never was: nothing either. */
    peer_put_outcome(&peer, 0, 0, 100, true, ACCEPTED);
    peer_expect_silence(&peer);
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_08_an_unsettled_outcome_is_answered_accepted_and_settled)
{
    static const uint64_t outcomes[] = {ACCEPTED, REJECTED, RELEASED, MODIFIED};
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_open_device(&peer, &bench, "d1");
    peer_attach_receiver_with(&peer, 0, 2, "TelemetryReceiverLink",
        "amqps://hub.local:5671/devices/d1/messages/deviceBound", 2, 1);
    for (uint32_t i = 0; i < 4; i++) {
        peer_flow(&peer, 0, 2, i, 1);
        if (i < 3) {
            bench_send(&bench, "d1", "m", "x");
        }
        uint32_t id = receive(&peer);
        peer_put_outcome(&peer, 0, id, id, false, outcomes[i]);
        expect_echo(&peer, id, ACCEPTED);
        peer_expect_silence(&peer);
    }
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_settlement_is_answered_only_when_its_commit_has_held)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_receiver(&peer, &bench, 1);
    bench_send(&bench, "d1", "m", "x");
    uint32_t id = receive(&peer);
    bench_break_commits(&bench, true);
    peer_put_outcome(&peer, 0, id, id, false, ACCEPTED);
    expect_echo(&peer, id, REJECTED);
    ck_assert_str_eq(frame_condition(&peer.frame), "amqp:internal-error");
    bench_break_commits(&bench, false);
    assert_counts(&bench, 0, 1);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_lapsed_lock_is_answered_message_lock_lost)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_receiver(&peer, &bench, 1);
    bench_send(&bench, "d1", "m", "x");
    uint32_t id = receive(&peer);
    bench_advance(&bench, DURATION_SECONDS(61));
    assert_counts(&bench, 1, 0);
    peer_put_outcome(&peer, 0, id, id, false, ACCEPTED);
    expect_echo(&peer, id, REJECTED);
    ck_assert_str_eq(frame_condition(&peer.frame), "com.microsoft:message-lock-lost");
    ck_assert_int_eq(frame_error_code(&peer.frame), 412002);
    assert_counts(&bench, 1, 0);
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_10_a_lapsed_delivery_stays_and_the_next_is_a_new_one)
{
    struct bench bench;
    struct peer peer;
    uint8_t tag[16];
    bench_open(&bench);
    open_receiver(&peer, &bench, 2);
    bench_send(&bench, "d1", "m", "x");
    uint32_t first = receive(&peer);
    memcpy(tag, peer.frame.fields[2].bytes, sizeof(tag));
    bench_advance(&bench, DURATION_SECONDS(61));
    const struct frame_seen *frame = peer_next(&peer);
    ck_assert_int_eq(frame->code, FRAME_TRANSFER);
    uint32_t second = (uint32_t)frame->fields[1].is.number;
    ck_assert_uint_ne(second, first);
    ck_assert_mem_ne(frame->fields[2].bytes, tag, sizeof(tag));
    ck_assert_uint_eq(count_of(frame), 0);
    ck_assert_uint_eq(sequence_of(frame), 1);
    peer_expect_silence(&peer);
    /* The old one settles nothing, the new one does. */
    peer_put_outcome(&peer, 0, first, first, true, ACCEPTED);
    peer_expect_silence(&peer);
    assert_counts(&bench, 0, 1);
    peer_put_outcome(&peer, 0, second, second, true, ACCEPTED);
    peer_expect_silence(&peer);
    assert_counts(&bench, 0, 0);
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_06_a_range_settles_all_of_its_deliveries)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_receiver(&peer, &bench, 10);
    for (int i = 0; i < 5; i++) {
        bench_send(&bench, "d1", "m", "x");
    }
    uint32_t first = receive(&peer);
    uint32_t last = first;
    for (int i = 1; i < 5; i++) {
        last = receive(&peer);
    }
    peer_put_outcome(&peer, 0, first, last, false, ACCEPTED);
    const struct frame_seen *frame = peer_expect(&peer, FRAME_DISPOSITION);
    ck_assert_uint_eq(frame->fields[1].is.number, first);
    ck_assert_uint_eq(frame->fields[2].is.number, last);
    assert_counts(&bench, 0, 0);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_rejection_with_a_strange_error_does_no_harm)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_receiver(&peer, &bench, 10);
    for (int i = 0; i < 3; i++) {
        bench_send(&bench, "d1", "m", "x");
    }
    uint32_t id = receive(&peer);
    peer_put(&peer, 0, "DL[oIIoDL[DL[sS]]]", (uint64_t)FRAME_DISPOSITION, true, id, id, true,
        (uint64_t)REJECTED, (uint64_t)0x1d, "Rejected by application", "because");
    id = receive(&peer);
    peer_put(&peer, 0, "DL[oIIoDL[S]]", (uint64_t)FRAME_DISPOSITION, true, id, id, true,
        (uint64_t)REJECTED, "not an error");
    id = receive(&peer);
    peer_put(&peer, 0, "DL[oIIoDL[DL[IS{sI}]]]", (uint64_t)FRAME_DISPOSITION, true, id, id, true,
        (uint64_t)REJECTED, (uint64_t)0x1d, 5, "x", "k", 1);
    peer_expect_silence(&peer);
    assert_counts(&bench, 0, 0);
    ck_assert_uint_eq(queues_get_totals(hub_queues(bench.hub)).ended[OUTCOME_REJECTED], 3);
    bench_close(&bench);
}
END_TEST

START_TEST(test_settled_without_a_state_gives_back_and_received_says_nothing)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_receiver(&peer, &bench, 2);
    bench_send(&bench, "d1", "m", "x");
    uint32_t id = receive(&peer);
    peer_put(&peer, 0, "DL[oIIoDL[IL]]", (uint64_t)FRAME_DISPOSITION, true, id, id, false,
        (uint64_t)0x23, 0, (uint64_t)0);
    peer_expect_silence(&peer);
    assert_counts(&bench, 0, 1);
    peer_put(&peer, 0, "DL[oIIo]", (uint64_t)FRAME_DISPOSITION, true, id, id, true);
    ck_assert_uint_eq(count_of(peer_expect(&peer, FRAME_TRANSFER)), 1);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_second_word_about_a_delivery_changes_nothing)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_receiver(&peer, &bench, 2);
    bench_send(&bench, "d1", "m", "x");
    uint32_t id = receive(&peer);
    peer_put_outcome(&peer, 0, id, id, false, ACCEPTED);
    memory_stream_run(&peer.stream);
    peer_put_outcome(&peer, 0, id, id, false, RELEASED);
    expect_echo(&peer, id, ACCEPTED);
    peer_expect_silence(&peer);
    assert_counts(&bench, 0, 0);
    bench_send(&bench, "d1", "m", "x");
    id = receive(&peer);
    peer_put_outcome(&peer, 0, id, id, false, ACCEPTED);
    memory_stream_run(&peer.stream);
    peer_put_outcome(&peer, 0, id, id, true, ACCEPTED);
    peer_expect_silence(&peer);
    assert_counts(&bench, 0, 0);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_presettled_receiver_completes_what_it_gets)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_open_device(&peer, &bench, "d1");
    peer_attach_receiver_with(&peer, 0, 2, "r", C2D_D1, 1, 0);
    peer_flow(&peer, 0, 2, 0, 10);
    bench_send(&bench, "d1", "m", "x");
    const struct frame_seen *frame = peer_expect(&peer, FRAME_TRANSFER);
    ck_assert(frame->fields[4].is.boolean);
    ck_assert_uint_eq(frame->fields[2].length, 16);
    assert_counts(&bench, 0, 0);
    ck_assert_uint_eq(pending_feedback(&bench), 1);
    bench_close(&bench);
}
END_TEST

/* ---- the holder goes ---- */

START_TEST(test_65_an_unsettled_message_comes_again_after_its_lock_before_younger_ones)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_receiver(&peer, &bench, 1);
    bench_send(&bench, "d1", "m1", "x");
    receive(&peer);
    bench_send(&bench, "d1", "m2", "x");
    bench_send(&bench, "d1", "m3", "x");
    peer_put(&peer, 0, "DL[Io]", (uint64_t)FRAME_DETACH, 2, true);
    peer_expect(&peer, FRAME_DETACH);
    assert_counts(&bench, 2, 1);
    peer_attach_receiver(&peer, 0, 2, "c2d", C2D_D1);
    peer_flow(&peer, 0, 2, 0, 1);
    ck_assert_uint_eq(sequence_of(peer_expect(&peer, FRAME_TRANSFER)), 2);
    bench_advance(&bench, DURATION_SECONDS(59));
    peer_expect_silence(&peer);
    bench_advance(&bench, DURATION_SECONDS(2));
    peer_flow(&peer, 0, 2, 1, 2);
    const struct frame_seen *frame = peer_expect(&peer, FRAME_TRANSFER);
    ck_assert_uint_eq(sequence_of(frame), 1);
    ck_assert_uint_eq(count_of(frame), 0);
    bench_close(&bench);
}
END_TEST

static void assert_lock_after(bool release, bool hang_up)
{
    struct bench bench;
    struct peer peer;
    bench_open_with(&bench, &(struct amqp_options){.release_locks_on_detach = release});
    open_receiver(&peer, &bench, 1);
    bench_send(&bench, "d1", "m1", "x");
    receive(&peer);
    if (hang_up) {
        memory_stream_hang_up(&peer.stream);
    } else {
        peer_put(&peer, 0, "DL[]", (uint64_t)FRAME_END);
    }
    bench_run(&bench);
    assert_counts(&bench, release, !release);
    bench_close(&bench);
}

START_TEST(test_locks_of_a_lost_link_run_on_unless_they_are_to_be_given_up)
{
    assert_lock_after(false, false);
    assert_lock_after(false, true);
    assert_lock_after(true, false);
    assert_lock_after(true, true);
}
END_TEST

START_TEST(test_a_settlement_of_a_lost_connection_is_committed_without_an_answer)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_receiver(&peer, &bench, 1);
    bench_send(&bench, "d1", "m1", "x");
    uint32_t id = receive(&peer);
    peer_put_outcome(&peer, 0, id, id, false, ACCEPTED);
    memory_stream_run(&peer.stream);
    memory_stream_hang_up(&peer.stream);
    bench_run(&bench);
    assert_counts(&bench, 0, 0);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_second_receiver_ends_the_older_one)
{
    struct bench bench;
    struct peer first, second;
    bench_open(&bench);
    open_receiver(&first, &bench, 10);
    open_receiver(&second, &bench, 10);
    peer_expect_detach(&first, "amqp:internal-error", 409002);
    ck_assert(strstr(frame_description(&first.frame), "Another AMQP client") != NULL);
    ck_assert(!first.stream.is_closed);
    bench_send(&bench, "d1", "m1", "x");
    receive(&second);
    peer_expect_silence(&first);
    bench_close(&bench);
}
END_TEST

START_TEST(test_60_a_connected_device_that_is_disabled_is_disconnected)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_receiver(&peer, &bench, 10);
    bench_disable(&bench, "d1");
    peer_expect_detach(&peer, "amqp:not-found", 404001);
    const struct frame_seen *frame = peer_expect_close(&peer);
    ck_assert_str_eq(frame_condition(frame), "amqp:not-found");
    peer_put(&peer, 0, "DL[]", (uint64_t)FRAME_CLOSE);
    bench_run(&bench);
    ck_assert(peer.stream.is_closed);
    bench_close(&bench);
}
END_TEST

/* An npm client that is told to go answers with the detach of its put-token links, and waits for
 * the answer to that: 45 seconds if only the connection was closed. */
START_TEST(test_the_hub_closes_links_then_sessions_then_the_connection)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_receiver(&peer, &bench, 10);
    bench_disable(&bench, "d1");
    peer_expect_detach(&peer, "amqp:not-found", 404001);
    for (int cbs_links = 2; cbs_links > 0; cbs_links--) {
        const struct frame_seen *detach = peer_expect(&peer, FRAME_DETACH);
        ck_assert(detach->fields[1].is.boolean);
        ck_assert_str_eq(frame_condition(detach), "");
    }
    ck_assert_str_eq(frame_condition(peer_expect(&peer, FRAME_END)), "");
    ck_assert_str_eq(frame_condition(peer_expect(&peer, FRAME_CLOSE)), "amqp:not-found");
    bench_close(&bench);
}
END_TEST

START_TEST(test_60_other_devices_of_the_connection_stay)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_connect(&peer, &bench);
    peer_open(&peer);
    peer_begin(&peer, 0);
    ck_assert_int_eq(peer_put_token(&peer, make_token((struct token_recipe){
                                               .resource = TEST_HOST, .policy = "device"})),
        200);
    peer_attach_receiver(&peer, 0, 2, "c1", C2D_D1);
    peer_attach_receiver(&peer, 0, 3, "c2", "/devices/d2/messages/devicebound");
    peer_flow(&peer, 0, 3, 0, 10);
    bench_disable(&bench, "d1");
    peer_expect_detach(&peer, "amqp:not-found", 404001);
    bench_send(&bench, "d2", "m", "x");
    receive(&peer);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_connected_device_that_is_deleted_is_disconnected)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_receiver(&peer, &bench, 1);
    bench_send(&bench, "d1", "m", "x");
    uint32_t id = receive(&peer);
    ck_assert_int_eq(
        hub_delete_device(bench.hub, "d1", (struct etag_condition){.match = ETAG_ANY}, NULL),
        HUB_OK);
    peer_put_outcome(&peer, 0, id, id, false, ACCEPTED);
    const struct frame_seen *frame = peer_next(&peer);
    while (frame && frame->code != FRAME_CLOSE) {
        frame = peer_next(&peer);
    }
    ck_assert_ptr_nonnull(frame);
    bench_close(&bench);
}
END_TEST

/* ---- back-pressure ---- */

START_TEST(test_a_peer_that_does_not_read_is_given_nothing_more)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_receiver(&peer, &bench, 1000);
    memory_stream_pretend(&peer.stream, STREAM_OUTPUT_HIGH + 1);
    bench_send(&bench, "d1", "m1", "x");
    /* The first may be locked before the link learns of it. */
    receive(&peer);
    bench_send(&bench, "d1", "m2", "x");
    bench_send(&bench, "d1", "m3", "x");
    peer_expect_silence(&peer);
    assert_counts(&bench, 2, 1);
    memory_stream_pretend(&peer.stream, 0);
    receive(&peer);
    receive(&peer);
    bench_close(&bench);
}
END_TEST

START_TEST(test_what_a_peer_says_waits_while_it_does_not_read)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_receiver(&peer, &bench, 10);
    bench_send(&bench, "d1", "m1", "x");
    uint32_t id = receive(&peer);
    memory_stream_pretend(&peer.stream, STREAM_OUTPUT_HIGH + 1);
    peer_put_outcome(&peer, 0, id, id, true, ACCEPTED);
    bench_run(&bench);
    assert_counts(&bench, 0, 1);
    memory_stream_pretend(&peer.stream, 0);
    bench_run(&bench);
    assert_counts(&bench, 0, 0);
    bench_close(&bench);
}
END_TEST

START_TEST(test_draining_gives_what_is_there_and_drops_the_rest)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    bench_send(&bench, "d1", "m1", "x");
    open_receiver(&peer, &bench, 0);
    peer_put(&peer, 0, "DL[IIIIIIIno]", (uint64_t)FRAME_FLOW, 0, 5000, 0, 5000, 2, 0, 10, true);
    receive(&peer);
    const struct frame_seen *flow = peer_expect(&peer, FRAME_FLOW);
    ck_assert_uint_eq(flow->fields[5].is.number, 10);
    ck_assert_uint_eq(flow->fields[6].is.number, 0);
    bench_send(&bench, "d1", "m2", "x");
    peer_expect_silence(&peer);
    peer_flow(&peer, 0, 2, 10, 1);
    receive(&peer);
    bench_close(&bench);
}
END_TEST

/* ---- 4: feedback ---- */

static void make_feedback(struct bench *bench, const char *message_id)
{
    bench_send(bench, "d1", message_id, "x");
    size_t count;
    struct actor none = {0};
    ck_assert_int_eq(
        mailbox_purge(hub_mailboxes(bench->hub), "d1", &none, hub_now(bench->hub), &count, NULL),
        HUB_OK);
    bench_advance(bench, DURATION_SECONDS(15));
}

START_TEST(test_a_feedback_batch_looks_as_the_service_sdks_want_it)
{
    struct bench bench;
    struct peer peer;
    struct sections sections;
    struct value body;
    bench_open(&bench);
    peer_open_service(&peer, &bench);
    peer_attach_receiver_with(
        &peer, 0, 2, "a-guid", "amqps://hub.local:5671/messages/serviceBound/feedback", 2, 1);
    peer_flow(&peer, 0, 2, 0, 1);
    make_feedback(&bench, "m-1");
    const struct frame_seen *frame = peer_expect(&peer, FRAME_TRANSFER);
    ck_assert_uint_eq(frame->fields[2].length, 16);
    ck_assert(!frame->fields[4].is.boolean);
    ck_assert_uint_eq(annotation(frame, "iothub-enqueuedtime").code, 0x83);
    ck_assert(sections_read(frame->payload.bytes, frame->payload.length, &sections));
    const struct value *user_id = &sections.properties[PROPERTY_USER_ID];
    ck_assert_int_eq(user_id->type, VALUE_BINARY);
    ck_assert(text_equal(value_text(user_id), TEXT("devicebound")));
    const struct value *type = &sections.properties[PROPERTY_CONTENT_TYPE];
    ck_assert_int_eq(type->type, VALUE_SYMBOL);
    ck_assert(text_equal(value_text(type), TEXT("application/vnd.microsoft.iothub.feedback.json")));
    ck_assert_int_eq(sections.application.type, VALUE_NULL);
    ck_assert(read_value(&sections.bodies, &body));
    ck_assert_uint_eq(body.descriptor, SECTION_DATA);
    ck_assert_int_eq(body.bytes[0], '[');
    for (size_t i = 0; i < body.length; i++) {
        ck_assert(body.bytes[i] >= ' ' && body.bytes[i] <= '~' && body.bytes[i] != '\\');
    }
    ck_assert(reader_is_at_end(&sections.bodies));
    bench_close(&bench);
}
END_TEST

START_TEST(test_dotnet_completes_and_abandons_feedback_unsettled)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_open_service(&peer, &bench);
    peer_attach_receiver_with(&peer, 0, 2, "a-guid", FEEDBACK, 2, 1);
    peer_flow(&peer, 0, 2, 0, 1);
    make_feedback(&bench, "m-1");
    uint32_t id = receive(&peer);
    peer_put_outcome(&peer, 0, id, id, false, RELEASED);
    expect_echo(&peer, id, ACCEPTED);
    peer_expect_silence(&peer);
    peer_flow(&peer, 0, 2, 1, 1);
    id = receive(&peer);
    peer_put_outcome(&peer, 0, id, id, false, ACCEPTED);
    expect_echo(&peer, id, ACCEPTED);
    struct queue *queue = feedback_queue(hub_feedback(bench.hub));
    ck_assert_uint_eq(queue_get_counts(queue).enqueued + queue_get_counts(queue).invisible, 0);
    bench_close(&bench);
}
END_TEST

START_TEST(test_node_accepts_feedback_twice_without_harm)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_open_service(&peer, &bench);
    peer_attach_receiver(&peer, 0, 2, "rheaReceiver_1", FEEDBACK);
    peer_flow(&peer, 0, 2, 0, 1000);
    make_feedback(&bench, "m-1");
    uint32_t id = receive(&peer);
    peer_put_outcome(&peer, 0, id, id, true, ACCEPTED);
    peer_put_outcome(&peer, 0, id, id, true, ACCEPTED);
    peer_expect_silence(&peer);
    make_feedback(&bench, "m-2");
    receive(&peer);
    bench_close(&bench);
}
END_TEST

START_TEST(test_late_feedback_settlement_is_answered_message_lock_lost)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_open_service(&peer, &bench);
    peer_attach_receiver_with(&peer, 0, 2, "a-guid", FEEDBACK, 2, 1);
    peer_flow(&peer, 0, 2, 0, 1);
    make_feedback(&bench, "m-1");
    uint32_t id = receive(&peer);
    bench_advance(&bench, DURATION_SECONDS(61));
    peer_put_outcome(&peer, 0, id, id, false, ACCEPTED);
    expect_echo(&peer, id, REJECTED);
    ck_assert_str_eq(frame_condition(&peer.frame), "com.microsoft:message-lock-lost");
    bench_close(&bench);
}
END_TEST

START_TEST(test_54_two_feedback_readers_compete_for_each_batch)
{
    struct bench bench;
    struct peer first, second;
    bench_open(&bench);
    peer_open_service(&first, &bench);
    peer_open_service(&second, &bench);
    peer_attach_receiver(&first, 0, 2, "f", FEEDBACK);
    peer_attach_receiver(&second, 0, 2, "f", FEEDBACK);
    peer_flow(&first, 0, 2, 0, 10);
    peer_flow(&second, 0, 2, 0, 10);
    bench_run(&bench);
    make_feedback(&bench, "m-1");
    make_feedback(&bench, "m-2");
    receive(&first);
    receive(&second);
    peer_expect_silence(&first);
    peer_expect_silence(&second);
    bench_close(&bench);
}
END_TEST

SUITE_MAIN("amqp receivers", test_pitfall_24_a_transfer_has_id_tag_format_and_is_not_settled,
    test_a_sent_message_arrives_as_it_was, test_64_each_credit_brings_one_message_in_sequence_order,
    test_pitfall_14_without_credit_nothing_is_locked,
    test_23_a_message_locked_by_amqp_is_not_given_to_another_protocol,
    test_23_a_message_locked_by_another_protocol_is_not_given_to_amqp,
    test_66_settled_outcomes_complete_reject_and_abandon_and_are_not_answered,
    test_pitfall_09_a_settled_disposition_gets_no_disposition_of_ours,
    test_pitfall_08_an_unsettled_outcome_is_answered_accepted_and_settled,
    test_a_settlement_is_answered_only_when_its_commit_has_held,
    test_a_lapsed_lock_is_answered_message_lock_lost,
    test_pitfall_10_a_lapsed_delivery_stays_and_the_next_is_a_new_one,
    test_pitfall_06_a_range_settles_all_of_its_deliveries,
    test_a_rejection_with_a_strange_error_does_no_harm,
    test_settled_without_a_state_gives_back_and_received_says_nothing,
    test_a_second_word_about_a_delivery_changes_nothing,
    test_a_presettled_receiver_completes_what_it_gets,
    test_65_an_unsettled_message_comes_again_after_its_lock_before_younger_ones,
    test_locks_of_a_lost_link_run_on_unless_they_are_to_be_given_up,
    test_a_settlement_of_a_lost_connection_is_committed_without_an_answer,
    test_a_second_receiver_ends_the_older_one,
    test_60_a_connected_device_that_is_disabled_is_disconnected,
    test_the_hub_closes_links_then_sessions_then_the_connection,
    test_60_other_devices_of_the_connection_stay,
    test_a_connected_device_that_is_deleted_is_disconnected,
    test_a_peer_that_does_not_read_is_given_nothing_more,
    test_what_a_peer_says_waits_while_it_does_not_read,
    test_draining_gives_what_is_there_and_drops_the_rest,
    test_a_feedback_batch_looks_as_the_service_sdks_want_it,
    test_dotnet_completes_and_abandons_feedback_unsettled,
    test_node_accepts_feedback_twice_without_harm,
    test_late_feedback_settlement_is_answered_message_lock_lost,
    test_54_two_feedback_readers_compete_for_each_batch)
