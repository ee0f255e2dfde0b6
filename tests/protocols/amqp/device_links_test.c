/*
 * What device SDKs attach beside the link they receive on: telemetry, twin, methods.
 */
#include "protocols/session/throttle.h"
#include "tests/protocols/amqp/peer.h"
#include "tests/store/twin_limits.h"
#include "tests/suite.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCEPTED 0x24
#define REJECTED 0x25

#define REPORTED "/properties/reported"
#define DESIRED "/notifications/twin/properties/desired"

/* `resource` NULL: none. */
static void request_of(struct peer *peer, struct transfer transfer, const char *operation,
    const char *resource, const struct writer *correlation_id, const char *body)
{
    struct writer message = {0};
    write_descriptor(&message, SECTION_MESSAGE_ANNOTATIONS);
    size_t map = write_open(&message, COMPOUND_MAP);
    write_symbol(&message, TEXT("operation"));
    write_string(&message, text_of(operation));
    write_symbol(&message, TEXT("version"));
    write_null(&message);
    if (resource) {
        write_symbol(&message, TEXT("resource"));
        write_string(&message, text_of(resource));
    }
    write_close(&message, map, resource ? 6 : 4);
    write_descriptor(&message, SECTION_PROPERTIES);
    size_t list = write_open(&message, COMPOUND_LIST);
    for (int i = 0; i < PROPERTY_CORRELATION_ID; i++) {
        write_null(&message);
    }
    if (correlation_id) {
        write_raw(&message, correlation_id->bytes, correlation_id->length);
    } else {
        write_null(&message);
    }
    write_close(&message, list, PROPERTY_CORRELATION_ID + 1);
    write_descriptor(&message, SECTION_DATA);
    write_binary(&message, text_of(body));
    peer_put_transfer(peer, transfer, writer_text(&message));
    writer_free(&message);
}

static void request(struct peer *peer, uint32_t handle, bool settled, const char *operation,
    const struct writer *correlation_id)
{
    request_of(peer, (struct transfer){.handle = handle, .settled = settled}, operation, NULL,
        correlation_id, " ");
}

static void attach_twin_of(
    struct peer *peer, uint32_t handle, int snd_mode, const char *channel, const char *address)
{
    char name[32];
    snprintf(name, sizeof(name), "twin-%u", handle);
    peer_put_attach(peer, (struct attach){.handle = handle,
                              .name = name,
                              .snd_mode = snd_mode,
                              .target = address,
                              .channel_id = channel});
    peer_expect(peer, FRAME_ATTACH);
    peer_put_attach(peer, (struct attach){.handle = handle + 1,
                              .name = name,
                              .receives = true,
                              .snd_mode = snd_mode,
                              .source = address,
                              .channel_id = channel});
    peer_expect(peer, FRAME_ATTACH);
    peer_flow(peer, 0, handle + 1, 0, 10);
}

static void attach_twin(struct peer *peer, uint32_t handle, int snd_mode, const char *channel)
{
    attach_twin_of(peer, handle, snd_mode, channel, "/devices/d1/twin");
}

/* What clients make an exception of: without it the Node.js SDK waits for ever. */
static void assert_described(struct text body, int status)
{
    json_t *told = json_loadb(body.bytes, body.length, 0, NULL);
    ck_assert_int_eq(json_integer_value(json_object_get(told, "errorCode")) / 1000, status);
    ck_assert_uint_gt(json_string_length(json_object_get(told, "message")), 0);
    json_decref(told);
}

/* `body` is that of a status below 400. */
static int64_t assert_reply(const struct frame_seen *frame, const struct writer *correlation_id,
    int status, const char *body)
{
    int64_t version;
    struct sections sections;
    struct value value;
    ck_assert_uint_eq(frame->fields[2].length, 16);
    ck_assert(sections_read(frame->payload.bytes, frame->payload.length, &sections));
    ck_assert(map_find(&sections.annotations, "status", &value));
    ck_assert_uint_eq(value.code, 0x71);
    ck_assert_int_eq(value.is.integer, status);
    ck_assert(map_find(&sections.annotations, "version", &value));
    ck_assert_uint_eq(value.code, 0x81);
    version = value.is.integer;
    const struct value *id = &sections.properties[PROPERTY_CORRELATION_ID];
    ck_assert_uint_eq(id->encoded_length, correlation_id->length);
    ck_assert_mem_eq(id->encoded, correlation_id->bytes, correlation_id->length);
    ck_assert(read_value(&sections.bodies, &value));
    ck_assert_int_eq(value.type, VALUE_BINARY);
    if (status >= 400) {
        assert_described(value_text(&value), status);
    } else {
        ck_assert(text_equal(value_text(&value), text_of(body)));
    }
    return version;
}

