#include "protocols/session/session.h"

#include "store/memory.h"
#include "tests/store/fixture.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static struct fixture f;
static struct sessions *sessions;

/* A consumer of the test, and what it was told. */
struct client {
    struct connection *connection;
    struct consumer *consumer; /* NULL: ended */
    struct lock_token tokens[64]; /* of what it was given */
    uint64_t sequences[64];
    size_t given;
    int ended, starved;
    enum session_end why;
    bool closes_when_given;
};

/* ---- what is told ---- */

static void deliver(void *owner, struct delivery *delivery)
{
    struct client *client = owner;
    client->tokens[client->given] = delivery->lock_token;
    client->sequences[client->given++] = delivery->sequence;
    message_release(delivery->message);
    if (client->closes_when_given) {
        consumer_close(client->consumer);
        client->consumer = NULL;
    }
}

static void consumer_ended(void *owner, enum session_end end)
{
    struct client *client = owner;
    client->consumer = NULL;
    client->ended++;
    client->why = end;
}

static void starve(void *owner)
{
    ((struct client *)owner)->starved++;
}

static const struct consumer_events events = {deliver, consumer_ended, starve};

static int connections_ended;
static enum session_end connection_why;

static void note_connection_end(void *owner, enum session_end end)
{
    connections_ended++;
    connection_why = end;
    if (owner) { /* closes itself at once */
        struct client *client = owner;
        connection_close(client->connection, "told to");
        client->connection = NULL;
        client->consumer = NULL;
    }
}

/* ---- acts ---- */

static void begin(void)
{
    fixture_open(&f, false);
    sessions = sessions_open(f.hub);
    connections_ended = 0;
}

static void finish(void)
{
    sessions_close(sessions);
    hub_end_turn(f.hub);
    fixture_close(&f);
}

static void connect_client(struct client *client, enum protocol protocol)
{
    *client = (struct client){0};
    client->connection =
        connection_open(sessions, protocol, "127.0.30.3:1", note_connection_end, NULL);
}

static void consume_with(struct client *client, const char *device, bool exclusive, bool settled)
{
    const struct consumer_options options = {.queue = mailbox_of(hub_mailboxes(f.hub), device),
        .exclusive = exclusive,
        .settled = settled};
    client->consumer = consumer_open(client->connection, &options, &events, client);
}

static void consume(struct client *client, const char *device)
{
    consume_with(client, device, false, false);
}

/* Turns until nothing follows from the last one. */
static void settle_down(void)
{
    while (hub_end_turn(f.hub)) {
    }
}

static void open_consumer(struct client *client, uint32_t credit)
{
    connect_client(client, PROTOCOL_AMQP);
    consume(client, "d1");
    consumer_set_credit(client->consumer, credit);
    settle_down();
}

static void send_many(size_t count)
{
    fixture_send_many(&f, "d1", count);
    settle_down();
}

static size_t in_flight(const struct client *client)
{
    struct connection_view view;
    ck_assert(sessions_next_connection(sessions, connection_id(client->connection) - 1, &view));
    return view.in_flight;
}

static enum hub_code settle(struct client *client, size_t index, enum queue_settlement how)
{
    enum hub_code code = consumer_settle(client->consumer, &client->tokens[index], how, &f.error);
    settle_down();
    return code;
}

/* ---- connections ---- */

START_TEST(test_connections_are_listed_in_the_order_of_their_ids)
{
    struct client clients[3];
    struct connection_view view;
    begin();
    for (size_t i = 0; i < 3; i++) {
        connect_client(&clients[i], (enum protocol)i);
    }
    connection_set_identity(clients[1].connection, "d1");
    connection_set_client_version(clients[1].connection, "sdk/1");
    ck_assert_uint_eq(sessions_count(sessions), 3);
    uint64_t id = 0;
    for (size_t i = 0; i < 3; i++, id = view.id) {
        ck_assert(sessions_next_connection(sessions, id, &view));
        ck_assert_uint_eq(view.id, connection_id(clients[i].connection));
        ck_assert_int_eq(view.protocol, (int)i);
        ck_assert_str_eq(view.address, "127.0.30.3:1");
        ck_assert_int_eq(view.since.us, START.us);
    }
    ck_assert(!sessions_next_connection(sessions, id, &view));
    ck_assert(sessions_next_connection(sessions, 1, &view));
    ck_assert_str_eq(view.identity, "d1");
    ck_assert_str_eq(view.client_version, "sdk/1");
    finish();
}
END_TEST

