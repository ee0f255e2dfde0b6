#include "protocols/stream/socket_stream.h"

#include "store/memory.h"
#include "tests/protocols/stream/tcp_peer.h"

#include <openssl/x509.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 10000
#define SHORT_MS 10 /* a deadline that a test waits for */
#define IDLE_MS 16
#define IDLE_TURNS 8 /* more are a loop that spins */
#define TLS_RECORD_MAX 16384
#define MUCH ((size_t)600000)

static struct loop *loop;
static struct socket_streams *streams;
static struct tcp_peer *peer;
static uint8_t *much; /* MUCH bytes of a pattern */

/* What the owner of the stream was told, and what it does. */
static struct {
    struct stream *stream; /* NULL: not accepted, or given up */
    uint8_t *input;
    size_t length;
    int accepted, readable, writable, ended;
    bool leaves_input; /* looks at it only */
    void (*on_readable)(struct stream *stream); /* instead of all else */
} owner;

/* ---- the owner ---- */

static void take_input(struct stream *stream)
{
    size_t length;
    const uint8_t *bytes = stream_peek(stream, &length);
    owner.input = memory_grow(owner.input, owner.length + length + 1, 1);
    memcpy(owner.input + owner.length, bytes, length);
    owner.length += length;
    stream_consume(stream, length);
}

static void be_readable(void *context)
{
    struct stream *stream = *(struct stream **)context;
    owner.readable++;
    if (owner.on_readable) {
        owner.on_readable(stream);
    } else if (!owner.leaves_input) {
        take_input(stream);
    }
}

static void be_writable(void *context)
{
    (void)context;
    owner.writable++;
}

static void be_ended(void *context)
{
    (void)context;
    owner.ended++;
}

static const struct stream_events events = {be_readable, be_writable, be_ended};

static void take_stream(void *context, struct stream *stream)
{
    ck_assert_ptr_eq(context, &owner);
    owner.accepted++;
    owner.stream = stream;
    stream_set_owner(stream, &events, &owner.stream);
}

/* ---- the loop ---- */

static int turns;
static bool (*awaited)(void);
static bool is_late;

static bool end_turn(void *context)
{
    (void)context;
    turns++;
    if (awaited && awaited()) {
        loop_stop(loop);
    }
    return false;
}

static void be_late(void *context)
{
    (void)context;
    is_late = true;
    loop_stop(loop);
}

static void run(bool (*condition)(void), int64_t limit_ms)
{
    struct loop_timer *late = loop_timer_create(loop, be_late, NULL);
    awaited = condition;
    is_late = false;
    turns = 0;
    loop_timer_arm(late, limit_ms);
    loop_run(loop, end_turn, NULL);
    loop_timer_free(late);
}

static void await(bool (*condition)(void))
{
    if (!condition()) {
        run(condition, PATIENCE_MS);
        ck_assert_msg(!is_late, "what was awaited did not come");
    }
}

/* Nothing has to be done for so long, and nothing is. */
static void check_idles(void)
{
    run(NULL, IDLE_MS / 2); /* what is still on its way */
    run(NULL, IDLE_MS);
    ck_assert_msg(turns <= IDLE_TURNS, "%d turns of a loop that has nothing to do", turns);
}

static bool is_accepted(void)
{
    return owner.accepted > 0;
}

static bool has_ended(void)
{
    return owner.ended > 0;
}

static bool all_are_gone(void)
{
    return socket_streams_count(streams) == 0;
}

static bool peer_knows_end(void)
{
    return tcp_peer_end(peer) != TCP_OPEN;
}

static bool peer_has_sent(void)
{
    return tcp_peer_has_sent(peer);
}

static size_t wanted;

static bool owner_has_wanted(void)
{
    return owner.length >= wanted;
}

static bool peer_has_wanted(void)
{
    size_t length;
    tcp_peer_received(peer, &length);
    return length >= wanted;
}

static bool is_writable(void)
{
    return owner.writable > 0;
}

static bool input_is_full(void)
{
    size_t length;
    stream_peek(owner.stream, &length);
    return length >= STREAM_INPUT_MAX;
}

static bool is_readable(void)
{
    return owner.readable > 0;
}

/* ---- life ---- */

static const struct socket_deadlines patient = {PATIENCE_MS, PATIENCE_MS, PATIENCE_MS};

