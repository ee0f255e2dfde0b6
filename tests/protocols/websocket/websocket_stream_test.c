#include "protocols/websocket/websocket_stream.h"

#include "tests/protocols/fake_loop.h"
#include "tests/protocols/websocket/memory_stream.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define BIG 200000

/* A WebSocket stream on a stream in memory, and its owner. */
static struct loop *loop;
static struct memory_stream lower;
static struct websocket_closing closing;
static struct stream *websocket;
static uint8_t owner_input[BIG];
static struct {
    uint8_t *input;
    size_t length;
    int readable, writable, ended;
    bool idle; /* does not consume */
    bool closes_when_readable, closes_when_ended;
} owner;

static void take_input(void)
{
    size_t length;
    const uint8_t *bytes = stream_peek(websocket, &length);

    ck_assert_uint_le(owner.length + length, BIG);
    memcpy(owner.input + owner.length, bytes, length);
    owner.length += length;
    stream_consume(websocket, length);
}

static void close_by_owner(void)
{
    stream_close(websocket);
    websocket = NULL;
}

static void owner_readable(void *context)
{
    ck_assert_ptr_eq(context, &owner);
    ck_assert_int_eq(owner.ended, 0);
    owner.readable++;
    if (!owner.idle) {
        take_input();
    }
    if (owner.closes_when_readable) {
        close_by_owner();
    }
}

static void owner_writable(void *context)
{
    ck_assert_ptr_eq(context, &owner);
    owner.writable++;
}

static void owner_ended(void *context)
{
    ck_assert_ptr_eq(context, &owner);
    owner.ended++;
    if (owner.closes_when_ended) {
        close_by_owner();
    }
}

static const struct stream_events owner_events = {owner_readable, owner_writable, owner_ended};

static void open_hiding(bool hide_certificate)
{
    memset(&owner, 0, sizeof(owner));
    owner.input = owner_input;
    memory_stream_init(&lower);
    lower.certificate = (struct x509_st *)&lower;
    websocket = websocket_stream_create(loop, &lower.base, hide_certificate, &closing);
    stream_set_owner(websocket, &owner_events, &owner);
}

static void open_websocket(void)
{
    loop = loop_create();
    open_hiding(false);
}

static void drop_websocket(void)
{
    if (websocket) {
        stream_reset(websocket);
        websocket = NULL;
    }
    websocket_closing_reset(&closing);
    memory_stream_release(&lower);
    ck_assert_int_eq(fake_loop_timers(loop), 0);
}

static void close_websocket(void)
{
    drop_websocket();
    loop_free(loop);
}

static void check_output(const void *bytes, size_t length)
{
    ck_assert_uint_eq(lower.output_length, length);
    ck_assert_mem_eq(lower.output, bytes, length);
}

#define CHECK_OUTPUT(literal) check_output("" literal, sizeof(literal) - 1)
#define FEED(literal) memory_stream_feed(&lower, "" literal, sizeof(literal) - 1)

/* ---- the table: what comes, what the owner gets, what is answered ---- */

#define LITERAL(text)                                                                              \
    {                                                                                              \
        "" text, sizeof(text) - 1                                                                  \
    }

#define MASK "\0\0\0\0"
#define NOTHING LITERAL("")
#define CLOSE_1002 LITERAL("\x88\x02\x03\xea")

struct bytes {
    const char *bytes;
    size_t length;
};

