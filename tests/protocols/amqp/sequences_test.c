/*
 * The frames of each SDK in the order, and in the flights, in which it sends them: a service that
 * sends, a service that reads feedback, a device that receives. Sources: the AMQP transports of
 * Azure/azure-iot-hub-node, Azure/azure-iot-hub-python, Azure/azure-iot-sdk-csharp,
 * Azure/azure-iot-service-sdk-java, Azure/azure-iot-sdk-c and amenzhinsky/iothub.
 */
#include "tests/protocols/amqp/peer.h"
#include "tests/protocols/auth/token_maker.h"
#include "tests/suite.h"

#include <stdio.h>
#include <string.h>

#define ACCEPTED 0x24
#define TO_D1 "/devices/d1/messages/devicebound"

static const char *service_token(void)
{
    return make_token((struct token_recipe){.resource = TEST_HOST, .policy = "service"});
}

static void put_open(struct peer *peer, const char *container)
{
    peer_put(peer, 0, "DL[SS]", (uint64_t)FRAME_OPEN, container, TEST_HOST);
}

static void put_begin(struct peer *peer, uint16_t channel)
{
    peer_put(peer, channel, "DL[nIII]", (uint64_t)FRAME_BEGIN, 1, 65536, 65536);
}

static void put_token_request(struct peer *peer, struct transfer transfer, const char *id,
    size_t id_length, const char *token)
{
    struct writer request = {0}, encoded = {0};
    write_raw(&encoded, id, id_length);
    write_put_token(&request, id ? &encoded : NULL, TEST_HOST, token);
    peer_put_transfer(peer, transfer, writer_text(&request));
    writer_free(&request);
    writer_free(&encoded);
}

static void expect_accepted(struct peer *peer, bool settled_with_state)
{
    const struct frame_seen *frame = peer_expect(peer, FRAME_DISPOSITION);
    ck_assert(frame->fields[0].is.boolean);
    ck_assert_uint_eq(frame_outcome(frame), ACCEPTED);
    ck_assert_int_eq(frame->fields[3].is.boolean, settled_with_state);
}

/* The reply of put-token, with its correlation id's constructor; answered if it is not settled. */
static void expect_reply(struct peer *peer, uint16_t channel, uint8_t id_code)
{
    struct sections sections;
    struct value status;
    const struct frame_seen *frame = peer_expect(peer, FRAME_TRANSFER);
    ck_assert_uint_eq(frame->channel, channel);
    ck_assert(sections_read(frame->payload.bytes, frame->payload.length, &sections));
    ck_assert(map_find(&sections.application, "status-code", &status));
    ck_assert_int_eq(status.is.integer, 200);
    ck_assert_uint_eq(sections.properties[PROPERTY_CORRELATION_ID].code, id_code);
    if (!frame->fields[4].is.boolean) {
        uint32_t id = (uint32_t)frame->fields[1].is.number;
        peer_put_outcome(peer, channel, id, id, true, ACCEPTED);
    }
}

static void send_message(struct peer *peer, uint16_t channel, uint32_t handle, const char *to)
{
    struct writer message = {0};
    write_message(&message, to, "m-1", "full", "hello");
    peer_put_transfer(
        peer, (struct transfer){.channel = channel, .handle = handle}, writer_text(&message));
    writer_free(&message);
}

/* detach, end and close, each answered; the stream is closed. */
static void say_goodbye(struct peer *peer, uint16_t channel, uint32_t handle)
{
    peer_put(peer, channel, "DL[Io]", (uint64_t)FRAME_DETACH, handle, true);
    peer_expect(peer, FRAME_DETACH);
    peer_put(peer, channel, "DL[]", (uint64_t)FRAME_END);
    peer_expect(peer, FRAME_END);
    peer_put(peer, 0, "DL[]", (uint64_t)FRAME_CLOSE);
    peer_expect_close(peer);
    ck_assert(peer->stream.is_closed);
}

static void begin_sasl(struct peer *peer, const char *mechanism, struct text response)
{
    peer_write_literal(peer, "AMQP\3\1\0\0");
    peer_expect(peer, FRAME_HEADER_SASL);
    peer_expect(peer, FRAME_MECHANISMS);
    if (response.bytes) {
        peer_put_sasl(
            peer, "DL[sz]", (uint64_t)FRAME_INIT, mechanism, response.length, response.bytes);
    } else {
        peer_put_sasl(peer, "DL[s]", (uint64_t)FRAME_INIT, mechanism);
    }
    ck_assert_uint_eq(peer_expect(peer, FRAME_OUTCOME)->fields[0].is.number, 0);
}

