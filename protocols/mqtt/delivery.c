/*
 * Device-bound messages on their way to the client.
 *
 * QoS 0: completed when it is handed over. QoS 1: locked, sent, and completed by PUBACK; the window
 * bounds how many are on their way. When a lock lapses the queue offers the message again, and it
 * goes out with the same packet id and DUP. When the connection ends its messages are free at once;
 * the ids stay with the stored session.
 */
#include "protocols/mqtt/connection.h"

#include "store/log.h"
#include "store/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static struct subscriptions *stored(const struct mqtt_connection *connection)
{
    return hub_subscriptions(mqtt_connection_hub(connection));
}

/* ---- the window ---- */

/* Whether the message is still in the queue. */
static bool is_waiting(
    const struct queue *queue, const struct window_entry *entry, struct queue_view *view)
{
    return queue && queue_view_next(queue, entry->sequence - 1, view) &&
           view->sequence == entry->sequence;
}

static bool holds_lock(const struct queue *queue, const struct window_entry *entry)
{
    struct queue_view view;
    return entry->is_locked && is_waiting(queue, entry, &view) && view.state == QUEUE_INVISIBLE &&
           memcmp(&view.lock_token, &entry->token, sizeof entry->token) == 0;
}

/* The client is done with it, or nobody can be. */
static void forget(struct mqtt_connection *connection, struct window_entry *entry)
{
    if (!connection->is_clean) {
        subscriptions_acknowledge(stored(connection), connection->device, entry->packet_id);
    }
    window_remove(&connection->window, entry);
}

/* Brings the window to what the queue knows: locks that lapsed, messages that ended otherwise. */
static void reconcile(struct mqtt_connection *connection)
{
    struct queue *queue = mqtt_connection_queue(connection);
    struct queue_view view;
    for (size_t i = connection->window.count; i-- > 0;) {
        struct window_entry *entry = &connection->window.entries[i];
        if (!is_waiting(queue, entry, &view)) {
            forget(connection, entry);
        } else {
            entry->is_locked = holds_lock(queue, entry);
        }
    }
}

void delivery_load(struct mqtt_connection *connection)
{
    size_t count;
    struct unacknowledged *list =
        subscriptions_read_unacknowledged(stored(connection), connection->device, &count);
    window_load(&connection->window, list, count);
    free(list);
    reconcile(connection);
}

void delivery_update_credit(struct mqtt_connection *connection)
{
    if (!connection->consumer) {
        return;
    }
    size_t locked = window_count_locked(&connection->window) + connection->delayed_count;
    uint32_t inflight = connection->server->options.inflight;
    bool is_full = stream_output_is_full(connection->stream) || locked >= inflight;
    consumer_set_credit(connection->consumer, is_full ? 0 : inflight - (uint32_t)locked);
}

/* ---- sending ---- */

static bool write_publish(struct mqtt_connection *connection, const struct message *message,
    struct packet_publish *publish)
{
    publish->payload = message_body(message);
    size_t room = packet_publish_room(PACKET_TOPIC_MAX, publish->payload.length);
    uint8_t *area = server_area(connection->server, room);
    size_t length, topic_length = bag_write_topic(message, connection->device_id,
                       (char *)area + PACKET_TOPIC_AT, PACKET_TOPIC_MAX);
    if (topic_length == 0) {
        LOG(LOG_WARN, "MQTT-TOPIC-TOO-LONG",
            "a message is rejected: its properties do not fit into a topic",
            {"device", connection->device_id}, {"message", message_get(message, MESSAGE_ID).bytes});
        return false;
    }
    uint8_t *packet = packet_write_publish(area, topic_length, publish, &length);
    mqtt_connection_write(connection, packet, length);
    mqtt_connection_rest(connection);
    return true;
}

static void send_settled(struct mqtt_connection *connection, const struct delivery *delivery)
{
    struct packet_publish publish = {.qos = 0};
    struct window_entry *entry = window_find_sequence(&connection->window, delivery->sequence);
    if (entry) {
        forget(connection, entry);
    }
    write_publish(connection, delivery->message, &publish);
}

static struct window_entry *enter(struct mqtt_connection *connection, uint64_t sequence)
{
    struct window_entry *entry = window_add(&connection->window, sequence);
    if (entry && !connection->is_clean) {
        struct unacknowledged row = {sequence, entry->packet_id};
        subscriptions_put_unacknowledged(stored(connection), connection->device, &row);
    }
    return entry;
}

