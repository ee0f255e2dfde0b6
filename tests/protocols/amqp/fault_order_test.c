/* What a device orders to go wrong with the messages it sends. */
#include "protocols/session/fault_order.h"

#include "protocols/session/fault.h"
#include "tests/protocols/amqp/peer.h"
#include "tests/protocols/auth/token_maker.h"
#include "tests/protocols/fake_loop.h"
#include "tests/suite.h"

#include <stdio.h>
#include <string.h>

#define EVENTS "/devices/d1/messages/events"
#define D1 "/devices/d1"
#define ACCEPTED 0x24
#define REJECTED 0x25
#define UNAVAILABLE "com.microsoft:timeout"
#define DETACHED "amqp:link:detach-forced"

static struct bench bench;
static struct peer peer;

/* d1 with a link for its messages: handle 2 of session 0, beside $cbs on handles 0 and 1. */
static void begin(void)
{
    bench_open(&bench);
    fault_orders_take(bench.sessions, true);
    peer_open_device(&peer, &bench, "d1");
    peer_attach_sender(&peer, 0, 2, "telemetry", EVENTS);
}

static void finish(void)
{
    peer_release(&peer);
    bench_close(&bench);
}

/* Numbers as numbers, as the npm SDK writes them; `type` NULL: an ordinary message. */
static void send(const char *type, int delay, int duration, uint64_t outcome, int code)
{
    struct writer writer = {0};
    if (type) {
        write_descriptor(&writer, SECTION_APPLICATION_PROPERTIES);
        size_t map = write_open(&writer, COMPOUND_MAP);
        write_string(&writer, TEXT("AzIoTHub_FaultOperationType"));
        write_string(&writer, text_of(type));
        write_string(&writer, TEXT("AzIoTHub_FaultOperationCloseReason"));
        write_string(&writer, TEXT("boom"));
        write_string(&writer, TEXT("AzIoTHub_FaultOperationDelayInSecs"));
        write_int(&writer, delay);
        write_string(&writer, TEXT("AzIoTHub_FaultOperationDurationInSecs"));
        write_int(&writer, duration);
        write_close(&writer, map, 8);
    }
    write_descriptor(&writer, SECTION_DATA);
    write_binary(&writer, TEXT("x"));
    peer_put_transfer(&peer, (struct transfer){.handle = 2}, writer_text(&writer));
    writer_free(&writer);
    const struct frame_seen *frame = peer_expect(&peer, FRAME_DISPOSITION);
    ck_assert_uint_eq(frame_outcome(frame), outcome);
    ck_assert_int_eq(frame_error_code(frame), code);
}

/* It is taken and answered as any other, and nothing happens before its time. */
static void order(const char *type, int delay, int duration)
{
    send(type, delay, duration, ACCEPTED, 0);
    fake_loop_advance(bench.loop, delay * 1000 - 1);
    peer_expect_silence(&peer);
    send(NULL, 0, 0, ACCEPTED, 0);
    fake_loop_advance(bench.loop, 1);
}

/* Of the newest fault in the journal; "": there is none. */
static const char *last_fault(void)
{
    const struct journal *journal = hub_journal(bench.hub);
    static char reason[64];
    reason[0] = '\0';
    hub_end_turn(bench.hub);
    const struct journal_entry *entry;
    for (uint64_t id = 0; (entry = journal_next(journal, id)); id = entry->id) {
        if (entry->event == JOURNAL_FAULT_INJECTED) {
            snprintf(reason, sizeof reason, "%s of %s", entry->reason, entry->device);
        }
    }
    return reason;
}

START_TEST(test_the_connection_is_reset_or_closed)
{
    begin();
    order("KillTcp", 5, 5);
    bench_run(&bench);
    ck_assert(peer.stream.is_reset);
    ck_assert_str_eq(last_fault(), "KillTcp of d1");
    finish();
    static const char *const types[] = {"KillAmqpConnection", "ShutDownAmqp"};
    for (size_t i = 0; i < 2; i++) {
        begin();
        order(types[i], 5, 5);
        ck_assert_str_eq(frame_condition(peer_expect_close(&peer)), "amqp:connection:forced");
        finish();
    }
}
END_TEST

