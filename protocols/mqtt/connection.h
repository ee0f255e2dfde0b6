/*
 * One MQTT connection from its first byte to its end, as the files of this room see it. Private to
 * protocols/mqtt.
 *
 * Nothing here is freed while its code may be on the stack: mqtt_connection_end makes a connection
 * dead at once, and the server frees the dead in a later turn.
 */
#ifndef DEVICEBOUND_PROTOCOLS_MQTT_CONNECTION_H
#define DEVICEBOUND_PROTOCOLS_MQTT_CONNECTION_H

#include "protocols/mqtt/bag.h"
#include "protocols/mqtt/mqtt.h"
#include "protocols/mqtt/packet.h"
#include "protocols/mqtt/topic.h"
#include "protocols/mqtt/window.h"
#include "protocols/session/fault.h"
#include "protocols/session/fault_order.h"
#include "protocols/session/throttle.h"

#include <uthash.h>

/* Drawn in connection.c. */
enum mqtt_state {
    MQTT_AWAITING_CONNECT,
    MQTT_AUTHENTICATED, /* CONNACK waits for its commit */
    MQTT_OPEN,
    MQTT_CLOSED,
    MQTT_STATE_COUNT
};

/* How a connection ends on the wire, and what that means for its will. */
enum mqtt_end {
    MQTT_END_GRACEFUL, /* DISCONNECT: the will is discarded */
    MQTT_END_CLOSE,
    MQTT_END_RESET
};

struct mqtt_connection;

/* What is said once the group that is open now has been committed. */
struct mqtt_reply {
    struct mqtt_reply *next;
    void (*then)(struct mqtt_connection *connection); /* after it was said; may be NULL */
    size_t length;
    uint8_t bytes[];
};

/* A message that is given to the client later than it could be. */
struct mqtt_delayed {
    struct delivery delivery;
    struct mqtt_delayed *prev, *next;
};

struct mqtt_connection {
    struct mqtt_server *server;
    enum mqtt_state state;
    struct stream *stream;
    struct packet_reader reader;
    struct connection *connection; /* in protocols/session */

    struct loop_timer *silence; /* no CONNECT, or the keep-alive */
    int64_t silence_ms;
    struct loop_timer *token; /* looks at its end; NULL for certificates */
    struct instant token_end; /* with grace */

    /* From CONNECT on. */
    char device_id[IDENTITY_NAME_MAX + 1]; /* name of the device or module */
    int64_t device; /* row of the identity */
    struct attendance *attendance; /* NULL: the device is gone */
    bool is_clean; /* nothing is stored */
    bool session_present;
    struct telemetry_event *will; /* NULL: none */

    struct subscription subscriptions[SUBSCRIPTIONS_MAX];
    size_t subscription_count;
    struct consumer *consumer; /* NULL: no subscription to device-bound messages */
    uint8_t consumer_qos;
    struct window window;

    /* What goes wrong on purpose. */
    unsigned asked; /* operations that were asked about for the packet in hand */
    struct packet held; /* waits for its delay, with a body of its own */
    bool is_held;
    struct loop_timer *held_timer;
    struct mqtt_delayed *delayed; /* messages that wait for theirs, in order */
    size_t delayed_count;
    struct loop_timer *delayed_timer;
    struct fault_order order; /* by the device; while there is a timer */
    struct loop_timer *order_timer;

    struct mqtt_reply *first_reply, *last_reply;
    size_t reply_bytes;

    struct mqtt_connection *prev, *next; /* of the server's live, or its dead */
    UT_hash_handle by_device; /* while it speaks for one */
};

struct mqtt_server {
    const struct protocol_context *context;
    struct mqtt_options options;
    struct mqtt_connection *live, *dead;
    struct mqtt_connection *by_device;
    struct loop_timer *reaper;
    uint8_t *area; /* where PUBLISH packets are put together */
    size_t area_room;
    uint64_t displaced_count;
};

/* ---- connection.c ---- */

/* Takes the stream. */
void mqtt_connection_start(struct mqtt_server *server, struct stream *stream);
void mqtt_connection_free(struct mqtt_connection *connection);

/* The only writer of the state. */
void mqtt_connection_move(struct mqtt_connection *connection, enum mqtt_state to);