static const struct row {
    const char *name;
    struct bytes input, payload, output;
    bool ended;
} rows[] = {
    {"a binary frame", LITERAL("\x82\x85" MASK "hello"), LITERAL("hello"), NOTHING, false},
    {"a masked one (RFC 6455 section 5.7)", LITERAL("\x82\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
        LITERAL("Hello"), NOTHING, false},
    {"two frames", LITERAL("\x82\x81" MASK "a\x82\x82" MASK "bc"), LITERAL("abc"), NOTHING, false},
    {"fragments", LITERAL("\x02\x83" MASK "Hel\x00\x81" MASK "l\x80\x81" MASK "o"),
        LITERAL("Hello"), NOTHING, false},
    {"a ping between fragments",
        LITERAL("\x02\x81" MASK "a\x89\x82" MASK "hi\x80\x81" MASK "b\x82\x81" MASK "c"),
        LITERAL("abc"), LITERAL("\x8a\x02hi"), false},
    {"empty frames and fragments",
        LITERAL(
            "\x82\x80" MASK "\x02\x80" MASK "\x00\x80" MASK "\x80\x80" MASK "\x82\x81" MASK "x"),
        LITERAL("x"), NOTHING, false},
    {"a ping", LITERAL("\x89\x85" MASK "hello"), NOTHING, LITERAL("\x8a\x05hello"), false},
    {"an empty ping", LITERAL("\x89\x80" MASK), NOTHING, LITERAL("\x8a\x00"), false},
    {"an unmasked ping", LITERAL("\x89\x02hi"), NOTHING, LITERAL("\x8a\x02hi"), false},
    {"pongs nobody asked for", LITERAL("\x8a\x80" MASK "\x8a\x81" MASK "x\x8a\x00\x8a\x01y"),
        NOTHING, NOTHING, false},
    {"close", LITERAL("\x88\x82" MASK "\x03\xe8"), NOTHING, LITERAL("\x88\x02\x03\xe8"), true},
    {"an unmasked close", LITERAL("\x88\x02\x03\xe8"), NOTHING, LITERAL("\x88\x02\x03\xe8"), true},
    {"close with a reason",
        LITERAL("\x88\x85" MASK "\x03\xe9"
                "bye"),
        NOTHING, LITERAL("\x88\x02\x03\xe9"), true},
    {"close without a status", LITERAL("\x88\x80" MASK), NOTHING, LITERAL("\x88\x00"), true},
    {"close with the digits of 1000", LITERAL("\x88\x84" MASK "1000"), NOTHING, LITERAL("\x88\x00"),
        true},
    {"close with half a status", LITERAL("\x88\x81" MASK "\x03"), NOTHING, LITERAL("\x88\x00"),
        true},
    {"close with status 999", LITERAL("\x88\x82" MASK "\x03\xe7"), NOTHING, LITERAL("\x88\x00"),
        true},
    {"close with a reserved status", LITERAL("\x88\x82" MASK "\x03\xed"), NOTHING,
        LITERAL("\x88\x00"), true},
    {"close with status 4999", LITERAL("\x88\x82" MASK "\x13\x87"), NOTHING,
        LITERAL("\x88\x02\x13\x87"), true},
    {"close with status 5000", LITERAL("\x88\x82" MASK "\x13\x88"), NOTHING, LITERAL("\x88\x00"),
        true},
    {"data after close", LITERAL("\x82\x81" MASK "a\x88\x80" MASK "\x82\x81" MASK "b"),
        LITERAL("a"), LITERAL("\x88\x00"), true},
    {"a text frame", LITERAL("\x81\x81" MASK "a"), NOTHING, LITERAL("\x88\x02\x03\xeb"), true},
    {"an empty text frame", LITERAL("\x81\x80" MASK), NOTHING, LITERAL("\x88\x02\x03\xeb"), true},
    {"a text frame after data", LITERAL("\x82\x81" MASK "a\x81\x81" MASK "b"), LITERAL("a"),
        LITERAL("\x88\x02\x03\xeb"), true},
    {"unmasked data",
        LITERAL("\x82\x01"
                "a"),
        NOTHING, CLOSE_1002, true},
    {"an unmasked continuation",
        LITERAL("\x02\x81" MASK "a\x80\x01"
                "b"),
        LITERAL("a"), CLOSE_1002, true},
    {"reserved bit 1", LITERAL("\xc2\x81" MASK "a"), NOTHING, CLOSE_1002, true},
    {"reserved bit 2", LITERAL("\xa2\x81" MASK "a"), NOTHING, CLOSE_1002, true},
    {"reserved bit 3", LITERAL("\x92\x81" MASK "a"), NOTHING, CLOSE_1002, true},
    {"reserved bit of a ping", LITERAL("\xc9\x81" MASK "a"), NOTHING, CLOSE_1002, true},
    {"data opcode 3", LITERAL("\x83\x81" MASK "a"), NOTHING, CLOSE_1002, true},
    {"data opcode 7", LITERAL("\x87\x81" MASK "a"), NOTHING, CLOSE_1002, true},
    {"control opcode 11", LITERAL("\x8b\x81" MASK "a"), NOTHING, CLOSE_1002, true},
    {"control opcode 15", LITERAL("\x8f\x80" MASK), NOTHING, CLOSE_1002, true},
    {"a continuation of nothing", LITERAL("\x80\x81" MASK "a"), NOTHING, CLOSE_1002, true},
    {"a message within a message", LITERAL("\x02\x81" MASK "a\x82\x81" MASK "b"), LITERAL("a"),
        CLOSE_1002, true},
    {"a ping in fragments", LITERAL("\x09\x81" MASK "a"), NOTHING, CLOSE_1002, true},
    {"a ping of 126 bytes", LITERAL("\x89\xfe\x00\x7e" MASK), NOTHING, CLOSE_1002, true},
    {"two bytes of length for 5", LITERAL("\x82\xfe\x00\x05" MASK "hello"), NOTHING, CLOSE_1002,
        true},
    {"eight bytes of length for 5", LITERAL("\x82\xff\0\0\0\0\0\0\x00\x05" MASK "hello"), NOTHING,
        CLOSE_1002, true},
    {"a length of 64 bits", LITERAL("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff" MASK "hello"),
        NOTHING, CLOSE_1002, true},
    {"a huge frame that goes on", LITERAL("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" MASK "hello"),
        LITERAL("hello"), NOTHING, false},
};

static void check_row(const struct row *row, const char *how, size_t at)
{
    ck_assert_msg(owner.length == row->payload.length &&
                      memcmp(owner.input, row->payload.bytes, owner.length) == 0,
        "%s, %s %zu: payload of %zu bytes", row->name, how, at, owner.length);
    ck_assert_msg(lower.output_length == row->output.length &&
                      (lower.output_length == 0 ||
                          memcmp(lower.output, row->output.bytes, lower.output_length) == 0),
        "%s, %s %zu: output of %zu bytes", row->name, how, at, lower.output_length);
    ck_assert_msg(owner.ended == row->ended, "%s, %s %zu: ended", row->name, how, at);
    ck_assert_msg(!lower.closed && !lower.reset, "%s, %s %zu: closed", row->name, how, at);
    drop_websocket();
    open_hiding(false);
}

START_TEST(test_frames_whole_split_at_each_offset_and_byte_by_byte)
{
    const struct row *row = &rows[_i];
    const char *bytes = row->input.bytes;
    size_t length = row->input.length;

    memory_stream_feed(&lower, bytes, length);
    check_row(row, "whole", length);
    for (size_t at = 1; at < length; at++) {
        memory_stream_feed(&lower, bytes, at);
        memory_stream_feed(&lower, bytes + at, length - at);
        check_row(row, "split at", at);
    }
    for (size_t at = 0; at < length; at++) {
        memory_stream_feed(&lower, bytes + at, 1);
    }
    check_row(row, "byte by byte", length);
}
END_TEST

/* ---- lengths ---- */

static const size_t lengths[] = {1, 125, 126, 127, 4096, 65535, 65536, 70000};

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 7 + at / 251);
}

