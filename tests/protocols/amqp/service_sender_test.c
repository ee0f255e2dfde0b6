/*
 * Sending cloud-to-device messages: outcomes, credit, deliveries in parts.
 */
#include "protocols/amqp/link.h"

#include "tests/protocols/amqp/peer.h"
#include "tests/suite.h"

#include <string.h>

#define TO_D1 "/devices/d1/messages/devicebound"

static void open_sender(struct peer *peer, struct bench *bench)
{
    bench_open(bench);
    peer_open_service(peer, bench);
    peer_attach_sender(peer, 0, 2, "sender", "/messages/devicebound");
}

static uint32_t send(struct peer *peer, const char *to, const char *ack, const char *body)
{
    struct writer message = {0};
    write_message(&message, to, "m", ack, body);
    struct text whole = writer_text(&message);
    struct text head = {whole.bytes, whole.length < 60000 ? whole.length : 60000};
    struct text tail = {whole.bytes + head.length, whole.length - head.length};
    uint32_t id =
        peer_put_transfer(peer, (struct transfer){.handle = 2, .more = tail.length > 0}, head);
    if (tail.length > 0) {
        peer_put_transfer(peer, (struct transfer){.handle = 2, .is_continuation = true}, tail);
    }
    writer_free(&message);
    return id;
}

static void expect_accepted(struct peer *peer, uint32_t first, uint32_t last)
{
    const struct frame_seen *frame = peer_expect(peer, FRAME_DISPOSITION);
    ck_assert(frame->fields[0].is.boolean);
    ck_assert_uint_eq(frame->fields[1].is.number, first);
    if (last != first) {
        ck_assert_uint_eq(frame->fields[2].is.number, last);
    }
    ck_assert(frame->fields[3].is.boolean);
    ck_assert_uint_eq(frame_outcome(frame), 0x24);
}

static void expect_rejected(struct peer *peer, const char *condition, int code)
{
    const struct frame_seen *frame = peer_expect(peer, FRAME_DISPOSITION);
    ck_assert(frame->fields[0].is.boolean);
    ck_assert(frame->fields[3].is.boolean);
    ck_assert_uint_eq(frame_outcome(frame), 0x25);
    ck_assert_str_eq(frame_condition(frame), condition);
    ck_assert_int_eq(frame_error_code(frame), code);
    ck_assert_uint_gt(strlen(frame_description(frame)), 10);
}

START_TEST(test_targets_are_found_as_the_sdks_write_them)
{
    static const struct {
        const char *to, *device;
    } rows[] = {{"/devices/d1/messages/devicebound", "d1"},
        {"/devices/d1/messages/deviceBound", "d1"}, {"devices/d1/messages/devicebound", "d1"},
        {"/devices/d%3/messages/devicebound", "d%3"},
        {"/devices/d%253/messages/devicebound", "d%3"},
        {"amqps://hub.local/devices/d2/messages/devicebound", "d2"}};
    struct bench bench;
    struct peer peer;
    open_sender(&peer, &bench);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t before = bench_counts(&bench, rows[i].device).enqueued;
        uint32_t id = send(&peer, rows[i].to, NULL, "x");
        expect_accepted(&peer, id, id);
        ck_assert_uint_eq(bench_counts(&bench, rows[i].device).enqueued, before + 1);
    }
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_07_every_refusal_is_rejected_with_condition_and_description)
{
    struct bench bench;
    struct peer peer;
    struct writer message = {0};
    open_sender(&peer, &bench);
    send(&peer, "/devices/ghost/messages/devicebound", NULL, "x");
    expect_rejected(&peer, "amqp:not-found", 404001);
    send(&peer, "/devices/off/messages/devicebound", NULL, "x");
    expect_rejected(&peer, "amqp:not-found", 404001);
    send(&peer, "/devices/d1/modules/m/messages/devicebound", NULL, "x");
    expect_rejected(&peer, "amqp:not-found", 404010);
    send(&peer, NULL, NULL, "x");
    expect_rejected(&peer, "amqp:not-found", 400004);
    send(&peer, "/messages/devicebound", NULL, "x");
    expect_rejected(&peer, "amqp:not-found", 400004);
    peer_put_transfer(&peer, (struct transfer){.handle = 2}, TEXT("no message"));
    expect_rejected(&peer, "amqp:decode-error", 400006);
    peer_put_transfer(&peer, (struct transfer){.handle = 2}, TEXT_ABSENT);
    expect_rejected(&peer, "amqp:not-found", 400004);

    write_message(&message, TO_D1, "bad id", NULL, "x");
    peer_put_transfer(&peer, (struct transfer){.handle = 2}, writer_text(&message));
    expect_rejected(&peer, "com.microsoft:argument-error", 400004);

    char *large = calloc(1, 65536 + 1);
    memset(large, 'x', 65536);
    send(&peer, TO_D1, NULL, large);
    expect_rejected(&peer, "amqp:link:message-size-exceeded", 413001);
    large[65535] = '\0';
    uint32_t id = send(&peer, TO_D1, NULL, large);
    expect_accepted(&peer, id, id);
    free(large);

    for (int i = 1; i < 50; i++) {
        bench_send(&bench, "d1", "x", "x");
    }
    send(&peer, TO_D1, NULL, "x");
    expect_rejected(&peer, "amqp:resource-limit-exceeded", 403004);
    ck_assert_uint_eq(bench_counts(&bench, "d1").enqueued, 50);
    writer_free(&message);
    bench_close(&bench);
}
END_TEST

