/*
 * A consumer's message takes two commits to reach it: the one that put it into the queue, after
 * which the queue is offered, and the one that locks it, after which it is given. In between it
 * waits here.
 */
#include "protocols/session/sessions.h"
#include "protocols/session/simulator.h"

#include "store/memory.h"

#include <stdlib.h>
#include <utlist.h>

/* What one consumer may be locking in one group: bounds memory, and shares a queue fairly. */
#define LOCKING_MAX 64

struct consumer {
    struct hub *hub;
    struct connection *connection;
    struct consumer_options options; /* `queue` NULL: it was removed with its device */
    const struct consumer_events *events;
    void *owner;
    uint32_t credit; /* of the wire, those being locked included */
    struct delivery *locking; /* locked in the open group, to be given after it */
    uint32_t locking_count, locking_room;
    bool is_giving; /* inside locked() */
    bool is_closed; /* while giving: freed at its end */
    struct consumer *prev, *next; /* of the connection */
    struct consumer *prev_of_queue, *next_of_queue;
};

static void consumer_free(struct consumer *consumer)
{
    free(consumer->locking);
    free(consumer);
}

/* ---- the consumers of a queue, the next to be served first ---- */

static void join_queue(struct consumer *consumer)
{
    struct consumer *first = queue_get_attachment(consumer->options.queue);
    DL_APPEND2(first, consumer, prev_of_queue, next_of_queue);
    queue_set_attachment(consumer->options.queue, first);
}

static void leave_queue(struct consumer *consumer)
{
    struct consumer *first = queue_get_attachment(consumer->options.queue);
    DL_DELETE2(first, consumer, prev_of_queue, next_of_queue);
    queue_set_attachment(consumer->options.queue, first);
}

static struct consumer *find_with_room(const struct queue *queue)
{
    struct consumer *consumer = queue_get_attachment(queue);
    while (consumer && (consumer->locking_count >= consumer->credit ||
                           consumer->locking_count == LOCKING_MAX || consumer->is_giving)) {
        consumer = consumer->next_of_queue;
    }
    return consumer;
}

/* ---- giving ---- */

static void locked(void *owner, void *item, const struct hub_error *failure);

static struct delivery *locking_slot(struct consumer *consumer)
{
    if (consumer->locking_count == consumer->locking_room) {
        consumer->locking_room = consumer->locking_room ? consumer->locking_room * 2 : 4;
        consumer->locking =
            memory_grow(consumer->locking, consumer->locking_room, sizeof *consumer->locking);
    }
    return &consumer->locking[consumer->locking_count];
}

static void lock_next(struct consumer *consumer)
{
    struct hub *hub = consumer->hub;
    struct queue *queue = consumer->options.queue;
    struct actor actor = connection_actor(consumer->connection);
    struct delivery *delivery = locking_slot(consumer);
    bool found = consumer->options.settled
                     ? queue_take_next(queue, &actor, hub_now(hub), delivery)
                     : queue_lock_next(queue, NULL, &actor, hub_now(hub), delivery);
    if (found && consumer->locking_count++ == 0) {
        database_await(hub_database(hub), locked, consumer, NULL);
    }
}

/* Competing consumers take turns: whoever was served goes to the end. */
static void offer(struct queue *queue)
{
    struct consumer *consumer;
    while (queue_has_ready(queue) && (consumer = find_with_room(queue))) {
        lock_next(consumer);
        leave_queue(consumer);
        join_queue(consumer);
    }
}

static void give(struct consumer *consumer, struct delivery *delivery)
{
    consumer->credit -= consumer->credit > 0;
    consumer->events->deliver(consumer->owner, delivery);
}

/* Locked for someone who is gone before it was given: free for others at once. */
static void take_back(struct consumer *consumer, const struct delivery *delivery)
{
    if (consumer->options.queue && !consumer->options.settled) {
        queue_settle(consumer->options.queue, &delivery->lock_token, SETTLE_RELEASE, NULL,
            hub_now(consumer->hub), NULL);
    }
    message_release(delivery->message);
}

/* The group that locked them has ended: they are given, or, if it failed, no longer locked. Who is
 * given a message may close its consumer. */
static void locked(void *owner, void *item, const struct hub_error *failure)
{
    (void)item;
    struct consumer *consumer = owner;
    uint32_t count = consumer->locking_count;
    consumer->is_giving = true;
    for (uint32_t i = 0; i < count; i++) {
        if (failure) {
            message_release(consumer->locking[i].message);
        } else if (consumer->is_closed) {
            take_back(consumer, &consumer->locking[i]);
        } else {
            give(consumer, &consumer->locking[i]);
        }
    }
    consumer->is_giving = false;
    consumer->locking_count = 0;
    if (consumer->is_closed) {
        consumer_free(consumer);
    } else if (!failure && consumer->options.queue) {
        offer(consumer->options.queue);
    }
}