START_TEST(test_the_session_of_its_telemetry_ends)
{
    begin();
    peer_begin(&peer, 1);
    peer_attach_receiver(&peer, 1, 0, "c2d", D1 "/messages/devicebound");
    peer_flow(&peer, 1, 0, 0, 10);
    order("KillAmqpSession", 1, 5);
    const struct frame_seen *frame = peer_expect(&peer, FRAME_END);
    ck_assert_uint_eq(frame->channel, 0);
    ck_assert_str_eq(frame_condition(frame), UNAVAILABLE);
    ck_assert_str_eq(last_fault(), "KillAmqpSession of d1");
    /* What crosses it on the wire does no harm, and the other session lives. */
    peer_put_transfer(&peer, (struct transfer){.handle = 2}, TEXT("\0\x53\x75\xa0\1x"));
    peer_put(&peer, 0, "DL[Io]", (uint64_t)FRAME_DETACH, 2, true);
    peer_put_attach(&peer, (struct attach){.handle = 5, .name = "again", .target = EVENTS});
    peer_expect_silence(&peer);
    peer_put(&peer, 0, "DL[]", (uint64_t)FRAME_END);
    peer_expect_silence(&peer);
    bench_send(&bench, "d1", "m1", "body");
    ck_assert_uint_eq(peer_expect(&peer, FRAME_TRANSFER)->channel, 1);
    peer_begin(&peer, 0);
    peer_attach_sender(&peer, 0, 2, "telemetry", EVENTS);
    send(NULL, 0, 0, ACCEPTED, 0);
    finish();
}
END_TEST