START_TEST(test_pitfall_05_a_twin_reply_follows_the_disposition_of_its_request)
{
    struct bench bench;
    struct peer peer;
    struct writer id = {0};
    bench_open(&bench);
    peer_open_device(&peer, &bench, "d1");
    attach_twin(&peer, 2, 0, "twin:1");
    write_string(&id, TEXT("c-1"));
    for (int i = 0; i < 2; i++) {
        request(&peer, 2, false, "GET", &id);
        ck_assert_uint_eq(frame_outcome(peer_expect(&peer, FRAME_DISPOSITION)), ACCEPTED);
        assert_reply(peer_expect(&peer, FRAME_TRANSFER), &id, 200,
            "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}");
    }
    writer_free(&id);
    bench_close(&bench);
}
END_TEST

START_TEST(test_every_twin_operation_of_the_sdks_is_answered)
{
    static const struct {
        const char *operation, *resource;
        int status;
    } rows[] = {{"PATCH", REPORTED, 200}, {"PUT", DESIRED, 200}, {"DELETE", DESIRED, 200},
        {"patch", REPORTED, 200}, {"POST", REPORTED, 400}, {"PATCH", DESIRED, 400},
        {"PATCH", NULL, 400}, {"PUT", REPORTED, 400}};
    struct bench bench;
    struct peer peer;
    struct writer id = {0};
    bench_open(&bench);
    peer_open_device(&peer, &bench, "d1");
    attach_twin(&peer, 2, 1, "twin:1");
    write_raw(&id,
        "\x98"
        "0123456789abcdef",
        17);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        request_of(&peer, (struct transfer){.handle = 2, .settled = true}, rows[i].operation,
            rows[i].resource, &id, "{}");
        const struct frame_seen *frame = peer_expect(&peer, FRAME_TRANSFER);
        ck_assert(frame->fields[4].is.boolean);
        assert_reply(frame, &id, rows[i].status, "");
        peer_expect_silence(&peer);
    }
    writer_free(&id);
    bench_close(&bench);
}
END_TEST

START_TEST(test_reports_beyond_the_limits_of_names_and_values_are_400)
{
    struct bench bench;
    struct peer peer;
    struct writer id = {0};
    const struct transfer transfer = {.handle = 2, .settled = true};
    bench_open(&bench);
    peer_open_device(&peer, &bench, "d1");
    attach_twin(&peer, 2, 1, "twin:1");
    write_string(&id, TEXT("c"));
    peer_flow(&peer, 0, 3, 0, 2 * TWIN_LIMIT_COUNT);
    for (size_t i = 0; i < TWIN_LIMIT_COUNT; i++) {
        request_of(&peer, transfer, "PATCH", REPORTED, &id, twin_limits[i].exceeds);
        assert_reply(peer_expect(&peer, FRAME_TRANSFER), &id, 400, "");
        request_of(&peer, transfer, "PATCH", REPORTED, &id, twin_limits[i].fits);
        int64_t version = assert_reply(peer_expect(&peer, FRAME_TRANSFER), &id, 200, "");
        ck_assert_int_eq(version, (int64_t)i + 2);
    }
    writer_free(&id);
    bench_close(&bench);
}
END_TEST

START_TEST(test_twin_operations_beyond_their_rate_are_429)
{
    static const struct {
        enum throttle_operation limit;
        const char *operation, *resource;
    } rows[] = {{THROTTLE_TWIN_READ, "GET", NULL}, {THROTTLE_TWIN_UPDATE, "PATCH", REPORTED}};
    struct bench bench;
    struct peer peer;
    struct writer id = {0};
    bench_open(&bench);
    throttle_set_profile(bench.sessions, THROTTLE_FREE);
    peer_open_device(&peer, &bench, "d1");
    attach_twin(&peer, 2, 1, "twin:1");
    write_string(&id, TEXT("c-1"));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct instant now = clock_now(bench.clock);
        while (throttle_take(bench.sessions, rows[i].limit, now, NULL) == HUB_OK) {
        }
        request_of(&peer, (struct transfer){.handle = 2, .settled = true}, rows[i].operation,
            rows[i].resource, &id, "{}");
        assert_reply(peer_expect(&peer, FRAME_TRANSFER), &id, 429, "");
    }
    writer_free(&id);
    bench_close(&bench);
}
END_TEST

