/*
 * Connections: what open says, heartbeats, how they end, and what bad input does to them.
 */
#include "protocols/amqp/connection.h"

#include "tests/protocols/amqp/peer.h"
#include "tests/protocols/auth/token_maker.h"
#include "tests/protocols/fake_loop.h"
#include "tests/suite.h"

#include <stdio.h>
#include <string.h>

static struct amqp_connection *connection_of(struct bench *bench)
{
    return bench->server->connections;
}

static void open_with_idle(struct peer *peer, struct bench *bench, uint32_t idle_ms)
{
    peer_connect(peer, bench);
    peer_write_literal(peer, "AMQP\0\1\0\0");
    peer_put(peer, 0, "DL[SSIHI]", (uint64_t)FRAME_OPEN, "test", TEST_HOST, 65536, 8191, idle_ms);
    peer_expect(peer, FRAME_HEADER_AMQP);
    peer_expect(peer, FRAME_OPEN);
}

static const char *last_reason(struct bench *bench)
{
    static char reason[128];
    const struct journal_entry *entry;
    for (uint64_t id = 0; (entry = journal_next(hub_journal(bench->hub), id)); id = entry->id) {
        if (entry->event == JOURNAL_DISCONNECTED) {
            snprintf(reason, sizeof(reason), "%s", entry->reason);
        }
    }
    return reason;
}

START_TEST(test_pitfall_25_open_says_what_the_service_says)
{
    struct bench bench;
    struct peer peer;
    char container[64];
    bench_open(&bench);
    peer_connect(&peer, &bench);
    peer_write_literal(&peer, "AMQP\0\1\0\0");
    peer_put(&peer, 0, "DL[S]", (uint64_t)FRAME_OPEN, "some");
    peer_expect(&peer, FRAME_HEADER_AMQP);
    const struct frame_seen *open = peer_expect(&peer, FRAME_OPEN);
    ck_assert_uint_eq(open->fields[0].length, 14 + 32);
    snprintf(container, sizeof(container), "%.*s", 46, open->fields[0].bytes);
    ck_assert(strncmp(container, "DeviceGateway_", 14) == 0);
    ck_assert_uint_eq(strspn(container + 14, "0123456789abcdef"), 32);
    ck_assert_uint_eq(open->fields[2].is.number, 65536);
    ck_assert_uint_eq(open->fields[3].is.number, 8191);
    ck_assert_uint_eq(open->fields[4].is.number, 240000);
    for (int i = 5; i < 10; i++) {
        ck_assert_int_eq(open->fields[i].type, VALUE_NULL);
    }
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_25_heartbeats_go_out_at_half_of_the_peers_time)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_with_idle(&peer, &bench, 30000);
    int64_t now = clock_monotonic_ms();
    ck_assert_int_le(fake_loop_next_delay(bench.loop), 15000);
    amqp_connection_tick(connection_of(&bench), now + 14000);
    amqp_connection_flush_soon(connection_of(&bench));
    peer_expect_silence(&peer);
    amqp_connection_tick(connection_of(&bench), now + 15100);
    amqp_connection_flush_soon(connection_of(&bench));
    ck_assert_int_eq(peer_next(&peer)->code, FRAME_EMPTY);
    peer_expect_silence(&peer);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_silent_peer_is_closed_after_the_full_240_seconds)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_open_service(&peer, &bench);
    bench_run(&bench); /* nothing is left to be read */
    int64_t now = connection_of(&bench)->input_ms;
    amqp_connection_tick(connection_of(&bench), now + 240000);
    peer_expect_silence(&peer);
    amqp_connection_tick(connection_of(&bench), now + 240001);
    const struct frame_seen *close = peer_expect_close(&peer);
    ck_assert_str_eq(frame_condition(close), "amqp:connection:forced");
    ck_assert(strstr(frame_description(close), "240000 milliseconds") != NULL);
    ck_assert(strstr(frame_description(close), "DeviceGateway_") != NULL);
    ck_assert(!peer.stream.is_closed);
    amqp_connection_tick(connection_of(&bench), connection_of(&bench)->close_ms);
    amqp_connection_flush_soon(connection_of(&bench));
    bench_run(&bench);
    ck_assert(peer.stream.is_closed);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_peers_heartbeat_counts_as_input)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_open_service(&peer, &bench);
    connection_of(&bench)->input_ms -= 230000;
    peer_write_literal(&peer, "\0\0\0\x08\x02\0\0\0");
    bench_run(&bench);
    amqp_connection_tick(connection_of(&bench), clock_monotonic_ms() + 20000);
    peer_expect_silence(&peer);
    bench_close(&bench);
}
END_TEST

