/*
 * One AMQP connection: Proton's engine on a stream. Feeds it what the peer sends, dispatches its
 * events to the links, writes what it has to say, keeps time. Internal to this folder; belongs to
 * the loop's thread.
 *
 *      accepted --> SERVING --(refusal, idle, token over, operator)--> CLOSING
 *                      |                                                  |
 *                      +--(peer's close, stream ended)--> GONE <--(peer's close, stream ended,
 *                                                                  deadline)
 *
 * What a callback of the store or of protocols/session changes is written by the flush timer in the
 * same or the next turn of the loop, all of one turn together; and only the connection's own
 * callbacks (stream, timers) ever free it.
 */
#ifndef DEVICEBOUND_PROTOCOLS_AMQP_CONNECTION_H
#define DEVICEBOUND_PROTOCOLS_AMQP_CONNECTION_H

#include "protocols/amqp/amqp.h"
#include "protocols/amqp/frame_guard.h"
#include "protocols/amqp/sasl.h"
#include "protocols/amqp/tokens.h"
#include "protocols/amqp/value.h"
#include "protocols/session/fault.h"
#include "protocols/session/throttle.h"

#include <proton/connection_driver.h>
#include <uthash.h>

/* The service's own values. */
#define AMQP_IDLE_MS 240000 /* advertised; a peer silent for longer is closed */
#define AMQP_CLOSE_WAIT_MS 10000 /* for the peer's close after ours */
#define AMQP_AUTHENTICATE_MS 60000 /* for a peer to show who it is */
#define AMQP_SESSION_BYTES_MAX 8388608 /* received and not yet read, of one session */
#define AMQP_STRAY_TRANSFERS_MAX 1000 /* on links that were refused or ended */
#define AMQP_DEAD_LINKS_MAX 1000 /* ended with deliveries nobody will settle */
#define AMQP_REPLIES_MAX 1000 /* waiting for credit */
#define AMQP_ORDERS_MAX 16 /* faults that devices ordered, waiting or in force */

struct amqp_link;
struct amqp_order;
struct reply;

struct amqp_server {
    struct protocol_context context;
    struct amqp_options options;
    char container_id[48];
    struct amqp_connection *connections;
};

/* A device or module this connection speaks for, by its name. */
struct attended {
    struct amqp_connection *connection;
    char device_id[IDENTITY_NAME_MAX + 1];
    struct attendance *attendance;
    UT_hash_handle hh;
};

enum amqp_connection_state {
    CONNECTION_SERVING,
    CONNECTION_CLOSING,
    CONNECTION_GONE
};

/* What waits for its delay, to be done again (fault.h). */
enum amqp_held_kind {
    HELD_NOTHING,
    HELD_OPEN,
    HELD_ATTACH,
    HELD_RECEIVE,
    HELD_SETTLE
};

struct amqp_held {
    enum amqp_held_kind kind;
    pn_link_t *wire; /* of an attach */
    struct amqp_link *link; /* of what came in, with its delivery */
    pn_delivery_t *delivery;
    const uint8_t *bytes;
    size_t length;
};

struct amqp_connection {
    struct amqp_server *server;
    struct stream *stream;
    pn_connection_driver_t driver;
    struct frame_guard guard;
    struct sasl_host sasl;
    enum amqp_connection_state state;
    struct connection *session; /* of protocols/session */
    struct tokens tokens;
    struct attended *attended; /* by device id */
    struct amqp_link *links; /* in the order they were attached */
    struct reply *replies; /* waiting for credit */
    size_t reply_count, stray_transfers, dead_links;
    struct writer writer; /* for messages going out; used again and again */
    struct writer incoming; /* for messages coming in */
    struct loop_timer *timer, *flush, *held_timer;
    struct amqp_held held;
    bool is_repeating; /* what was held: no fault strikes it again */
    struct amqp_order *orders; /* of faults, by its devices */
    size_t order_count;
    char sasl_device[IDENTITY_NAME_MAX + 1]; /* shown by PLAIN; "": none */
    bool flush_is_due, stream_has_ended, reset, output_was_full;
    const char *reason; /* why it ends, for the journal; static */
    int64_t opened_ms, input_ms, close_ms; /* monotonic */
    int64_t armed_ms; /* when `timer` fires; 0: not armed */
    struct amqp_connection *prev, *next;
};

/* Takes the stream. */
void amqp_connection_open(struct amqp_server *server, struct stream *stream);

/* Ends it without a word to the peer: for a server that goes away. */
void amqp_connection_free(struct amqp_connection *connection);

/* An arrow of the drawing. False: there is no such one from where it is. `reason` is for the
 * journal. */
bool amqp_connection_move(
    struct amqp_connection *connection, enum amqp_connection_state next, const char *reason);

/* Says close with that error; `condition` NULL: that of the code. */
void amqp_connection_close(
    struct amqp_connection *connection, const struct hub_error *error, const char *condition);

/* Ends it with a TCP reset, soon; nothing more is read. */
void amqp_connection_drop(struct amqp_connection *connection, const char *reason);

static inline bool amqp_connection_is_held(const struct amqp_connection *connection)
{
    return connection->held.kind != HELD_NOTHING && connection->state == CONNECTION_SERVING;
}

/* Writes what Proton has to say in the same or the next turn of the loop. */
void amqp_connection_flush_soon(struct amqp_connection *connection);

/* Writes it now: what is said afterwards comes after it. */
void amqp_connection_drain(struct amqp_connection *connection);

/* Its links are over, as far as the hub goes; nothing is said to the peer. */
void amqp_connection_release_links(struct amqp_connection *connection);

/* ---- Proton's events, in connection_events.c ---- */

/* Does what the engine has reported, until there is no more or a delay holds it up. */
void amqp_connection_dispatch(struct amqp_connection *connection);

/* The peer's open: answers it. */
void amqp_connection_remote_open(struct amqp_connection *connection);

/* ---- time, in connection_time.c ---- */

/* The tokens have changed: their next expiry arms the timer. */
void amqp_connection_arm(struct amqp_connection *connection);

/* What is due at that time of the monotonic clock, in milliseconds. */
void amqp_connection_tick(struct amqp_connection *connection, int64_t now_ms);

/* For connection_listen_clock: tokens may follow the hub's clock, which has jumped. */
void amqp_connection_clock_moved(void *connection);

/* ---- the devices it speaks for, in connection_devices.c ---- */

/* The connection speaks for this device from now on. */
void amqp_connection_attend(struct amqp_connection *connection, const char *device_id);

/* Rights were lost: ends the links that have none left, then, if nothing is left that has any, the
 * connection, both with `error`. */
void amqp_connection_check_rights(
    struct amqp_connection *connection, const struct hub_error *error);

/* It ends: speaks for nobody any longer. */
void amqp_connection_forget_devices(struct amqp_connection *connection);

/* ---- journal ---- */

/* Notes an event of this connection in the journal; `device_id` and `reason` may be NULL. */
void amqp_connection_note(const struct amqp_connection *connection, enum journal_event event,
    const char *device_id, const char *reason);

static inline struct instant amqp_connection_token_now(const struct amqp_connection *connection)
{
    return clock_token_now(hub_clock(connection->server->context.hub));
}

static inline struct database *amqp_database(const struct amqp_connection *connection)
{
    return hub_database(connection->server->context.hub);
}

#endif
