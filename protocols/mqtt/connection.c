/*
 * The life of a connection:
 *
 *                      CONNECT accepted              committed, CONNACK out
 *   AWAITING_CONNECT ------------------> AUTHENTICATED -------------------> OPEN
 *          |                                  |                              |
 *          | refused, silent, gone            | commit failed, gone          | DISCONNECT, refused,
 *          v                                  v                              v silent, gone, ended
 *        CLOSED <--------------------------------------------------------- CLOSED
 *
 * While AUTHENTICATED, packets that came behind CONNECT stay in the stream. `moves` and `handlers`
 * below are this drawing as data.
 */
#include "protocols/mqtt/connection.h"

#include "store/log.h"
#include "store/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define CONNECT_WAIT_MS 60000

/* What a peer may let pile up beside a full window of messages. */
#define OUTPUT_SLACK 1048576
#define MESSAGE_ON_WIRE_MAX 131072

static const bool moves[MQTT_STATE_COUNT][MQTT_STATE_COUNT] = {
    [MQTT_AWAITING_CONNECT] = {[MQTT_AUTHENTICATED] = true, [MQTT_CLOSED] = true},
    [MQTT_AUTHENTICATED] = {[MQTT_OPEN] = true, [MQTT_CLOSED] = true},
    [MQTT_OPEN] = {[MQTT_CLOSED] = true}};

void mqtt_connection_move(struct mqtt_connection *connection, enum mqtt_state to)
{
    if (!moves[connection->state][to]) {
        abort();
    }
    connection->state = to;
}

struct hub *mqtt_connection_hub(const struct mqtt_connection *connection)
{
    return connection->server->context->hub;
}

enum hub_code mqtt_connection_take(const struct mqtt_connection *connection,
    enum throttle_operation operation, struct hub_error *error)
{
    const struct protocol_context *context = connection->server->context;
    return throttle_take(context->sessions, operation, hub_now(context->hub), error);
}

struct instant mqtt_connection_token_now(const struct mqtt_connection *connection)
{
    return clock_token_now(hub_clock(mqtt_connection_hub(connection)));
}

struct queue *mqtt_connection_queue(const struct mqtt_connection *connection)
{
    return queue_find(hub_queues(mqtt_connection_hub(connection)), connection->device);
}

/* ---- writing ---- */

static void trace(
    const struct mqtt_connection *connection, const char *way, uint8_t first, size_t length)
{
    if (!connection->server->options.trace) {
        return;
    }
    char id[24], size[24], flags[8];
    snprintf(id, sizeof id, "%" PRIu64, connection_id(connection->connection));
    snprintf(size, sizeof size, "%zu", length);
    snprintf(flags, sizeof flags, "%d", first & 0x0f);
    LOG(LOG_INFO, "MQTT-TRACE", packet_type_name((enum packet_type)(first >> 4)), {"way", way},
        {"connection", id}, {"device", connection->device_id}, {"flags", flags}, {"bytes", size});
}

void mqtt_connection_write(struct mqtt_connection *connection, const uint8_t *bytes, size_t length)
{
    trace(connection, "out", bytes[0], length);
    stream_write(connection->stream, bytes, length);
}

static struct mqtt_reply *take_reply(struct mqtt_connection *connection)
{
    struct mqtt_reply *reply = connection->first_reply;
    if (reply) {
        LL_DELETE(connection->first_reply, reply);
        connection->reply_bytes -= reply->length;
    }
    return reply;
}

/* Groups end in order, so the reply this is about is the first. */
static void said(void *owner, void *item, const struct hub_error *failure)
{
    (void)item;
    struct mqtt_connection *connection = owner;
    struct mqtt_reply *reply = take_reply(connection);
    if (failure) {
        mqtt_connection_end(connection, MQTT_END_CLOSE, failure->sentence);
    } else {
        if (reply->length > 0) {
            mqtt_connection_write(connection, reply->bytes, reply->length);
        }
        if (reply->then) {
            reply->then(connection);
        }
    }
    free(reply);
}

void mqtt_connection_say(struct mqtt_connection *connection, const uint8_t *bytes, size_t length,
    void (*then)(struct mqtt_connection *connection))
{
    struct mqtt_reply *reply = memory_allocate(sizeof *reply + length);
    reply->then = then;
    reply->length = length;
    if (length > 0) {
        memcpy(reply->bytes, bytes, length);
    }
    if (connection->first_reply) {
        connection->last_reply->next = reply;
    } else {
        connection->first_reply = reply;
    }
    connection->last_reply = reply;
    connection->reply_bytes += length;
    database_await(hub_database(mqtt_connection_hub(connection)), said, connection, NULL);
}

