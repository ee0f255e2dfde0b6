/*
 * What Proton's engine reports of a connection, and what is done about each.
 */
#include "protocols/amqp/connection.h"

#include "protocols/amqp/fault.h"
#include "protocols/amqp/link.h"
#include "store/log.h"

#include <proton/connection.h>
#include <proton/event.h>
#include <proton/session.h>
#include <proton/transport.h>

/* Who has come by PLAIN has shown who it is; others do so later. */
static bool faults_pass(struct amqp_connection *connection, struct fault *fault)
{
    const struct amqp_held work = {.kind = HELD_OPEN};
    const char *device_id = connection->sasl_device[0] ? connection->sasl_device : NULL;
    return amqp_fault_passes(connection, FAULT_CONNECT, device_id, &work, fault) &&
           (connection->tokens.count == 0 || fault->action != FAULT_NONE ||
               amqp_fault_passes(connection, FAULT_AUTHENTICATE, device_id, &work, fault));
}

void amqp_connection_remote_open(struct amqp_connection *connection)
{
    pn_connection_t *wire = connection->driver.connection;
    const struct protocol_context *context = &connection->server->context;
    struct fault fault;
    if (!faults_pass(connection, &fault)) {
        return;
    }
    if (fault.action == FAULT_ERROR || throttle_take(context->sessions, THROTTLE_CONNECT,
                                           hub_now(context->hub), &fault.error) != HUB_OK) {
        amqp_connection_close(connection, &fault.error, NULL);
        return;
    }
    if (pn_connection_state(wire) & PN_LOCAL_UNINIT) {
        pn_connection_set_container(wire, connection->server->container_id);
        pn_connection_set_hostname(wire, "localhost");
        pn_connection_open(wire);
    }
    amqp_connection_arm(connection);
}

static void session_open(struct amqp_connection *connection, pn_session_t *session)
{
    (void)connection;
    pn_session_set_incoming_capacity(session, AMQP_SESSION_BYTES_MAX);
    pn_session_open(session);
}

/* The end is drained first: freeing settles what is left, which must not reach the peer. */
static void session_closed(struct amqp_connection *connection, pn_session_t *session)
{
    amqp_links_end_session(connection, session);
    pn_session_close(session);
    amqp_connection_drain(connection);
    pn_session_free(session);
}

/* A peer that goes without close is ordinary: two of the SDKs do so at exit. */
static void transport_error(struct amqp_connection *connection, pn_transport_t *transport)
{
    pn_condition_t *condition = pn_transport_condition(transport);
    LOG(LOG_DEBUG, "AMQP-TRANSPORT-ERROR", "the connection breaks off",
        {"peer", stream_peer_address(connection->stream)},
        {"condition", pn_condition_get_name(condition)},
        {"description", pn_condition_get_description(condition)});
    amqp_connection_release_links(connection);
    if (!connection->reason) {
        connection->reason = connection->stream_has_ended ? "connection lost" : "framing error";
    }
}

/* After our own close nothing of the peer matters but its close. */
static void dispatch_while_serving(struct amqp_connection *connection, pn_event_t *event)
{
    switch (pn_event_type(event)) {
    case PN_CONNECTION_REMOTE_OPEN:
        amqp_connection_remote_open(connection);
        break;
    case PN_SESSION_REMOTE_OPEN:
        session_open(connection, pn_event_session(event));
        break;
    case PN_SESSION_REMOTE_CLOSE:
        session_closed(connection, pn_event_session(event));
        break;
    case PN_LINK_REMOTE_OPEN:
        amqp_link_attach(connection, pn_event_link(event));
        break;
    case PN_LINK_REMOTE_CLOSE:
    case PN_LINK_REMOTE_DETACH:
        amqp_link_detached(connection, pn_event_link(event));
        break;
    case PN_LINK_FLOW:
        amqp_link_flow(pn_event_link(event));
        break;
    case PN_DELIVERY:
        amqp_link_delivery(connection, pn_event_delivery(event));
        break;
    default:
        break;
    }
}

static void dispatch(struct amqp_connection *connection, pn_event_t *event)
{
    switch (pn_event_type(event)) {
    case PN_CONNECTION_REMOTE_CLOSE:
        amqp_connection_release_links(connection);
        pn_connection_close(connection->driver.connection);
        amqp_connection_drain(connection);
        amqp_connection_move(connection, CONNECTION_GONE, "closed by the peer");
        break;
    case PN_TRANSPORT_ERROR:
        transport_error(connection, connection->driver.transport);
        break;
    case PN_TRANSPORT_CLOSED:
        amqp_connection_move(connection, CONNECTION_GONE, "closed");
        break;
    default:
        if (connection->state == CONNECTION_SERVING) {
            dispatch_while_serving(connection, event);
        }
        break;
    }
}

void amqp_connection_dispatch(struct amqp_connection *connection)
{
    pn_event_t *event;
    while (connection->state != CONNECTION_GONE && !amqp_connection_is_held(connection) &&
           (event = pn_connection_driver_next_event(&connection->driver))) {
        dispatch(connection, event);
    }
}
