/* Rate limits over AMQP: the condition on which SDKs say that they are throttled. */
#include "protocols/session/throttle.h"

#include "tests/protocols/amqp/peer.h"
#include "tests/suite.h"

#define THROTTLED "com.microsoft:device-container-throttled"
#define ACCEPTED 0x24
#define REJECTED 0x25

static struct bench bench;
static struct peer peer;

static void begin(void)
{
    bench_open(&bench);
    throttle_set_profile(bench.sessions, THROTTLE_FREE);
}

static void finish(void)
{
    peer_release(&peer);
    bench_close(&bench);
}

static void exhaust(enum throttle_operation operation)
{
    while (throttle_take(bench.sessions, operation, clock_now(bench.clock), NULL) == HUB_OK) {
    }
}

/* One delivery: refused for its rate, and accepted a second later. */
static void expect_throttled(const char *to, struct duration wait)
{
    struct writer message = {0};
    write_message(&message, to, "m", NULL, "x");
    peer_put_transfer(&peer, (struct transfer){.handle = 2}, writer_text(&message));
    const struct frame_seen *frame = peer_expect(&peer, FRAME_DISPOSITION);
    ck_assert_uint_eq(frame_outcome(frame), REJECTED);
    ck_assert_str_eq(frame_condition(frame), THROTTLED);
    ck_assert_int_eq(frame_error_code(frame), HUB_THROTTLING_EXCEPTION);
    bench_advance(&bench, wait);
    peer_put_transfer(&peer, (struct transfer){.handle = 2}, writer_text(&message));
    ck_assert_uint_eq(frame_outcome(peer_expect(&peer, FRAME_DISPOSITION)), ACCEPTED);
    writer_free(&message);
}

START_TEST(test_a_connection_too_many_is_closed)
{
    begin();
    exhaust(THROTTLE_CONNECT);
    peer_connect(&peer, &bench);
    peer_write_literal(&peer, "AMQP\0\1\0\0");
    peer_put(&peer, 0, "DL[S]", (uint64_t)0x10, "client");
    peer_expect(&peer, FRAME_HEADER_AMQP);
    peer_expect(&peer, FRAME_OPEN);
    const struct frame_seen *frame = peer_expect_close(&peer);
    ck_assert_str_eq(frame_condition(frame), THROTTLED);
    ck_assert_int_eq(frame_error_code(frame), HUB_THROTTLING_EXCEPTION);
    peer_release(&peer);
    bench_advance(&bench, DURATION_SECONDS(1));
    peer_open_device(&peer, &bench, "d1");
    finish();
}
END_TEST

START_TEST(test_a_send_beyond_its_rate_is_rejected_and_not_enqueued)
{
    begin();
    peer_open_service(&peer, &bench);
    peer_attach_sender(&peer, 0, 2, "sender", "/messages/devicebound");
    exhaust(THROTTLE_SEND);
    expect_throttled("/devices/d1/messages/devicebound", DURATION_SECONDS(1));
    ck_assert_uint_eq(bench_counts(&bench, "d1").enqueued, 1);
    finish();
}
END_TEST

START_TEST(test_telemetry_beyond_its_rate_is_rejected_and_not_kept)
{
    begin();
    peer_open_device(&peer, &bench, "d1");
    peer_attach_sender(&peer, 0, 2, "telemetry", "/devices/d1/messages/events");
    exhaust(THROTTLE_TELEMETRY);
    expect_throttled(NULL, DURATION_SECONDS(1));
    ck_assert_uint_eq(telemetry_count(hub_telemetry(bench.hub)), 1);
    finish();
}
END_TEST

START_TEST(test_receives_have_no_rate)
{
    begin();
    peer_open_device(&peer, &bench, "d1");
    peer_attach_receiver(&peer, 0, 2, "c2d", "/devices/d1/messages/devicebound");
    peer_flow(&peer, 0, 2, 0, 10);
    exhaust(THROTTLE_RECEIVE);
    bench_send(&bench, "d1", "m1", "body");
    peer_expect(&peer, FRAME_TRANSFER);
    finish();
}
END_TEST

SUITE_MAIN("amqp throttle", test_a_connection_too_many_is_closed,
    test_a_send_beyond_its_rate_is_rejected_and_not_enqueued,
    test_telemetry_beyond_its_rate_is_rejected_and_not_kept, test_receives_have_no_rate)