/* How often the journal has that event of that device, with that reason. */
static unsigned noted(enum journal_event event, const char *device, const char *reason)
{
    const struct journal_entry *entry = NULL;
    unsigned count = 0;
    while ((entry = journal_next(hub_journal(f.hub), entry ? entry->id : 0))) {
        count += entry->event == event && strcmp(entry->protocol, "mqttWs") == 0 &&
                 strcmp(entry->device, device) == 0 &&
                 (!reason || strcmp(entry->reason, reason) == 0);
    }
    return count;
}

START_TEST(test_coming_and_going_is_in_the_journal_under_its_name)
{
    struct client client, stranger;
    begin();
    connect_client(&client, PROTOCOL_MQTT_WS);
    connect_client(&stranger, PROTOCOL_MQTT_WS);
    connection_set_identity(client.connection, "d1");
    connection_set_identity(client.connection, "d1");
    connection_close(client.connection, "why not");
    connection_close(stranger.connection, "never said its name");
    hub_end_turn(f.hub);
    ck_assert_uint_eq(noted(JOURNAL_CONNECTED, "d1", NULL), 1);
    ck_assert_uint_eq(noted(JOURNAL_DISCONNECTED, "d1", "why not"), 1);
    finish();
}
END_TEST

START_TEST(test_each_device_of_a_connection_comes_and_goes)
{
    struct client client;
    begin();
    connect_client(&client, PROTOCOL_MQTT_WS);
    attendance_open(client.connection, "d1", NULL, NULL);
    connection_set_identity(client.connection, "d1");
    attendance_open(client.connection, "d2", NULL, NULL);
    connection_set_identity(client.connection, "d2");
    connection_close(client.connection, "why not");
    hub_end_turn(f.hub);
    for (const char *const *device = (const char *const[]){"d1", "d2", NULL}; *device; device++) {
        ck_assert_uint_eq(noted(JOURNAL_CONNECTED, *device, NULL), 1);
        ck_assert_uint_eq(noted(JOURNAL_DISCONNECTED, *device, "why not"), 1);
    }
    finish();
}
END_TEST

START_TEST(test_one_or_all_are_asked_to_end)
{
    struct client clients[3];
    begin();
    for (size_t i = 0; i < 3; i++) {
        clients[i] = (struct client){0};
        clients[i].connection =
            connection_open(sessions, PROTOCOL_AMQP, "x", note_connection_end, &clients[i]);
    }
    ck_assert(!sessions_end_connection(sessions, 99, END_DROPPED));
    ck_assert(!sessions_end_connection(sessions, 0, END_DROPPED));
    ck_assert(sessions_end_connection(sessions, 2, END_RESET));
    ck_assert_int_eq(connection_why, END_RESET);
    ck_assert_uint_eq(sessions_count(sessions), 2);
    sessions_end_all(sessions, END_SHUTDOWN);
    ck_assert_int_eq(connections_ended, 3);
    ck_assert_int_eq(connection_why, END_SHUTDOWN);
    ck_assert_uint_eq(sessions_count(sessions), 0);
    finish();
}
END_TEST

START_TEST(test_names_of_protocols_and_ends_differ)
{
    for (int i = PROTOCOL_AMQP; i <= PROTOCOL_HTTPS; i++) {
        for (int j = PROTOCOL_AMQP; j < i; j++) {
            ck_assert_str_ne(protocol_name((enum protocol)i), protocol_name((enum protocol)j));
        }
    }
    for (int i = END_DISPLACED; i <= END_SHUTDOWN; i++) {
        for (int j = END_DISPLACED; j < i; j++) {
            ck_assert_str_ne(
                session_end_name((enum session_end)i), session_end_name((enum session_end)j));
        }
    }
}
END_TEST

/* ---- attendance ---- */