START_TEST(test_the_link_it_names_is_detached)
{
    static const struct {
        const char *type;
        const char *address; /* of the link on handle 3; NULL: it is there already */
        bool sends;
        uint32_t handle;
    } cases[] = {{"KillAmqpD2CLink", NULL, true, 2},
        {"KillAmqpC2DLink", D1 "/messages/devicebound", false, 3},
        {"KillAmqpTwinLinkReq", D1 "/twin", true, 3},
        {"KillAmqpTwinLinkResp", D1 "/twin", false, 3},
        {"KillAmqpMethodReqLink", D1 "/methods/devicebound", false, 3},
        {"KillAmqpMethodRespLink", D1 "/methods/devicebound", true, 3},
        {"KillAmqpCBSLinkReq", NULL, true, 0}, {"KillAmqpCBSLinkResp", NULL, false, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin();
        if (cases[i].address) {
            const struct attach attach = {.handle = 3,
                .name = "link",
                .receives = !cases[i].sends,
                .source = cases[i].sends ? NULL : cases[i].address,
                .target = cases[i].sends ? cases[i].address : NULL,
                .channel_id = "c"};
            peer_put_attach(&peer, attach);
            peer_expect(&peer, FRAME_ATTACH);
        }
        order(cases[i].type, 2, 5);
        const struct frame_seen *frame = peer_expect(&peer, FRAME_DETACH);
        ck_assert_str_eq(frame_condition(frame), DETACHED);
        ck_assert_uint_eq(frame->fields[0].is.number, cases[i].handle);
        peer_expect_silence(&peer);
        if (strcmp(cases[i].type, "KillAmqpD2CLink") != 0) {
            send(NULL, 0, 0, ACCEPTED, 0);
        }
        finish();
    }
}
END_TEST

START_TEST(test_a_link_that_is_not_there_is_not_missed)
{
    begin();
    order("KillAmqpC2DLink", 1, 5);
    peer_expect_silence(&peer);
    send(NULL, 0, 0, ACCEPTED, 0);
    finish();
}
END_TEST

START_TEST(test_another_device_of_the_connection_keeps_its_links)
{
    bench_open(&bench);
    fault_orders_take(bench.sessions, true);
    peer_connect(&peer, &bench);
    peer_open(&peer);
    peer_begin(&peer, 0);
    const struct token_recipe recipe = {.resource = "hub.local", .policy = "device"};
    ck_assert_int_eq(peer_put_token(&peer, make_token(recipe)), 200);
    peer_attach_sender(&peer, 0, 2, "telemetry", EVENTS);
    peer_attach_receiver(&peer, 0, 3, "of d2", "/devices/d2/messages/devicebound");
    peer_attach_receiver(&peer, 0, 4, "of d1", D1 "/messages/devicebound");
    order("KillAmqpC2DLink", 1, 5);
    ck_assert_uint_eq(peer_expect(&peer, FRAME_DETACH)->fields[0].is.number, 4);
    peer_flow(&peer, 0, 3, 0, 10);
    bench_send(&bench, "d2", "m1", "body");
    peer_expect(&peer, FRAME_TRANSFER);
    finish();
}
END_TEST

START_TEST(test_telemetry_is_refused_for_the_duration)
{
    static const struct {
        const char *type;
        int code;
    } cases[] = {{"InvokeThrottling", HUB_THROTTLING_EXCEPTION},
        {"InvokeMaxMessageQuota", HUB_IOT_HUB_QUOTA_EXCEEDED},
        {"InvokeAuthError", HUB_IOT_HUB_UNAUTHORIZED_ACCESS}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin();
        order(cases[i].type, 1, 5);
        ck_assert_str_eq(fault_next(bench.sessions, 0)->device, "d1");
        send(NULL, 0, 0, REJECTED, cases[i].code);
        ck_assert_str_eq(last_fault(), "error of d1");
        fake_loop_advance(bench.loop, 4999);
        send(NULL, 0, 0, REJECTED, cases[i].code);
        fake_loop_advance(bench.loop, 1);
        send(NULL, 0, 0, ACCEPTED, 0);
        ck_assert_ptr_null(fault_next(bench.sessions, 0));
        finish();
    }
}
END_TEST

START_TEST(test_what_was_begun_ends_with_its_connection)
{
    begin();
    order("InvokeThrottling", 1, 100000);
    ck_assert_ptr_nonnull(fault_next(bench.sessions, 0));
    send("KillTcp", 100000, 1, REJECTED, HUB_THROTTLING_EXCEPTION); /* no order: it is refused */
    sessions_end_all(bench.sessions, END_RESET);
    bench_run(&bench);
    ck_assert_ptr_null(fault_next(bench.sessions, 0));
    finish();
}
END_TEST

START_TEST(test_a_connection_has_so_many_orders_at_once)
{
    begin();
    for (int i = 0; i < 20; i++) {
        send("InvokeThrottling", 1, 5, ACCEPTED, 0);
    }
    fake_loop_advance(bench.loop, 1000);
    size_t count = 0;
    const struct fault_rule *rule;
    for (uint64_t id = 0; (rule = fault_next(bench.sessions, id)); id = rule->id) {
        count++;
    }
    ck_assert_uint_eq(count, 16);
    finish();
}
END_TEST

START_TEST(test_a_hub_that_takes_no_orders_keeps_the_message_alone)
{
    begin();
    fault_orders_take(bench.sessions, false);
    send("KillTcp", 0, 0, ACCEPTED, 0);
    fake_loop_advance(bench.loop, 5000);
    send(NULL, 0, 0, ACCEPTED, 0);
    ck_assert_uint_eq(telemetry_count(hub_telemetry(bench.hub)), 2);
    ck_assert_str_eq(last_fault(), "");
    finish();
}
END_TEST

SUITE_MAIN("AMQP fault orders", test_the_connection_is_reset_or_closed,
    test_the_session_of_its_telemetry_ends, test_the_link_it_names_is_detached,
    test_a_link_that_is_not_there_is_not_missed,
    test_another_device_of_the_connection_keeps_its_links,
    test_telemetry_is_refused_for_the_duration, test_what_was_begun_ends_with_its_connection,
    test_a_connection_has_so_many_orders_at_once,
    test_a_hub_that_takes_no_orders_keeps_the_message_alone)