/* Ends it for good; nothing when it is closed already. `reason` is for the journal. */
void mqtt_connection_end(struct mqtt_connection *connection, enum mqtt_end how, const char *reason);

/* Writes now. */
void mqtt_connection_write(struct mqtt_connection *connection, const uint8_t *bytes, size_t length);

/* Copies the bytes (there may be none) and writes them after the commit; if it fails, ends the
 * connection instead. */
void mqtt_connection_say(struct mqtt_connection *connection, const uint8_t *bytes, size_t length,
    void (*then)(struct mqtt_connection *connection));

/* Begins the wait for the next packet anew. */
void mqtt_connection_rest(struct mqtt_connection *connection);

/* Handles the input that waits. */
void mqtt_connection_read(struct mqtt_connection *connection);

/* Shorthands. */
struct hub *mqtt_connection_hub(const struct mqtt_connection *connection);

/* One operation more is within the hub's rate limits; else why not. */
enum hub_code mqtt_connection_take(const struct mqtt_connection *connection,
    enum throttle_operation operation, struct hub_error *error);
struct instant mqtt_connection_token_now(const struct mqtt_connection *connection);
struct queue *mqtt_connection_queue(
    const struct mqtt_connection *connection); /* NULL: device gone */
uint8_t *server_area(struct mqtt_server *server, size_t size);

/* Handles a packet, which may not be the first time. */
void mqtt_connection_handle(struct mqtt_connection *connection, const struct packet *packet);

/* ---- fault.c ---- */

/* Asks at a hook point, once for each packet. True: go on with what `fault` says. False: the
 * connection has ended, or the packet is handled again later. */
bool mqtt_fault_passes(struct mqtt_connection *connection, enum fault_operation operation,
    const char *device_id, const struct packet *packet, struct fault *fault);

/* Instead of an answer that is to be lost. False: answer. */
bool mqtt_fault_takes_answer(struct mqtt_connection *connection, const struct fault *fault);

/* Begins what the device orders by the message, if it orders anything: the message is not taken
 * then, and not answered. False: it is one like any other. */
bool mqtt_fault_takes_order(
    struct mqtt_connection *connection, const struct telemetry_event *event);

/* Forgets the packet that is held, and the order. */
void mqtt_fault_let_go(struct mqtt_connection *connection);

/* ---- handlers of packets; false: the connection has to be closed, `*clause` says why ---- */

bool login_handle(
    struct mqtt_connection *connection, const struct packet *packet, const char **clause);
bool publish_handle(
    struct mqtt_connection *connection, const struct packet *packet, const char **clause);
bool subscribe_handle(
    struct mqtt_connection *connection, const struct packet *packet, const char **clause);
bool unsubscribe_handle(
    struct mqtt_connection *connection, const struct packet *packet, const char **clause);
bool delivery_handle_puback(
    struct mqtt_connection *connection, const struct packet *packet, const char **clause);

/* ---- login.c ---- */

/* Ends the connection if its token is over, else looks again when it would be. */
void token_check(struct mqtt_connection *connection);

/* ---- subscribe.c ---- */

/* The subscription of that kind; NULL: there is none. Borrowed until the next change. */
const struct subscription *subscription_find(
    const struct mqtt_connection *connection, enum topic_filter kind);

/* Rejects what is older than the subscription to device-bound messages, if that is set. */
void subscription_reject_older(struct mqtt_connection *connection);

/* ---- delivery.c ---- */

/* Reads what an earlier connection was sent and did not acknowledge. */
void delivery_load(struct mqtt_connection *connection);

/* Begins, changes or stops consuming, as the subscriptions have it. */
void delivery_follow_subscription(struct mqtt_connection *connection);

/* Tells the consumer how much the window and the output have room for. */
void delivery_update_credit(struct mqtt_connection *connection);

/* Stops, and gives unacknowledged messages back to the queue at once. */
void delivery_end(struct mqtt_connection *connection);

/* ---- publish.c ---- */

/* A message of the device, as topic and payload have it. Returns owned; NULL: the bag is malformed.
 */
struct telemetry_event *publish_read_event(struct text bag, struct text payload, bool retain);

/* Takes the event. `reason`: what is special about it, for the journal. */
void publish_take_event(
    struct mqtt_connection *connection, struct telemetry_event *event, const char *reason);

#endif
