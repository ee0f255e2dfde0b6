#include "tests/server/control/control_fixture.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define RESET V1 "/reset"

static struct connection *connections[2];

/* As AMQP does: the connection goes in a later turn. */
static void go_later(void *context)
{
    struct connection **connection = context;
    connection_close(*connection, "reset");
    *connection = NULL;
}

static struct loop_timer *going;

static void be_reset(void *owner, enum session_end end)
{
    ck_assert_int_eq(end, END_RESET);
    (void)owner;
    if (!going) {
        going = loop_timer_create(bench.loop, go_later, &connections[1]);
        loop_timer_arm(going, 1);
    }
}

static void be_gone(void *owner, enum session_end end)
{
    (void)end;
    connection_close(connections[0], owner);
    connections[0] = NULL;
}

static void use_the_hub(void)
{
    act(201, "PUT", V1 "/devices/d2", NULL);
    for (int i = 0; i < 3; i++) {
        act(201, "POST", V1 "/devices/d1/messages", "{\"ack\":\"full\"}");
        act(201, "POST", V1 "/devices/d2/messages", "{\"messageId\":\"m\",\"ack\":\"full\"}");
    }
    act(200, "POST", V1 "/devices/d1/receive", NULL);
    act(200, "DELETE", V1 "/devices/d2/messages", NULL);
    act(200, "POST", V1 "/feedback/flush", NULL);
    act(201, "POST", V1 "/devices/d2/messages", "{\"ack\":\"full\"}");
    act(200, "POST", V1 "/clock/advance", "{\"by\":\"PT2H\"}");
    act(200, "PATCH", V1 "/hub", "{\"cloudToDevice\":{\"queueDepth\":3}}");
}

static void check_empty(const char *device_id)
{
    const struct queue *queue = mailbox_of(hub_mailboxes(small.hub), device_id);
    ck_assert_uint_eq(queue_get_counts(queue).enqueued + queue_get_counts(queue).invisible, 0);
}

START_TEST(test_a_reset_hub_is_as_it_began)
{
    begin();
    use_the_hub();
    act(204, "POST", RESET, NULL);
    ck_assert_ptr_null(identity_find(hub_identities(small.hub), "d2"));
    ck_assert_uint_eq(identity_count(hub_identities(small.hub)), 1);
    check_empty("d1");
    ck_assert_uint_eq(feedback_pending(hub_feedback(small.hub)), 0);
    ck_assert(!queue_has_ready(feedback_queue(hub_feedback(small.hub))));
    struct queue_totals totals = queues_get_totals(hub_queues(small.hub));
    ck_assert_uint_eq(totals.enqueued_now + totals.invisible_now, 0);
    ck_assert(instant_is_never(hub_next_due(small.hub)));
    ck_assert(!clock_is_frozen(small.clock));
    ck_assert_int_eq(clock_offset(small.clock).us, 0);
    ck_assert_uint_eq(hub_settings(small.hub)->device.depth, 50);
    json_t *journal = ask(200, "GET", V1 "/journal", NULL);
    const json_t *items = json_object_get(journal, "items");
    ck_assert_uint_eq(json_array_size(items), 1);
    ck_assert_str_eq(text(json_array_get(items, 0), "event"), "reset");
    json_decref(journal);
    json_t *sent = ask(201, "POST", V1 "/devices/d1/messages", "{}");
    ck_assert_int_eq(number(sent, "sequenceNumber"), 1);
    json_decref(sent);
    finish();
}
END_TEST

START_TEST(test_a_reset_keeps_what_it_is_told_to)
{
    begin();
    use_the_hub();
    char key[100];
    json_t *device = ask(200, "GET", V1 "/devices/d2", NULL);
    snprintf(key, sizeof key, "%s", text(device, "connectionString"));
    json_decref(device);
    act(204, "POST", RESET, "{\"keep\":[\"devices\",\"settings\"]}");
    device = ask(200, "GET", V1 "/devices/d2", NULL);
    ck_assert_str_eq(text(device, "connectionString"), key);
    json_decref(device);
    check_empty("d1");
    check_empty("d2");
    ck_assert_uint_eq(hub_settings(small.hub)->device.depth, 3);
    act(201, "POST", V1 "/devices/d2/messages", "{}");
    act(200, "POST", V1 "/devices/d2/receive", NULL);
    finish();
}
END_TEST

START_TEST(test_a_reset_that_cannot_be_changes_nothing)
{
    begin();
    use_the_hub();
    check_refused(400, "POST", RESET, "{\"keep\":\"devices\"}", "keep");
    check_refused(400, "POST", RESET, "{\"keep\":[\"device\"]}", "keep");
    check_refused(400, "POST", RESET, "{\"keep\":[\"devices\",1]}", "keep");
    check_refused(400, "POST", RESET, "{\"hold\":[]}", "\"hold\"");
    check_refused(405, "GET", RESET, NULL, "POST");
    ck_assert_uint_eq(identity_count(hub_identities(small.hub)), 2);
    seed_fails = true;
    check_refused(500, "POST", RESET, NULL, "start");
    seed_fails = false;
    finish();
}
END_TEST

START_TEST(test_a_reset_answers_when_every_connection_is_gone)
{
    begin();
    connections[0] = connection_open(sessions, PROTOCOL_MQTT, "127.0.90.2:1", be_gone, NULL);
    connections[1] = connection_open(sessions, PROTOCOL_AMQP, "127.0.90.2:2", be_reset, NULL);
    const struct consumer_options consumer = {.queue = mailbox_of(hub_mailboxes(small.hub), "d1")};
    consumer_open(connections[1], &consumer, &(struct consumer_events){0}, NULL);
    act(204, "POST", RESET, NULL);
    ck_assert_uint_eq(sessions_count(sessions), 0);
    ck_assert_uint_eq(count_entries("disconnected"), 0);
    loop_timer_free(going);
    finish();
}
END_TEST

START_TEST(test_a_thousand_resets_leak_nothing)
{
    begin();
    size_t used = 0, received;
    for (int i = 0; i < 1000; i++) {
        if (i % 100 == 0) {
            act(201, "PUT", V1 "/devices/d2", NULL);
            act(201, "POST", V1 "/devices/d2/messages", "{\"ack\":\"full\"}");
            act(200, "DELETE", V1 "/devices/d2/messages", NULL);
        }
        act(204, "POST", RESET, NULL);
        used = i == 99 ? mallinfo2().uordblks : used;
    }
    /* The client keeps what it received in a buffer that doubles. */
    peer_received(peer, &received);
    ck_assert_uint_le(mallinfo2().uordblks, used + 2 * received);
    finish();
}
END_TEST

SUITE_MAIN("reset", test_a_reset_hub_is_as_it_began, test_a_reset_keeps_what_it_is_told_to,
    test_a_reset_that_cannot_be_changes_nothing, test_a_reset_answers_when_every_connection_is_gone,
    test_a_thousand_resets_leak_nothing)
