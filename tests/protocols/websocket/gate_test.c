#include "protocols/websocket/websocket.h"

#include "tests/protocols/fake_loop.h"
#include "tests/protocols/websocket/memory_stream.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define UPGRADE(path, protocol)                                                                    \
    "GET " path " HTTP/1.1\r\nHost: hub.local\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"    \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"                 \
    "Sec-WebSocket-Protocol: " protocol "\r\n\r\n"

#define HELLO "\x82\x85\0\0\0\0hello"

static struct loop *loop;
static struct websocket_gate *gate;
static struct memory_stream peer;

/* Where the connection went. */
static struct {
    char exit; /* 'a', 'm', 'h' */
    struct stream *stream;
    char input[256];
    size_t length;
    int ended;
} taken;

static void readable(void *owner)
{
    size_t length;
    const uint8_t *bytes = stream_peek(taken.stream, &length);

    ck_assert_ptr_eq(owner, &taken);
    if (taken.exit == 'h') {
        return;
    }
    memcpy(taken.input + taken.length, bytes, length);
    taken.length += length;
    stream_consume(taken.stream, length);
}

static void ended(void *owner)
{
    ck_assert_ptr_eq(owner, &taken);
    taken.ended++;
}

static const struct stream_events events = {.readable = readable, .ended = ended};

static void take(char where, void *context, struct stream *stream)
{
    ck_assert_ptr_eq(context, &peer);
    ck_assert_int_eq(taken.exit, 0);
    taken.exit = where;
    taken.stream = stream;
    stream_set_owner(stream, &events, &taken);
}

static void take_amqp(void *context, struct stream *stream)
{
    take('a', context, stream);
}

static void take_mqtt(void *context, struct stream *stream)
{
    take('m', context, stream);
}

static void take_http(void *context, struct stream *stream)
{
    take('h', context, stream);
}

static void open_gate(void)
{
    static const struct websocket_exits exits = {take_amqp, take_mqtt, take_http};

    memset(&taken, 0, sizeof(taken));
    loop = loop_create();
    gate = websocket_gate_create(loop, &exits, &peer);
    memory_stream_init(&peer);
    peer.certificate = (struct x509_st *)&peer;
    websocket_gate_take(gate, &peer.base);
}

static void close_gate(void)
{
    if (taken.stream && taken.exit != 'h') {
        stream_close(taken.stream);
    }
    websocket_gate_free(gate);
    memory_stream_release(&peer);
    ck_assert_int_eq(fake_loop_timers(loop), 0);
    loop_free(loop);
}

static void feed(const char *text)
{
    memory_stream_feed(&peer, text, strlen(text));
}

static void check_answer(const char *start)
{
    ck_assert_uint_ge(peer.output_length, strlen(start));
    ck_assert_mem_eq(peer.output, start, strlen(start));
}

START_TEST(test_the_subprotocol_chooses_the_exit)
{
    feed(UPGRADE("/$iothub/websocket", "AMQPWSB10"));
    ck_assert_int_eq(taken.exit, 'a');
    check_answer("HTTP/1.1 101 Switching Protocols\r\n");
    ck_assert(stream_is_websocket(taken.stream));
    ck_assert_ptr_eq(stream_peer_certificate(taken.stream), peer.certificate);
    ck_assert_uint_eq(peer.input_length, 0);
}
END_TEST

START_TEST(test_mqtt_with_the_query_has_no_certificate)
{
    feed(UPGRADE("/$iothub/websocket?iothub-no-client-cert=true", "mqtt"));
    ck_assert_int_eq(taken.exit, 'm');
    ck_assert_ptr_null(stream_peer_certificate(taken.stream));
}
END_TEST

/* Bytes that come with the head are the first frames; nothing but the 101 is sent. */
START_TEST(test_frames_follow_the_head_at_every_split)
{
    static const char head[] = UPGRADE("/$servicebus/websocket/", "AMQPWSB10");
    static const size_t length = sizeof(head) - 1 + sizeof(HELLO) - 1;
    char bytes[sizeof(head) + sizeof(HELLO)];

    memcpy(bytes, head, sizeof(head) - 1);
    memcpy(bytes + sizeof(head) - 1, HELLO, sizeof(HELLO) - 1);
    for (size_t at = 0; at < length; at++) {
        memory_stream_feed(&peer, bytes, at);
        memory_stream_feed(&peer, bytes + at, length - at);
        ck_assert_uint_eq(taken.length, 5);
        ck_assert_mem_eq(taken.input, "hello", 5);
        check_answer("HTTP/1.1 101 Switching Protocols\r\n");
        ck_assert_mem_eq(peer.output + peer.output_length - 4, "\r\n\r\n", 4);
        close_gate();
        open_gate();
    }
}
END_TEST