/* ---- reading ---- */

static bool handle_pingreq(
    struct mqtt_connection *connection, const struct packet *packet, const char **clause)
{
    if (!packet_parse_empty(packet, clause)) {
        return false;
    }
    uint8_t answer[2];
    packet_write_pingresp(answer);
    mqtt_connection_write(connection, answer, sizeof answer);
    return true;
}

static bool handle_disconnect(
    struct mqtt_connection *connection, const struct packet *packet, const char **clause)
{
    if (!packet_parse_empty(packet, clause)) {
        return false;
    }
    mqtt_connection_end(connection, MQTT_END_GRACEFUL, "DISCONNECT");
    return true;
}

typedef bool packet_handler(
    struct mqtt_connection *connection, const struct packet *packet, const char **clause);

/* Where there is no handler the packet is not allowed. */
static packet_handler *const handlers[MQTT_STATE_COUNT][PACKET_TYPE_COUNT] = {
    [MQTT_AWAITING_CONNECT] = {[PACKET_CONNECT] = login_handle},
    [MQTT_OPEN] = {[PACKET_PUBLISH] = publish_handle,
        [PACKET_PUBACK] = delivery_handle_puback,
        [PACKET_SUBSCRIBE] = subscribe_handle,
        [PACKET_UNSUBSCRIBE] = unsubscribe_handle,
        [PACKET_PINGREQ] = handle_pingreq,
        [PACKET_DISCONNECT] = handle_disconnect}};

static const char *clause_of_refusal(
    const struct mqtt_connection *connection, enum packet_type type)
{
    if (connection->state == MQTT_AWAITING_CONNECT) {
        return "MQTT-3.1.0-1";
    }
    return type == PACKET_CONNECT ? "MQTT-3.1.0-2" : "packet type";
}

static void end_violation(struct mqtt_connection *connection, const char *clause)
{
    LOG(LOG_DEBUG, "MQTT-REFUSED", "the connection is closed for what the client sent",
        {"address", stream_peer_address(connection->stream)}, {"device", connection->device_id},
        {"clause", clause});
    char reason[64];
    snprintf(reason, sizeof reason, "refused: %s", clause);
    mqtt_connection_end(connection, MQTT_END_CLOSE, reason);
}

void mqtt_connection_handle(struct mqtt_connection *connection, const struct packet *packet)
{
    packet_handler *handler = handlers[connection->state][packet->type];
    const char *clause = NULL;
    if (!handler) {
        end_violation(connection, clause_of_refusal(connection, packet->type));
    } else if (!handler(connection, packet, &clause)) {
        end_violation(connection, clause);
    }
    mqtt_connection_rest(connection);
}

static void handle(struct mqtt_connection *connection, const struct packet *packet)
{
    trace(connection, "in", (uint8_t)(packet->type << 4 | packet->flags), packet->length);
    connection->asked = 0;
    mqtt_connection_handle(connection, packet);
}

/* A peer that asks and does not listen. */
static bool output_is_beyond_bounds(const struct mqtt_connection *connection)
{
    size_t bound =
        OUTPUT_SLACK + (size_t)connection->server->options.inflight * MESSAGE_ON_WIRE_MAX;
    return stream_output_pending(connection->stream) + connection->reply_bytes > bound;
}

static bool is_reading(const struct mqtt_connection *connection)
{
    return !connection->is_held &&
           (connection->state == MQTT_AWAITING_CONNECT || connection->state == MQTT_OPEN);
}

void mqtt_connection_read(struct mqtt_connection *connection)
{
    while (is_reading(connection)) {
        size_t length, used;
        const uint8_t *input = stream_peek(connection->stream, &length);
        if (length == 0) {
            return;
        }
        if (output_is_beyond_bounds(connection)) {
            end_violation(connection, "output");
            return;
        }
        /* A first byte that is no CONNECT is refused without waiting for the rest. */
        if (connection->state == MQTT_AWAITING_CONNECT && connection->reader.length == 0 &&
            input[0] >> 4 != PACKET_CONNECT) {
            end_violation(connection, "MQTT-3.1.0-1");
            return;
        }
        struct packet packet;
        const char *clause = NULL;
        enum packet_result result =
            packet_read(&connection->reader, input, length, &used, &packet, &clause);
        if (result == PACKET_REFUSED) {
            end_violation(connection, clause);
            return;
        }
        if (result == PACKET_COMPLETE) {
            handle(connection, &packet);
        }
        if (connection->state != MQTT_CLOSED) {
            stream_consume(connection->stream, used);
        }
    }
}

