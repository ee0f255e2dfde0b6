/*
 * A CONNECT taken apart, or the way it is refused. Called by protocols/mqtt/login. Pure.
 *
 * Source: OASIS MQTT 3.1.1, chapter 3.1.
 */
#ifndef DEVICEBOUND_PROTOCOLS_MQTT_CONNECT_H
#define DEVICEBOUND_PROTOCOLS_MQTT_CONNECT_H

#include "protocols/mqtt/packet.h"

/* Return codes of CONNACK (3.2.2.3). IoT Hub never sends 4. */
enum connack_code {
    CONNACK_ACCEPTED = 0,
    CONNACK_PROTOCOL_VERSION = 1,
    CONNACK_IDENTIFIER_REJECTED = 2,
    CONNACK_UNAVAILABLE = 3,
    CONNACK_NOT_AUTHORIZED = 5
};

/* Texts are borrowed from the packet. */
struct connect {
    struct text client_id;
    struct text user_name; /* absent when not sent, as the password */
    struct text password;
    bool clean_session;
    uint16_t keep_alive; /* seconds */
    bool has_will;
    struct text will_topic, will_message;
    uint8_t will_qos;
    bool will_retain;
};

enum connect_result {
    CONNECT_TAKEN,
    CONNECT_ANSWERED, /* refused with a return code */
    CONNECT_MALFORMED /* refused by closing, without a packet */
};

/* `*code` is set for CONNECT_ANSWERED, `*clause` for both refusals. */
enum connect_result connect_parse(const struct packet *packet, struct connect *connect,
    enum connack_code *code, const char **clause);

#endif