static void begin_amqp(struct peer *peer, const char *container)
{
    peer_write_literal(peer, "AMQP\0\1\0\0");
    peer_expect(peer, FRAME_HEADER_AMQP);
    put_open(peer, container);
    peer_expect(peer, FRAME_OPEN);
}

/* ---- openings up to an accepted token ---- */

static void open_node(struct peer *peer, struct bench *bench, const char *token)
{
    peer_connect(peer, bench);
    begin_amqp(peer, "node");
    put_begin(peer, 0);
    peer_expect(peer, FRAME_BEGIN);
    peer_put_attach(peer, (struct attach){.name = "rheaSender_1", .snd_mode = 2, .target = "$cbs"});
    peer_expect(peer, FRAME_ATTACH);
    peer_expect(peer, FRAME_FLOW);
    peer_put_attach(peer, (struct attach){.handle = 1,
                              .name = "rheaReceiver_1",
                              .receives = true,
                              .snd_mode = 2,
                              .source = "$cbs"});
    peer_expect(peer, FRAME_ATTACH);
    put_token_request(peer, (struct transfer){0}, "\xa1\x04uuid", 6, token);
    peer_flow(peer, 0, 1, 0, 1000);
    expect_accepted(peer, true);
    expect_reply(peer, 0, 0xa1);
    /* Sometimes it says so twice. */
    peer_put_outcome(peer, 0, 0, 0, true, ACCEPTED);
    peer_expect_silence(peer);
}

static void open_mssbcbs(struct peer *peer, struct bench *bench, const char *token)
{
    peer_connect(peer, bench);
    begin_sasl(peer, "MSSBCBS", TEXT_ABSENT);
    begin_amqp(peer, "some");
    put_begin(peer, 0);
    peer_expect(peer, FRAME_BEGIN);
    peer_put_attach(
        peer, (struct attach){.name = "$cbs-sender", .source = "$cbs", .target = "$cbs"});
    peer_put_attach(peer, (struct attach){.handle = 1,
                              .name = "$cbs-receiver",
                              .receives = true,
                              .source = "$cbs",
                              .target = "$cbs"});
    put_token_request(peer, (struct transfer){0}, "\x44", 1, token);
    peer_expect(peer, FRAME_ATTACH);
    peer_expect(peer, FRAME_ATTACH);
    peer_flow(peer, 0, 1, 0, 10000);
    expect_accepted(peer, true);
    expect_reply(peer, 0, 0x44);
}

static void open_dotnet(struct peer *peer, struct bench *bench, const char *token)
{
    peer_connect(peer, bench);
    peer_write_literal(peer, "AMQP\0\1\0\0");
    put_open(peer, "a-guid");
    peer_expect(peer, FRAME_HEADER_AMQP);
    peer_expect(peer, FRAME_OPEN);
    put_begin(peer, 0);
    peer_expect(peer, FRAME_BEGIN);
    put_begin(peer, 1);
    peer_expect(peer, FRAME_BEGIN);
    peer_put_attach(
        peer, (struct attach){.channel = 1, .name = "x:sender", .snd_mode = 1, .target = "$cbs"});
    peer_put_attach(peer, (struct attach){.channel = 1,
                              .handle = 1,
                              .name = "x:receiver",
                              .receives = true,
                              .snd_mode = 1,
                              .source = "$cbs",
                              .target = "cbs"});
    peer_flow(peer, 1, 1, 0, 50);
    peer_expect(peer, FRAME_ATTACH);
    peer_expect(peer, FRAME_ATTACH);
    put_token_request(
        peer, (struct transfer){.channel = 1, .settled = true}, "\xa1\x08request1", 10, token);
    expect_reply(peer, 1, 0xa1);
    peer_expect_silence(peer);
}