START_TEST(test_who_does_not_authenticate_is_closed_after_a_minute)
{
    struct bench bench;
    struct peer silent, open, known;
    bench_open(&bench);
    peer_connect(&silent, &bench);
    peer_connect(&open, &bench);
    peer_open(&open);
    peer_open_service(&known, &bench);
    struct amqp_connection *connection = connection_of(&bench);
    for (int i = 0; i < 3; i++, connection = connection->next) {
        amqp_connection_tick(connection, connection->opened_ms + 60000);
    }
    bench_run(&bench);
    ck_assert(silent.stream.is_closed);
    ck_assert_uint_eq(silent.stream.out.length, 0);
    ck_assert_str_eq(frame_condition(peer_expect_close(&open)), "amqp:connection:forced");
    peer_expect_silence(&known);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_close_that_is_not_answered_is_waited_for_without_work)
{
    struct bench bench;
    struct peer unknown, silent;
    bench_open(&bench);
    peer_connect(&unknown, &bench);
    peer_open(&unknown);
    peer_connect(&silent, &bench);
    peer_open(&silent);
    struct amqp_connection *connection = connection_of(&bench);
    connection->opened_ms -= AMQP_AUTHENTICATE_MS;
    connection->next->input_ms -= AMQP_IDLE_MS + 1;
    amqp_connection_tick(connection, clock_monotonic_ms());
    amqp_connection_tick(connection->next, clock_monotonic_ms());
    peer_expect_close(&unknown);
    peer_expect_close(&silent);
    ck_assert_int_gt(fake_loop_next_delay(bench.loop), 0);
    ck_assert_int_le(fake_loop_next_delay(bench.loop), AMQP_CLOSE_WAIT_MS);
    ck_assert(!unknown.stream.is_closed);
    ck_assert(!silent.stream.is_closed);
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_30_a_peer_that_hangs_up_is_a_lost_connection)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_open_service(&peer, &bench);
    memory_stream_hang_up(&peer.stream);
    bench_run(&bench);
    ck_assert(peer.stream.is_closed);
    ck_assert_uint_eq(sessions_count(bench.sessions), 0);
    ck_assert_str_eq(last_reason(&bench), "connection lost");
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_close_of_the_peer_is_noted_as_one)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_open_service(&peer, &bench);
    peer_put(&peer, 0, "DL[DL[sS]]", (uint64_t)FRAME_CLOSE, (uint64_t)0x1d, "amqp:x", "y");
    peer_expect_close(&peer);
    ck_assert(peer.stream.is_closed);
    ck_assert_str_eq(last_reason(&bench), "closed by the peer");
    bench_close(&bench);
}
END_TEST

START_TEST(test_the_operator_ends_connections_politely_or_by_reset)
{
    struct bench bench;
    struct peer dropped, reset;
    struct connection_view view;
    bench_open(&bench);
    peer_open_service(&dropped, &bench);
    peer_open_service(&reset, &bench);
    ck_assert(sessions_next_connection(bench.sessions, 0, &view));
    ck_assert(sessions_end_connection(bench.sessions, view.id, END_DROPPED));
    const struct frame_seen *close = peer_expect_close(&dropped);
    ck_assert_str_eq(frame_condition(close), "amqp:connection:forced");
    ck_assert_int_eq(frame_error_code(close), HUB_SERVICE_UNAVAILABLE);
    peer_put(&dropped, 0, "DL[]", (uint64_t)FRAME_CLOSE);
    bench_run(&bench);
    ck_assert(dropped.stream.is_closed);
    ck_assert(sessions_next_connection(bench.sessions, view.id, &view));
    ck_assert(sessions_end_connection(bench.sessions, view.id, END_RESET));
    bench_run(&bench);
    ck_assert(reset.stream.is_reset);
    ck_assert_uint_eq(sessions_count(bench.sessions), 0);
    bench_close(&bench);
}
END_TEST

