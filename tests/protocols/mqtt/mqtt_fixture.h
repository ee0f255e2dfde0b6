/*
 * An MQTT server on a hub in memory, and clients as one-liners: a test says what a client sends,
 * byte by byte if it likes, and reads back what it hears as one line a packet.
 */
#ifndef DEVICEBOUND_TESTS_PROTOCOLS_MQTT_MQTT_FIXTURE_H
#define DEVICEBOUND_TESTS_PROTOCOLS_MQTT_MQTT_FIXTURE_H

#include "protocols/mqtt/mqtt.h"
#include "tests/protocols/fake_loop.h"
#include "tests/protocols/fake_machine.h"
#include "tests/protocols/mqtt/fake_stream.h"
#include "tests/store/fixture.h"

struct mqtt_fixture {
    struct fixture store; /* devices d1 and d2, both with TEST_KEY */
    struct loop *loop;
    struct sessions *sessions;
    struct auth *auth;
    struct protocol_context context;
    struct mqtt_options options;
    struct mqtt_server *server;
    struct fake_stream **clients;
    size_t client_count;
    uint8_t *heard; /* the last packet of client_hear, raw */
    size_t heard_length;
};

/* With the defaults; `options` may be changed until the first client, by mqtt_fixture_set. */
void mqtt_fixture_open(struct mqtt_fixture *f, bool on_disk);
void mqtt_fixture_set(struct mqtt_fixture *f, struct mqtt_options options);
void mqtt_fixture_close(struct mqtt_fixture *f);

/* Ends every connection, closes the hub and opens it again on the same file. */
void mqtt_fixture_restart(struct mqtt_fixture *f, struct duration down);

/* Commits until nothing is left to do. */
void settle_turns(struct mqtt_fixture *f);

/* The hub's clock moves, what falls due happens. */
void advance_hub(struct mqtt_fixture *f, struct duration by);
/* The machine's clock moves. */
void advance_machine(struct mqtt_fixture *f, int64_t ms);

/* The group that is open now will not be committed. */
void doom_group(struct mqtt_fixture *f);

/* ---- clients ---- */

/* Connected, nothing sent. Borrowed until mqtt_fixture_close. */
struct fake_stream *client_dial(struct mqtt_fixture *f);

/* Frees the clients there were; their connections have ended. */
void forget_clients(struct mqtt_fixture *f);

/* Sends and lets the server act. */
void client_send(
    struct mqtt_fixture *f, struct fake_stream *client, const void *bytes, size_t length);
#define SEND(f, client, literal) client_send(f, client, literal, sizeof(literal) - 1)

struct connect_recipe {
    const char *client_id; /* NULL: d1 */
    const char *user_name; /* NULL: hub.local/{client id}/?api-version=2021-04-12; "": none */
    const char *password; /* NULL: a good token; "": none */
    bool clean;
    int keep_alive; /* 0: 60; -1: 0 */
    const char *will_topic; /* NULL: no will */
    int will_qos;
    bool will_retain;
};
void client_connect(
    struct mqtt_fixture *f, struct fake_stream *client, struct connect_recipe recipe);

/* Builds the packet; returns its length. */
size_t make_connect(const struct connect_recipe *recipe, uint8_t out[4096]);

/* Dials, connects, expects CONNACK 0 and takes it. */
struct fake_stream *client_open(struct mqtt_fixture *f, const char *device, bool clean);

void client_subscribe(
    struct mqtt_fixture *f, struct fake_stream *client, const char *filter, int qos);
void client_unsubscribe(struct mqtt_fixture *f, struct fake_stream *client, const char *filter);
void client_publish(struct mqtt_fixture *f, struct fake_stream *client, const char *topic, int qos,
    int id, const char *payload);
void client_puback(struct mqtt_fixture *f, struct fake_stream *client, int id);

/* What the client hears next, "" when nothing: "CONNACK 1 0", "SUBACK 5 1 0", "PUBACK 7",
 * "UNSUBACK 7", "PINGRESP", "PUBLISH d0 q1 i1 TOPIC: BODY". At the end of a closed stream:
 * "CLOSED" or "RESET". Static until the next call. */
const char *client_hear(struct mqtt_fixture *f, struct fake_stream *client);

/* A PUBLISH without its topic: "PUBLISH d0 q1 i1 BODY". */
const char *client_hear_short(struct mqtt_fixture *f, struct fake_stream *client);

#define HEARS(f, client, expected) ck_assert_str_eq(client_hear(f, client), expected)
#define HEARS_SHORT(f, client, expected) ck_assert_str_eq(client_hear_short(f, client), expected)

/* The next is a PUBLISH that begins so, and its body the description of that refusal. */
void client_hears_refusal(
    struct mqtt_fixture *f, struct fake_stream *client, const char *head, enum hub_code code);

/* Sends to d1, or another. */
void send_body(struct mqtt_fixture *f, const char *device, const char *body);

/* How many entries of that event are in the journal. */
size_t count_events(struct mqtt_fixture *f, enum journal_event event);
/* The reason of the last one; "" without. Static until the next call. */
const char *last_reason(struct mqtt_fixture *f, enum journal_event event);

#define DEVICE_BOUND "devices/d1/messages/devicebound/#"

#endif