static void open_java(struct peer *peer, struct bench *bench, const char *token)
{
    peer_connect(peer, bench);
    begin_sasl(peer, "ANONYMOUS", TEXT(""));
    peer_write_literal(peer, "AMQP\0\1\0\0");
    peer_expect(peer, FRAME_HEADER_AMQP);
    peer_put(peer, 0, "DL[SSIHI]", (uint64_t)FRAME_OPEN, "java", TEST_HOST, 4096, 65535, 115000);
    put_begin(peer, 0);
    peer_put_attach(peer, (struct attach){.name = "cbs-sender", .target = "$cbs"});
    peer_put_attach(peer, (struct attach){.handle = 1,
                              .name = "cbs-receiver",
                              .receives = true,
                              .snd_mode = 2,
                              .source = "$cbs"});
    put_begin(peer, 1);
    peer_expect(peer, FRAME_OPEN);
    peer_expect(peer, FRAME_BEGIN);
    peer_expect(peer, FRAME_BEGIN);
    peer_expect(peer, FRAME_ATTACH);
    peer_expect(peer, FRAME_ATTACH);
    peer_flow(peer, 0, 1, 0, 1);
    put_token_request(peer, (struct transfer){0},
        "\x98"
        "0123456789abcdef",
        17, token);
    expect_accepted(peer, true);
    expect_reply(peer, 0, 0x98);
}

static void open_c_service(struct peer *peer, struct bench *bench)
{
    char response[1024];
    int length =
        snprintf(response, sizeof(response), "%cservice@sas.root.hub%c%s", 0, 0, service_token());
    peer_connect(peer, bench);
    begin_sasl(peer, "PLAIN", (struct text){response, (size_t)length});
    begin_amqp(peer, "some");
    put_begin(peer, 0);
    peer_expect(peer, FRAME_BEGIN);
    peer_put_attach(peer, (struct attach){.name = "sender-link",
                              .source = "sender_001",
                              .target = "amqps://hub.local/messages/deviceBound"});
    peer_put_attach(peer, (struct attach){.handle = 1,
                              .name = "receiver-link",
                              .receives = true,
                              .source = "amqps://hub.local/messages/servicebound/feedback",
                              .target = "receiver_001"});
    peer_expect(peer, FRAME_ATTACH);
    peer_expect(peer, FRAME_ATTACH);
    peer_flow(peer, 0, 1, 0, 10000);
}

static void open_go(struct peer *peer, struct bench *bench)
{
    peer_connect(peer, bench);
    begin_amqp(peer, "0123456789012345678901234567890123456789");
    put_begin(peer, 0);
    peer_expect(peer, FRAME_BEGIN);
    peer_put_attach(peer, (struct attach){.name = "random-1", .snd_mode = 2, .target = "$cbs"});
    peer_expect(peer, FRAME_ATTACH);
    peer_expect(peer, FRAME_FLOW);
    peer_put_attach(peer,
        (struct attach){
            .handle = 1, .name = "random-2", .receives = true, .snd_mode = 2, .source = "$cbs"});
    peer_flow(peer, 0, 1, 0, 1);
    peer_expect(peer, FRAME_ATTACH);
    put_token_request(peer, (struct transfer){0}, NULL, 0, service_token());
    expect_accepted(peer, true);
    expect_reply(peer, 0, 0x40);
    for (uint32_t handle = 0; handle < 2; handle++) {
        peer_put(peer, 0, "DL[Io]", (uint64_t)FRAME_DETACH, handle, true);
        peer_expect(peer, FRAME_DETACH);
    }
    put_begin(peer, 1);
    peer_expect(peer, FRAME_BEGIN);
}

/* ---- service: send ---- */

START_TEST(test_node_service_sends)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_node(&peer, &bench, service_token());
    peer_put_attach(&peer,
        (struct attach){
            .handle = 2, .name = "rheaSender_2", .snd_mode = 2, .target = "/messages/devicebound"});
    peer_expect(&peer, FRAME_ATTACH);
    peer_expect(&peer, FRAME_FLOW);
    send_message(&peer, 0, 2, TO_D1);
    expect_accepted(&peer, true);
    say_goodbye(&peer, 0, 2);
    bench_close(&bench);
}
END_TEST

START_TEST(test_python_service_sends)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_mssbcbs(&peer, &bench, service_token());
    peer_put_attach(&peer, (struct attach){.handle = 2,
                               .name = "sender-link-uuid",
                               .rcv_mode = 1,
                               .source = "sender-link-uuid",
                               .target = "amqps://hub.local/messages/devicebound"});
    ck_assert_uint_eq(peer_expect(&peer, FRAME_ATTACH)->fields[4].is.number, 1);
    peer_expect(&peer, FRAME_FLOW);
    send_message(&peer, 0, 2, TO_D1);
    expect_accepted(&peer, true);
    /* A renewal, ninety percent of an hour later. */
    put_token_request(&peer, (struct transfer){0}, "\x53\x01", 2, service_token());
    expect_accepted(&peer, true);
    expect_reply(&peer, 0, 0x53);
    memory_stream_hang_up(&peer.stream);
    ck_assert(peer.stream.is_closed);
    bench_close(&bench);
}
END_TEST