START_TEST(test_an_expiry_in_the_past_is_not_allowed)
{
    struct bench bench;
    struct peer peer;
    struct writer message = {0};
    open_sender(&peer, &bench);
    write_descriptor(&message, SECTION_PROPERTIES);
    size_t list = write_open(&message, COMPOUND_LIST);
    write_null(&message);
    write_null(&message);
    write_string(&message, TEXT(TO_D1));
    for (int i = 0; i < 5; i++) {
        write_null(&message);
    }
    write_timestamp(&message, TEST_NOW.us / 1000 - 1);
    write_close(&message, list, 9);
    peer_put_transfer(&peer, (struct transfer){.handle = 2}, writer_text(&message));
    expect_rejected(&peer, "amqp:not-allowed", 403009);
    writer_free(&message);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_message_is_accepted_only_when_its_commit_has_held)
{
    struct bench bench;
    struct peer peer;
    open_sender(&peer, &bench);
    bench_run(&bench);
    size_t before = peer.stream.out.length;
    send(&peer, TO_D1, NULL, "x");
    ck_assert(memory_stream_run(&peer.stream));
    ck_assert_uint_eq(peer.stream.out.length, before);
    bench_break_commits(&bench, true);
    expect_rejected(&peer, "amqp:internal-error", 500001);
    bench_break_commits(&bench, false);
    ck_assert_uint_eq(bench_counts(&bench, "d1").enqueued, 0);
    uint32_t id = send(&peer, TO_D1, NULL, "x");
    expect_accepted(&peer, id, id);
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_06_answers_of_one_commit_are_one_range)
{
    struct bench bench;
    struct peer peer;
    open_sender(&peer, &bench);
    uint32_t first = send(&peer, TO_D1, NULL, "1");
    send(&peer, TO_D1, NULL, "2");
    uint32_t last = send(&peer, TO_D1, NULL, "3");
    expect_accepted(&peer, first, last);
    peer_expect_silence(&peer);
    bench_close(&bench);
}
END_TEST