START_TEST(test_shutdown_says_close_to_everybody)
{
    struct bench bench;
    struct peer peers[3];
    bench_open(&bench);
    peer_open_service(&peers[0], &bench);
    peer_open_device(&peers[1], &bench, "d1");
    peer_connect(&peers[2], &bench);
    sessions_end_all(bench.sessions, END_SHUTDOWN);
    peer_expect_close(&peers[0]);
    peer_expect_close(&peers[1]);
    ck_assert(peers[2].stream.is_closed);
    bench_close(&bench);
}
END_TEST

START_TEST(test_another_protocols_header_is_answered_with_this_ones)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_connect(&peer, &bench);
    peer_write_literal(&peer, "GET / HTTP/1.1\r\n\r\n");
    bench_run(&bench);
    ck_assert_uint_eq(peer.stream.out.length, 8);
    ck_assert_mem_eq(peer.stream.out.bytes, "AMQP\0\1\0\0", 8);
    ck_assert(peer.stream.is_closed);
    bench_close(&bench);
}
END_TEST

START_TEST(test_bytes_may_come_one_at_a_time)
{
    struct bench bench;
    struct peer peer, slow;
    bench_open(&bench);
    peer_open_service(&peer, &bench);
    peer_connect(&slow, &bench);
    for (size_t i = 0; i < peer.stream.in.length; i++) {
        peer_write(&slow, peer.stream.in.bytes + i, 1);
        bench_run(&bench);
    }
    ck_assert(!slow.stream.is_closed);
    ck_assert_uint_eq(connection_of(&bench)->next->tokens.count, 1);
    peer_write_literal(&slow, "\0\0\0\x08\x02\0\0");
    peer_release(&slow);
    bench_close(&bench);
}
END_TEST

START_TEST(test_the_largest_frame_is_read_and_a_larger_one_refused)
{
    struct bench bench;
    struct peer peer;
    struct writer message = {0};
    static char body[65300];
    bench_open(&bench);
    peer_open_service(&peer, &bench);
    peer_attach_sender(&peer, 0, 2, "sender", "/messages/devicebound");
    memset(body, 'x', sizeof(body) - 1);
    write_message(&message, "/devices/d1/messages/devicebound", "m", NULL, body);
    peer_put_transfer(&peer, (struct transfer){.handle = 2}, writer_text(&message));
    ck_assert_uint_eq(frame_outcome(peer_expect(&peer, FRAME_DISPOSITION)), 0x24);
    peer_write_literal(&peer, "\0\1\0\1\2\0\0\0");
    ck_assert_str_eq(frame_condition(peer_expect_close(&peer)), "amqp:connection:framing-error");
    ck_assert(peer.stream.is_closed);
    writer_free(&message);
    bench_close(&bench);
}
END_TEST