START_TEST(test_dotnet_service_sends)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_dotnet(&peer, &bench, service_token());
    peer_put(&peer, 0, "DL[SIonnDL[]DL[S]]", (uint64_t)FRAME_ATTACH, "guid", 0, false,
        (uint64_t)0x28, (uint64_t)0x29, "amqps://hub.local:5671/messages/deviceBound");
    ck_assert_int_eq(peer_expect(&peer, FRAME_ATTACH)->fields[6].type, VALUE_LIST);
    peer_expect(&peer, FRAME_FLOW);
    send_message(&peer, 0, 0, "/devices/d1/messages/deviceBound");
    expect_accepted(&peer, true);
    say_goodbye(&peer, 0, 0);
    bench_close(&bench);
}
END_TEST

START_TEST(test_java_service_sends)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_java(&peer, &bench, service_token());
    peer_put_attach(&peer,
        (struct attach){
            .channel = 1, .name = "sender", .snd_mode = 2, .target = "/messages/devicebound"});
    peer_expect(&peer, FRAME_ATTACH);
    peer_expect(&peer, FRAME_FLOW);
    send_message(&peer, 1, 0, TO_D1);
    expect_accepted(&peer, true);
    /* Its frames are small: a refusal fits one. */
    size_t before = peer.stream.out_read;
    send_message(&peer, 1, 0, "/devices/ghost/messages/devicebound");
    ck_assert_str_eq(frame_condition(peer_expect(&peer, FRAME_DISPOSITION)), "amqp:not-found");
    ck_assert_uint_lt(peer.stream.out_read - before, 4096);
    say_goodbye(&peer, 1, 0);
    bench_close(&bench);
}
END_TEST

START_TEST(test_c_service_sends_and_reads_feedback)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_c_service(&peer, &bench);
    send_message(&peer, 0, 0, "/devices/d1/messages/deviceBound");
    expect_accepted(&peer, true);
    size_t count;
    struct actor none = {0};
    mailbox_purge(hub_mailboxes(bench.hub), "d1", &none, hub_now(bench.hub), &count, NULL);
    bench_advance(&bench, DURATION_SECONDS(15));
    uint32_t id = (uint32_t)peer_expect(&peer, FRAME_TRANSFER)->fields[1].is.number;
    peer_put_outcome(&peer, 0, id, id, true, ACCEPTED);
    peer_expect_silence(&peer);
    bench_close(&bench);
}
END_TEST

START_TEST(test_go_service_sends)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_go(&peer, &bench);
    peer_put_attach(&peer,
        (struct attach){
            .channel = 1, .name = "random-3", .snd_mode = 2, .target = "/messages/devicebound"});
    peer_expect(&peer, FRAME_ATTACH);
    peer_expect(&peer, FRAME_FLOW);
    send_message(&peer, 1, 0, TO_D1);
    expect_accepted(&peer, true);
    say_goodbye(&peer, 1, 0);
    bench_close(&bench);
}
END_TEST

/* ---- service: feedback ---- */

static void make_feedback(struct bench *bench)
{
    size_t count;
    struct actor none = {0};
    bench_send(bench, "d1", "m-1", "x");
    mailbox_purge(hub_mailboxes(bench->hub), "d1", &none, hub_now(bench->hub), &count, NULL);
    bench_advance(bench, DURATION_SECONDS(15));
}

START_TEST(test_node_service_reads_feedback)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_node(&peer, &bench, service_token());
    peer_put_attach(&peer, (struct attach){.handle = 2,
                               .name = "rheaReceiver_2",
                               .receives = true,
                               .snd_mode = 2,
                               .source = "/messages/serviceBound/feedback"});
    peer_expect(&peer, FRAME_ATTACH);
    peer_flow(&peer, 0, 2, 0, 1000);
    make_feedback(&bench);
    uint32_t id = (uint32_t)peer_expect(&peer, FRAME_TRANSFER)->fields[1].is.number;
    peer_put_outcome(&peer, 0, id, id, true, ACCEPTED);
    peer_expect_silence(&peer);
    say_goodbye(&peer, 0, 2);
    bench_close(&bench);
}
END_TEST