static void prepare(const struct socket_deadlines *deadlines)
{
    memset(&owner, 0, sizeof owner);
    loop = loop_create();
    streams = socket_streams_create(loop, deadlines);
    much = memory_allocate(MUCH);
    for (size_t i = 0; i < MUCH; i++) {
        much[i] = (uint8_t)(i * 31 / 7);
    }
}

static void connect_one(enum tcp_kind kind)
{
    int accepted;
    peer = tcp_peer_create(loop, kind, &accepted);
    socket_streams_add(streams, accepted, tcp_server_session(kind), take_stream, &owner);
}

/* A stream that is open. */
static void begin_with(int kind, const struct socket_deadlines *deadlines)
{
    prepare(deadlines);
    connect_one((enum tcp_kind)kind);
    await(is_accepted);
}

static void begin(int kind)
{
    begin_with(kind, &patient);
}

static void finish(void)
{
    socket_streams_free(streams);
    tcp_peer_free(peer);
    run(NULL, 0); /* libevent frees what it holds when its callbacks have run */
    loop_free(loop);
    free(much);
    free(owner.input);
}

static void check_owner_has(size_t length)
{
    wanted = length;
    await(owner_has_wanted);
    ck_assert_uint_eq(owner.length, length);
    ck_assert_mem_eq(owner.input, much, length);
}

static void check_peer_has(size_t length)
{
    size_t received;
    wanted = length;
    await(peer_has_wanted);
    const uint8_t *bytes = tcp_peer_received(peer, &received);
    ck_assert_uint_eq(received, length);
    ck_assert_mem_eq(bytes, much, length);
}

/* ---- bytes ---- */

START_TEST(test_bytes_go_both_ways)
{
    begin(_i);
    tcp_peer_send(peer, much, MUCH);
    check_owner_has(MUCH);
    stream_write(owner.stream, much, MUCH);
    check_peer_has(MUCH);
    finish();
}
END_TEST

START_TEST(test_small_writes_of_one_pass_leave_together)
{
    begin(_i);
    for (size_t i = 0; i < 1000; i += 10) {
        stream_write(owner.stream, much + i, 10);
    }
    ck_assert_uint_eq(stream_output_pending(owner.stream), 1000);
    check_peer_has(1000);
    ck_assert_uint_eq(tcp_peer_first_piece(peer), 1000);
    ck_assert_uint_eq(stream_output_pending(owner.stream), 0);
    finish();
}
END_TEST

START_TEST(test_the_peer_is_known_by_its_address)
{
    begin(_i);
    ck_assert_int_eq(strncmp(stream_peer_address(owner.stream), "127.0.0.1:", 10), 0);
    ck_assert(!stream_is_websocket(owner.stream));
    ck_assert_ptr_null(stream_peer_certificate(owner.stream));
    ck_assert(!stream_peer_chain_is_trusted(owner.stream));
    finish();
}
END_TEST

START_TEST(test_a_client_certificate_is_told_with_its_trust)
{
    for (int by_ca = 0; by_ca < 2; by_ca++) {
        prepare(&patient);
        connect_one((enum tcp_kind)_i);
        tcp_peer_certify(peer, by_ca);
        await(is_accepted);
        X509 *certificate = stream_peer_certificate(owner.stream);
        ck_assert_ptr_nonnull(certificate);
        char *name = X509_NAME_oneline(X509_get_subject_name(certificate), NULL, 0);
        ck_assert_str_eq(name, by_ca ? "/CN=a device" : "/CN=stranger");
        OPENSSL_free(name);
        ck_assert_int_eq(stream_peer_chain_is_trusted(owner.stream), by_ca);
        finish();
    }
}
END_TEST

START_TEST(test_a_new_owner_is_told_what_waits)
{
    static struct stream *second;
    begin(_i);
    owner.leaves_input = true;
    tcp_peer_send(peer, much, 100);
    await(is_readable);
    owner.leaves_input = false;
    owner.readable = 0;
    second = owner.stream;
    stream_set_owner(owner.stream, &events, &second);
    ck_assert_int_eq(owner.readable, 0); /* from the loop, not from within the call */
    check_owner_has(100);
    finish();
}
END_TEST

/* ---- back-pressure ---- */

