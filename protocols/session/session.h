/*
 * Who is connected as whom, and who gets the next message. Every protocol reports its connections,
 * the devices they speak for, and its consumers here; this room gives a consumer that has credit
 * the next message of its queue, ends the older of two that exclude each other, and ends whoever
 * speaks for a device that is disabled or deleted.
 *
 * Belongs to the loop's thread. Callbacks may come from within hub_end_turn; they may close
 * whatever they like, themselves included.
 */
#ifndef DEVICEBOUND_PROTOCOLS_SESSION_SESSION_H
#define DEVICEBOUND_PROTOCOLS_SESSION_SESSION_H

#include "store/hub.h"

struct sessions;

/* Borrows the hub, and listens to its queues and devices. Returns owned. */
struct sessions *sessions_open(struct hub *hub);
void sessions_close(struct sessions *sessions);
struct hub *sessions_hub(struct sessions *sessions);

/* ---- connections ---- */

enum protocol {
    PROTOCOL_AMQP,
    PROTOCOL_AMQP_WS,
    PROTOCOL_MQTT,
    PROTOCOL_MQTT_WS,
    PROTOCOL_HTTPS
};
const char *protocol_name(enum protocol protocol); /* "amqp", "amqpWs", … */

/* Why a connection, an attendance or a consumer is ended from here. */
enum session_end {
    END_DISPLACED, /* a newer one of the same kind: 409002, 400027 */
    END_DEVICE_DISABLED, /* 404001, 403012 */
    END_DEVICE_DELETED,
    END_DROPPED, /* by the operator, politely */
    END_RESET, /* by the operator, with a TCP reset */
    END_SHUTDOWN, /* the hub stops: close politely, now */
};
const char *session_end_name(enum session_end end);

struct connection;

/* `ended`: close yourself in your protocol's form, and call connection_close when done. */
typedef void connection_ended(void *owner, enum session_end end);

/* Journals "connected". `address` is copied. Returns borrowed until connection_close. */
struct connection *connection_open(struct sessions *sessions, enum protocol protocol,
    const char *address, connection_ended *ended, void *owner);

/* Closes what is left of its attendances and consumers; journals "disconnected". */
void connection_close(struct connection *connection, const char *reason);

/* `moved`: the hub's clock has jumped, and tokens may follow it. Borrows as connection_open. */
void connection_listen_clock(struct connection *connection, void (*moved)(void *owner));

uint64_t connection_id(const struct connection *connection);
struct actor connection_actor(const struct connection *connection);

/* For the list of connections: who it is (a device, or a policy) and with what software. With its
 * first identity a connection has come, in the journal; before that it is nobody's. */
void connection_set_identity(struct connection *connection, const char *identity);
void connection_set_client_version(struct connection *connection, const char *version);

/* What the control API and metrics show. */
struct connection_view {
    uint64_t id;
    enum protocol protocol;
    const char *identity, *client_version, *address;
    struct instant since;
    size_t in_flight;
};
/* In the order of their ids, those above `after`. False at the end. */
bool sessions_next_connection(
    const struct sessions *sessions, uint64_t after, struct connection_view *view);
size_t sessions_count(const struct sessions *sessions);

/* Asks one, or all, to end. False: no connection of that id. */
bool sessions_end_connection(struct sessions *sessions, uint64_t id, enum session_end end);
void sessions_end_all(struct sessions *sessions, enum session_end end);

/* The hub's clock has jumped, or tokens follow another one: tells every connection. */
void sessions_tell_clock(struct sessions *sessions);

/* ---- attendance: a connection speaks for a device, or for a module under its name ---- */

struct attendance;

/* Marks the device connected (HTTPS never does this). `ended`: the device may no longer be spoken
 * for; the attendance is already gone. Returns borrowed until attendance_close. */
struct attendance *attendance_open(struct connection *connection, const char *device_id,
    void (*ended)(void *owner, enum session_end end), void *owner);
void attendance_close(struct attendance *attendance);

/* ---- consumers ---- */

struct consumer;

struct consumer_events {
    /* A message, locked and committed: write it. Takes `delivery->message`. */
    void (*deliver)(void *owner, struct delivery *delivery);
    /* Someone else took this place; the consumer is already gone. */
    void (*ended)(void *owner, enum session_end end);
    /* Something is deliverable and there is no credit: if that is so because of messages whose lock
     * has lapsed, consumer_set_credit. NULL: credit never depends on locks. */
    void (*starved)(void *owner);
};

struct consumer_options {
    struct queue *queue; /* a device's, or the feedback queue */
    bool exclusive; /* of its protocol family, per queue: a newer one ends the older */
    bool settled; /* messages are completed when given: pre-settled link, QoS 0 */
};

/* Starts with credit 0. Returns borrowed until consumer_close or `ended`. */
struct consumer *consumer_open(struct connection *connection,
    const struct consumer_options *options, const struct consumer_events *events, void *owner);

/* Messages that were locked for it and not yet given are released. Those that were given keep
 * their lock: the protocol settles or releases them by consumer_settle before, or lets it run. */
void consumer_close(struct consumer *consumer);

/* How many more messages the wire would take now, those not yet given included. 0 pauses. */
void consumer_set_credit(struct consumer *consumer, uint32_t credit);

/* queue_settle for a message this consumer was given. Register the answer with database_await. */
enum hub_code consumer_settle(struct consumer *consumer, const struct lock_token *token,
    enum queue_settlement settlement, struct hub_error *error);

#endif