START_TEST(test_a_device_is_connected_while_somebody_attends_it)
{
    struct client one, two;
    begin();
    connect_client(&one, PROTOCOL_AMQP);
    connect_client(&two, PROTOCOL_MQTT);
    const struct identity *d1 = identity_find(hub_identities(f.hub), "d1");
    struct attendance *first = attendance_open(one.connection, "d1", consumer_ended, &one);
    fixture_advance(&f, DURATION_SECONDS(10));
    struct attendance *second = attendance_open(two.connection, "d1", consumer_ended, &two);
    ck_assert_uint_eq(d1->connections, 2);
    ck_assert_int_eq(d1->connection_updated.us, START.us); /* since the first */
    attendance_close(first);
    ck_assert_uint_eq(d1->connections, 1);
    attendance_close(second);
    ck_assert_uint_eq(d1->connections, 0);
    ck_assert_int_eq(d1->connection_updated.us, START.us + DURATION_SECONDS(10).us);
    finish();
}
END_TEST

START_TEST(test_who_attends_a_device_is_told_of_its_loss_after_the_commit)
{
    static const enum session_end ends[] = {END_DEVICE_DISABLED, END_DEVICE_DELETED};
    for (size_t i = 0; i < 2; i++) {
        struct client one, two, other;
        begin();
        connect_client(&one, PROTOCOL_AMQP);
        connect_client(&two, PROTOCOL_MQTT);
        connect_client(&other, PROTOCOL_MQTT);
        attendance_open(one.connection, "d1", consumer_ended, &one);
        attendance_open(two.connection, "d1", consumer_ended, &two);
        attendance_open(other.connection, "d2", consumer_ended, &other);
        if (ends[i] == END_DEVICE_DELETED) {
            fixture_delete(&f, "d1");
        } else {
            fixture_enable(&f, "d1", false);
        }
        ck_assert_int_eq(one.ended + two.ended, 2);
        ck_assert_int_eq(one.why, ends[i]);
        ck_assert_int_eq(other.ended, 0);
        finish();
    }
}
END_TEST

/* ---- giving ---- */

START_TEST(test_a_message_is_given_after_the_commit_that_locks_it)
{
    struct client client;
    begin();
    open_consumer(&client, 10);
    fixture_send_many(&f, "d1", 1); /* its commit offers the queue; the lock is in the next */
    ck_assert_uint_eq(client.given, 0);
    ck_assert_uint_eq(fixture_counts(&f, "d1").invisible, 1);
    hub_end_turn(f.hub);
    ck_assert_uint_eq(client.given, 1);
    finish();
}
END_TEST

START_TEST(test_no_more_is_given_than_there_is_credit)
{
    struct client client;
    begin();
    open_consumer(&client, 3);
    send_many(5);
    ck_assert_uint_eq(client.given, 3);
    ck_assert_int_gt(client.starved, 0);
    consumer_set_credit(client.consumer, 1);
    settle_down();
    ck_assert_uint_eq(client.given, 4);
    consumer_set_credit(client.consumer, 100);
    settle_down();
    ck_assert_uint_eq(client.given, 5);
    for (uint64_t i = 0; i < 5; i++) {
        ck_assert_uint_eq(client.sequences[i], i + 1);
    }
    finish();
}
END_TEST

START_TEST(test_competing_consumers_take_turns)
{
    struct client one, two;
    begin();
    open_consumer(&one, 10);
    open_consumer(&two, 10);
    send_many(6);
    ck_assert_uint_eq(one.given, 3);
    ck_assert_uint_eq(two.given, 3);
    finish();
}
END_TEST

START_TEST(test_a_settled_consumer_has_its_messages_completed)
{
    struct client client;
    begin();
    connect_client(&client, PROTOCOL_MQTT);
    consume_with(&client, "d1", false, true);
    consumer_set_credit(client.consumer, 10);
    send_many(2);
    ck_assert_uint_eq(client.given, 2);
    ck_assert_uint_eq(fixture_ended(&f, OUTCOME_COMPLETED), 2);
    ck_assert_uint_eq(in_flight(&client), 0);
    finish();
}
END_TEST

static int refuse_commit(void *context)
{
    (void)context;
    return 1;
}