START_TEST(test_dotnet_service_reads_feedback)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_dotnet(&peer, &bench, service_token());
    peer_put(&peer, 0, "DL[SIonBDL[S]DL[]]", (uint64_t)FRAME_ATTACH, "guid", 0, true, 1,
        (uint64_t)0x28, "amqps://hub.local:5671/messages/serviceBound/feedback", (uint64_t)0x29);
    ck_assert_uint_eq(peer_expect(&peer, FRAME_ATTACH)->fields[4].is.number, 1);
    make_feedback(&bench);
    peer_expect_silence(&peer);
    /* ReceiveAsync */
    peer_flow(&peer, 0, 0, 0, 1);
    const struct frame_seen *frame = peer_expect(&peer, FRAME_TRANSFER);
    ck_assert_uint_eq(frame->fields[2].length, 16);
    uint32_t id = (uint32_t)frame->fields[1].is.number;
    peer_put_outcome(&peer, 0, id, id, false, ACCEPTED);
    frame = peer_expect(&peer, FRAME_DISPOSITION);
    ck_assert(!frame->fields[0].is.boolean);
    ck_assert(frame->fields[3].is.boolean);
    ck_assert_uint_eq(frame_outcome(frame), ACCEPTED);
    say_goodbye(&peer, 0, 0);
    bench_close(&bench);
}
END_TEST

START_TEST(test_java_service_reads_feedback)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_java(&peer, &bench, service_token());
    make_feedback(&bench);
    peer_put_attach(&peer, (struct attach){.channel = 1,
                               .name = "cloudToDeviceMessageFeedbackReceiver",
                               .receives = true,
                               .source = "/messages/servicebound/feedback"});
    peer_flow(&peer, 1, 0, 0, 1);
    peer_expect(&peer, FRAME_ATTACH);
    uint32_t id = (uint32_t)peer_expect(&peer, FRAME_TRANSFER)->fields[1].is.number;
    peer_put_outcome(&peer, 1, id, id, true, 0x26);
    peer_flow(&peer, 1, 0, 1, 1023);
    id = (uint32_t)peer_expect(&peer, FRAME_TRANSFER)->fields[1].is.number;
    peer_put_outcome(&peer, 1, id, id, true, ACCEPTED);
    peer_expect_silence(&peer);
    bench_close(&bench);
}
END_TEST

START_TEST(test_go_service_reads_feedback)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_go(&peer, &bench);
    make_feedback(&bench);
    peer_put_attach(&peer, (struct attach){.channel = 1,
                               .name = "random-4",
                               .receives = true,
                               .snd_mode = 2,
                               .source = "/messages/serviceBound/feedback"});
    peer_expect(&peer, FRAME_ATTACH);
    peer_flow(&peer, 1, 0, 0, 1);
    uint32_t id = (uint32_t)peer_expect(&peer, FRAME_TRANSFER)->fields[1].is.number;
    peer_put_outcome(&peer, 1, id, id, true, ACCEPTED);
    peer_flow(&peer, 1, 0, 1, 1);
    peer_expect_silence(&peer);
    bench_close(&bench);
}
END_TEST

/* ---- device: receive ---- */

static void expect_and_accept(struct peer *peer, uint16_t channel)
{
    uint32_t id = (uint32_t)peer_expect(peer, FRAME_TRANSFER)->fields[1].is.number;
    peer_put_outcome(peer, channel, id, id, true, ACCEPTED);
    peer_expect_silence(peer);
    ck_assert_uint_eq(bench_counts(peer->bench, "d1").invisible, 0);
}

START_TEST(test_node_device_receives)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_node(&peer, &bench, token_for(TEST_HOST "%2Fdevices%2Fd1"));
    peer_put_attach(&peer, (struct attach){.handle = 2,
                               .name = "rheaReceiver_2",
                               .receives = true,
                               .snd_mode = 2,
                               .source = TO_D1});
    peer_expect(&peer, FRAME_ATTACH);
    peer_flow(&peer, 0, 2, 0, 1000);
    bench_send(&bench, "d1", "m", "x");
    expect_and_accept(&peer, 0);
    say_goodbye(&peer, 0, 2);
    bench_close(&bench);
}
END_TEST