/* Frames that are wrong in themselves or at their time; each ends its connection with close. */
START_TEST(test_malformed_frames_are_answered_with_close)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *condition;
    } rows[] = {
#define BAD(literal, condition) {literal, sizeof(literal) - 1, condition}
        BAD("\0\0\0\x07\2\0\0\0", "amqp:connection:framing-error"),
        BAD("\0\0\0\x08\1\0\0\0", "amqp:connection:framing-error"),
        BAD("\0\0\0\x08\3\0\0\0", "amqp:connection:framing-error"),
        BAD("\0\0\0\x09\2\1\0\0\x40", "amqp:connection:framing-error"),
        BAD("\0\0\0\x09\2\0\0\0\x40", "amqp:connection:framing-error"),
        BAD("\0\0\0\x0c\2\0\0\0\0\x53\x99\x45", "amqp:connection:framing-error"),
        BAD("\0\0\0\x0c\2\0\0\0\0\x53\x10\x45", "amqp:connection:framing-error"),
        BAD("\0\0\0\x0c\2\0\0\0\0\x53\x13\xc0", "amqp:connection:framing-error"),
        /* begin on a channel in use; a frame for a session that is not there */
        BAD("\0\0\0\x12\2\0\0\0\0\x53\x11\xc0\x05\4\x40\x43\x43\x43", "amqp:not-allowed"),
        BAD("\0\0\0\x0c\2\0\0\5\0\x53\x17\x45", "amqp:not-allowed"),
        /* an answer to a session nobody began */
        BAD("\0\0\0\x14\2\0\0\1\0\x53\x11\xc0\x07\4\x60\0\0\x43\x43\x43", "amqp:invalid-field"),
        /* attach without a name */
        BAD("\0\0\0\x11\2\0\0\0\0\x53\x12\xc0\x04\3\x40\x43\x42", "amqp:invalid-field"),
        /* a handle in use */
        BAD("\0\0\0\x13\2\0\0\0\0\x53\x12\xc0\x06\3\xa1\1x\x43\x42", "amqp:session:handle-in-use"),
        /* a transfer on no link, on a link whose peer receives, without an id */
        BAD("\0\0\0\x13\2\0\0\0\0\x53\x14\xc0\x06\3\x52\x55\x43\xa0\0",
            "amqp:session:unattached-handle"),
        BAD("\0\0\0\x13\2\0\0\0\0\x53\x14\xc0\x06\3\x52\x01\x43\xa0\0", "amqp:not-allowed"),
        BAD("\0\0\0\x14\2\0\0\0\0\x53\x14\xc0\x07\6\x43\x40\x40\x40\x40\x41", "amqp:invalid-field"),
        /* detach and flow without a link */
        BAD("\0\0\0\x10\2\0\0\0\0\x53\x16\xc0\x03\1\x52\x55", "amqp:session:unattached-handle"),
        BAD("\0\0\0\x14\2\0\0\0\0\x53\x13\xc0\x07\5\x43\x43\x43\x43\x52\x55",
            "amqp:session:unattached-handle"),
        /* disposition without ids */
        BAD("\0\0\0\x0f\2\0\0\0\0\x53\x15\xc0\x02\1\x41", "amqp:invalid-field"),
#undef BAD
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench;
        struct peer peer;
        bench_open(&bench);
        peer_open_service(&peer, &bench);
        peer_write(&peer, rows[i].bytes, rows[i].length);
        const struct frame_seen *close = peer_next(&peer);
        while (close && close->code != FRAME_CLOSE) {
            close = peer_next(&peer);
        }
        ck_assert_msg(close != NULL, "row %zu: no close", i);
        ck_assert_msg(strcmp(frame_condition(close), rows[i].condition) == 0, "row %zu: %s", i,
            frame_condition(close));
        ck_assert(peer.stream.is_closed);
        ck_assert_uint_eq(sessions_count(bench.sessions), 0);
        bench_close(&bench);
    }
}
END_TEST

START_TEST(test_a_first_frame_that_is_not_open_is_refused)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_connect(&peer, &bench);
    peer_write_literal(&peer, "AMQP\0\1\0\0\0\0\0\x0c\2\0\0\0\0\x53\x17\x45");
    peer_expect(&peer, FRAME_HEADER_AMQP);
    peer_expect(&peer, FRAME_OPEN);
    ck_assert_str_eq(frame_condition(peer_expect_close(&peer)), "amqp:connection:framing-error");
    ck_assert(peer.stream.is_closed);
    bench_close(&bench);
}
END_TEST