/* ---- what happens to it ---- */

static void readable(void *owner)
{
    mqtt_connection_read(owner);
}

static void writable(void *owner)
{
    struct mqtt_connection *connection = owner;
    if (connection->state == MQTT_OPEN) {
        delivery_update_credit(connection);
    }
}

/* Whole packets that arrived before the end count: a client may publish, and be gone. */
static void ended_by_peer(void *owner)
{
    struct mqtt_connection *connection = owner;
    mqtt_connection_read(connection);
    mqtt_connection_end(connection, MQTT_END_CLOSE, "closed by the peer");
}

static const struct stream_events stream_events = {
    .readable = readable, .writable = writable, .ended = ended_by_peer};

static void ended_by_session(void *owner, enum session_end end)
{
    mqtt_connection_end(
        owner, end == END_RESET ? MQTT_END_RESET : MQTT_END_CLOSE, session_end_name(end));
}

static void clock_moved(void *owner)
{
    struct mqtt_connection *connection = owner;
    if (connection->token) {
        token_check(connection);
    }
}

static void silent(void *context)
{
    struct mqtt_connection *connection = context;
    mqtt_connection_end(connection, MQTT_END_CLOSE,
        connection->state == MQTT_AWAITING_CONNECT ? "no CONNECT" : "keep-alive");
}

void mqtt_connection_rest(struct mqtt_connection *connection)
{
    if (connection->state != MQTT_CLOSED && !connection->is_held) {
        loop_timer_arm(connection->silence, connection->silence_ms);
    }
}

/* ---- begin and end ---- */

void mqtt_connection_start(struct mqtt_server *server, struct stream *stream)
{
    struct mqtt_connection *connection = memory_allocate(sizeof *connection);
    connection->server = server;
    connection->stream = stream;
    connection->reader.limit = PACKET_CONNECT_MAX;
    connection->connection = connection_open(server->context->sessions,
        stream_is_websocket(stream) ? PROTOCOL_MQTT_WS : PROTOCOL_MQTT, stream_peer_address(stream),
        ended_by_session, connection);
    connection_listen_clock(connection->connection, clock_moved);
    connection->silence = loop_timer_create(server->context->loop, silent, connection);
    connection->silence_ms = CONNECT_WAIT_MS;
    mqtt_connection_rest(connection);
    DL_APPEND(server->live, connection);
    stream_set_owner(stream, &stream_events, connection);
}

static void forget_replies(struct mqtt_connection *connection)
{
    database_forget(hub_database(mqtt_connection_hub(connection)), connection);
    for (struct mqtt_reply *reply; (reply = take_reply(connection));) {
        free(reply);
    }
}

static void leave_rooms(struct mqtt_connection *connection, const char *reason)
{
    delivery_end(connection);
    if (connection->device_id[0]) {
        HASH_DELETE(by_device, connection->server->by_device, connection);
    }
    if (connection->attendance) {
        attendance_close(connection->attendance);
        connection->attendance = NULL;
    }
    connection_close(connection->connection, reason);
    forget_replies(connection);
}

void mqtt_connection_end(struct mqtt_connection *connection, enum mqtt_end how, const char *reason)
{
    if (connection->state == MQTT_CLOSED) {
        return;
    }
    struct mqtt_server *server = connection->server;
    if (connection->will && how != MQTT_END_GRACEFUL && connection->state == MQTT_OPEN) {
        publish_take_event(connection, connection->will, "will");
        connection->will = NULL;
    }
    mqtt_connection_move(connection, MQTT_CLOSED);
    leave_rooms(connection, reason);
    mqtt_fault_let_go(connection);
    loop_timer_free(connection->silence);
    loop_timer_free(connection->token);
    if (how == MQTT_END_RESET) {
        stream_reset(connection->stream);
    } else {
        stream_close(connection->stream);
    }
    connection->stream = NULL;
    DL_DELETE(server->live, connection);
    DL_APPEND(server->dead, connection);
    loop_timer_arm(server->reaper, 0);
}

void mqtt_connection_free(struct mqtt_connection *connection)
{
    packet_reader_release(&connection->reader);
    window_release(&connection->window);
    telemetry_event_free(connection->will);
    free(connection);
}
