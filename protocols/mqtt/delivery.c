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

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    size_t locked = window_count_locked(&connection->window);
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

static void deliver(void *owner, struct delivery *delivery)
{
    struct mqtt_connection *connection = owner;
    if (connection->consumer_qos == 0) {
        send_settled(connection, delivery);
    } else {
        send_locked(connection, delivery);
    }
    message_release(delivery->message);
    delivery_update_credit(connection);
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
    enum hub_code code;
    settle(connection, &entry->token, SETTLE_COMPLETE, &code);
    if (code == HUB_OK) {
        forget(connection, entry);
        database_await(
            hub_database(mqtt_connection_hub(connection)), acknowledged, connection, NULL);
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
    for (size_t i = 0; i < connection->window.count; i++) {
        const struct window_entry *entry = &connection->window.entries[i];
        if (holds_lock(queue, entry)) {
            enum hub_code code;
            settle(connection, &entry->token, SETTLE_RELEASE, &code);
        }
    }
    stop(connection);
}