START_TEST(test_deeply_nested_values_do_no_harm)
{
    struct bench bench;
    struct peer peer;
    enum {
        DEPTH = 6000
    };
    static uint8_t nest[DEPTH * 9];
    struct writer body = {0};
    bench_open(&bench);
    peer_open_service(&peer, &bench);
    size_t at = sizeof(nest);
    nest[--at] = 0x40;
    for (uint32_t size = 1; at >= 9; size = (uint32_t)(sizeof(nest) - at)) {
        uint8_t head[9] = {0xd0, (uint8_t)((size + 4) >> 24), (uint8_t)((size + 4) >> 16),
            (uint8_t)((size + 4) >> 8), (uint8_t)(size + 4), 0, 0, 0, 1};
        at -= 9;
        memcpy(nest + at, head, 9);
    }
    write_descriptor(&body, FRAME_ATTACH);
    size_t list = write_open(&body, COMPOUND_LIST);
    write_string(&body, TEXT("deep"));
    write_uint(&body, 7);
    write_raw(&body, "\x41\x40\x40", 3);
    write_descriptor(&body, 0x28);
    size_t source = write_open(&body, COMPOUND_LIST);
    for (int i = 0; i < 7; i++) {
        write_null(&body);
    }
    write_raw(&body, nest + at, sizeof(nest) - at);
    write_close(&body, source, 8);
    write_close(&body, list, 6);
    size_t size = body.length + 8;
    uint8_t header[8] = {0, 0, (uint8_t)(size >> 8), (uint8_t)size, 2, 0, 0, 0};
    peer_write(&peer, header, sizeof(header));
    peer_write(&peer, body.bytes, body.length);
    bench_run(&bench);
    writer_free(&body);
    bench_close(&bench);
}
END_TEST

START_TEST(test_sessions_and_links_of_a_connection_are_bounded)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_open_service(&peer, &bench);
    for (uint16_t channel = 1; channel < AMQP_SESSIONS_MAX; channel++) {
        peer_put(&peer, channel, "DL[nIII]", (uint64_t)FRAME_BEGIN, 0, 100, 100);
    }
    bench_run(&bench);
    ck_assert(!peer.stream.is_closed);
    peer_put(&peer, 8191, "DL[nIII]", (uint64_t)FRAME_BEGIN, 0, 100, 100);
    const struct frame_seen *close = peer_next(&peer);
    while (close && close->code != FRAME_CLOSE) {
        close = peer_next(&peer);
    }
    ck_assert_ptr_nonnull(close);
    ck_assert_str_eq(frame_condition(close), "amqp:resource-limit-exceeded");
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_server_that_goes_away_leaves_nothing_behind)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_open_device(&peer, &bench, "d1");
    peer_attach_receiver(&peer, 0, 2, "c2d", "/devices/d1/messages/devicebound");
    peer_flow(&peer, 0, 2, 0, 10);
    bench_run(&bench);
    bench_close(&bench);
    ck_assert(peer.stream.is_reset);
}
END_TEST

SUITE_MAIN("amqp connections", test_pitfall_25_open_says_what_the_service_says,
    test_pitfall_25_heartbeats_go_out_at_half_of_the_peers_time,
    test_a_silent_peer_is_closed_after_the_full_240_seconds, test_a_peers_heartbeat_counts_as_input,
    test_who_does_not_authenticate_is_closed_after_a_minute,
    test_a_close_that_is_not_answered_is_waited_for_without_work,
    test_pitfall_30_a_peer_that_hangs_up_is_a_lost_connection,
    test_a_close_of_the_peer_is_noted_as_one,
    test_the_operator_ends_connections_politely_or_by_reset, test_shutdown_says_close_to_everybody,
    test_another_protocols_header_is_answered_with_this_ones, test_bytes_may_come_one_at_a_time,
    test_the_largest_frame_is_read_and_a_larger_one_refused,
    test_malformed_frames_are_answered_with_close, test_a_first_frame_that_is_not_open_is_refused,
    test_deeply_nested_values_do_no_harm, test_sessions_and_links_of_a_connection_are_bounded,
    test_a_server_that_goes_away_leaves_nothing_behind)
