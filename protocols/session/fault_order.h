/*
 * Faults that a device orders by application properties of a message it sends, as the end-to-end
 * suites of the SDKs do: what kind, after how many seconds, for how many. A protocol reads the
 * order before it takes the message, and carries it out in its own form. Off unless the hub is told
 * to take orders: then the properties mean nothing.
 *
 * Sources: the names in Azure/azure-iot-sdk-csharp (e2e, FaultInjection.cs), azure-iot-sdk-java
 * (ErrorInjectionHelper.java), azure-iot-sdk-c (iothubclient/tests/common_e2e) and
 * azure-iot-sdk-node (e2etests); what each does is what those suites wait for.
 */
#ifndef DEVICEBOUND_PROTOCOLS_SESSION_FAULT_ORDER_H
#define DEVICEBOUND_PROTOCOLS_SESSION_FAULT_ORDER_H

#include "protocols/session/session.h"

enum fault_order_kind {
    ORDER_DROP, /* the connection, with a TCP reset */
    ORDER_CLOSE, /* the connection, as its protocol says goodbye */
    ORDER_REFUSE, /* telemetry, with `code`, while it lasts */
    ORDER_END_SESSION, /* of AMQP, with the device's telemetry link */
    ORDER_END_CBS_REQUESTS, /* a link of AMQP, as those below */
    ORDER_END_CBS_REPLIES,
    ORDER_END_TELEMETRY,
    ORDER_END_MESSAGES,
    ORDER_END_TWIN_REQUESTS,
    ORDER_END_TWIN_REPLIES,
    ORDER_END_METHOD_CALLS,
    ORDER_END_METHOD_ANSWERS
};

struct fault_order {
    const char *type; /* as the device named it; static */
    enum fault_order_kind kind;
    enum hub_code code; /* of ORDER_REFUSE */
    struct duration delay, duration; /* on the machine's clock */
};

/* From now on this hub takes orders, or no longer. At first it does not. */
void fault_orders_take(struct sessions *sessions, bool wanted);

/* What the device orders by this message, which came on the connection. False: nothing, nothing
 * known over its protocol, or not readable, of which the log says so: it is a message like any
 * other. */
bool fault_order_read(const struct connection *connection, const char *device_id,
    const struct telemetry_event *event, struct fault_order *order);

/* The order is carried out now: journals it. */
void fault_order_note(
    const struct connection *connection, const char *device_id, const struct fault_order *order);

/* What an ORDER_REFUSE comes to: a rule that refuses what the device sends on this connection. The
 * caller removes it when it is over. Returns its id; 0: there are FAULTS_MAX. */
uint64_t fault_order_add_rule(
    const struct connection *connection, const char *device_id, const struct fault_order *order);

#endif
