/*
 * A stream whose owner does not consume.
 */
#include "protocols/stream/socket_stream.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURNS 200 /* each without waiting */

static struct loop *loop;
static struct socket_streams *streams;
static struct stream *stream;
static int client;
static int told, turns;
static bool has_ended;

static void on_readable(void *owner)
{
    (void)owner;
    told++;
}

static void on_ended(void *owner)
{
    (void)owner;
    has_ended = true;
}

static const struct stream_events events = {.readable = on_readable, .ended = on_ended};

static void accept_it(void *context, struct stream *accepted)
{
    (void)context;
    stream = accepted;
    stream_set_owner(stream, &events, NULL);
}

static void set_up(void)
{
    int ends[2];
    loop = loop_create();
    streams = socket_streams_create(loop, NULL);
    told = 0;
    has_ended = false;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    client = ends[1];
    socket_streams_add(streams, ends[0], NULL, accept_it, NULL);
}

static void tear_down(void)
{
    close(client);
    socket_streams_free(streams);
    loop_free(loop);
}

static bool end_turn(void *context)
{
    (void)context;
    if (++turns == TURNS) {
        loop_stop(loop);
    }
    return true;
}

static void run(void)
{
    turns = 0;
    loop_run(loop, end_turn, NULL);
}

static size_t waiting(void)
{
    size_t length;
    stream_peek(stream, &length);
    return length;
}

/* Writes until nobody takes more. Returns how much was taken. */
static size_t flood(void)
{
    static const char bytes[4096];
    size_t total = 0;
    for (ssize_t sent; (sent = write(client, bytes, sizeof bytes)) > 0; run()) {
        total += (size_t)sent;
        ck_assert_uint_lt(total, 100 * STREAM_INPUT_MAX);
    }
    return total;
}

START_TEST(test_an_owner_is_told_once_of_input_that_it_leaves)
{
    flood();
    ck_assert_uint_ge(waiting(), STREAM_INPUT_MAX);
    told = 0;
    run();
    ck_assert_int_eq(told, 0);
}
END_TEST

START_TEST(test_the_peer_is_read_again_once_some_is_consumed)
{
    size_t left = flood();
    while (left > 0) {
        size_t length = waiting();
        ck_assert_uint_gt(length, 0);
        stream_consume(stream, length);
        left -= length;
        told = 0;
        run();
        ck_assert(told > 0 || left == 0);
    }
    ck_assert_int_eq((int)write(client, "more", 4), 4);
    run();
    ck_assert_uint_eq(waiting(), 4);
}
END_TEST

START_TEST(test_the_end_is_told_once_what_came_before_it_is_consumed)
{
    flood();
    close(client);
    client = -1;
    run();
    while (!has_ended) {
        size_t length = waiting();
        ck_assert_uint_gt(length, 0);
        stream_consume(stream, length);
        run();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("socket_stream_input");
    TCase *tcase = tcase_create("an owner that does not consume");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, test_an_owner_is_told_once_of_input_that_it_leaves);
    tcase_add_test(tcase, test_the_peer_is_read_again_once_some_is_consumed);
    tcase_add_test(tcase, test_the_end_is_told_once_what_came_before_it_is_consumed);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