START_TEST(test_nothing_is_given_when_the_lock_was_not_committed)
{
    struct client client;
    sqlite3 *handle;
    begin();
    open_consumer(&client, 10);
    fixture_send_many(&f, "d1", 1);
    handle = database_handle(hub_database(f.hub));
    sqlite3_commit_hook(handle, refuse_commit, NULL);
    hub_end_turn(f.hub);
    ck_assert_uint_eq(client.given, 0);
    ck_assert_uint_eq(fixture_counts(&f, "d1").enqueued, 1);
    ck_assert_uint_eq(in_flight(&client), 0);
    sqlite3_commit_hook(handle, NULL, NULL);
    settle_down(); /* the queue is offered once more */
    settle_down();
    ck_assert_uint_eq(client.given, 1);
    finish();
}
END_TEST

/* ---- ending ---- */

START_TEST(test_an_exclusive_consumer_ends_the_older_of_its_family)
{
    struct client old, other, new;
    begin();
    connect_client(&old, PROTOCOL_AMQP);
    connect_client(&other, PROTOCOL_MQTT);
    connect_client(&new, PROTOCOL_AMQP_WS);
    consume_with(&old, "d1", true, false);
    consume_with(&other, "d1", true, false);
    consume_with(&new, "d1", true, false);
    ck_assert_int_eq(old.ended, 1);
    ck_assert_int_eq(old.why, END_DISPLACED);
    ck_assert_int_eq(other.ended + new.ended, 0);
    finish();
}
END_TEST

START_TEST(test_what_was_locked_and_not_given_is_free_when_the_consumer_closes)
{
    struct client gone, next;
    begin();
    open_consumer(&gone, 0);
    send_many(3);
    consumer_set_credit(gone.consumer, 10); /* they are locked, in a group that is open */
    ck_assert_uint_eq(fixture_counts(&f, "d1").invisible, 3);
    consumer_close(gone.consumer);
    settle_down();
    ck_assert_uint_eq(gone.given, 0);
    ck_assert_uint_eq(fixture_counts(&f, "d1").enqueued, 3);
    open_consumer(&next, 10);
    ck_assert_uint_eq(next.given, 3);
    finish();
}
END_TEST

START_TEST(test_what_was_given_keeps_its_lock_when_the_consumer_closes)
{
    struct client client;
    begin();
    open_consumer(&client, 10);
    send_many(2);
    consumer_close(client.consumer);
    settle_down();
    ck_assert_uint_eq(fixture_counts(&f, "d1").invisible, 2);
    finish();
}
END_TEST

START_TEST(test_a_consumer_may_close_while_it_is_given_something)
{
    struct client client;
    begin();
    connect_client(&client, PROTOCOL_AMQP);
    consume(&client, "d1");
    client.closes_when_given = true;
    fixture_send_many(&f, "d1", 3);
    consumer_set_credit(client.consumer, 10); /* three are locked in one group */
    settle_down();
    ck_assert_uint_eq(client.given, 1);
    ck_assert_uint_eq(fixture_counts(&f, "d1").invisible, 1);
    ck_assert_uint_eq(fixture_counts(&f, "d1").enqueued, 2);
    finish();
}
END_TEST

START_TEST(test_a_consumer_outlives_its_device_without_a_queue)
{
    struct client client;
    begin();
    open_consumer(&client, 10);
    send_many(1);
    fixture_delete(&f, "d1");
    ck_assert_int_eq(settle(&client, 0, SETTLE_COMPLETE), HUB_DEVICE_MESSAGE_LOCK_LOST);
    consumer_set_credit(client.consumer, 5);
    consumer_close(client.consumer);
    finish();
}
END_TEST

/* ---- in flight ---- */

START_TEST(test_consumers_of_one_connection_share_its_in_flight)
{
    struct client one, two;
    begin();
    connect_client(&one, PROTOCOL_AMQP);
    two = one;
    consume(&one, "d1");
    consume(&two, "d1");
    consumer_set_credit(one.consumer, 10);
    consumer_set_credit(two.consumer, 10);
    send_many(4);
    ck_assert_uint_eq(one.given, 2);
    ck_assert_uint_eq(two.given, 2);
    ck_assert_uint_eq(in_flight(&one), 4);
    finish();
}
END_TEST