static void settle(struct mqtt_connection *connection, const struct lock_token *token,
    enum queue_settlement settlement, enum hub_code *code)
{
    struct hub_error error;
    struct queue *queue = mqtt_connection_queue(connection);
    if (connection->consumer) {
        *code = consumer_settle(connection->consumer, token, settlement, &error);
    } else if (queue) {
        struct actor actor = connection_actor(connection->connection);
        *code = queue_settle(
            queue, token, settlement, &actor, hub_now(mqtt_connection_hub(connection)), &error);
    } else {
        *code = HUB_DEVICE_MESSAGE_LOCK_LOST;
    }
}

static void send_locked(struct mqtt_connection *connection, const struct delivery *delivery)
{
    struct window_entry *entry = window_find_sequence(&connection->window, delivery->sequence);
    bool is_again = entry, was_sent = entry && entry->is_sent;
    entry = entry ? entry : enter(connection, delivery->sequence);
    if (!entry) {
        return;
    }
    entry->is_sent = true;
    entry->is_locked = true;
    entry->token = delivery->lock_token;
    if (was_sent && !connection->server->options.redeliver_on_connection) {
        return;
    }
    struct packet_publish publish = {.qos = 1, .dup = is_again, .packet_id = entry->packet_id};
    if (!write_publish(connection, delivery->message, &publish)) {
        enum hub_code code;
        settle(connection, &delivery->lock_token, SETTLE_REJECT, &code);
        forget(connection, entry);
    }
}

static void send(struct mqtt_connection *connection, const struct delivery *delivery)
{
    if (connection->consumer_qos == 0) {
        send_settled(connection, delivery);
    } else {
        send_locked(connection, delivery);
    }
}

/* ---- what goes wrong on purpose ---- */

static void send_again(struct mqtt_connection *connection, const struct delivery *delivery)
{
    const struct window_entry *entry =
        window_find_sequence(&connection->window, delivery->sequence);
    struct packet_publish publish = {.qos = connection->consumer_qos, .dup = entry != NULL};
    publish.packet_id = entry ? entry->packet_id : 0;
    if (entry || connection->consumer_qos == 0) {
        write_publish(connection, delivery->message, &publish);
    }
}

/* The client never sees it; its lock goes with the connection. */
static void lose(
    struct mqtt_connection *connection, const struct delivery *delivery, enum fault_action action)
{
    enum hub_code code;
    if (connection->consumer_qos > 0) {
        settle(connection, &delivery->lock_token, SETTLE_RELEASE, &code);
    }
    mqtt_connection_end(
        connection, action == FAULT_DROP ? MQTT_END_RESET : MQTT_END_CLOSE, FAULT_REASON);
}

static void send_delayed(void *context)
{
    struct mqtt_connection *connection = context;
    for (struct mqtt_delayed *delayed; (delayed = connection->delayed);) {
        DL_DELETE(connection->delayed, delayed);
        connection->delayed_count--;
        send(connection, &delayed->delivery);
        message_release(delayed->delivery.message);
        free(delayed);
    }
    delivery_update_credit(connection);
}

/* Takes a share of the message. */
static void delay(
    struct mqtt_connection *connection, const struct delivery *delivery, struct duration by)
{
    struct mqtt_delayed *delayed = memory_allocate(sizeof *delayed);
    delayed->delivery = *delivery;
    message_share(delivery->message);
    if (!connection->delayed_timer) {
        connection->delayed_timer =
            loop_timer_create(connection->server->context->loop, send_delayed, connection);
    }
    if (!connection->delayed) {
        loop_timer_arm(connection->delayed_timer, by.us / 1000);
    }
    DL_APPEND(connection->delayed, delayed);
    connection->delayed_count++;
}

static void forget_delayed(struct mqtt_connection *connection)
{
    for (struct mqtt_delayed *delayed; (delayed = connection->delayed);) {
        enum hub_code code;
        DL_DELETE(connection->delayed, delayed);
        if (connection->consumer_qos > 0) {
            settle(connection, &delayed->delivery.lock_token, SETTLE_RELEASE, &code);
        }
        message_release(delayed->delivery.message);
        free(delayed);
    }
    connection->delayed_count = 0;
    loop_timer_free(connection->delayed_timer);
    connection->delayed_timer = NULL;
}

