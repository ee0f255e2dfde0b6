/*
 * MQTT 3.1.1 on a stream, the server side as IoT Hub speaks it: sessions that persist, device-bound
 * messages, telemetry, reported properties. Called by server/listener with TLS streams, and with
 * WebSocket streams.
 *
 * IoT Hub has no error answers over MQTT: what it does not allow ends the connection.
 *
 * Sources: OASIS MQTT Version 3.1.1; learn.microsoft.com, "Communicate with your IoT hub by using
 * the MQTT protocol". README.md in this folder is the map.
 */
#ifndef DEVICEBOUND_PROTOCOLS_MQTT_MQTT_H
#define DEVICEBOUND_PROTOCOLS_MQTT_MQTT_H

#include "protocols/context.h"
#include "protocols/stream/stream.h"

struct mqtt_server;

#define MQTT_INFLIGHT_MAX 50

/* What becomes of a SUBSCRIBE to a filter that IoT Hub does not know. */
enum mqtt_unknown_filter {
    MQTT_UNKNOWN_FILTER_CLOSES,
    MQTT_UNKNOWN_FILTER_FAILS /* granted 0x80, as the standard has it */
};

struct mqtt_options {
    bool reject_before_subscribe; /* messages older than a subscription are rejected when it starts
                                   */
    uint32_t inflight; /* sent and not acknowledged, per connection: 1 to MQTT_INFLIGHT_MAX */
    bool redeliver_on_connection; /* a message whose lock lapsed is sent again at once */
    uint8_t disabled_device_code; /* of CONNACK: 3 or 5 */
    enum mqtt_unknown_filter unknown_filter;
    struct duration token_grace; /* how long a connection outlives its token */
    bool trace; /* one log line per packet, without its content */
};

/* IoT Hub's behaviour. */
struct mqtt_options mqtt_options_default(void);

/* Borrows `context`; copies `options`. Returns owned. */
struct mqtt_server *mqtt_server_create(
    const struct protocol_context *context, const struct mqtt_options *options);

/* Takes the stream: a connection that nothing was read from yet. */
void mqtt_server_accept(struct mqtt_server *server, struct stream *stream);

/* For the connections there are, and those to come. */
void mqtt_server_set_trace(struct mqtt_server *server, bool trace);

/* Every connection has to be gone: sessions_end_all before. */
void mqtt_server_free(struct mqtt_server *server);

#endif