/* The header of a final binary frame; returns its length. */
static size_t write_header(uint8_t *out, size_t length, bool masked)
{
    uint8_t mask = masked ? 0x80 : 0;
    size_t bytes = length < 126 ? 0 : length < 65536 ? 2 : 8;

    out[0] = 0x82;
    out[1] = (uint8_t)(mask | (bytes == 0 ? length : bytes == 2 ? 126 : 127));
    for (size_t i = 0; i < bytes; i++) {
        out[2 + i] = (uint8_t)((uint64_t)length >> 8 * (bytes - 1 - i));
    }
    if (masked) {
        memcpy(out + 2 + bytes, "\x11\x22\x33\x44", 4);
    }
    return 2 + bytes + (masked ? 4 : 0);
}

/* A masked frame of that payload length; returns its length. */
static size_t write_frame(uint8_t *out, size_t length)
{
    static const uint8_t key[] = {0x11, 0x22, 0x33, 0x44};
    size_t used = write_header(out, length, true);

    for (size_t i = 0; i < length; i++) {
        out[used + i] = pattern(i) ^ key[i % 4];
    }
    return used + length;
}

static void check_pattern(const uint8_t *bytes, size_t length)
{
    size_t good = 0;

    while (good < length && bytes[good] == pattern(good)) {
        good++;
    }
    ck_assert_uint_eq(good, length);
}

