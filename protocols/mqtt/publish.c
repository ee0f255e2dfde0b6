/*
 * What devices publish: telemetry, requests about their twin, answers to methods. The answer
 * follows the commit; whatever IoT Hub has no topic for ends the connection.
 */
#include "protocols/mqtt/connection.h"

#include "protocols/session/description.h"
#include "store/log.h"
#include "store/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- telemetry ---- */

/* Nothing is retained; a property tells who reads the message that it was asked for. */
struct telemetry_event *publish_read_event(struct text bag, struct text payload, bool retain)
{
    struct telemetry_event *event = telemetry_event_create();
    if (!bag_parse(bag, event)) {
        telemetry_event_free(event);
        return NULL;
    }
    if (retain) {
        telemetry_event_add(event, TELEMETRY_APPLICATION, TEXT("mqtt-retain"), TEXT("true"));
    }
    telemetry_event_append(event, payload.bytes, payload.length);
    return event;
}

void publish_take_event(
    struct mqtt_connection *connection, struct telemetry_event *event, const char *reason)
{
    struct hub *hub = mqtt_connection_hub(connection);
    struct actor actor = connection_actor(connection->connection);
    telemetry_take(hub_telemetry(hub), event, connection->device_id, &actor, reason, hub_now(hub));
}

static void acknowledge(struct mqtt_connection *connection, const struct packet_publish *publish)
{
    if (publish->qos > 0) {
        uint8_t answer[PACKET_SHORT_SIZE];
        packet_write_puback(answer, publish->packet_id);
        mqtt_connection_say(connection, answer, sizeof answer, NULL);
    }
}

/* ---- twin ---- */

/* "$iothub/twin/res/{status}/?$rid={rid}{more}", QoS 0 whatever was granted. */
static bool answer_twin(struct mqtt_connection *connection, const struct topic *topic,
    const char *status, struct text more, struct text body)
{
    if (!topic->request_id.bytes || !subscription_find(connection, FILTER_TWIN_ANSWERS)) {
        return true;
    }
    char head[48];
    int head_length = snprintf(head, sizeof head, "$iothub/twin/res/%s/?$rid=", status);
    size_t rid = topic->request_id.length;
    size_t topic_length = (size_t)head_length + rid + more.length, length;
    if (topic_length > PACKET_TOPIC_MAX) {
        return false;
    }
    uint8_t *area = server_area(connection->server, packet_publish_room(topic_length, body.length));
    uint8_t *at = area + PACKET_TOPIC_AT;
    memcpy(at, head, (size_t)head_length);
    memcpy(at + head_length, topic->request_id.bytes, rid);
    memcpy(at + (size_t)head_length + rid, more.bytes, more.length);
    struct packet_publish publish = {.payload = body};
    uint8_t *packet = packet_write_publish(area, topic_length, &publish, &length);
    mqtt_connection_say(connection, packet, length, NULL);
    return true;
}

/* The Node.js SDK takes an answer without a body for a success, whatever its status. */
static bool refuse_twin(struct mqtt_connection *connection, const struct topic *topic,
    const char *status, const struct hub_error *error)
{
    struct description description;
    LOG(LOG_DEBUG, "MQTT-TWIN-REFUSED", error->sentence, {"device", connection->device_id});
    hub_count_refusal(error->code);
    description_write(error, clock_machine_now(), &description);
    return answer_twin(connection, topic, status, TEXT(""), text_of(description.text));
}

static bool get_twin(struct mqtt_connection *connection, const struct topic *topic)
{
    struct hub_error error;
    if (mqtt_connection_take(connection, THROTTLE_TWIN_READ, &error) != HUB_OK) {
        return refuse_twin(connection, topic, "429", &error);
    }
    char *twin = twins_read(hub_twins(mqtt_connection_hub(connection)), connection->device);
    bool answered = answer_twin(connection, topic, "200", TEXT(""), text_of(twin));
    free(twin);
    return answered;
}

static bool report_twin(
    struct mqtt_connection *connection, const struct topic *topic, struct text patch)
{
    struct hub_error error;
    uint64_t version;
    struct hub *hub = mqtt_connection_hub(connection);
    if (mqtt_connection_take(connection, THROTTLE_TWIN_UPDATE, &error) != HUB_OK) {
        return refuse_twin(connection, topic, "429", &error);
    }
    if (twins_report(hub_twins(hub), connection->device, patch, hub_now(hub), &version, &error) !=
        HUB_OK) {
        return refuse_twin(connection, topic, "400", &error);
    }
    char more[40];
    snprintf(more, sizeof more, "&$version=%" PRIu64, version);
    return answer_twin(connection, topic, "204", text_of(more), TEXT(""));
}

/* ---- all ---- */

static bool refuse(const char **clause, const char *why)
{
    *clause = why;
    return false;
}

static bool take_telemetry(struct mqtt_connection *connection, const struct packet *packet,
    const struct packet_publish *publish, const struct topic *topic, const char **clause)
{
    struct fault fault;
    struct telemetry_event *event =
        publish_read_event(topic->bag, publish->payload, publish->retain);
    if (!event) {
        return refuse(clause, "property bag");
    }
    if (!mqtt_fault_passes(connection, FAULT_SEND, connection->device_id, packet, &fault) ||
        fault.action == FAULT_ERROR) {
        telemetry_event_free(event);
        return fault.action != FAULT_ERROR || refuse(clause, FAULT_REASON);
    }
    if (mqtt_connection_take(connection, THROTTLE_TELEMETRY, NULL) != HUB_OK) {
        telemetry_event_free(event);
        hub_count_refusal(HUB_THROTTLING_EXCEPTION);
        return refuse(clause, hub_code_name(HUB_THROTTLING_EXCEPTION));
    }
    if (mqtt_fault_takes_order(connection, event)) {
        telemetry_event_free(event);
        return true;
    }
    publish_take_event(connection, event, publish->retain ? "mqtt-retain" : NULL);
    if (!mqtt_fault_takes_answer(connection, &fault)) {
        acknowledge(connection, publish);
    }
    return true;
}

bool publish_handle(
    struct mqtt_connection *connection, const struct packet *packet, const char **clause)
{
    struct packet_publish publish;
    if (!packet_parse_publish(packet, &publish, clause)) {
        return false;
    }
    if (publish.qos == 2) {
        return refuse(clause, "QoS 2");
    }
    struct topic topic = topic_parse(publish.topic, connection->device_id);
    switch (topic.kind) {
    case TOPIC_TELEMETRY:
        return take_telemetry(connection, packet, &publish, &topic, clause);
    case TOPIC_TWIN_GET:
        if (!topic.request_id.bytes) {
            return refuse(clause, "$rid");
        }
        acknowledge(connection, &publish);
        return get_twin(connection, &topic) || refuse(clause, "$rid");
    case TOPIC_TWIN_REPORT:
        acknowledge(connection, &publish);
        return report_twin(connection, &topic, publish.payload) || refuse(clause, "$rid");
    case TOPIC_METHOD_ANSWER:
        acknowledge(connection, &publish);
        return true;
    case TOPIC_UNKNOWN:
        break;
    }
    return refuse(clause, "topic");
}