START_TEST(test_reported_properties_are_merged_versioned_and_read_back)
{
    static const struct {
        const char *patch;
        int status;
        int64_t version;
    } rows[] = {{"{\"a\":1,\"b\":{\"c\":2}}", 200, 2}, {"{\"a\":null}", 200, 3}, {"[]", 400, 1},
        {"", 400, 1}, {"{\"a.b\":1}", 400, 1}};
    struct bench bench;
    struct peer peer;
    struct writer id = {0};
    bench_open(&bench);
    peer_open_device(&peer, &bench, "d1");
    attach_twin(&peer, 2, 1, "twin:1");
    write_string(&id, TEXT("c"));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        request_of(&peer, (struct transfer){.handle = 2, .settled = true}, "PATCH", REPORTED, &id,
            rows[i].patch);
        ck_assert_int_eq(assert_reply(peer_expect(&peer, FRAME_TRANSFER), &id, rows[i].status, ""),
            rows[i].version);
    }
    request(&peer, 2, true, "GET", &id);
    assert_reply(peer_expect(&peer, FRAME_TRANSFER), &id, 200,
        "{\"desired\":{\"$version\":1},\"reported\":{\"b\":{\"c\":2},\"$version\":3}}");
    char *twin =
        twins_read(hub_twins(bench.hub), identity_find(hub_identities(bench.hub), "d2")->row);
    ck_assert_str_eq(twin, "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}");
    free(twin);
    writer_free(&id);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_device_reads_what_a_service_desires)
{
    struct bench bench;
    struct peer peer;
    struct writer id = {0};
    bench_open(&bench);
    json_t *patch =
        json_pack("{s{ss} s{s{si}}}", "tags", "floor", "1", "properties", "desired", "interval", 5);
    ck_assert_int_eq(
        twins_change(hub_twins(bench.hub), identity_find(hub_identities(bench.hub), "d1")->row,
            patch, TWIN_MERGE, TEST_NOW, NULL),
        HUB_OK);
    json_decref(patch);
    peer_open_device(&peer, &bench, "d1");
    attach_twin(&peer, 2, 1, "twin:1");
    write_string(&id, TEXT("c"));
    request(&peer, 2, true, "GET", &id);
    assert_reply(peer_expect(&peer, FRAME_TRANSFER), &id, 200,
        "{\"desired\":{\"interval\":5,\"$version\":2},\"reported\":{\"$version\":1}}");
    writer_free(&id);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_report_whose_commit_fails_is_not_answered_as_done)
{
    struct bench bench;
    struct peer peer;
    struct writer id = {0};
    bench_open(&bench);
    peer_open_device(&peer, &bench, "d1");
    attach_twin(&peer, 2, 0, "twin:1");
    write_string(&id, TEXT("c"));
    bench_break_commits(&bench, true);
    request_of(&peer, (struct transfer){.handle = 2}, "PATCH", REPORTED, &id, "{\"a\":1}");
    ck_assert_str_eq(frame_condition(peer_expect(&peer, FRAME_DISPOSITION)), "amqp:internal-error");
    peer_expect_silence(&peer);
    bench_break_commits(&bench, false);
    request(&peer, 2, false, "GET", &id);
    peer_expect(&peer, FRAME_DISPOSITION);
    assert_reply(peer_expect(&peer, FRAME_TRANSFER), &id, 200,
        "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}");
    writer_free(&id);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_twin_reply_goes_to_the_receiver_of_its_own_channel)
{
    struct bench bench;
    struct peer peer;
    struct writer id = {0};
    bench_open(&bench);
    peer_open_device(&peer, &bench, "d1");
    attach_twin(&peer, 2, 1, "twin:1");
    attach_twin(&peer, 4, 1, "twin:2");
    write_string(&id, TEXT("c"));
    request(&peer, 2, true, "GET", &id);
    uint64_t first = peer_expect(&peer, FRAME_TRANSFER)->fields[0].is.number;
    request(&peer, 4, true, "GET", &id);
    uint64_t second = peer_expect(&peer, FRAME_TRANSFER)->fields[0].is.number;
    ck_assert_uint_ne(first, second);
    writer_free(&id);
    bench_close(&bench);
}
END_TEST