START_TEST(test_each_form_of_length_is_read)
{
    static uint8_t frame[BIG];
    size_t length = write_frame(frame, lengths[_i]);

    memory_stream_feed(&lower, frame, length);
    FEED("\x82\x81" MASK "!");
    ck_assert_uint_eq(owner.length, lengths[_i] + 1);
    check_pattern(owner.input, lengths[_i]);
    ck_assert_int_eq(owner.input[lengths[_i]], '!');
}
END_TEST

START_TEST(test_each_write_is_one_frame_with_the_shortest_length)
{
    static uint8_t payload[BIG];
    uint8_t header[16];
    size_t header_length = write_header(header, lengths[_i], false);

    for (size_t i = 0; i < lengths[_i]; i++) {
        payload[i] = pattern(i);
    }
    stream_write(websocket, payload, lengths[_i]);
    ck_assert_uint_eq(lower.output_length, header_length + lengths[_i]);
    ck_assert_mem_eq(lower.output, header, header_length);
    check_pattern(lower.output + header_length, lengths[_i]);
}
END_TEST

START_TEST(test_writes_are_not_joined_and_an_empty_one_is_nothing)
{
    stream_write(websocket, "a", 1);
    stream_write(websocket, "", 0);
    stream_write(websocket, "bc", 2);
    CHECK_OUTPUT("\x82\x01"
                 "a\x82\x02"
                 "bc");
}
END_TEST

/* ---- back-pressure ---- */

START_TEST(test_a_full_input_stops_the_lower_stream_until_it_is_consumed)
{
    static uint8_t frame[BIG];
    size_t length = write_frame(frame, BIG - 100);
    size_t left;

    owner.idle = true;
    memory_stream_feed(&lower, frame, length);
    left = lower.input_length;
    ck_assert_uint_ge(left, length - STREAM_INPUT_MAX - 2 * 4096);
    memory_stream_feed(&lower, "\x82\x81" MASK "!", 7);
    ck_assert_uint_eq(lower.input_length, left + 7);
    ck_assert_int_eq(owner.readable, 1);

    owner.idle = false;
    for (int i = 0; i < 10 && owner.length < BIG - 99; i++) {
        take_input();
        fake_loop_advance(loop, 0);
    }
    ck_assert_uint_eq(owner.length, BIG - 99);
    check_pattern(owner.input, BIG - 100);
    ck_assert_uint_eq(lower.input_length, 0);
}
END_TEST

START_TEST(test_an_owner_that_consumes_at_once_gets_everything_in_one_turn)
{
    static uint8_t frame[BIG];
    size_t length = write_frame(frame, BIG - 100);

    memory_stream_feed(&lower, frame, length);
    ck_assert_uint_eq(owner.length, BIG - 100);
    check_pattern(owner.input, BIG - 100);
}
END_TEST

START_TEST(test_input_that_came_before_the_end_stays_readable)
{
    static uint8_t frame[BIG];
    size_t length = write_frame(frame, BIG - 100);

    owner.idle = true;
    memory_stream_feed(&lower, frame, length);
    memory_stream_end(&lower);
    ck_assert_int_eq(owner.ended, 1);
    take_input();
    ck_assert_uint_eq(owner.length, BIG - 100);
    check_pattern(owner.input, BIG - 100);
    ck_assert_uint_eq(lower.output_length, 0);
    close_by_owner();
    ck_assert_int_eq(lower.closed, 1);
}
END_TEST

START_TEST(test_a_peer_that_reads_nothing_gets_no_pongs)
{
    lower.output_pending = STREAM_OUTPUT_HIGH + 1;
    FEED("\x89\x80" MASK "\x89\x81" MASK "x");
    ck_assert_uint_eq(lower.output_length, 0);
    lower.output_pending = 0;
    FEED("\x89\x81" MASK "y");
    CHECK_OUTPUT("\x8a\x01y");
}
END_TEST

START_TEST(test_fullness_is_the_lower_streams_and_writable_is_passed_on)
{
    lower.output_pending = STREAM_OUTPUT_HIGH + 1;
    ck_assert(stream_output_is_full(websocket));
    ck_assert_uint_eq(stream_output_pending(websocket), STREAM_OUTPUT_HIGH + 1);
    ck_assert_int_gt(lower.fullness_asked, 0);
    lower.base.events->writable(lower.base.owner);
    ck_assert_int_eq(owner.writable, 1);
    lower.output_pending = 0;
    ck_assert(!stream_output_is_full(websocket));
}
END_TEST