START_TEST(test_unread_input_is_bounded_and_costs_no_time)
{
    size_t length;
    begin(_i);
    owner.leaves_input = true;
    tcp_peer_send(peer, much, MUCH);
    await(input_is_full);
    ck_assert(!tcp_peer_has_sent(peer));
    tcp_peer_stall(peer, true);
    check_idles();
    stream_peek(owner.stream, &length);
    ck_assert_uint_ge(length, STREAM_INPUT_MAX);
    ck_assert_uint_le(length, STREAM_INPUT_MAX + TLS_RECORD_MAX); /* a record is taken whole */
    tcp_peer_stall(peer, false);
    owner.leaves_input = false;
    take_input(owner.stream);
    check_owner_has(MUCH);
    finish();
}
END_TEST

START_TEST(test_a_peer_that_does_not_read_costs_no_time)
{
    begin(_i);
    tcp_peer_stall(peer, true);
    size_t written = 0;
    while (!stream_output_is_full(owner.stream)) {
        stream_write(owner.stream, much + written, 10000);
        written += 10000;
    }
    ck_assert_uint_gt(stream_output_pending(owner.stream), STREAM_OUTPUT_HIGH);
    check_idles();
    ck_assert_int_eq(owner.writable, 0);
    ck_assert_uint_gt(stream_output_pending(owner.stream), STREAM_OUTPUT_LOW);
    tcp_peer_stall(peer, false);
    await(is_writable);
    ck_assert_uint_le(stream_output_pending(owner.stream), STREAM_OUTPUT_LOW);
    check_peer_has(written);
    ck_assert_int_eq(owner.writable, 1);
    finish();
}
END_TEST

START_TEST(test_a_peer_that_does_not_read_is_not_read_either)
{
    size_t length;
    begin(_i);
    tcp_peer_stall(peer, true);
    stream_write(owner.stream, much, MUCH);
    tcp_peer_stall(peer, false);
    tcp_peer_send(peer, much, 50);
    await(peer_has_sent);
    ck_assert_int_eq(owner.writable, 0);
    ck_assert_int_eq(owner.readable, 0);
    stream_peek(owner.stream, &length);
    ck_assert_uint_eq(length, 0);
    check_peer_has(MUCH);
    check_owner_has(50);
    finish();
}
END_TEST

static void own_again(struct stream *stream)
{
    stream_set_owner(stream, &events, &owner.stream); /* which tells of the input once more */
}

START_TEST(test_a_turn_ends_however_much_there_is_to_tell)
{
    begin(_i);
    owner.on_readable = own_again;
    tcp_peer_send(peer, much, 1);
    run(is_readable, PATIENCE_MS);
    ck_assert(!is_late);
    ck_assert_int_le(owner.readable, LOOP_CALLBACKS_MAX);
    finish();
}
END_TEST

/* ---- our end ---- */

START_TEST(test_a_close_sends_what_is_written_and_ends_in_order)
{
    begin(_i);
    stream_write(owner.stream, much, MUCH);
    stream_close(owner.stream);
    check_peer_has(MUCH);
    await(peer_knows_end);
    ck_assert_int_eq(tcp_peer_end(peer), TCP_CLOSED);
    ck_assert_uint_eq(socket_streams_count(streams), 1); /* the peer's end is waited for */
    tcp_peer_close(peer);
    await(all_are_gone);
    ck_assert_int_eq(owner.ended + owner.writable + owner.readable, 0);
    finish();
}
END_TEST

START_TEST(test_what_still_comes_after_a_close_does_not_cut_the_last_bytes)
{
    begin(_i);
    owner.leaves_input = true;
    tcp_peer_send(peer, much, MUCH);
    await(is_readable);
    stream_write(owner.stream, much, 100000);
    stream_close(owner.stream);
    check_peer_has(100000);
    await(peer_knows_end);
    ck_assert_int_eq(tcp_peer_end(peer), TCP_CLOSED);
    finish();
}
END_TEST

START_TEST(test_a_peer_that_never_ends_is_left_after_its_time)
{
    const struct socket_deadlines short_farewell = {PATIENCE_MS, PATIENCE_MS, SHORT_MS};
    begin_with(_i, &short_farewell);
    stream_write(owner.stream, much, 100);
    stream_close(owner.stream);
    check_peer_has(100);
    await(all_are_gone);
    finish();
}
END_TEST

START_TEST(test_a_peer_that_does_not_read_its_last_bytes_is_reset_after_its_time)
{
    const struct socket_deadlines short_flush = {PATIENCE_MS, SHORT_MS, PATIENCE_MS};
    begin_with(_i, &short_flush);
    tcp_peer_stall(peer, true);
    stream_write(owner.stream, much, MUCH);
    stream_close(owner.stream);
    await(all_are_gone);
    tcp_peer_stall(peer, false);
    await(peer_knows_end);
    ck_assert_int_eq(tcp_peer_end(peer), TCP_RESET);
    finish();
}
END_TEST