START_TEST(test_a_plain_request_goes_to_http_with_every_byte_unread)
{
    static const char request[] = "GET /devices/d HTTP/1.1\r\nHost: h\r\n\r\n";

    for (size_t i = 0; i + 1 < sizeof(request) - 1; i++) {
        memory_stream_feed(&peer, request + i, 1);
        ck_assert_int_eq(taken.exit, 0);
    }
    feed("\n");
    ck_assert_int_eq(taken.exit, 'h');
    ck_assert_ptr_eq(taken.stream, &peer.base);
    ck_assert_uint_eq(peer.input_length, sizeof(request) - 1);
    ck_assert_mem_eq(peer.input, request, sizeof(request) - 1);
    ck_assert_uint_eq(peer.output_length, 0);
    ck_assert_int_eq(fake_loop_timers(loop), 0);
}
END_TEST

START_TEST(test_an_upgrade_that_cannot_be_served_is_refused_and_closed)
{
    feed(UPGRADE("/elsewhere", "mqtt"));
    check_answer("HTTP/1.1 400 Bad Request\r\n");
    ck_assert_int_eq(peer.closed, 1);
    ck_assert_int_eq(taken.exit, 0);
    ck_assert_int_eq(fake_loop_timers(loop), 0);
}
END_TEST

START_TEST(test_a_slow_head_has_a_deadline_whatever_trickles_in)
{
    feed("GET /");
    fake_loop_advance(loop, WEBSOCKET_HEAD_WAIT_MS - 1);
    feed("$");
    ck_assert_int_eq(peer.closed, 0);
    fake_loop_advance(loop, 1);
    ck_assert_int_eq(peer.closed, 1);
    ck_assert_int_eq(taken.exit, 0);
}
END_TEST

START_TEST(test_a_peer_that_leaves_during_its_head_is_forgotten)
{
    feed("GET /");
    memory_stream_end(&peer);
    ck_assert_int_eq(peer.closed, 1);
    ck_assert_int_eq(fake_loop_timers(loop), 0);
}
END_TEST

START_TEST(test_ending_closes_who_has_no_protocol_yet)
{
    struct memory_stream other;

    memory_stream_init(&other);
    websocket_gate_take(gate, &other.base);
    feed("GET / HT");
    websocket_gate_end_all(gate);
    ck_assert_int_eq(peer.closed, 1);
    ck_assert_int_eq(other.closed, 1);
    ck_assert_int_eq(fake_loop_timers(loop), 0);
    memory_stream_release(&other);
}
END_TEST

START_TEST(test_freeing_the_gate_resets_its_visitors_and_what_is_about_to_close)
{
    struct memory_stream other;

    memory_stream_init(&other);
    websocket_gate_take(gate, &other.base);
    feed(UPGRADE("/$iothub/websocket", "mqtt"));
    stream_close(taken.stream);
    taken.stream = NULL;
    ck_assert_int_eq(peer.closed + peer.reset, 0);
    websocket_gate_free(gate);
    gate = NULL;
    ck_assert_int_eq(peer.reset, 1);
    ck_assert_int_eq(other.reset, 1);
    memory_stream_release(&other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("websocket_gate");
    TCase *tests = tcase_create("gate");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, open_gate, close_gate);
    tcase_add_test(tests, test_the_subprotocol_chooses_the_exit);
    tcase_add_test(tests, test_mqtt_with_the_query_has_no_certificate);
    tcase_add_test(tests, test_frames_follow_the_head_at_every_split);
    tcase_add_test(tests, test_a_plain_request_goes_to_http_with_every_byte_unread);
    tcase_add_test(tests, test_an_upgrade_that_cannot_be_served_is_refused_and_closed);
    tcase_add_test(tests, test_a_slow_head_has_a_deadline_whatever_trickles_in);
    tcase_add_test(tests, test_a_peer_that_leaves_during_its_head_is_forgotten);
    tcase_add_test(tests, test_ending_closes_who_has_no_protocol_yet);
    tcase_add_test(tests, test_freeing_the_gate_resets_its_visitors_and_what_is_about_to_close);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