START_TEST(test_nothing_is_sent_to_a_twin_link_unasked)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_open_device(&peer, &bench, "d1");
    attach_twin(&peer, 2, 0, "twin:1");
    request(&peer, 2, false, "GET", NULL);
    ck_assert_uint_eq(frame_outcome(peer_expect(&peer, FRAME_DISPOSITION)), ACCEPTED);
    peer_expect_silence(&peer);
    peer_put_transfer(&peer, (struct transfer){.handle = 2}, TEXT("garbage"));
    ck_assert_str_eq(frame_condition(peer_expect(&peer, FRAME_DISPOSITION)), "amqp:decode-error");
    bench_close(&bench);
}
END_TEST

/* What was kept of d1, after `after`. */
static const struct telemetry_item *taken_after(struct bench *bench, uint64_t after)
{
    return telemetry_next(hub_telemetry(bench->hub), "d1", after);
}

static void open_telemetry(struct peer *peer, struct bench *bench)
{
    bench_open(bench);
    peer_open_device(peer, bench, "d1");
    peer_attach_sender(
        peer, 0, 2, "TelemetrySenderLink", "amqps://hub.local:5671/devices/d1/messages/events");
}

static void send_telemetry(struct peer *peer, struct text bytes, uint64_t outcome)
{
    peer_put_transfer(peer, (struct transfer){.handle = 2}, bytes);
    ck_assert_uint_eq(frame_outcome(peer_expect(peer, FRAME_DISPOSITION)), outcome);
}

START_TEST(test_telemetry_is_kept_with_what_it_carried)
{
    static const struct telemetry_property expected[] = {
        {TELEMETRY_SYSTEM, {"messageId", 9}, {"m1", 2}},
        {TELEMETRY_SYSTEM, {"contentType", 11}, {"text/plain", 10}},
        {TELEMETRY_SYSTEM, {"expiryTime", 10}, {"2026-03-01T12:00:00.000Z", 24}},
        {TELEMETRY_SYSTEM, {"iothub-interface-id", 19}, {"urn:x", 5}},
        {TELEMETRY_APPLICATION, {"level", 5}, {"21", 2}},
        {TELEMETRY_APPLICATION, {"list", 4}, {NULL, 0}},
    };
    struct bench bench;
    struct peer peer;
    struct writer writer = {0};
    struct telemetry_property property;
    size_t at = 0;
    open_telemetry(&peer, &bench);
    write_descriptor(&writer, SECTION_MESSAGE_ANNOTATIONS);
    size_t map = write_open(&writer, COMPOUND_MAP);
    write_symbol(&writer, TEXT("iothub-interface-id"));
    write_string(&writer, TEXT("urn:x"));
    write_close(&writer, map, 2);
    write_descriptor(&writer, SECTION_PROPERTIES);
    size_t list = write_open(&writer, COMPOUND_LIST);
    write_string(&writer, TEXT("m1"));
    for (int i = 0; i < 5; i++) {
        write_null(&writer);
    }
    write_symbol(&writer, TEXT("text/plain"));
    write_null(&writer);
    write_timestamp(&writer, 1772366400000);
    write_close(&writer, list, PROPERTY_COUNT);
    write_descriptor(&writer, SECTION_APPLICATION_PROPERTIES);
    map = write_open(&writer, COMPOUND_MAP);
    write_string(&writer, TEXT("level"));
    write_int(&writer, 21);
    write_string(&writer, TEXT("list")); /* has no text */
    write_close(&writer, write_open(&writer, COMPOUND_LIST), 0);
    write_close(&writer, map, 4);
    write_descriptor(&writer, SECTION_DATA);
    write_binary(&writer, TEXT("a"));
    write_descriptor(&writer, SECTION_DATA);
    write_binary(&writer, TEXT("b"));
    send_telemetry(&peer, writer_text(&writer), ACCEPTED);
    const struct telemetry_item *item = taken_after(&bench, 0);
    ck_assert_str_eq(item->protocol, "amqp");
    ck_assert(text_equal(telemetry_event_body(item->event), TEXT("ab")));
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        ck_assert(telemetry_event_next(item->event, &at, &property));
        ck_assert_int_eq(property.kind, expected[i].kind);
        ck_assert(text_equal(property.name, expected[i].name));
        ck_assert(text_equal(property.value, expected[i].value));
    }
    ck_assert(!telemetry_event_next(item->event, &at, &property));
    writer_free(&writer);
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_22_each_message_of_a_batch_counts)
{
    struct bench bench;
    struct peer peer;
    struct writer batch = {0};
    open_telemetry(&peer, &bench);
    write_descriptor(&batch, SECTION_DATA);
    write_binary(&batch, TEXT("\x00\x53\x75\xa0\x01x"));
    write_descriptor(&batch, SECTION_DATA);
    write_binary(&batch, TEXT("\x00\x53\x75\xa0\x02yz"));
    send_telemetry(&peer, writer_text(&batch), ACCEPTED);
    const struct telemetry_item *item = taken_after(&bench, 0);
    ck_assert(text_equal(telemetry_event_body(item->event), TEXT("x")));
    item = taken_after(&bench, item->id);
    ck_assert(text_equal(telemetry_event_body(item->event), TEXT("yz")));
    /* Data that is no message makes it a single one. */
    write_descriptor(&batch, SECTION_DATA);
    write_binary(&batch, TEXT("!"));
    send_telemetry(&peer, writer_text(&batch), ACCEPTED);
    item = taken_after(&bench, item->id);
    ck_assert_uint_eq(telemetry_event_body(item->event).length, 14);
    ck_assert_ptr_null(taken_after(&bench, item->id));
    ck_assert_uint_eq(bench_counts(&bench, "d1").enqueued, 0);
    writer_free(&batch);
    bench_close(&bench);
}
END_TEST

