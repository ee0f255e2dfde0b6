#include "tests/server/control/control_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS V1 "/events"

static struct peer *listener;
static const char *expected;
static size_t expected_count;

static size_t count_in(const char *words)
{
    size_t length, count = 0;
    const char *at = peer_received(listener, &length);
    for (; at && (at = strstr(at, words)); at += strlen(words)) {
        count++;
    }
    return count;
}

static bool is_heard(void *context)
{
    (void)context;
    return count_in(expected) >= expected_count;
}

static void hear(const char *words, size_t count)
{
    expected = words;
    expected_count = count;
    bench_run_until(&bench, is_heard, NULL);
}

static bool is_closed(void *context)
{
    (void)context;
    return peer_is_closed(listener);
}

/* Begins to listen, with those header lines. What asks from then on is another client. */
static void listen_to(const char *target, const char *headers)
{
    peer_print(peer, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", target, headers);
    listener = change_peer();
    hear("retry: 1000\n\n", 1);
}

/* The old client asks again, and who listened is gone. */
static void stop_listening(void)
{
    peer_end(listener);
    bench_run_until(&bench, is_closed, NULL);
    peer_free(listener);
}

static void send_message(const char *id)
{
    char body[64];
    snprintf(body, sizeof body, "{\"messageId\":\"%s\"}", id);
    act(201, "POST", V1 "/devices/d1/messages", body);
}

START_TEST(test_entries_are_told_as_they_become_true)
{
    begin();
    send_message("before");
    listen_to(EVENTS, "");
    ck_assert_uint_eq(count_in("Content-Type: text/event-stream"), 1);
    send_message("m1");
    hear("\"messageId\":\"m1\"", 1);
    act(200, "POST", V1 "/devices/d1/receive", NULL);
    hear("\"event\":\"delivered\"", 1);
    ck_assert_uint_eq(count_in("\ndata: {"), 2);
    ck_assert_uint_eq(count_in("id: 3\ndata: {\"id\":3,"), 1);
    ck_assert_uint_eq(count_in("missed"), 0);
    stop_listening();
    finish();
}
END_TEST

START_TEST(test_a_listener_begins_where_it_was)
{
    static const struct {
        const char *target, *headers;
        size_t count;
    } cases[] = {{EVENTS "?after=0", "", 4}, {EVENTS, "Last-Event-ID: 2\r\n", 2},
        {EVENTS "?after=0", "Last-Event-ID: 3\r\n", 1}, {EVENTS "?after=0&messageId=m2", "", 1},
        {EVENTS "?after=0&event=enqueued", "", 3}, {EVENTS "?after=0&device=d2", "", 0},
        {EVENTS "?after=9999", "", 4}, {EVENTS, "Last-Event-ID: 9999\r\n", 4}};
    begin();
    send_message("m1");
    send_message("m2");
    send_message("m3");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        listen_to(cases[i].target, cases[i].headers);
        hear("\ndata: {", cases[i].count);
        bench_run_for(&bench, 2);
        ck_assert_msg(
            count_in("\ndata: {") == cases[i].count, "case %zu: %zu", i, count_in("\ndata: {"));
        stop_listening();
    }
    finish();
}
END_TEST

START_TEST(test_what_cannot_be_listened_to_is_refused)
{
    begin();
    check_refused(400, "GET", EVENTS "?after=x", NULL, "\"after\"");
    check_refused(400, "GET", EVENTS "?event=x", NULL, "event");
    check_refused(400, "GET", EVENTS "?limit=1", NULL, "\"limit\"");
    struct answer *answer =
        peer_ask(peer, "GET " EVENTS " HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: -1\r\n\r\n");
    answer_check_status(answer, 400);
    finish();
}
END_TEST

static void note_many(enum journal_event event, int count)
{
    for (int i = 0; i < count; i++) {
        journal_note(hub_journal(small.hub),
            &(struct journal_entry){.at = TEST_NOW, .event = event, .device = "d1"});
    }
    hub_end_turn(small.hub);
    control_turn_ended(control);
    bench_run_for(&bench, 2);
}

/* More than its output holds, then more than the journal does. */
START_TEST(test_a_slow_reader_is_bounded_and_told_what_it_missed)
{
    begin();
    listen_to(EVENTS "?event=subscribed", "");
    peer_stall(listener, true);
    note_many(JOURNAL_SUBSCRIBED, 10000);
    note_many(JOURNAL_TELEMETRY, JOURNAL_CAPACITY_DEFAULT);
    note_many(JOURNAL_SUBSCRIBED, 1);
    ck_assert_uint_eq(count_in("\ndata: {"), 0);
    peer_stall(listener, false);
    hear("event: missed\ndata: {\"missed\":", 1);
    char last[40];
    snprintf(last, sizeof last, "id: %d\n", (int)journal_last_id(hub_journal(small.hub)));
    hear(last, 1);
    ck_assert_uint_lt(count_in("\ndata: {"), 8000);
    stop_listening();
    finish();
}
END_TEST

START_TEST(test_a_reset_is_told_to_who_listens)
{
    begin();
    listen_to(EVENTS, "");
    act(204, "POST", V1 "/reset", NULL);
    hear("\"event\":\"reset\"", 1);
    stop_listening();
    finish();
}
END_TEST

START_TEST(test_listeners_are_bounded)
{
    struct peer *listeners[101];
    begin();
    for (size_t i = 0; i < 100; i++) {
        listen_to(EVENTS, "");
        listeners[i] = listener;
    }
    check_refused(503, "GET", EVENTS, NULL, "listen");
    listener = listeners[0];
    stop_listening();
    listen_to(EVENTS, "");
    listeners[0] = listener;
    stop_control(); /* with all of them there */
    for (size_t i = 0; i < 100; i++) {
        peer_free(listeners[i]);
    }
    finish();
}
END_TEST

START_TEST(test_listeners_end_with_the_hub)
{
    begin();
    listen_to(EVENTS, "");
    control_end_all(control);
    bench_run_until(&bench, is_closed, NULL);
    ck_assert_uint_eq(count_in("\r\n0\r\n\r\n"), 1);
    peer_free(listener);
    finish();
}
END_TEST

SUITE_MAIN("events", test_entries_are_told_as_they_become_true, test_a_listener_begins_where_it_was,
    test_what_cannot_be_listened_to_is_refused,
    test_a_slow_reader_is_bounded_and_told_what_it_missed, test_a_reset_is_told_to_who_listens,
    test_listeners_are_bounded, test_listeners_end_with_the_hub)