/* ---- the queue's side ---- */

/* The first of them that counts lapsed locks; a queue has one such consumer at most. */
static void tell_starved(struct queue *queue)
{
    struct consumer *consumer = queue_get_attachment(queue);
    while (consumer && (consumer->credit > 0 || !consumer->events->starved)) {
        consumer = consumer->next_of_queue;
    }
    if (consumer) {
        consumer->events->starved(consumer->owner);
    }
}

void consumers_ready(void *listener, struct queue *queue)
{
    offer(queue);
    if (queue_has_ready(queue)) {
        tell_starved(queue);
    }
    simulators_ready(listener, queue);
}

void consumers_removed(void *listener, struct queue *queue)
{
    struct sessions *sessions = listener;
    for (struct consumer *consumer; (consumer = queue_get_attachment(queue));) {
        leave_queue(consumer);
        consumer->options.queue = NULL;
        if (!consumer->is_giving) {
            database_forget(hub_database(sessions->hub), consumer);
            for (uint32_t i = 0; i < consumer->locking_count; i++) {
                message_release(consumer->locking[i].message);
            }
            consumer->locking_count = 0;
        }
    }
    if (queue_name(queue)) {
        simulator_remove(sessions, queue_name(queue));
    }
}

/* Several of one connection on one queue share what it holds: the first of them counts it. */
static bool is_first_of_connection(const struct consumer *consumer)
{
    const struct consumer *first = queue_get_attachment(consumer->options.queue);
    while (first->connection != consumer->connection) {
        first = first->next_of_queue;
    }
    return first == consumer;
}

size_t consumers_in_flight(const struct connection *connection)
{
    size_t count = 0;
    const struct consumer *consumer;
    DL_FOREACH (connection->consumers, consumer) {
        if (consumer->options.queue && is_first_of_connection(consumer)) {
            count += queue_count_held(consumer->options.queue, connection->id);
        }
    }
    return count;
}

/* ---- the protocol's side ---- */

/* AMQP over TCP and over WebSocket are one family, so are the two of MQTT. */
static bool same_family(enum protocol a, enum protocol b)
{
    static const int family[] = {[PROTOCOL_AMQP] = 0,
        [PROTOCOL_AMQP_WS] = 0,
        [PROTOCOL_MQTT] = 1,
        [PROTOCOL_MQTT_WS] = 1,
        [PROTOCOL_HTTPS] = 2};
    return family[a] == family[b];
}

static void displace_others(struct queue *queue, enum protocol protocol)
{
    struct consumer *consumer = queue_get_attachment(queue);
    while (consumer && !same_family(consumer->connection->protocol, protocol)) {
        consumer = consumer->next_of_queue;
    }
    if (consumer) {
        void (*ended)(void *owner, enum session_end end) = consumer->events->ended;
        void *owner = consumer->owner;
        consumer_close(consumer);
        ended(owner, END_DISPLACED);
    }
}

struct consumer *consumer_open(struct connection *connection,
    const struct consumer_options *options, const struct consumer_events *events, void *owner)
{
    if (options->exclusive) {
        displace_others(options->queue, connection->protocol);
    }
    struct consumer *consumer = memory_allocate(sizeof *consumer);
    consumer->hub = connection->sessions->hub;
    consumer->connection = connection;
    consumer->options = *options;
    consumer->events = events;
    consumer->owner = owner;
    DL_APPEND(connection->consumers, consumer);
    join_queue(consumer);
    return consumer;
}

void consumer_close(struct consumer *consumer)
{
    DL_DELETE(consumer->connection->consumers, consumer);
    if (consumer->options.queue) {
        leave_queue(consumer);
    }
    if (consumer->is_giving) {
        consumer->is_closed = true;
        return;
    }
    database_forget(hub_database(consumer->hub), consumer);
    for (uint32_t i = 0; i < consumer->locking_count; i++) {
        take_back(consumer, &consumer->locking[i]);
    }
    consumer_free(consumer);
}

void consumer_set_credit(struct consumer *consumer, uint32_t credit)
{
    consumer->credit = credit;
    if (consumer->options.queue) {
        offer(consumer->options.queue);
    }
}

enum hub_code consumer_settle(struct consumer *consumer, const struct lock_token *token,
    enum queue_settlement settlement, struct hub_error *error)
{
    if (!consumer->options.queue) {
        return hub_refuse(error, HUB_DEVICE_MESSAGE_LOCK_LOST, NULL);
    }
    struct actor actor = connection_actor(consumer->connection);
    return queue_settle(
        consumer->options.queue, token, settlement, &actor, hub_now(consumer->hub), error);
}
