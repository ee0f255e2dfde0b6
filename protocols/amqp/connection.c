#include "protocols/amqp/connection.h"

#include "protocols/amqp/fault.h"
#include "protocols/amqp/link.h"
#include "protocols/amqp/refusal.h"
#include "protocols/amqp/reply.h"
#include "protocols/amqp/trace.h"
#include "store/log.h"
#include "store/memory.h"

#include <proton/connection.h>
#include <proton/session.h>
#include <proton/transport.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static void run(struct amqp_connection *connection);

/* ---- state ---- */

/* Rows are the arrows of the drawing in connection.h. */
static const bool allowed[][CONNECTION_GONE + 1] = {
    [CONNECTION_SERVING] = {[CONNECTION_CLOSING] = true, [CONNECTION_GONE] = true},
    [CONNECTION_CLOSING] = {[CONNECTION_GONE] = true},
    [CONNECTION_GONE] = {false},
};

/* The only writer of the state. */
bool amqp_connection_move(
    struct amqp_connection *connection, enum amqp_connection_state next, const char *reason)
{
    if (!allowed[connection->state][next]) {
        return false;
    }
    connection->state = next;
    if (!connection->reason) {
        connection->reason = reason;
    }
    return true;
}

void amqp_connection_release_links(struct amqp_connection *connection)
{
    struct amqp_link *link, *next;
    DL_FOREACH_SAFE (connection->links, link, next) {
        amqp_link_release(link);
    }
}

/* ---- output ---- */

void amqp_connection_drain(struct amqp_connection *connection)
{
    pn_connection_driver_t *driver = &connection->driver;
    bool has_written = false;
    /* Proton decides by the peer's header whether SASL comes first. */
    if (connection->guard.phase == GUARD_HEADER) {
        return;
    }
    for (pn_bytes_t out; (out = pn_connection_driver_write_buffer(driver)).size > 0;) {
        stream_write(connection->stream, out.start, out.size);
        pn_connection_driver_write_done(driver, out.size);
        has_written = true;
    }
    if (has_written) {
        /* So that the next heartbeat is due half of the peer's time after this. */
        pn_transport_tick(driver->transport, clock_monotonic_ms());
    }
}

void amqp_connection_flush_soon(struct amqp_connection *connection)
{
    if (!connection->flush_is_due) {
        connection->flush_is_due = true;
        loop_timer_arm(connection->flush, 0);
    }
}

/* A peer that does not read is given nothing more, and what it sends is not read either. */
static void watch_output(struct amqp_connection *connection)
{
    bool is_full = stream_output_is_full(connection->stream);
    if (is_full == connection->output_was_full) {
        return;
    }
    connection->output_was_full = is_full;
    struct amqp_link *link;
    DL_FOREACH (connection->links, link) {
        if (link->kind->flow) {
            link->kind->flow(link);
        }
    }
}

/* ---- ending ---- */

/* What is open is closed from the inside out. The npm clients wait up to 45 seconds for each link
 * and session that is still open when the connection's close comes, and tell nobody meanwhile. */
static void end_links_and_sessions(pn_connection_t *wire)
{
    pn_link_t *link = pn_link_head(wire, PN_LOCAL_ACTIVE);
    for (; link; link = pn_link_next(link, PN_LOCAL_ACTIVE)) {
        pn_link_close(link);
    }
    pn_session_t *session = pn_session_head(wire, PN_LOCAL_ACTIVE);
    for (; session; session = pn_session_next(session, PN_LOCAL_ACTIVE)) {
        pn_session_close(session);
    }
}