/* ---- ends ---- */

START_TEST(test_owner_closes_and_the_peer_answers)
{
    stream_write(websocket, "last", 4);
    close_by_owner();
    CHECK_OUTPUT("\x82\x04last\x88\x02\x03\xe8");
    ck_assert_int_eq(lower.closed, 0);
    FEED("\x82\x81" MASK "x\x89\x80" MASK);
    ck_assert_int_eq(lower.closed, 0);
    FEED("\x88\x82" MASK "\x03\xe8");
    ck_assert_int_eq(lower.closed, 1);
    CHECK_OUTPUT("\x82\x04last\x88\x02\x03\xe8");
    ck_assert_int_eq(owner.readable + owner.ended, 0);
}
END_TEST

START_TEST(test_owner_closes_and_the_peer_says_nothing)
{
    close_by_owner();
    fake_loop_advance(loop, WEBSOCKET_CLOSE_WAIT_MS - 1);
    ck_assert_int_eq(lower.closed, 0);
    fake_loop_advance(loop, 1);
    ck_assert_int_eq(lower.closed, 1);
    ck_assert_int_eq(owner.ended, 0);
}
END_TEST

START_TEST(test_owner_closes_and_the_peer_leaves_or_breaks_the_rules)
{
    close_by_owner();
    memory_stream_end(&lower);
    ck_assert_int_eq(lower.closed, 1);

    drop_websocket();
    open_hiding(false);
    close_by_owner();
    FEED("\x81\x81" MASK "x");
    ck_assert_int_eq(lower.closed, 1);
    CHECK_OUTPUT("\x88\x02\x03\xe8");
}
END_TEST

START_TEST(test_owner_closes_while_the_close_frame_waits_behind_a_full_input)
{
    static uint8_t frame[BIG];
    size_t length = write_frame(frame, BIG - 100);

    owner.idle = true;
    memcpy(frame + length, "\x88\x80" MASK, 6);
    memory_stream_feed(&lower, frame, length + 6);
    ck_assert_int_eq(owner.ended, 0);
    close_by_owner();
    ck_assert_int_eq(lower.closed, 1);
}
END_TEST

START_TEST(test_peer_closes_and_the_owner_follows)
{
    owner.closes_when_ended = true;
    FEED("\x88\x80" MASK);
    ck_assert_int_eq(owner.ended, 1);
    ck_assert_int_eq(lower.closed, 1);
    CHECK_OUTPUT("\x88\x00");
}
END_TEST

START_TEST(test_nothing_is_written_after_a_close_frame)
{
    FEED("\x88\x80" MASK);
    stream_write(websocket, "late", 4);
    CHECK_OUTPUT("\x88\x00");
    close_by_owner();
    CHECK_OUTPUT("\x88\x00");
    ck_assert_int_eq(lower.closed, 1);
}
END_TEST

START_TEST(test_a_lost_connection_ends_once_and_answers_nothing)
{
    FEED("\x82\x85" MASK "hel");
    memory_stream_end(&lower);
    fake_loop_advance(loop, 60000);
    ck_assert_int_eq(owner.ended, 1);
    ck_assert_uint_eq(lower.output_length, 0);
    ck_assert_uint_eq(owner.length, 3);
    close_by_owner();
    ck_assert_int_eq(lower.closed, 1);
}
END_TEST

START_TEST(test_owner_may_close_while_it_is_told_of_input)
{
    owner.closes_when_readable = true;
    FEED("\x82\x81" MASK "a\x82\x81" MASK "b");
    ck_assert_uint_eq(owner.length, 2);
    CHECK_OUTPUT("\x88\x02\x03\xe8");
    FEED("\x88\x80" MASK);
    ck_assert_int_eq(lower.closed, 1);
    ck_assert_int_eq(owner.ended, 0);
}
END_TEST

