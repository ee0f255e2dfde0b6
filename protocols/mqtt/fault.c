/*
 * What goes wrong on purpose, in the form of MQTT: it has no negative answers, so most errors end
 * the connection. A delayed packet is kept, and nothing is read before it was handled.
 */
#include "protocols/mqtt/connection.h"

#include "store/memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- delayed packets ---- */

static void delay_is_over(void *context)
{
    struct mqtt_connection *connection = context;
    struct packet packet = connection->held;
    connection->is_held = false;
    connection->held = (struct packet){0};
    mqtt_connection_handle(connection, &packet);
    free((void *)(uintptr_t)packet.body);
    mqtt_connection_read(connection);
}

static void hold(
    struct mqtt_connection *connection, const struct packet *packet, struct duration delay)
{
    connection->held = *packet;
    connection->held.body = memory_allocate(packet->length + 1);
    memcpy((void *)(uintptr_t)connection->held.body, packet->body, packet->length);
    connection->is_held = true;
    loop_timer_disarm(connection->silence);
    if (!connection->held_timer) {
        connection->held_timer =
            loop_timer_create(connection->server->context->loop, delay_is_over, connection);
    }
    loop_timer_arm(connection->held_timer, delay.us / 1000);
}

void mqtt_fault_let_go(struct mqtt_connection *connection)
{
    free((void *)(uintptr_t)connection->held.body);
    connection->held = (struct packet){0};
    connection->is_held = false;
    loop_timer_free(connection->held_timer);
    connection->held_timer = NULL;
    loop_timer_free(connection->order_timer);
    connection->order_timer = NULL;
}

/* ---- asking ---- */

static void strike(struct mqtt_connection *connection, const struct fault *fault)
{
    mqtt_connection_end(
        connection, fault->action == FAULT_DROP ? MQTT_END_RESET : MQTT_END_CLOSE, FAULT_REASON);
}

bool mqtt_fault_passes(struct mqtt_connection *connection, enum fault_operation operation,
    const char *device_id, const struct packet *packet, struct fault *fault)
{
    *fault = (struct fault){.action = FAULT_NONE};
    if (connection->asked & 1u << operation) {
        return true;
    }
    connection->asked |= 1u << operation;
    *fault = fault_ask(connection->connection, operation, device_id);
    bool ends = fault->action == FAULT_DROP || fault->action == FAULT_CLOSE;
    if (fault->action == FAULT_DELAY) {
        hold(connection, packet, fault->delay);
    } else if (ends && !fault->after_commit) {
        strike(connection, fault);
    }
    return fault->action != FAULT_DELAY && (!ends || fault->after_commit);
}

static void drop_now(struct mqtt_connection *connection)
{
    strike(connection, &(struct fault){.action = FAULT_DROP});
}

static void close_now(struct mqtt_connection *connection)
{
    strike(connection, &(struct fault){.action = FAULT_CLOSE});
}

bool mqtt_fault_takes_answer(struct mqtt_connection *connection, const struct fault *fault)
{
    if (fault->after_commit) {
        mqtt_connection_say(
            connection, NULL, 0, fault->action == FAULT_DROP ? drop_now : close_now);
    }
    return fault->after_commit || fault->action == FAULT_LOSE_ACK;
}

/* ---- what devices order ---- */

/* An error ends the connection too, and nothing of it is left for the next one. */
static void order_is_due(void *context)
{
    struct mqtt_connection *connection = context;
    const struct fault_order *order = &connection->order;
    fault_order_note(connection->connection, connection->device_id, order);
    strike(connection,
        &(struct fault){.action = order->kind == ORDER_DROP ? FAULT_DROP : FAULT_CLOSE});
}

/* One is enough, since each ends the connection: what comes before that is not answered either. */
bool mqtt_fault_takes_order(struct mqtt_connection *connection, const struct telemetry_event *event)
{
    struct fault_order order;
    if (!fault_order_read(connection->connection, connection->device_id, event, &order)) {
        return false;
    }
    if (!connection->order_timer) {
        connection->order = order;
        connection->order_timer =
            loop_timer_create(connection->server->context->loop, order_is_due, connection);
        loop_timer_arm(connection->order_timer, order.delay.us / 1000);
    }
    return true;
}