static void end_with(
    struct amqp_connection *connection, const struct hub_error *error, const char *condition)
{
    pn_connection_t *wire = connection->driver.connection;
    amqp_connection_release_links(connection);
    replies_free(&connection->replies);
    connection->reply_count = 0;
    refusal_write(pn_connection_condition(wire), error, condition);
    if (pn_connection_state(wire) & PN_LOCAL_UNINIT) {
        pn_connection_open(wire);
    }
    end_links_and_sessions(wire);
    pn_connection_close(wire);
    connection->close_ms = clock_monotonic_ms() + AMQP_CLOSE_WAIT_MS;
    amqp_connection_arm(connection);
    amqp_connection_flush_soon(connection);
}

void amqp_connection_close(
    struct amqp_connection *connection, const struct hub_error *error, const char *condition)
{
    if (connection->guard.phase < GUARD_OPEN) {
        /* Nobody to say close to: the protocol has not begun. */
        if (amqp_connection_move(
                connection, CONNECTION_GONE, error->sentence[0] ? "refused" : "ended")) {
            amqp_connection_flush_soon(connection);
        }
    } else if (amqp_connection_move(
                   connection, CONNECTION_CLOSING, refusal_condition(error->code))) {
        end_with(connection, error, condition);
    }
}

static void destroy(struct amqp_connection *connection)
{
    amqp_connection_release_links(connection);
    amqp_connection_forget_devices(connection);
    connection_close(
        connection->session, connection->reason ? connection->reason : "connection lost");
    loop_timer_free(connection->timer);
    loop_timer_free(connection->flush);
    amqp_fault_let_go(connection, NULL);
    amqp_orders_release(connection);
    loop_timer_free(connection->held_timer);
    pn_connection_driver_destroy(&connection->driver);
    frame_guard_release(&connection->guard);
    replies_free(&connection->replies);
    tokens_release(&connection->tokens);
    writer_free(&connection->writer);
    writer_free(&connection->incoming);
    DL_DELETE(connection->server->connections, connection);
    if (connection->reset) {
        stream_reset(connection->stream);
    } else {
        stream_close(connection->stream);
    }
    free(connection);
}

void amqp_connection_free(struct amqp_connection *connection)
{
    connection->reset = true;
    destroy(connection);
}

/* ---- journal ---- */

void amqp_connection_note(const struct amqp_connection *connection, enum journal_event event,
    const char *device_id, const char *reason)
{
    struct hub *hub = connection->server->context.hub;
    struct actor actor = connection_actor(connection->session);
    journal_note(hub_journal(hub), &(struct journal_entry){.at = hub_now(hub),
                                       .event = event,
                                       .device = device_id,
                                       .protocol = actor.protocol,
                                       .connection = actor.connection,
                                       .reason = reason});
}

/* ---- input ---- */

/* As OASIS AMQP 1.0 part 2, 2.2 asks: whoever speaks another protocol is told this one's header. */
static void refuse_header(struct amqp_connection *connection)
{
    static const char header[] = {'A', 'M', 'Q', 'P', 0, 1, 0, 0};
    stream_write(connection->stream, header, sizeof(header));
    amqp_connection_move(connection, CONNECTION_GONE, "not AMQP 1.0");
}

static void refuse_frame(struct amqp_connection *connection, const struct guard_mistake *mistake)
{
    LOG(LOG_DEBUG, "AMQP-FRAME-REFUSED", mistake->sentence,
        {"peer", stream_peer_address(connection->stream)}, {"condition", mistake->condition});
    if (connection->guard.phase == GUARD_HEADER) {
        refuse_header(connection);
        return;
    }
    amqp_connection_release_links(connection);
    connection->reason = mistake->condition;
    pn_connection_driver_errorf(&connection->driver, mistake->condition, "%s", mistake->sentence);
    pn_connection_driver_read_close(&connection->driver);
}

static void push(struct amqp_connection *connection, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        pn_rwbytes_t room = pn_connection_driver_read_buffer(&connection->driver);
        size_t part = room.size < length ? room.size : length;
        if (part == 0) {
            return;
        }
        memcpy(room.start, bytes, part);
        pn_connection_driver_read_done(&connection->driver, part);
        bytes += part;
        length -= part;
    }
}