START_TEST(test_in_flight_is_what_was_given_and_not_settled)
{
    struct client client;
    begin();
    open_consumer(&client, 10);
    send_many(4);
    ck_assert_uint_eq(in_flight(&client), 4);
    ck_assert_int_eq(settle(&client, 0, SETTLE_COMPLETE), HUB_OK);
    ck_assert_int_eq(settle(&client, 1, SETTLE_REJECT), HUB_OK);
    ck_assert_uint_eq(in_flight(&client), 2);
    consumer_close(client.consumer);
    finish();
}
END_TEST

START_TEST(test_a_settlement_that_is_refused_changes_nothing_in_flight)
{
    struct client client;
    begin();
    open_consumer(&client, 10);
    send_many(2);
    ck_assert_int_eq(settle(&client, 0, SETTLE_COMPLETE), HUB_OK);
    ck_assert_int_eq(settle(&client, 0, SETTLE_COMPLETE), HUB_DEVICE_MESSAGE_LOCK_LOST);
    ck_assert_uint_eq(in_flight(&client), 1);
    finish();
}
END_TEST

START_TEST(test_a_lock_that_lapses_is_no_longer_in_flight)
{
    struct client client;
    begin();
    open_consumer(&client, 2);
    send_many(2);
    ck_assert_uint_eq(in_flight(&client), 2);
    fixture_advance(&f, DURATION_SECONDS(61));
    settle_down();
    ck_assert_uint_eq(in_flight(&client), 0);
    consumer_set_credit(client.consumer, 1); /* and it may have one again */
    settle_down();
    ck_assert_uint_eq(in_flight(&client), 1);
    ck_assert_int_eq(settle(&client, 0, SETTLE_COMPLETE), HUB_DEVICE_MESSAGE_LOCK_LOST);
    ck_assert_uint_eq(in_flight(&client), 1);
    finish();
}
END_TEST

START_TEST(test_what_is_purged_is_no_longer_in_flight)
{
    struct client client;
    begin();
    open_consumer(&client, 10);
    send_many(3);
    fixture_purge(&f, "d1");
    ck_assert_uint_eq(in_flight(&client), 0);
    finish();
}
END_TEST

START_TEST(test_each_connection_has_its_own_in_flight)
{
    struct client one, two;
    begin();
    open_consumer(&one, 10);
    open_consumer(&two, 10);
    send_many(5);
    ck_assert_uint_eq(in_flight(&one) + in_flight(&two), 5);
    ck_assert_uint_eq(in_flight(&one), one.given);
    connection_close(one.connection, "gone");
    ck_assert_uint_eq(in_flight(&two), two.given);
    finish();
}
END_TEST

SUITE_MAIN("session", test_connections_are_listed_in_the_order_of_their_ids,
    test_coming_and_going_is_in_the_journal_under_its_name,
    test_each_device_of_a_connection_comes_and_goes, test_one_or_all_are_asked_to_end,
    test_names_of_protocols_and_ends_differ, test_a_device_is_connected_while_somebody_attends_it,
    test_who_attends_a_device_is_told_of_its_loss_after_the_commit,
    test_a_message_is_given_after_the_commit_that_locks_it,
    test_no_more_is_given_than_there_is_credit, test_competing_consumers_take_turns,
    test_a_settled_consumer_has_its_messages_completed,
    test_nothing_is_given_when_the_lock_was_not_committed,
    test_an_exclusive_consumer_ends_the_older_of_its_family,
    test_what_was_locked_and_not_given_is_free_when_the_consumer_closes,
    test_what_was_given_keeps_its_lock_when_the_consumer_closes,
    test_a_consumer_may_close_while_it_is_given_something,
    test_a_consumer_outlives_its_device_without_a_queue,
    test_in_flight_is_what_was_given_and_not_settled,
    test_a_settlement_that_is_refused_changes_nothing_in_flight,
    test_a_lock_that_lapses_is_no_longer_in_flight, test_what_is_purged_is_no_longer_in_flight,
    test_each_connection_has_its_own_in_flight,
    test_consumers_of_one_connection_share_its_in_flight)
