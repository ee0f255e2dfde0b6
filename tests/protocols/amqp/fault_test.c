/*
 * What goes wrong on purpose.
 */
#include "protocols/session/fault.h"

#include "protocols/amqp/refusal.h"
#include "tests/protocols/amqp/peer.h"
#include "tests/protocols/auth/token_maker.h"
#include "tests/protocols/fake_loop.h"
#include "tests/suite.h"

#include <string.h>

#define ACCEPTED 0x24
#define C2D_D1 "/devices/d1/messages/devicebound"

static struct bench bench;
static struct peer peer;

static void add(enum fault_operation operation, struct fault fault)
{
    const struct fault_rule rule = {
        .family = FAULT_AMQP, .operation = operation, .times = 1, .probability = 1, .fault = fault};
    ck_assert_uint_gt(fault_add(bench.sessions, &rule), 0);
}

static void add_action(enum fault_operation operation, enum fault_action action)
{
    add(operation, (struct fault){.action = action});
}

static void add_error(enum fault_operation operation, enum hub_code code)
{
    struct fault fault = {.action = FAULT_ERROR};
    hub_refuse(&fault.error, code, NULL);
    add(operation, fault);
}

static void add_delay(enum fault_operation operation)
{
    add(operation, (struct fault){.action = FAULT_DELAY, .delay = DURATION_SECONDS(2)});
}

/* Nothing comes before the delay is over. */
static void wait_for_delay(void)
{
    peer_expect_silence(&peer);
    fake_loop_advance(bench.loop, 2000);
}

static void expect_reset(void)
{
    bench_run(&bench);
    ck_assert(peer.stream.is_reset);
}

static void expect_forced_close(void)
{
    ck_assert_str_eq(frame_condition(peer_expect_close(&peer)), "amqp:connection:forced");
}

static void finish(void)
{
    peer_release(&peer);
    bench_close(&bench);
}

static void open_receiver(void)
{
    bench_open(&bench);
    peer_open_device(&peer, &bench, "d1");
    peer_attach_receiver(&peer, 0, 2, "c2d", C2D_D1);
    peer_flow(&peer, 0, 2, 0, 10);
    bench_run(&bench);
}

static void open_sender(void)
{
    bench_open(&bench);
    peer_open_service(&peer, &bench);
    peer_attach_sender(&peer, 0, 2, "sender", "/messages/devicebound");
}

static uint32_t receive(void)
{
    return (uint32_t)peer_expect(&peer, FRAME_TRANSFER)->fields[1].is.number;
}

static uint32_t send(void)
{
    struct writer message = {0};
    write_message(&message, C2D_D1, "m", NULL, "x");
    uint32_t id = peer_put_transfer(&peer, (struct transfer){.handle = 2}, writer_text(&message));
    writer_free(&message);
    return id;
}

static void expect_outcome(uint64_t outcome, int code)
{
    const struct frame_seen *frame = peer_expect(&peer, FRAME_DISPOSITION);
    ck_assert_uint_eq(frame_outcome(frame), outcome);
    if (code) {
        ck_assert_int_eq(frame_error_code(frame), code);
    }
}

static void assert_counts(size_t enqueued, size_t invisible)
{
    struct queue_counts counts = bench_counts(&bench, "d1");
    ck_assert_uint_eq(counts.enqueued, enqueued);
    ck_assert_uint_eq(counts.invisible, invisible);
}

START_TEST(test_a_connection_goes_wrong_as_it_begins)
{
    bench_open(&bench);
    add_error(FAULT_CONNECT, HUB_SERVICE_UNAVAILABLE);
    peer_connect(&peer, &bench);
    peer_write_literal(&peer, "AMQP\0\1\0\0");
    peer_put(&peer, 0, "DL[S]", (uint64_t)0x10, "client");
    peer_expect(&peer, FRAME_HEADER_AMQP);
    peer_expect(&peer, FRAME_OPEN);
    ck_assert_int_eq(frame_error_code(peer_expect_close(&peer)), HUB_SERVICE_UNAVAILABLE);
    peer_release(&peer);
    add_action(FAULT_CONNECT, FAULT_DROP);
    peer_connect(&peer, &bench);
    peer_write_literal(&peer, "AMQP\0\1\0\0");
    peer_put(&peer, 0, "DL[S]", (uint64_t)0x10, "client");
    expect_reset();
    peer_release(&peer);
    add_delay(FAULT_CONNECT);
    peer_connect(&peer, &bench);
    peer_write_literal(&peer, "AMQP\0\1\0\0");
    peer_put(&peer, 0, "DL[S]", (uint64_t)0x10, "client");
    peer_expect(&peer, FRAME_HEADER_AMQP);
    wait_for_delay();
    peer_expect(&peer, FRAME_OPEN);
    finish();
}
END_TEST