START_TEST(test_dotnet_device_receives)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_dotnet(&peer, &bench, token_for(TEST_HOST "/devices/d1"));
    peer_put_attach(&peer, (struct attach){.name = "TelemetrySenderLink",
                               .snd_mode = 2,
                               .source = "d1",
                               .target = "amqps://hub.local:5671/devices/d1/messages/events"});
    peer_expect(&peer, FRAME_ATTACH);
    peer_expect(&peer, FRAME_FLOW);
    peer_put_attach(&peer, (struct attach){.handle = 1,
                               .name = "TelemetryReceiverLink",
                               .receives = true,
                               .snd_mode = 2,
                               .rcv_mode = 1,
                               .source = "amqps://hub.local:5671/devices/d1/messages/deviceBound",
                               .target = "d1"});
    ck_assert_uint_eq(peer_expect(&peer, FRAME_ATTACH)->fields[4].is.number, 1);
    peer_flow(&peer, 0, 1, 0, 50);
    bench_send(&bench, "d1", "m", "x");
    uint32_t id = (uint32_t)peer_expect(&peer, FRAME_TRANSFER)->fields[1].is.number;
    peer_put_outcome(&peer, 0, id, id, false, ACCEPTED);
    const struct frame_seen *frame = peer_expect(&peer, FRAME_DISPOSITION);
    ck_assert(!frame->fields[0].is.boolean && frame->fields[3].is.boolean);
    ck_assert_uint_eq(frame_outcome(frame), ACCEPTED);
    say_goodbye(&peer, 0, 1);
    bench_close(&bench);
}
END_TEST

START_TEST(test_java_device_receives)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_java(&peer, &bench, token_for(TEST_HOST "/devices/d1"));
    peer_put_attach(&peer, (struct attach){.channel = 1,
                               .name = "sender_link_telemetry-d1-uuid",
                               .snd_mode = 2,
                               .target = "/devices/d1/messages/events",
                               .channel_id = "d1"});
    peer_put_attach(&peer, (struct attach){.channel = 1,
                               .handle = 1,
                               .name = "receiver_link_telemetry-d1-uuid",
                               .receives = true,
                               .snd_mode = 2,
                               .source = TO_D1,
                               .channel_id = "d1"});
    peer_flow(&peer, 1, 1, 0, 1024);
    peer_expect(&peer, FRAME_ATTACH);
    peer_expect(&peer, FRAME_ATTACH);
    /* Larger than its frames: it comes in parts. */
    char body[9000];
    memset(body, 'x', sizeof(body) - 1);
    body[sizeof(body) - 1] = '\0';
    bench_send(&bench, "d1", "m", body);
    size_t received = 0;
    const struct frame_seen *frame;
    uint32_t id = 0;
    do {
        frame = peer_expect(&peer, FRAME_TRANSFER);
        id = received == 0 ? (uint32_t)frame->fields[1].is.number : id;
        received += frame->payload.length;
    } while (frame->fields[5].is.boolean);
    ck_assert_uint_gt(received, sizeof(body));
    peer_put_outcome(&peer, 1, id, id, true, ACCEPTED);
    peer_expect_silence(&peer);
    ck_assert_uint_eq(bench_counts(&bench, "d1").invisible, 0);
    bench_close(&bench);
}
END_TEST

START_TEST(test_c_device_receives)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_mssbcbs(&peer, &bench, token_for(TEST_HOST "/devices/d1"));
    peer_put_attach(&peer, (struct attach){.handle = 2,
                               .name = "link-snd-d1-uuid",
                               .source = "link-snd-d1-uuid-source",
                               .target = "amqps://hub.local/devices/d1/messages/events"});
    /* Without a size above 1024 it never sends. */
    ck_assert_uint_gt(peer_expect(&peer, FRAME_ATTACH)->fields[10].is.number, 1024);
    peer_expect(&peer, FRAME_FLOW);
    peer_put_attach(&peer, (struct attach){.handle = 3,
                               .name = "link-rcv-d1-uuid",
                               .receives = true,
                               .source = "amqps://hub.local/devices/d1/messages/devicebound",
                               .target = "link-rcv-d1-uuid-target"});
    peer_expect(&peer, FRAME_ATTACH);
    peer_flow(&peer, 0, 3, 0, 10000);
    bench_send(&bench, "d1", "m", "x");
    expect_and_accept(&peer, 0);
    bench_close(&bench);
}
END_TEST

SUITE_MAIN("amqp sequences", test_node_service_sends, test_python_service_sends,
    test_dotnet_service_sends, test_java_service_sends, test_c_service_sends_and_reads_feedback,
    test_go_service_sends, test_node_service_reads_feedback, test_dotnet_service_reads_feedback,
    test_java_service_reads_feedback, test_go_service_reads_feedback, test_node_device_receives,
    test_dotnet_device_receives, test_java_device_receives, test_c_device_receives)