START_TEST(test_a_reset_is_one)
{
    begin(_i);
    stream_write(owner.stream, much, 10);
    stream_reset(owner.stream);
    ck_assert_uint_eq(socket_streams_count(streams), 0);
    await(peer_knows_end);
    ck_assert_int_eq(tcp_peer_end(peer), TCP_RESET);
    ck_assert_int_eq(owner.ended, 0);
    finish();
}
END_TEST

static void close_it(struct stream *stream)
{
    stream_close(stream);
}

static void reset_it(struct stream *stream)
{
    stream_reset(stream);
}

START_TEST(test_an_owner_may_end_a_stream_while_it_is_told_something)
{
    void (*const ways[])(struct stream * stream) = {close_it, reset_it};
    for (size_t i = 0; i < 2; i++) {
        begin(_i);
        owner.on_readable = ways[i];
        tcp_peer_send(peer, much, 100);
        tcp_peer_send(peer, much, MUCH);
        await(peer_knows_end);
        ck_assert_int_eq(owner.readable, 1);
        finish();
    }
}
END_TEST

/* ---- the peer's end ---- */

START_TEST(test_the_peers_end_is_told_once_and_its_last_bytes_stay)
{
    void (*const ways[])(struct tcp_peer * peer) = {tcp_peer_close, tcp_peer_shut};
    for (size_t i = 0; i < 2; i++) {
        size_t length;
        begin(_i);
        owner.leaves_input = true;
        tcp_peer_send(peer, much, 100);
        await(is_readable);
        ways[i](peer);
        await(has_ended);
        ck_assert_mem_eq(stream_peek(owner.stream, &length), much, 100);
        ck_assert_uint_eq(length, 100);
        check_idles(); /* an end stays readable for ever */
        ck_assert_int_eq(owner.ended, 1);
        stream_close(owner.stream);
        await(all_are_gone);
        finish();
    }
}
END_TEST

START_TEST(test_what_is_owed_to_a_peer_that_ended_is_sent)
{
    begin(_i);
    tcp_peer_shut(peer);
    await(has_ended);
    stream_write(owner.stream, much, MUCH);
    stream_close(owner.stream);
    check_peer_has(MUCH);
    await(peer_knows_end);
    ck_assert_int_eq(tcp_peer_end(peer), TCP_CLOSED);
    await(all_are_gone);
    finish();
}
END_TEST

START_TEST(test_an_abrupt_end_is_told_once)
{
    begin(_i);
    tcp_peer_reset(peer);
    await(has_ended);
    stream_write(owner.stream, much, MUCH); /* goes nowhere */
    check_idles();
    ck_assert_int_eq(owner.ended, 1);
    stream_close(owner.stream);
    await(all_are_gone);
    finish();
}
END_TEST

START_TEST(test_an_abrupt_end_in_the_middle_of_output_is_told)
{
    begin(_i);
    tcp_peer_stall(peer, true);
    stream_write(owner.stream, much, MUCH);
    run(NULL, 1);
    tcp_peer_reset(peer);
    await(has_ended);
    stream_close(owner.stream);
    await(all_are_gone);
    finish();
}
END_TEST

START_TEST(test_a_new_owner_is_told_of_an_end_that_came_before)
{
    static struct stream *second;
    begin(_i);
    tcp_peer_close(peer);
    await(has_ended);
    second = owner.stream;
    owner.ended = 0;
    stream_set_owner(owner.stream, &events, &second);
    ck_assert_int_eq(owner.ended, 0);
    await(has_ended);
    ck_assert_int_eq(owner.ended, 1);
    stream_close(second);
    await(all_are_gone);
    finish();
}
END_TEST

/* ---- handshakes ---- */

static void check_distrusts(uint64_t alerts, uint64_t closes)
{
    ck_assert_uint_eq(socket_streams_distrusts(streams, DISTRUST_ALERT), alerts);
    ck_assert_uint_eq(socket_streams_distrusts(streams, DISTRUST_CLOSE), closes);
}

static void begin_without_handshake(int kind, const struct socket_deadlines *deadlines)
{
    prepare(deadlines);
    connect_one((enum tcp_kind)kind);
    tcp_peer_stall(peer, true);
}