static void deliver_with(struct mqtt_connection *connection, const struct delivery *delivery)
{
    if (connection->delayed) { /* order is kept */
        delay(connection, delivery, (struct duration){0});
        return;
    }
    struct fault fault = fault_ask(connection->connection, FAULT_DELIVER, connection->device_id);
    switch (fault.action) {
    case FAULT_DELAY:
        delay(connection, delivery, fault.delay);
        break;
    case FAULT_DROP:
    case FAULT_CLOSE:
    case FAULT_ERROR:
        lose(connection, delivery, fault.action);
        break;
    case FAULT_DUPLICATE:
        send(connection, delivery);
        send_again(connection, delivery);
        break;
    default:
        send(connection, delivery);
        break;
    }
}

static void deliver(void *owner, struct delivery *delivery)
{
    struct mqtt_connection *connection = owner;
    deliver_with(connection, delivery);
    message_release(delivery->message);
    if (connection->state != MQTT_CLOSED) {
        delivery_update_credit(connection);
    }
}

/* ---- acknowledging ---- */

/* A PUBACK has no answer, but a client whose word was lost has to hear the message again. */
static void acknowledged(void *owner, void *item, const struct hub_error *failure)
{
    (void)item;
    if (failure) {
        mqtt_connection_end(owner, MQTT_END_CLOSE, failure->sentence);
    }
}

bool delivery_handle_puback(
    struct mqtt_connection *connection, const struct packet *packet, const char **clause)
{
    uint16_t id;
    if (!packet_parse_puback(packet, &id, clause)) {
        return false;
    }
    struct window_entry *entry = window_find_id(&connection->window, id);
    if (!entry || !entry->is_locked) {
        char text[8];
        snprintf(text, sizeof text, "%u", id);
        LOG(LOG_DEBUG, "MQTT-PUBACK-UNKNOWN", "a PUBACK for nothing that was sent is ignored",
            {"device", connection->device_id}, {"packet_id", text});
        return true;
    }
    struct fault fault;
    if (!mqtt_fault_passes(connection, FAULT_SETTLE, connection->device_id, packet, &fault)) {
        return true;
    }
    if (fault.action == FAULT_ERROR) {
        *clause = FAULT_REASON;
        return false;
    }
    enum hub_code code;
    if (fault.action == FAULT_EXPIRE_LOCK) {
        settle(connection, &entry->token, SETTLE_RELEASE, &code);
    }
    settle(connection, &entry->token, SETTLE_COMPLETE, &code);
    if (code == HUB_OK) {
        forget(connection, entry);
        if (!mqtt_fault_takes_answer(connection, &fault)) {
            database_await(
                hub_database(mqtt_connection_hub(connection)), acknowledged, connection, NULL);
        }
    } else {
        reconcile(connection);
    }
    delivery_update_credit(connection);
    return true;
}

/* ---- consuming ---- */

static void consumer_ended(void *owner, enum session_end end)
{
    struct mqtt_connection *connection = owner;
    connection->consumer = NULL;
    mqtt_connection_end(connection, MQTT_END_CLOSE, session_end_name(end));
}

static void starved(void *owner)
{
    struct mqtt_connection *connection = owner;
    reconcile(connection);
    delivery_update_credit(connection);
}

static const struct consumer_events consumer_events = {
    .deliver = deliver, .ended = consumer_ended, .starved = starved};

static void stop(struct mqtt_connection *connection)
{
    if (connection->consumer) {
        consumer_close(connection->consumer);
        connection->consumer = NULL;
    }
}

void delivery_follow_subscription(struct mqtt_connection *connection)
{
    const struct subscription *subscription = subscription_find(connection, FILTER_DEVICE_BOUND);
    struct queue *queue =
        mailbox_of(hub_mailboxes(mqtt_connection_hub(connection)), connection->device_id);
    if (!subscription || !queue) {
        stop(connection);
        return;
    }
    if (connection->consumer && connection->consumer_qos == subscription->qos) {
        return;
    }
    stop(connection);
    struct consumer_options options = {.queue = queue, .settled = subscription->qos == 0};
    connection->consumer_qos = subscription->qos;
    connection->consumer =
        consumer_open(connection->connection, &options, &consumer_events, connection);
    delivery_update_credit(connection);
}

void delivery_end(struct mqtt_connection *connection)
{
    struct queue *queue = mqtt_connection_queue(connection);
    forget_delayed(connection);
    for (size_t i = 0; i < connection->window.count; i++) {
        const struct window_entry *entry = &connection->window.entries[i];
        if (holds_lock(queue, entry)) {
            enum hub_code code;
            settle(connection, &entry->token, SETTLE_RELEASE, &code);
        }
    }
    stop(connection);
}