START_TEST(test_settled_transfers_are_enqueued_and_not_answered)
{
    struct bench bench;
    struct peer peer;
    struct writer message = {0};
    open_sender(&peer, &bench);
    write_message(&message, TO_D1, "m", NULL, "x");
    peer_put_transfer(
        &peer, (struct transfer){.handle = 2, .settled = true}, writer_text(&message));
    write_message(&message, "/nowhere", "m", NULL, "x");
    peer_put_transfer(
        &peer, (struct transfer){.handle = 2, .settled = true}, writer_text(&message));
    peer_expect_silence(&peer);
    ck_assert_uint_eq(bench_counts(&bench, "d1").enqueued, 1);
    writer_free(&message);
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_27_deliveries_in_parts_are_joined_and_aborted_ones_dropped)
{
    struct bench bench;
    struct peer peer;
    struct writer message = {0};
    open_sender(&peer, &bench);
    write_message(&message, TO_D1, "m", NULL, "in parts");
    struct text whole = writer_text(&message);
    struct transfer part = {.handle = 2, .more = true};
    struct text piece = {whole.bytes, 1};
    uint32_t id = peer_put_transfer(&peer, part, piece);
    for (size_t i = 1; i < whole.length; i++) {
        part.is_continuation = true;
        part.more = i + 1 < whole.length;
        peer_put_transfer(&peer, part, (struct text){whole.bytes + i, 1});
        if (part.more) {
            bench_run(&bench);
            ck_assert_uint_eq(bench_counts(&bench, "d1").enqueued, 0);
        }
    }
    expect_accepted(&peer, id, id);
    ck_assert_uint_eq(bench_counts(&bench, "d1").enqueued, 1);

    peer_put_transfer(&peer, (struct transfer){.handle = 2, .more = true}, whole);
    peer_put_transfer(&peer,
        (struct transfer){.handle = 2, .is_continuation = true, .aborted = true}, TEXT_ABSENT);
    peer_expect_silence(&peer);
    ck_assert_uint_eq(bench_counts(&bench, "d1").enqueued, 1);
    id = send(&peer, TO_D1, NULL, "after");
    expect_accepted(&peer, id, id);
    writer_free(&message);
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_27_what_outgrows_the_link_ends_it)
{
    struct bench bench;
    struct peer peer;
    static char part[60000];
    open_sender(&peer, &bench);
    peer_put_transfer(
        &peer, (struct transfer){.handle = 2, .more = true}, (struct text){part, sizeof(part)});
    for (int i = 0; i < 20; i++) {
        peer_put_transfer(&peer,
            (struct transfer){.handle = 2, .more = true, .is_continuation = true},
            (struct text){part, sizeof(part)});
    }
    peer_expect_detach(&peer, "amqp:link:message-size-exceeded", 413001);
    peer_put(&peer, 0, "DL[Io]", (uint64_t)FRAME_DETACH, 2, true);
    peer_expect_silence(&peer);
    peer_attach_sender(&peer, 0, 2, "sender", "/messages/devicebound");
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_26_at_most_100_messages_wait_for_their_commit)
{
    struct bench bench;
    struct peer peer;
    open_sender(&peer, &bench);
    for (int i = 0; i < 100; i++) {
        send(&peer, "/devices/ghost/messages/devicebound", NULL, "x");
    }
    for (int i = 0; i < 100; i++) {
        expect_rejected(&peer, "amqp:not-found", 404001);
    }
    for (int i = 0; i < 60; i++) {
        send(&peer, i < 30 ? TO_D1 : "/devices/d2/messages/devicebound", NULL, "x");
    }
    bench_run(&bench);
    for (int i = 0; i < 60; i++) {
        send(&peer, i < 30 ? TO_D1 : "/devices/d2/messages/devicebound", NULL, "x");
    }
    bench_run(&bench);
    ck_assert_uint_eq(bench_counts(&bench, "d1").enqueued, 50);
    const struct frame_seen *frame;
    uint64_t credit = 0, count = 0;
    while ((frame = peer_next(&peer))) {
        if (frame->code == FRAME_FLOW) {
            count = frame->fields[5].is.number;
            credit = frame->fields[6].is.number;
        }
    }
    ck_assert_uint_gt(credit, 50);
    ck_assert_uint_le(credit, 100);
    ck_assert_uint_le(count, peer.next_id);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_sender_beyond_its_credit_is_detached)
{
    struct bench bench;
    struct peer peer;
    struct writer message = {0};
    open_sender(&peer, &bench);
    write_message(&message, TO_D1, "m", NULL, "x");
    for (int i = 0; i < 130; i++) {
        peer_put_transfer(
            &peer, (struct transfer){.handle = 2, .more = false}, writer_text(&message));
    }
    const struct frame_seen *frame = peer_next(&peer);
    while (frame && frame->code != FRAME_DETACH) {
        frame = peer_next(&peer);
    }
    ck_assert_ptr_nonnull(frame);
    ck_assert_str_eq(frame_condition(frame), "amqp:link:transfer-limit-exceeded");
    writer_free(&message);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_device_address_as_target_stands_in_for_to)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_open_service(&peer, &bench);
    peer_attach_sender(&peer, 0, 2, "sender", "/devices/d%253/messages/devicebound");
    uint32_t id = send(&peer, NULL, NULL, "x");
    expect_accepted(&peer, id, id);
    ck_assert_uint_eq(bench_counts(&bench, "d%3").enqueued, 1);
    id = send(&peer, "/devices/d2/messages/devicebound", NULL, "x");
    expect_accepted(&peer, id, id);
    ck_assert_uint_eq(bench_counts(&bench, "d2").enqueued, 1);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_connection_that_goes_before_the_commit_is_not_answered)
{
    struct bench bench;
    struct peer peer;
    open_sender(&peer, &bench);
    send(&peer, TO_D1, NULL, "x");
    memory_stream_run(&peer.stream);
    memory_stream_hang_up(&peer.stream);
    ck_assert(peer.stream.is_closed);
    bench_run(&bench);
    ck_assert_uint_eq(bench_counts(&bench, "d1").enqueued, 1);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_link_that_goes_before_the_commit_is_not_answered)
{
    struct bench bench;
    struct peer peer;
    open_sender(&peer, &bench);
    send(&peer, TO_D1, NULL, "x");
    peer_put(&peer, 0, "DL[Io]", (uint64_t)FRAME_DETACH, 2, true);
    peer_expect(&peer, FRAME_DETACH);
    peer_expect_silence(&peer);
    ck_assert_uint_eq(bench_counts(&bench, "d1").enqueued, 1);
    bench_close(&bench);
}
END_TEST

SUITE_MAIN("amqp service sender", test_targets_are_found_as_the_sdks_write_them,
    test_pitfall_07_every_refusal_is_rejected_with_condition_and_description,
    test_an_expiry_in_the_past_is_not_allowed,
    test_a_message_is_accepted_only_when_its_commit_has_held,
    test_pitfall_06_answers_of_one_commit_are_one_range,
    test_settled_transfers_are_enqueued_and_not_answered,
    test_pitfall_27_deliveries_in_parts_are_joined_and_aborted_ones_dropped,
    test_pitfall_27_what_outgrows_the_link_ends_it,
    test_pitfall_26_at_most_100_messages_wait_for_their_commit,
    test_a_sender_beyond_its_credit_is_detached, test_a_device_address_as_target_stands_in_for_to,
    test_a_connection_that_goes_before_the_commit_is_not_answered,
    test_a_link_that_goes_before_the_commit_is_not_answered)