/* A ClientHello of 512 bytes, of which six come. */
static const uint8_t half_hello[] = {0x16, 0x03, 0x01, 0x02, 0x00, 0x01};

START_TEST(test_half_a_hello_costs_no_time)
{
    begin_without_handshake(_i, &patient);
    tcp_peer_send_raw(peer, half_hello, sizeof half_hello);
    check_idles();
    ck_assert_int_eq(owner.accepted, 0);
    ck_assert_uint_eq(socket_streams_count(streams), 1);
    finish();
}
END_TEST

START_TEST(test_a_handshake_has_its_time)
{
    const struct socket_deadlines short_handshake = {SHORT_MS, PATIENCE_MS, PATIENCE_MS};
    begin_without_handshake(_i, &short_handshake);
    tcp_peer_send_raw(peer, half_hello, sizeof half_hello);
    await(all_are_gone);
    ck_assert_int_eq(owner.accepted, 0);
    finish();
}
END_TEST

START_TEST(test_what_is_no_handshake_ends_in_silence)
{
    static const char *const texts[] = {
        "GET / HTTP/1.1\r\n\r\n", "AMQP\3\1\0\0", "\x10\x20\0\4MQTT"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        begin_without_handshake(_i, &patient);
        tcp_peer_send_raw(peer, texts[i], 8);
        tcp_peer_shut(peer);
        await(all_are_gone);
        ck_assert_int_eq(owner.accepted, 0);
        check_distrusts(0, 0);
        finish();
    }
}
END_TEST

START_TEST(test_a_peer_that_goes_during_its_handshake_is_forgotten)
{
    void (*const ways[])(struct tcp_peer * peer) = {tcp_peer_shut, tcp_peer_reset};
    for (size_t i = 0; i < 2; i++) {
        begin_without_handshake(_i, &patient);
        tcp_peer_send_raw(peer, half_hello, sizeof half_hello);
        run(NULL, 1);
        ways[i](peer);
        await(all_are_gone);
        ck_assert_int_eq(owner.accepted, 0);
        check_distrusts(0, 0);
        finish();
    }
}
END_TEST

/* ---- trust ---- */

static bool distrust_is_noted(void)
{
    return socket_streams_distrusts(streams, DISTRUST_ALERT) > 0;
}

static bool hello_is_answered(void)
{
    return tcp_peer_is_answered(peer);
}

START_TEST(test_a_peer_that_says_it_does_not_trust_the_certificate_is_noted)
{
    prepare(&patient);
    connect_one((enum tcp_kind)_i);
    tcp_peer_distrust(peer);
    await(distrust_is_noted);
    ck_assert_int_eq(owner.accepted, 0);
    check_distrusts(1, 0);
    finish();
}
END_TEST

START_TEST(test_a_peer_that_goes_when_it_saw_the_certificate_is_noted)
{
    void (*const ways[])(struct tcp_peer * peer) = {tcp_peer_shut, tcp_peer_reset};
    for (size_t i = 0; i < 2; i++) {
        prepare(&patient);
        connect_one((enum tcp_kind)_i);
        tcp_peer_hello(peer);
        await(hello_is_answered);
        ways[i](peer);
        await(all_are_gone);
        ck_assert_int_eq(owner.accepted, 0);
        check_distrusts(0, 1);
        finish();
    }
}
END_TEST

START_TEST(test_a_peer_that_goes_right_after_its_handshake_is_noted)
{
    void (*const ways[])(struct tcp_peer * peer) = {tcp_peer_close, tcp_peer_shut, tcp_peer_reset};
    for (size_t i = 0; i < 3; i++) {
        begin(_i);
        ways[i](peer);
        await(has_ended);
        check_distrusts(0, 1);
        finish();
    }
}
END_TEST

START_TEST(test_a_peer_that_said_something_has_trust)
{
    void (*const ways[])(struct tcp_peer * peer) = {tcp_peer_close, tcp_peer_shut, tcp_peer_reset};
    for (size_t i = 0; i < 3; i++) {
        begin(_i);
        tcp_peer_send(peer, much, 1);
        check_owner_has(1);
        ways[i](peer);
        await(has_ended);
        check_distrusts(0, 0);
        finish();
    }
}
END_TEST