START_TEST(test_owner_may_close_on_input_that_is_followed_by_close)
{
    owner.closes_when_readable = true;
    FEED("\x82\x81" MASK "a\x88\x80" MASK);
    ck_assert_uint_eq(owner.length, 1);
    ck_assert_int_eq(owner.ended, 0);
    ck_assert_int_eq(lower.closed, 1);
    CHECK_OUTPUT("\x88\x00");
}
END_TEST

START_TEST(test_reset_sends_no_close_frame)
{
    stream_reset(websocket);
    websocket = NULL;
    ck_assert_int_eq(lower.reset, 1);
    ck_assert_uint_eq(lower.output_length, 0);
}
END_TEST

START_TEST(test_streams_about_to_close_are_reset_at_the_end)
{
    close_by_owner();
    websocket_closing_reset(&closing);
    ck_assert_int_eq(lower.reset, 1);
    ck_assert_int_eq(lower.closed, 0);
}
END_TEST

START_TEST(test_a_new_owner_is_told_of_waiting_input_from_the_loop)
{
    owner.idle = true;
    FEED("\x82\x81" MASK "a");
    ck_assert_int_eq(owner.readable, 1);
    owner.idle = false;
    stream_set_owner(websocket, &owner_events, &owner);
    ck_assert_int_eq(owner.readable, 1);
    fake_loop_advance(loop, 0);
    ck_assert_int_eq(owner.readable, 2);
    ck_assert_uint_eq(owner.length, 1);
}
END_TEST

START_TEST(test_peer_and_certificate_are_the_lower_streams)
{
    ck_assert(stream_is_websocket(websocket));
    ck_assert_str_eq(stream_peer_address(websocket), "192.0.2.1:4711");
    ck_assert_ptr_eq(stream_peer_certificate(websocket), lower.certificate);
    ck_assert(stream_peer_chain_is_trusted(websocket));
    drop_websocket();
    open_hiding(true);
    ck_assert_ptr_null(stream_peer_certificate(websocket));
    ck_assert(!stream_peer_chain_is_trusted(websocket));
}
END_TEST

int main(void)
{
    const int length_count = sizeof(lengths) / sizeof(lengths[0]);
    Suite *suite = suite_create("websocket_stream");
    TCase *tests = tcase_create("frames");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, open_websocket, close_websocket);
    tcase_add_loop_test(tests, test_frames_whole_split_at_each_offset_and_byte_by_byte, 0,
        sizeof(rows) / sizeof(rows[0]));
    tcase_add_loop_test(tests, test_each_form_of_length_is_read, 0, length_count);
    tcase_add_loop_test(
        tests, test_each_write_is_one_frame_with_the_shortest_length, 0, length_count);
    tcase_add_test(tests, test_writes_are_not_joined_and_an_empty_one_is_nothing);
    tcase_add_test(tests, test_a_full_input_stops_the_lower_stream_until_it_is_consumed);
    tcase_add_test(tests, test_an_owner_that_consumes_at_once_gets_everything_in_one_turn);
    tcase_add_test(tests, test_input_that_came_before_the_end_stays_readable);
    tcase_add_test(tests, test_a_peer_that_reads_nothing_gets_no_pongs);
    tcase_add_test(tests, test_fullness_is_the_lower_streams_and_writable_is_passed_on);
    tcase_add_test(tests, test_owner_closes_and_the_peer_answers);
    tcase_add_test(tests, test_owner_closes_and_the_peer_says_nothing);
    tcase_add_test(tests, test_owner_closes_and_the_peer_leaves_or_breaks_the_rules);
    tcase_add_test(tests, test_owner_closes_while_the_close_frame_waits_behind_a_full_input);
    tcase_add_test(tests, test_peer_closes_and_the_owner_follows);
    tcase_add_test(tests, test_nothing_is_written_after_a_close_frame);
    tcase_add_test(tests, test_a_lost_connection_ends_once_and_answers_nothing);
    tcase_add_test(tests, test_owner_may_close_while_it_is_told_of_input);
    tcase_add_test(tests, test_owner_may_close_on_input_that_is_followed_by_close);
    tcase_add_test(tests, test_reset_sends_no_close_frame);
    tcase_add_test(tests, test_streams_about_to_close_are_reset_at_the_end);
    tcase_add_test(tests, test_a_new_owner_is_told_of_waiting_input_from_the_loop);
    tcase_add_test(tests, test_peer_and_certificate_are_the_lower_streams);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