START_TEST(test_a_token_is_refused)
{
    bench_open(&bench);
    add_error(FAULT_AUTHENTICATE, HUB_IOT_HUB_UNAUTHORIZED);
    peer_connect(&peer, &bench);
    peer_open(&peer);
    peer_begin(&peer, 0);
    ck_assert_int_eq(peer_put_token(&peer, token_for("hub.local/devices/d1")), 401);
    finish();
}
END_TEST

START_TEST(test_an_attach_is_refused_or_late)
{
    bench_open(&bench);
    peer_open_device(&peer, &bench, "d1");
    add_error(FAULT_ATTACH, HUB_THROTTLING_EXCEPTION);
    const struct attach attach = {.handle = 2, .name = "c2d", .receives = true, .source = C2D_D1};
    peer_put_attach(&peer, attach);
    peer_expect_refusal(
        &peer, "com.microsoft:device-container-throttled", HUB_THROTTLING_EXCEPTION);
    add_delay(FAULT_ATTACH);
    peer_put_attach(&peer, attach);
    peer_flow(&peer, 0, 2, 0, 10);
    wait_for_delay();
    peer_expect(&peer, FRAME_ATTACH);
    bench_send(&bench, "d1", "m1", "body");
    receive();
    add_action(FAULT_ATTACH, FAULT_CLOSE);
    peer_put_attach(
        &peer, (struct attach){.handle = 3, .name = "more", .receives = true, .source = C2D_D1});
    expect_forced_close();
    finish();
}
END_TEST

START_TEST(test_a_send_is_refused_or_late)
{
    open_sender();
    add_error(FAULT_SEND, HUB_IOT_HUB_QUOTA_EXCEEDED);
    send();
    expect_outcome(0x25, HUB_IOT_HUB_QUOTA_EXCEEDED);
    assert_counts(0, 0);
    add_delay(FAULT_SEND);
    uint32_t first = send();
    send();
    wait_for_delay();
    const struct frame_seen *frame = peer_expect(&peer, FRAME_DISPOSITION);
    ck_assert_uint_eq(frame->fields[1].is.number, first);
    assert_counts(2, 0); /* what came behind it, too */
    finish();
}
END_TEST

START_TEST(test_a_send_is_refused_with_any_code_and_its_condition)
{
    enum hub_code code;
    open_sender();
    for (size_t i = 0; hub_code_at(i, &code); i++) {
        add_error(FAULT_SEND, code);
        send();
        const struct frame_seen *frame = peer_expect(&peer, FRAME_DISPOSITION);
        ck_assert_uint_eq(frame_outcome(frame), 0x25);
        ck_assert_str_eq(frame_condition(frame), refusal_condition(code));
        ck_assert_int_eq(frame_error_code(frame), code);
    }
    assert_counts(0, 0);
    finish();
}
END_TEST

