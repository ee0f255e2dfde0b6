/*
 * What devices order to go wrong by a message (protocols/session/fault_order.h). The message is
 * taken and answered as any other; the order waits for its delay beside it.
 */
#include "protocols/amqp/fault.h"

#include "protocols/amqp/refusal.h"
#include "store/log.h"
#include "store/memory.h"

#include <proton/session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct amqp_order {
    struct amqp_connection *connection;
    struct fault_order what;
    char device_id[IDENTITY_NAME_MAX + 1];
    uint64_t rule; /* that it has come to; 0: it waits for its delay */
    struct loop_timer *timer;
    struct amqp_order *prev, *next;
};

static void order_free(struct amqp_order *order)
{
    if (order->rule > 0) {
        fault_remove(order->connection->server->context.sessions, order->rule);
    }
    DL_DELETE(order->connection->orders, order);
    order->connection->order_count--;
    loop_timer_free(order->timer);
    free(order);
}

void amqp_orders_release(struct amqp_connection *connection)
{
    while (connection->orders) {
        order_free(connection->orders);
    }
}

/* ---- carrying out ---- */

static const struct amqp_link_kind *const ended_kinds[] = {
    [ORDER_END_SESSION] = &telemetry_kind,
    [ORDER_END_CBS_REQUESTS] = &cbs_request_kind,
    [ORDER_END_CBS_REPLIES] = &cbs_reply_kind,
    [ORDER_END_TELEMETRY] = &telemetry_kind,
    [ORDER_END_MESSAGES] = &device_receiver_kind,
    [ORDER_END_TWIN_REQUESTS] = &twin_request_kind,
    [ORDER_END_TWIN_REPLIES] = &twin_reply_kind,
    [ORDER_END_METHOD_CALLS] = &method_request_kind,
    [ORDER_END_METHOD_ANSWERS] = &method_response_kind,
};

/* Those of $cbs are the whole connection's. */
static struct amqp_link *find_link(const struct amqp_order *order)
{
    const struct amqp_link_kind *kind = ended_kinds[order->what.kind];
    struct amqp_link *link;
    DL_FOREACH (order->connection->links, link) {
        if (link->kind == kind &&
            (kind->right == LINK_FOR_ALL || strcmp(link->device_id, order->device_id) == 0)) {
            return link;
        }
    }
    return NULL;
}

static void end_session(struct amqp_link *link, const struct hub_error *error)
{
    struct amqp_connection *connection = link->connection;
    pn_session_t *session = pn_link_session(link->wire);
    amqp_links_end_session(connection, session);
    refusal_write(pn_session_condition(session), error, NULL);
    pn_session_close(session);
    amqp_connection_flush_soon(connection);
}

static void end_links(const struct amqp_order *order)
{
    struct amqp_link *link = find_link(order);
    struct hub_error error;
    hub_refuse(&error, HUB_SERVICE_UNAVAILABLE, "Ended by a fault: %s.", order->what.type);
    if (!link) {
        LOG(LOG_WARN, "FAULT-ORDER-IGNORED", "there is no link to end", {"type", order->what.type},
            {"device", order->device_id});
    } else if (order->what.kind == ORDER_END_SESSION) {
        end_session(link, &error);
    } else {
        for (; link; link = find_link(order)) {
            amqp_link_end(link, &error, "amqp:link:detach-forced");
        }
    }
}

static void begin_refusing(struct amqp_order *order)
{
    order->rule = fault_order_add_rule(order->connection->session, order->device_id, &order->what);
    if (order->rule > 0) {
        loop_timer_arm(order->timer, order->what.duration.us / 1000);
    } else {
        LOG(LOG_WARN, "FAULT-ORDER-IGNORED", "there are too many rules already",
            {"type", order->what.type}, {"device", order->device_id});
        order_free(order);
    }
}

static void carry_out(struct amqp_order *order)
{
    struct amqp_connection *connection = order->connection;
    fault_order_note(connection->session, order->device_id, &order->what);
    switch (order->what.kind) {
    case ORDER_REFUSE:
        begin_refusing(order);
        return;
    case ORDER_DROP:
        amqp_fault_strike(connection, FAULT_DROP);
        break;
    case ORDER_CLOSE:
        amqp_fault_strike(connection, FAULT_CLOSE);
        break;
    default:
        end_links(order);
        break;
    }
    order_free(order);
}

static void delay_or_rule_is_over(void *context)
{
    struct amqp_order *order = context;
    if (order->rule > 0 || order->connection->state != CONNECTION_SERVING) {
        order_free(order);
    } else {
        carry_out(order);
    }
}

/* ---- taking ---- */

void amqp_orders_begin(const struct amqp_link *link, const struct telemetry_event *event)
{
    struct amqp_connection *connection = link->connection;
    struct fault_order what;
    if (!fault_order_read(connection->session, link->device_id, event, &what)) {
        return;
    }
    if (connection->order_count == AMQP_ORDERS_MAX) {
        LOG(LOG_WARN, "FAULT-ORDER-IGNORED", "the connection has too many already",
            {"type", what.type}, {"device", link->device_id});
        return;
    }
    struct amqp_order *order = memory_allocate(sizeof *order);
    *order = (struct amqp_order){.connection = connection, .what = what};
    snprintf(order->device_id, sizeof order->device_id, "%s", link->device_id);
    order->timer =
        loop_timer_create(connection->server->context.loop, delay_or_rule_is_over, order);
    loop_timer_arm(order->timer, what.delay.us / 1000);
    DL_APPEND(connection->orders, order);
    connection->order_count++;
}
