/*
 * SUBSCRIBE and UNSUBSCRIBE: the few filters IoT Hub knows, kept with the time they were made.
 *
 * The time matters because IoT Hub rejects messages that are older than the subscription: without
 * a stored session whatever waited is lost, and its sender is told so.
 */
#include "protocols/mqtt/connection.h"

#include "store/log.h"
#include "store/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUBACK_FAILURE 0x80

static enum topic_filter kind_of(
    const struct mqtt_connection *connection, const struct subscription *subscription)
{
    return topic_filter_of(text_of(subscription->filter), connection->device_id);
}

const struct subscription *subscription_find(
    const struct mqtt_connection *connection, enum topic_filter kind)
{
    for (size_t i = 0; i < connection->subscription_count; i++) {
        if (kind_of(connection, &connection->subscriptions[i]) == kind) {
            return &connection->subscriptions[i];
        }
    }
    return NULL;
}

static struct subscription *find_filter(struct mqtt_connection *connection, struct text filter)
{
    for (size_t i = 0; i < connection->subscription_count; i++) {
        if (text_equal(text_of(connection->subscriptions[i].filter), filter)) {
            return &connection->subscriptions[i];
        }
    }
    return NULL;
}

void subscription_reject_older(struct mqtt_connection *connection)
{
    const struct subscription *subscription = subscription_find(connection, FILTER_DEVICE_BOUND);
    struct queue *queue = mqtt_connection_queue(connection);
    if (subscription && queue && connection->server->options.reject_before_subscribe) {
        struct actor actor = connection_actor(connection->connection);
        queue_reject_older(
            queue, subscription->created, &actor, hub_now(mqtt_connection_hub(connection)));
    }
}

static void note(struct mqtt_connection *connection, enum journal_event event, struct text filter)
{
    struct hub *hub = mqtt_connection_hub(connection);
    struct actor actor = connection_actor(connection->connection);
    char text[SUBSCRIPTION_FILTER_MAX + 1];
    snprintf(text, sizeof text, "%.*s", (int)filter.length, filter.bytes);
    journal_note(hub_journal(hub), &(struct journal_entry){.at = hub_now(hub),
                                       .event = event,
                                       .device = connection->device_id,
                                       .protocol = actor.protocol,
                                       .connection = actor.connection,
                                       .reason = text});
}

/* ---- SUBSCRIBE ---- */

/* What was sent in the millisecond of the subscription still belongs to it. */
static struct instant begin_of_millisecond(struct instant at)
{
    return (struct instant){at.us - at.us % 1000};
}

static bool add(struct mqtt_connection *connection, struct text filter, uint8_t qos,
    enum topic_filter kind, const char **clause)
{
    struct subscription *subscription = find_filter(connection, filter);
    bool is_new = !subscription;
    if (is_new) {
        if (connection->subscription_count == SUBSCRIPTIONS_MAX) {
            *clause = "sixth filter";
            return false;
        }
        subscription = &connection->subscriptions[connection->subscription_count++];
        snprintf(subscription->filter, sizeof subscription->filter, "%.*s", (int)filter.length,
            filter.bytes);
        subscription->created = begin_of_millisecond(hub_now(mqtt_connection_hub(connection)));
    }
    subscription->qos = qos;
    if (!connection->is_clean) {
        subscriptions_put(
            hub_subscriptions(mqtt_connection_hub(connection)), connection->device, subscription);
    }
    note(connection, JOURNAL_SUBSCRIBED, filter);
    if (is_new && kind == FILTER_DEVICE_BOUND) {
        subscription_reject_older(connection);
    }
    return true;
}

/* One filter. `*code` is its answer. */
static bool apply(struct mqtt_connection *connection, struct text filter, uint8_t requested,
    uint8_t *code, const char **clause)
{
    enum topic_filter kind = topic_filter_of(filter, connection->device_id);
    if (kind == FILTER_UNKNOWN) {
        char text[SUBSCRIPTION_FILTER_MAX + 1];
        snprintf(text, sizeof text, "%.*s", (int)filter.length, filter.bytes);
        LOG(LOG_WARN, "MQTT-FILTER", "a filter that IoT Hub does not know is refused",
            {"device", connection->device_id}, {"filter", text});
        *code = SUBACK_FAILURE;
        *clause = "unknown filter";
        return connection->server->options.unknown_filter == MQTT_UNKNOWN_FILTER_FAILS;
    }
    *code = requested > 0;
    return add(connection, filter, *code, kind, clause);
}

/* Looks at all of a packet before anything of it has an effect. */
static bool count_filters(
    struct packet_cursor filters, bool with_qos, size_t *count, const char **clause)
{
    for (*count = 0; filters.left > 0; (*count)++) {
        struct text filter;
        uint8_t qos;
        if (!packet_take_filter(&filters, &filter, with_qos ? &qos : NULL, clause)) {
            return false;
        }
    }
    return true;
}

bool subscribe_handle(
    struct mqtt_connection *connection, const struct packet *packet, const char **clause)
{
    struct packet_cursor filters;
    uint16_t id;
    size_t count;
    if (!packet_parse_id(packet, &filters, &id, clause) ||
        !count_filters(filters, true, &count, clause)) {
        return false;
    }
    struct fault fault;
    if (!mqtt_fault_passes(connection, FAULT_ATTACH, connection->device_id, packet, &fault)) {
        return true;
    }
    uint8_t *codes = memory_allocate(count);
    bool applied = true, is_refused = fault.action == FAULT_ERROR;
    memset(codes, SUBACK_FAILURE, count);
    for (size_t i = 0; applied && !is_refused && i < count; i++) {
        struct text filter;
        uint8_t qos;
        applied = packet_take_filter(&filters, &filter, &qos, clause) &&
                  apply(connection, filter, qos, &codes[i], clause);
    }
    if (applied) {
        size_t length;
        uint8_t *answer = packet_write_suback(id, codes, count, &length);
        mqtt_connection_say(connection, answer, length, delivery_follow_subscription);
        free(answer);
    }
    free(codes);
    return applied;
}

/* ---- UNSUBSCRIBE ---- */

static void drop(struct mqtt_connection *connection, struct text filter)
{
    struct subscription *subscription = find_filter(connection, filter);
    if (!subscription) {
        return;
    }
    note(connection, JOURNAL_UNSUBSCRIBED, filter);
    if (!connection->is_clean) {
        subscriptions_remove(hub_subscriptions(mqtt_connection_hub(connection)), connection->device,
            subscription->filter);
    }
    *subscription = connection->subscriptions[--connection->subscription_count];
}

bool unsubscribe_handle(
    struct mqtt_connection *connection, const struct packet *packet, const char **clause)
{
    struct packet_cursor filters;
    uint16_t id;
    size_t count;
    if (!packet_parse_id(packet, &filters, &id, clause) ||
        !count_filters(filters, false, &count, clause)) {
        return false;
    }
    struct text filter;
    while (filters.left > 0 && packet_take_filter(&filters, &filter, NULL, clause)) {
        drop(connection, filter);
    }
    delivery_follow_subscription(connection);
    uint8_t answer[PACKET_SHORT_SIZE];
    packet_write_unsuback(answer, id);
    mqtt_connection_say(connection, answer, sizeof answer, NULL);
    return true;
}
