#include "protocols/mqtt/connect.h"

enum {
    FLAG_RESERVED = 1,
    FLAG_CLEAN_SESSION = 2,
    FLAG_WILL = 4,
    FLAG_WILL_QOS = 24,
    FLAG_WILL_RETAIN = 32,
    FLAG_PASSWORD = 64,
    FLAG_USER_NAME = 128
};

static enum connect_result malformed(const char **clause, const char *why)
{
    *clause = why;
    return CONNECT_MALFORMED;
}

/* Name and level are looked at before the rest: another version may lay it out differently. */
static enum connect_result take_protocol(
    struct packet_cursor *cursor, enum connack_code *code, const char **clause)
{
    struct text name;
    if (!packet_take_bytes(cursor, &name) || cursor->left == 0) {
        return malformed(clause, "MQTT-3.1.2-1");
    }
    uint8_t level = *cursor->at++;
    cursor->left--;
    bool is_mqtt = text_equal(name, TEXT("MQTT"));
    if (is_mqtt && level == 4) {
        return CONNECT_TAKEN;
    }
    if (is_mqtt || text_equal(name, TEXT("MQIsdp"))) {
        *code = CONNACK_PROTOCOL_VERSION;
        *clause = "MQTT-3.1.2-2";
        return CONNECT_ANSWERED;
    }
    return malformed(clause, "MQTT-3.1.2-1");
}

static const char *find_bad_flag(uint8_t flags)
{
    if (flags & FLAG_RESERVED) {
        return "MQTT-3.1.2-3";
    }
    if (!(flags & FLAG_WILL) && (flags & FLAG_WILL_QOS)) {
        return "MQTT-3.1.2-13";
    }
    if (!(flags & FLAG_WILL) && (flags & FLAG_WILL_RETAIN)) {
        return "MQTT-3.1.2-15";
    }
    if ((flags & FLAG_WILL_QOS) == FLAG_WILL_QOS) {
        return "MQTT-3.1.2-14";
    }
    if ((flags & FLAG_PASSWORD) && !(flags & FLAG_USER_NAME)) {
        return "MQTT-3.1.2-22";
    }
    return NULL;
}

static enum connect_result take_payload(
    struct packet_cursor *cursor, uint8_t flags, struct connect *connect, const char **clause)
{
    if (!packet_take_string(cursor, &connect->client_id, clause)) {
        return CONNECT_MALFORMED;
    }
    if (connect->has_will && !packet_take_string(cursor, &connect->will_topic, clause)) {
        return CONNECT_MALFORMED;
    }
    if (connect->has_will && !packet_take_bytes(cursor, &connect->will_message)) {
        return malformed(clause, "3.1.3.3");
    }
    if ((flags & FLAG_USER_NAME) && !packet_take_string(cursor, &connect->user_name, clause)) {
        return CONNECT_MALFORMED;
    }
    if ((flags & FLAG_PASSWORD) && !packet_take_bytes(cursor, &connect->password)) {
        return malformed(clause, "3.1.3.5");
    }
    return cursor->left == 0 ? CONNECT_TAKEN : malformed(clause, "3.1.3");
}

enum connect_result connect_parse(const struct packet *packet, struct connect *connect,
    enum connack_code *code, const char **clause)
{
    struct packet_cursor cursor = {packet->body, packet->length};
    *connect = (struct connect){0};
    enum connect_result result = take_protocol(&cursor, code, clause);
    if (result != CONNECT_TAKEN) {
        return result;
    }
    if (cursor.left == 0) {
        return malformed(clause, "3.1.2.3");
    }
    uint8_t flags = *cursor.at++;
    cursor.left--;
    const char *bad = find_bad_flag(flags);
    if (bad) {
        return malformed(clause, bad);
    }
    connect->clean_session = flags & FLAG_CLEAN_SESSION;
    connect->has_will = flags & FLAG_WILL;
    connect->will_qos = (flags & FLAG_WILL_QOS) >> 3;
    connect->will_retain = flags & FLAG_WILL_RETAIN;
    if (!packet_take_number(&cursor, &connect->keep_alive)) {
        return malformed(clause, "3.1.2.10");
    }
    result = take_payload(&cursor, flags, connect, clause);
    if (result == CONNECT_TAKEN && connect->client_id.length == 0) {
        *code = CONNACK_IDENTIFIER_REJECTED;
        *clause = "MQTT-3.1.3-8";
        return CONNECT_ANSWERED;
    }
    return result;
}