START_TEST(test_telemetry_may_be_empty_but_not_malformed)
{
    struct bench bench;
    struct peer peer;
    open_telemetry(&peer, &bench);
    send_telemetry(&peer, TEXT("\x00\x53\x75\xa0\x00"), ACCEPTED);
    ck_assert_uint_eq(telemetry_event_body(taken_after(&bench, 0)->event).length, 0);
    send_telemetry(&peer, TEXT("anything"), REJECTED);
    ck_assert_ptr_null(taken_after(&bench, 1));
    bench_close(&bench);
}
END_TEST

START_TEST(test_method_links_are_attached_and_stay_silent)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_open_device(&peer, &bench, "d1");
    peer_attach_receiver(
        &peer, 0, 2, "methods_requests_link-d1", "/devices/d1/methods/devicebound");
    peer_attach_sender(&peer, 0, 3, "methods_responses_link-d1", "/devices/d1/methods/deviceBound");
    peer_flow(&peer, 0, 2, 0, 10);
    peer_put_transfer(&peer, (struct transfer){.handle = 3}, TEXT("whatever"));
    ck_assert_uint_eq(frame_outcome(peer_expect(&peer, FRAME_DISPOSITION)), ACCEPTED);
    peer_expect_silence(&peer);
    bench_close(&bench);
}
END_TEST

SUITE_MAIN("amqp device links", test_pitfall_05_a_twin_reply_follows_the_disposition_of_its_request,
    test_every_twin_operation_of_the_sdks_is_answered,
    test_twin_operations_beyond_their_rate_are_429,
    test_reports_beyond_the_limits_of_names_and_values_are_400,
    test_reported_properties_are_merged_versioned_and_read_back,
    test_a_device_reads_what_a_service_desires,
    test_a_report_whose_commit_fails_is_not_answered_as_done,
    test_a_twin_reply_goes_to_the_receiver_of_its_own_channel,
    test_nothing_is_sent_to_a_twin_link_unasked, test_telemetry_is_kept_with_what_it_carried,
    test_pitfall_22_each_message_of_a_batch_counts, test_telemetry_may_be_empty_but_not_malformed,
    test_method_links_are_attached_and_stay_silent)