/* Gives Proton every whole frame that waits. False: there is none. */
static bool feed(struct amqp_connection *connection)
{
    size_t available, passed = 0, length;
    struct guard_mistake mistake;
    enum guard_verdict verdict = GUARD_WAIT;
    const uint8_t *bytes = stream_peek(connection->stream, &available);
    while (passed < available && (verdict = frame_guard_judge(&connection->guard, bytes + passed,
                                      available - passed, &length, &mistake)) == GUARD_PASS) {
        passed += length;
    }
    push(connection, bytes, passed);
    stream_consume(connection->stream, passed);
    if (passed > 0) {
        connection->input_ms = clock_monotonic_ms();
    }
    if (verdict == GUARD_REFUSE) {
        refuse_frame(connection, &mistake);
    }
    return passed > 0;
}

/* ---- one round ---- */

/* Reads, acts, writes; frees the connection when its time has come. Only the callbacks of the
 * stream and the timers call this, and nothing after it. */
static void run(struct amqp_connection *connection)
{
    amqp_connection_dispatch(connection);
    while (connection->state != CONNECTION_GONE && !stream_output_is_full(connection->stream) &&
           !amqp_connection_is_held(connection) &&
           !pn_connection_driver_read_closed(&connection->driver) && feed(connection)) {
        amqp_connection_dispatch(connection);
        amqp_connection_drain(connection);
    }
    if (connection->stream_has_ended) {
        pn_connection_driver_read_close(&connection->driver);
        amqp_connection_dispatch(connection);
        amqp_connection_move(connection, CONNECTION_GONE, "connection lost");
    }
    if (connection->state != CONNECTION_GONE) {
        amqp_connection_drain(connection);
        amqp_connection_dispatch(connection);
        watch_output(connection);
    }
    if (connection->state == CONNECTION_GONE) {
        destroy(connection);
    }
}

static void stream_readable(void *owner)
{
    run(owner);
}

static void stream_writable(void *owner)
{
    struct amqp_connection *connection = owner;
    watch_output(connection);
    run(connection);
}

static void stream_ended(void *owner)
{
    struct amqp_connection *connection = owner;
    connection->stream_has_ended = true;
    run(connection);
}

static void flush_now(void *owner)
{
    struct amqp_connection *connection = owner;
    connection->flush_is_due = false;
    run(connection);
}

static void timer_fired(void *owner)
{
    struct amqp_connection *connection = owner;
    amqp_connection_tick(connection, clock_monotonic_ms());
    run(connection);
}

static void delay_is_over(void *owner)
{
    struct amqp_connection *connection = owner;
    amqp_fault_repeat(connection);
    run(connection);
}

/* ---- the operator's side ---- */

void amqp_connection_drop(struct amqp_connection *connection, const char *reason)
{
    connection->reset = true;
    amqp_connection_move(connection, CONNECTION_GONE, reason);
    amqp_connection_flush_soon(connection);
}

static void ended_by_session(void *owner, enum session_end end)
{
    struct amqp_connection *connection = owner;
    struct hub_error error;
    if (end == END_RESET) {
        amqp_connection_drop(connection, session_end_name(end));
        return;
    }
    connection->reason = session_end_name(end);
    hub_refuse(
        &error, HUB_SERVICE_UNAVAILABLE, "The connection was ended: %s.", session_end_name(end));
    amqp_connection_close(connection, &error, "amqp:connection:forced");
}

/* ---- beginning ---- */

static void write_name(const struct sasl_user *who, char name[IDENTITY_NAME_MAX + 1])
{
    snprintf(name, IDENTITY_NAME_MAX + 1, "%.*s%s%.*s", (int)who->device.length,
        who->device.bytes ? who->device.bytes : "", who->module.bytes ? "/" : "",
        (int)who->module.length, who->module.bytes ? who->module.bytes : "");
}

