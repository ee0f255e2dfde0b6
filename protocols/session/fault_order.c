#include "protocols/session/fault_order.h"

#include "protocols/session/fault.h"
#include "protocols/session/sessions.h"
#include "store/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define A (1U << FAULT_AMQP)
#define M (1U << FAULT_MQTT)
#define H (1U << FAULT_HTTPS)

/* Which protocols know the type: the others leave it a plain property. */
static const struct {
    const char *type;
    unsigned families;
    enum fault_order_kind kind;
    enum hub_code code;
} types[] = {
    {"KillTcp", A | M | H, ORDER_DROP, HUB_OK},
    {"ShutDownMqtt", M, ORDER_CLOSE, HUB_OK},
    {"ShutDownAmqp", A, ORDER_CLOSE, HUB_OK},
    {"KillAmqpConnection", A, ORDER_CLOSE, HUB_OK},
    {"KillAmqpSession", A, ORDER_END_SESSION, HUB_OK},
    {"KillAmqpCBSLinkReq", A, ORDER_END_CBS_REQUESTS, HUB_OK},
    {"KillAmqpCBSLinkResp", A, ORDER_END_CBS_REPLIES, HUB_OK},
    {"KillAmqpD2CLink", A, ORDER_END_TELEMETRY, HUB_OK},
    {"KillAmqpC2DLink", A, ORDER_END_MESSAGES, HUB_OK},
    {"KillAmqpTwinLinkReq", A, ORDER_END_TWIN_REQUESTS, HUB_OK},
    {"KillAmqpTwinLinkResp", A, ORDER_END_TWIN_REPLIES, HUB_OK},
    {"KillAmqpMethodReqLink", A, ORDER_END_METHOD_CALLS, HUB_OK},
    {"KillAmqpMethodRespLink", A, ORDER_END_METHOD_ANSWERS, HUB_OK},
    {"InvokeThrottling", A | M | H, ORDER_REFUSE, HUB_THROTTLING_EXCEPTION},
    {"InvokeMaxMessageQuota", A | M | H, ORDER_REFUSE, HUB_IOT_HUB_QUOTA_EXCEEDED},
    {"InvokeAuthError", A | M | H, ORDER_REFUSE, HUB_IOT_HUB_UNAUTHORIZED_ACCESS},
};

#undef A
#undef M
#undef H

#define PREFIX "AzIoTHub_FaultOperation"

void fault_orders_take(struct sessions *sessions, bool wanted)
{
    sessions->takes_fault_orders = wanted;
}

/* The last application property of that name; absent: none. */
static struct text find(const struct telemetry_event *event, const char *name)
{
    struct telemetry_property property;
    struct text found = TEXT_ABSENT;
    for (size_t at = 0; telemetry_event_next(event, &at, &property);) {
        if (property.kind == TELEMETRY_APPLICATION && text_equal(property.name, text_of(name)) &&
            property.value.bytes) {
            found = property.value;
        }
    }
    return found;
}

/* At most nine digits. */
static bool read_seconds(struct text text, struct duration *seconds)
{
    int64_t value = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (i == 9 || text.bytes[i] < '0' || text.bytes[i] > '9') {
            return false;
        }
        value = 10 * value + (text.bytes[i] - '0');
    }
    *seconds = DURATION_SECONDS(value);
    return text.length > 0;
}

/* Without a duration of its own, an error lasts as long as its close reason says in seconds: so the
 * C SDK's suite has it. */
static bool read_times(const struct telemetry_event *event, struct fault_order *order)
{
    struct text delay = find(event, PREFIX "DelayInSecs");
    struct text duration = find(event, PREFIX "DurationInSecs");
    if (!duration.bytes && order->kind == ORDER_REFUSE) {
        duration = find(event, PREFIX "CloseReason");
    }
    return (!delay.bytes || read_seconds(delay, &order->delay)) &&
           (!duration.bytes || read_seconds(duration, &order->duration));
}

static bool read_type(struct text type, enum fault_family family, struct fault_order *order)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (text_equal(type, text_of(types[i].type)) && types[i].families & 1U << family) {
            *order = (struct fault_order){
                .type = types[i].type, .kind = types[i].kind, .code = types[i].code};
            return true;
        }
    }
    return false;
}

bool fault_order_read(const struct connection *connection, const char *device_id,
    const struct telemetry_event *event, struct fault_order *order)
{
    if (!connection->sessions->takes_fault_orders) {
        return false;
    }
    struct text type = find(event, PREFIX "Type");
    if (!type.bytes) {
        return false;
    }
    bool is_known = read_type(type, fault_family_of(connection->protocol), order);
    if (is_known && read_times(event, order)) {
        return true;
    }
    char named[64];
    snprintf(named, sizeof named, "%.*s", (int)(type.length < 63 ? type.length : 63), type.bytes);
    LOG(LOG_WARN, "FAULT-ORDER-IGNORED",
        is_known ? "the delay or the duration of a fault is no number of seconds"
                 : "a fault of this type is not known over this protocol",
        {"type", named}, {"protocol", protocol_name(connection->protocol)}, {"device", device_id});
    return false;
}

void fault_order_note(
    const struct connection *connection, const char *device_id, const struct fault_order *order)
{
    fault_note(connection, device_id, order->type);
}

uint64_t fault_order_add_rule(
    const struct connection *connection, const char *device_id, const struct fault_order *order)
{
    struct fault_rule rule = {.family = fault_family_of(connection->protocol),
        .operation = FAULT_SEND,
        .connection = connection->id,
        .probability = 1,
        .fault = {.action = FAULT_ERROR}};
    snprintf(rule.device, sizeof rule.device, "%s", device_id);
    hub_refuse(&rule.fault.error, order->code, NULL);
    return fault_add(connection->sessions, &rule);
}