START_TEST(test_a_send_is_lost_before_or_after_its_commit)
{
    static const struct {
        struct fault fault;
        size_t sent;
    } cases[] = {{{.action = FAULT_DROP}, 0}, {{.action = FAULT_CLOSE}, 0},
        {{.action = FAULT_DROP, .after_commit = true}, 1},
        {{.action = FAULT_CLOSE, .after_commit = true}, 1}, {{.action = FAULT_LOSE_ACK}, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_sender();
        add(FAULT_SEND, cases[i].fault);
        send();
        if (cases[i].fault.action == FAULT_DROP) {
            expect_reset();
        } else if (cases[i].fault.action == FAULT_CLOSE) {
            expect_forced_close();
        } else {
            peer_expect_silence(&peer);
            uint32_t next = send();
            const struct frame_seen *frame = peer_expect(&peer, FRAME_DISPOSITION);
            ck_assert_uint_eq(frame->fields[1].is.number, next);
        }
        assert_counts(cases[i].sent + (cases[i].fault.action == FAULT_LOSE_ACK), 0);
        finish();
    }
}
END_TEST

START_TEST(test_a_message_comes_twice)
{
    open_receiver();
    add_action(FAULT_DELIVER, FAULT_DUPLICATE);
    bench_send(&bench, "d1", "m1", "body");
    uint32_t first = receive();
    uint32_t second = receive();
    ck_assert_uint_ne(first, second);
    peer_put_outcome(&peer, 0, first, first, false, ACCEPTED);
    expect_outcome(ACCEPTED, 0);
    peer_put_outcome(&peer, 0, second, second, false, ACCEPTED);
    expect_outcome(0x25, HUB_DEVICE_MESSAGE_LOCK_LOST);
    assert_counts(0, 0);
    finish();
}
END_TEST

START_TEST(test_messages_are_late_and_in_order)
{
    open_receiver();
    add_delay(FAULT_DELIVER);
    bench_send(&bench, "d1", "m1", "a");
    bench_send(&bench, "d1", "m2", "b");
    assert_counts(0, 2);
    wait_for_delay();
    uint32_t first = receive();
    ck_assert_uint_eq(receive(), first + 1);
    add_delay(FAULT_DELIVER);
    bench_send(&bench, "d1", "m3", "c");
    finish(); /* while one waits */
}
END_TEST

START_TEST(test_a_delivery_detaches_or_ends_the_connection)
{
    open_receiver();
    add_error(FAULT_DELIVER, HUB_SERVER_ERROR);
    bench_send(&bench, "d1", "m1", "body");
    peer_expect_detach(&peer, "amqp:internal-error", HUB_SERVER_ERROR);
    finish();
    open_receiver();
    add_action(FAULT_DELIVER, FAULT_DROP);
    bench_send(&bench, "d1", "m1", "body");
    expect_reset();
    assert_counts(0, 1); /* the lock runs on */
    finish();
}
END_TEST

START_TEST(test_a_settlement_goes_wrong)
{
    static const struct {
        struct fault fault;
        int code;
        size_t enqueued, invisible;
    } cases[] = {{{.action = FAULT_LOSE_ACK}, 0, 0, 0}, {{.action = FAULT_DROP}, 0, 0, 1},
        {{.action = FAULT_DROP, .after_commit = true}, 0, 0, 0},
        {{.action = FAULT_CLOSE, .after_commit = true}, 0, 0, 0},
        {{.action = FAULT_ERROR, .error = {.code = HUB_SERVER_ERROR}}, HUB_SERVER_ERROR, 0, 1},
        {{.action = FAULT_EXPIRE_LOCK}, HUB_DEVICE_MESSAGE_LOCK_LOST, 0, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_receiver();
        bench_send(&bench, "d1", "m1", "body");
        uint32_t id = receive();
        add(FAULT_SETTLE, cases[i].fault);
        peer_put_outcome(&peer, 0, id, id, false, ACCEPTED);
        if (cases[i].code) {
            expect_outcome(0x25, cases[i].code);
        } else if (cases[i].fault.action == FAULT_DROP) {
            expect_reset();
        } else if (cases[i].fault.action == FAULT_CLOSE) {
            expect_forced_close();
        } else {
            peer_expect_silence(&peer);
        }
        assert_counts(cases[i].enqueued, cases[i].invisible);
        finish();
    }
}
END_TEST

START_TEST(test_a_settlement_is_late)
{
    open_receiver();
    bench_send(&bench, "d1", "m1", "body");
    uint32_t id = receive();
    add_delay(FAULT_SETTLE);
    peer_put_outcome(&peer, 0, id, id, false, ACCEPTED);
    peer_expect_silence(&peer);
    assert_counts(0, 1);
    fake_loop_advance(bench.loop, 2000);
    expect_outcome(ACCEPTED, 0);
    assert_counts(0, 0);
    add_delay(FAULT_SETTLE);
    bench_send(&bench, "d1", "m2", "body");
    id = receive();
    peer_put_outcome(&peer, 0, id, id, false, ACCEPTED);
    bench_run(&bench);
    finish(); /* while it waits */
}
END_TEST

SUITE_MAIN("AMQP faults", test_a_connection_goes_wrong_as_it_begins, test_a_token_is_refused,
    test_an_attach_is_refused_or_late, test_a_send_is_refused_or_late,
    test_a_send_is_refused_with_any_code_and_its_condition,
    test_a_send_is_lost_before_or_after_its_commit, test_a_message_comes_twice,
    test_messages_are_late_and_in_order, test_a_delivery_detaches_or_ends_the_connection,
    test_a_settlement_goes_wrong, test_a_settlement_is_late)