/* PLAIN: a SAS token for the user it names; it is checked as one put by $cbs. */
static bool plain(void *owner, struct text user, struct text password)
{
    struct amqp_connection *connection = owner;
    const struct protocol_context *context = &connection->server->context;
    struct sasl_user who;
    struct auth_grant grant;
    struct hub_error error = {0};
    char device[IDENTITY_NAME_MAX + 1] = "";
    enum hub_code code = HUB_IOT_HUB_UNAUTHORIZED;
    if (sasl_user_parse(user, &who) && who.device.length <= DEVICE_ID_MAX &&
        who.module.length <= DEVICE_ID_MAX) {
        write_name(&who, device);
        code = auth_read_token(context->auth, password, device[0] ? device : NULL,
            amqp_connection_token_now(connection), &grant, &error);
    }
    if (code == HUB_OK && who.policy.bytes &&
        !text_equal_nocase(who.policy, text_of(grant.policy))) {
        code = hub_refuse(&error, HUB_IOT_HUB_UNAUTHORIZED, "The token is of another policy.");
    }
    if (code == HUB_OK && device[0]) {
        code = auth_authorize_device(context->auth, &grant, device, &error);
    }
    if (code == HUB_OK) {
        code = tokens_put(&connection->tokens, &grant, &error);
    }
    if (code != HUB_OK) {
        LOG(LOG_DEBUG, "AMQP-SASL-REFUSED", error.sentence,
            {"peer", stream_peer_address(connection->stream)});
        amqp_connection_note(connection, JOURNAL_AUTHENTICATION_FAILED, device[0] ? device : NULL,
            hub_code_name(code));
        return false;
    }
    connection_set_identity(connection->session, device[0] ? device : grant.policy);
    memcpy(connection->sasl_device, device, sizeof(device));
    return true;
}

static void prepare_driver(struct amqp_connection *connection)
{
    pn_connection_driver_t *driver = &connection->driver;
    if (pn_connection_driver_init(driver, NULL, NULL) != 0) {
        abort();
    }
    pn_transport_t *transport = driver->transport;
    pn_transport_set_server(transport);
    pn_transport_require_auth(transport, false);
    pn_transport_set_max_frame(transport, AMQP_FRAME_MAX);
    pn_transport_set_channel_max(transport, AMQP_CHANNEL_MAX);
    /* Proton advertises half of what it is told. */
    pn_transport_set_idle_timeout(transport, 2 * AMQP_IDLE_MS);
    trace_install(transport, connection->server->options.trace, connection_id(connection->session));
    connection->sasl =
        (struct sasl_host){.has_certificate = stream_peer_certificate(connection->stream) != NULL,
            .plain = plain,
            .owner = connection};
    sasl_install(transport, &connection->sasl);
    pn_connection_driver_bind(driver);
}

void amqp_connection_open(struct amqp_server *server, struct stream *stream)
{
    static const struct stream_events events = {stream_readable, stream_writable, stream_ended};
    struct amqp_connection *connection = memory_allocate(sizeof(*connection));
    connection->server = server;
    connection->stream = stream;
    connection->opened_ms = connection->input_ms = clock_monotonic_ms();
    connection->session = connection_open(server->context.sessions,
        stream_is_websocket(stream) ? PROTOCOL_AMQP_WS : PROTOCOL_AMQP, stream_peer_address(stream),
        ended_by_session, connection);
    connection_listen_clock(connection->session, amqp_connection_clock_moved);
    connection->timer = loop_timer_create(server->context.loop, timer_fired, connection);
    connection->flush = loop_timer_create(server->context.loop, flush_now, connection);
    connection->held_timer = loop_timer_create(server->context.loop, delay_is_over, connection);
    frame_guard_init(&connection->guard);
    prepare_driver(connection);
    DL_APPEND(server->connections, connection);
    stream_set_owner(stream, &events, connection);
    amqp_connection_arm(connection);
}