START_TEST(test_what_this_side_ends_says_nothing_about_trust)
{
    begin(_i);
    stream_close(owner.stream);
    await(peer_knows_end);
    tcp_peer_close(peer);
    await(all_are_gone);
    check_distrusts(0, 0);
    finish();
    begin(_i);
    socket_streams_end_all(streams);
    await(has_ended);
    check_distrusts(0, 0);
    finish();
}
END_TEST

/* ---- all of them ---- */

START_TEST(test_ending_handshakes_leaves_open_streams_alone)
{
    begin(_i);
    struct tcp_peer *open = peer;
    connect_one((enum tcp_kind)_i);
    ck_assert_uint_eq(socket_streams_count(streams), 2);
    socket_streams_end_handshakes(streams);
    ck_assert_uint_eq(socket_streams_count(streams), 1);
    tcp_peer_free(peer);
    peer = open;
    stream_write(owner.stream, much, 100);
    check_peer_has(100);
    ck_assert_int_eq(owner.ended, 0);
    finish();
}
END_TEST

START_TEST(test_ending_all_tells_every_owner_once)
{
    begin(_i);
    socket_streams_end_all(streams);
    ck_assert_int_eq(owner.ended, 0); /* from the loop */
    await(has_ended);
    ck_assert_int_eq(owner.ended, 1);
    stream_close(owner.stream);
    ck_assert_uint_eq(socket_streams_count(streams), 0);
    finish();
}
END_TEST

START_TEST(test_freeing_all_resets_what_is_left)
{
    begin(_i);
    stream_write(owner.stream, much, 10);
    socket_streams_free(streams);
    streams = NULL;
    await(peer_knows_end);
    ck_assert_int_eq(tcp_peer_end(peer), TCP_RESET);
    ck_assert_int_eq(owner.ended, 0);
    finish();
}
END_TEST

int main(void)
{
    const TTest *const of_each_kind[] = {test_bytes_go_both_ways,
        test_small_writes_of_one_pass_leave_together, test_the_peer_is_known_by_its_address,
        test_a_new_owner_is_told_what_waits, test_unread_input_is_bounded_and_costs_no_time,
        test_a_peer_that_does_not_read_costs_no_time,
        test_a_peer_that_does_not_read_is_not_read_either,
        test_a_turn_ends_however_much_there_is_to_tell,
        test_a_close_sends_what_is_written_and_ends_in_order,
        test_what_still_comes_after_a_close_does_not_cut_the_last_bytes,
        test_a_peer_that_never_ends_is_left_after_its_time,
        test_a_peer_that_does_not_read_its_last_bytes_is_reset_after_its_time, test_a_reset_is_one,
        test_an_owner_may_end_a_stream_while_it_is_told_something,
        test_the_peers_end_is_told_once_and_its_last_bytes_stay,
        test_what_is_owed_to_a_peer_that_ended_is_sent, test_an_abrupt_end_is_told_once,
        test_an_abrupt_end_in_the_middle_of_output_is_told,
        test_a_new_owner_is_told_of_an_end_that_came_before, test_ending_all_tells_every_owner_once,
        test_a_peer_that_said_something_has_trust,
        test_what_this_side_ends_says_nothing_about_trust, test_freeing_all_resets_what_is_left};
    const TTest *const of_tls[] = {test_a_client_certificate_is_told_with_its_trust,
        test_half_a_hello_costs_no_time, test_a_handshake_has_its_time,
        test_what_is_no_handshake_ends_in_silence,
        test_a_peer_that_goes_during_its_handshake_is_forgotten,
        test_a_peer_that_says_it_does_not_trust_the_certificate_is_noted,
        test_a_peer_that_goes_when_it_saw_the_certificate_is_noted,
        test_a_peer_that_goes_right_after_its_handshake_is_noted,
        test_ending_handshakes_leaves_open_streams_alone};
    Suite *suite = suite_create("socket_stream");
    TCase *tcase = tcase_create("socket_stream");
    tcase_set_timeout(tcase, 60);
    signal(SIGPIPE, SIG_IGN); /* as server/signals does */
    for (size_t i = 0; i < sizeof of_each_kind / sizeof of_each_kind[0]; i++) {
        tcase_add_loop_test(tcase, of_each_kind[i], TCP_PLAIN, TCP_KIND_COUNT);
    }
    for (size_t i = 0; i < sizeof of_tls / sizeof of_tls[0]; i++) {
        tcase_add_loop_test(tcase, of_tls[i], TCP_TLS_1_2, TCP_KIND_COUNT);
    }
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
