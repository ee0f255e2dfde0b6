#include "protocols/amqp/fault.h"

#include "store/memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is held ---- */

static void hold(
    struct amqp_connection *connection, const struct amqp_held *work, struct duration delay)
{
    connection->held = *work;
    if (work->bytes) {
        connection->held.bytes = memory_allocate(work->length + 1);
        memcpy((void *)(uintptr_t)connection->held.bytes, work->bytes, work->length);
    }
    loop_timer_arm(connection->held_timer, delay.us / 1000);
}

void amqp_fault_let_go(struct amqp_connection *connection, const struct amqp_link *link)
{
    if (connection->held.kind != HELD_NOTHING && (!link || connection->held.link == link)) {
        free((void *)(uintptr_t)connection->held.bytes);
        connection->held = (struct amqp_held){.kind = HELD_NOTHING};
        loop_timer_disarm(connection->held_timer);
    }
}

void amqp_fault_repeat(struct amqp_connection *connection)
{
    struct amqp_held held = connection->held;
    pn_link_t *wire = held.link ? held.link->wire : NULL;
    connection->held = (struct amqp_held){.kind = HELD_NOTHING};
    connection->is_repeating = true;
    if (connection->state == CONNECTION_SERVING) {
        switch (held.kind) {
        case HELD_OPEN:
            amqp_connection_remote_open(connection);
            break;
        case HELD_ATTACH:
            amqp_link_attach(connection, held.wire);
            break;
        case HELD_RECEIVE:
            held.link->kind->receive(held.link, held.delivery, held.bytes, held.length);
            break;
        case HELD_SETTLE:
            held.link->kind->settle(held.link, held.delivery);
            break;
        case HELD_NOTHING:
            break;
        }
    }
    connection->is_repeating = false;
    free((void *)(uintptr_t)held.bytes);
    if (held.kind == HELD_RECEIVE) {
        amqp_link_receive(connection, wire);
    }
}

/* ---- asking ---- */

void amqp_fault_strike(struct amqp_connection *connection, enum fault_action action)
{
    struct hub_error error;
    if (action == FAULT_DROP) {
        amqp_connection_drop(connection, FAULT_REASON);
    } else {
        hub_refuse(&error, HUB_SERVICE_UNAVAILABLE, "The connection was ended: a fault.");
        connection->reason = FAULT_REASON;
        amqp_connection_close(connection, &error, "amqp:connection:forced");
    }
}

bool amqp_fault_passes(struct amqp_connection *connection, enum fault_operation operation,
    const char *device_id, const struct amqp_held *work, struct fault *fault)
{
    *fault = (struct fault){.action = FAULT_NONE};
    if (connection->is_repeating) {
        return true;
    }
    *fault = fault_ask(connection->session, operation, device_id);
    bool ends = fault->action == FAULT_DROP || fault->action == FAULT_CLOSE;
    if (fault->action == FAULT_DELAY) {
        hold(connection, work, fault->delay);
    } else if (ends && !fault->after_commit) {
        amqp_fault_strike(connection, fault->action);
    }
    return fault->action != FAULT_DELAY && (!ends || fault->after_commit);
}

/* ---- answers that are lost ---- */

static void lose(struct amqp_link *link, pn_delivery_t *delivery, const struct hub_error *failure,
    enum fault_action action)
{
    if (failure) {
        link->kind->answer(link, delivery, failure);
    } else if (action != FAULT_LOSE_ACK) {
        amqp_fault_strike(link->connection, action);
    }
}

static void lose_answer(void *owner, void *item, const struct hub_error *failure)
{
    lose(owner, item, failure, FAULT_LOSE_ACK);
}

static void drop_instead(void *owner, void *item, const struct hub_error *failure)
{
    lose(owner, item, failure, FAULT_DROP);
}

static void close_instead(void *owner, void *item, const struct hub_error *failure)
{
    lose(owner, item, failure, FAULT_CLOSE);
}

static void answer(void *owner, void *item, const struct hub_error *failure)
{
    const struct amqp_link *link = owner;
    link->kind->answer(owner, item, failure);
}

void amqp_fault_await(struct amqp_link *link, pn_delivery_t *delivery, const struct fault *fault)
{
    commit_answer *then = answer;
    if (fault->action == FAULT_LOSE_ACK) {
        then = lose_answer;
    } else if (fault->after_commit) {
        then = fault->action == FAULT_DROP ? drop_instead : close_instead;
    }
    database_await(amqp_database(link->connection), then, link, delivery);
}
