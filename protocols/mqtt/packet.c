#include "protocols/mqtt/packet.h"

#include "store/memory.h"

#include <mosquitto.h>
#include <stdlib.h>
#include <string.h>

const char *packet_type_name(enum packet_type type)
{
    static const char *const names[PACKET_TYPE_COUNT] = {[PACKET_CONNECT] = "CONNECT",
        [PACKET_CONNACK] = "CONNACK",
        [PACKET_PUBLISH] = "PUBLISH",
        [PACKET_PUBACK] = "PUBACK",
        [PACKET_PUBREC] = "PUBREC",
        [PACKET_PUBREL] = "PUBREL",
        [PACKET_PUBCOMP] = "PUBCOMP",
        [PACKET_SUBSCRIBE] = "SUBSCRIBE",
        [PACKET_SUBACK] = "SUBACK",
        [PACKET_UNSUBSCRIBE] = "UNSUBSCRIBE",
        [PACKET_UNSUBACK] = "UNSUBACK",
        [PACKET_PINGREQ] = "PINGREQ",
        [PACKET_PINGRESP] = "PINGRESP",
        [PACKET_DISCONNECT] = "DISCONNECT"};
    return names[type];
}

static bool refuse(const char **clause, const char *why)
{
    *clause = why;
    return false;
}

/* ---- borders ---- */

void packet_reader_release(struct packet_reader *reader)
{
    free(reader->bytes);
    reader->bytes = NULL;
    reader->length = reader->room = 0;
}

/* The first byte: types 0 and 15 are reserved, flags are fixed for all but PUBLISH. */
static bool check_first(uint8_t byte, const char **clause)
{
    unsigned type = byte >> 4, flags = byte & 0x0f;
    if (type == 0 || type == 15) {
        return refuse(clause, "2.2.1");
    }
    if (type == PACKET_PUBLISH) {
        return true;
    }
    bool has_two = type == PACKET_PUBREL || type == PACKET_SUBSCRIBE || type == PACKET_UNSUBSCRIBE;
    return flags == (has_two ? 2u : 0u) || refuse(clause, "MQTT-2.2.2-2");
}

/* What the bytes of a packet's start say. */
struct head {
    size_t size; /* of the fixed header; 0: not all here yet */
    size_t remaining;
};

static bool read_head(
    const uint8_t *bytes, size_t length, size_t limit, struct head *head, const char **clause)
{
    *head = (struct head){0};
    if (length > 0 && !check_first(bytes[0], clause)) {
        return false;
    }
    size_t remaining = 0;
    for (size_t i = 1; i < length && i <= 4; i++) {
        remaining |= (size_t)(bytes[i] & 0x7f) << (7 * (i - 1));
        if (remaining > limit) {
            return refuse(clause, "size");
        }
        if (!(bytes[i] & 0x80)) {
            *head = (struct head){i + 1, remaining};
            return true;
        }
        if (i == 4) {
            return refuse(clause, "2.2.3");
        }
    }
    return true;
}

static void set_packet(struct packet *packet, const uint8_t *bytes, const struct head *head)
{
    *packet = (struct packet){.type = (enum packet_type)(bytes[0] >> 4),
        .flags = bytes[0] & 0x0f,
        .body = bytes + head->size,
        .length = head->remaining};
}

static void keep(struct packet_reader *reader, const uint8_t *input, size_t length)
{
    size_t needed = reader->length + length;
    if (needed > reader->room) {
        reader->room = needed < 256 ? 256 : needed * 2;
        reader->bytes = memory_grow(reader->bytes, reader->room, 1);
    }
    if (length > 0) {
        memcpy(reader->bytes + reader->length, input, length);
    }
    reader->length = needed;
}

/* A packet whose start is already in the reader: takes its head byte by byte, then the body. */
static enum packet_result read_on(struct packet_reader *reader, const uint8_t *input, size_t length,
    size_t *used, struct packet *packet, const char **clause)
{
    struct head head;
    for (*used = 0;;) {
        if (!read_head(reader->bytes, reader->length, reader->limit, &head, clause)) {
            return PACKET_REFUSED;
        }
        if (head.size > 0 || *used == length) {
            break;
        }
        keep(reader, input + (*used)++, 1);
    }
    if (head.size == 0) {
        return PACKET_INCOMPLETE;
    }
    size_t missing = head.size + head.remaining - reader->length;
    size_t taken = missing < length - *used ? missing : length - *used;
    keep(reader, input + *used, taken);
    *used += taken;
    if (taken < missing) {
        return PACKET_INCOMPLETE;
    }
    set_packet(packet, reader->bytes, &head);
    reader->is_whole = true;
    return PACKET_COMPLETE;
}

enum packet_result packet_read(struct packet_reader *reader, const uint8_t *input, size_t length,
    size_t *used, struct packet *packet, const char **clause)
{
    if (reader->is_whole) {
        packet_reader_release(reader);
        reader->is_whole = false;
    }
    *used = 0;
    if (reader->length > 0) {
        return read_on(reader, input, length, used, packet, clause);
    }
    struct head head;
    if (!read_head(input, length, reader->limit, &head, clause)) {
        return PACKET_REFUSED;
    }
    if (head.size > 0 && head.remaining <= length - head.size) {
        set_packet(packet, input, &head);
        *used = head.size + head.remaining;
        return PACKET_COMPLETE;
    }
    keep(reader, input, length);
    *used = length;
    return PACKET_INCOMPLETE;
}

/* ---- bodies ---- */

bool packet_take_number(struct packet_cursor *cursor, uint16_t *number)
{
    if (cursor->left < 2) {
        return false;
    }
    *number = (uint16_t)(cursor->at[0] << 8 | cursor->at[1]);
    cursor->at += 2;
    cursor->left -= 2;
    return true;
}

bool packet_take_bytes(struct packet_cursor *cursor, struct text *bytes)
{
    uint16_t length;
    if (!packet_take_number(cursor, &length) || cursor->left < length) {
        return false;
    }
    *bytes = (struct text){(const char *)cursor->at, length};
    cursor->at += length;
    cursor->left -= length;
    return true;
}

bool packet_take_string(struct packet_cursor *cursor, struct text *string, const char **clause)
{
    if (!packet_take_bytes(cursor, string)) {
        return refuse(clause, "1.5.3");
    }
    if (memchr(string->bytes, 0, string->length)) {
        return refuse(clause, "MQTT-1.5.3-2");
    }
    return packet_is_utf8(*string, false) || refuse(clause, "MQTT-1.5.3-1");
}

/* Whether the last character is all there. libmosquitto up to 2.0 reads on past the end when two or
 * three of its bytes are missing. */
static bool ends_whole(const char *bytes, size_t length)
{
    for (size_t back = 1; back <= 3 && back <= length; back++) {
        unsigned char byte = (unsigned char)bytes[length - back];
        if ((byte & 0xc0) != 0x80) {
            size_t needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
            return needed <= back;
        }
    }
    return true;
}

static bool piece_is_utf8(const char *bytes, size_t length)
{
    return length == 0 || (ends_whole(bytes, length) &&
                              mosquitto_validate_utf8(bytes, (int)length) == MOSQ_ERR_SUCCESS);
}

/* The library refuses control characters. Where they are text, it is shown what lies between. */
bool packet_is_utf8(struct text text, bool control)
{
    if (text.length > PACKET_TOPIC_MAX) {
        return false;
    }
    size_t start = 0;
    for (size_t i = 0; control && i < text.length; i++) {
        unsigned char byte = (unsigned char)text.bytes[i];
        if (byte != 0 && (byte < 0x20 || byte == 0x7f)) {
            if (!piece_is_utf8(text.bytes + start, i - start)) {
                return false;
            }
            start = i + 1;
        }
    }
    return piece_is_utf8(text.bytes + start, text.length - start);
}

static bool take_packet_id(struct packet_cursor *cursor, uint16_t *id, const char **clause)
{
    if (!packet_take_number(cursor, id)) {
        return refuse(clause, "2.3.1");
    }
    return *id != 0 || refuse(clause, "MQTT-2.3.1-1");
}

bool packet_parse_publish(
    const struct packet *packet, struct packet_publish *publish, const char **clause)
{
    struct packet_cursor cursor = {packet->body, packet->length};
    *publish = (struct packet_publish){
        .qos = (packet->flags >> 1) & 3, .dup = packet->flags & 8, .retain = packet->flags & 1};
    if (publish->qos == 3) {
        return refuse(clause, "MQTT-3.3.1-4");
    }
    if (publish->qos == 0 && publish->dup) {
        return refuse(clause, "MQTT-3.3.1-2");
    }
    if (!packet_take_string(&cursor, &publish->topic, clause)) {
        return false;
    }
    if (publish->topic.length == 0) {
        return refuse(clause, "MQTT-4.7.3-1");
    }
    if (mosquitto_pub_topic_check2(publish->topic.bytes, publish->topic.length) !=
        MOSQ_ERR_SUCCESS) {
        return refuse(clause, "MQTT-3.3.2-2");
    }
    if (publish->qos > 0 && !take_packet_id(&cursor, &publish->packet_id, clause)) {
        return false;
    }
    publish->payload = (struct text){(const char *)cursor.at, cursor.left};
    return true;
}

bool packet_parse_id(
    const struct packet *packet, struct packet_cursor *filters, uint16_t *id, const char **clause)
{
    *filters = (struct packet_cursor){packet->body, packet->length};
    if (!take_packet_id(filters, id, clause)) {
        return false;
    }
    if (filters->left == 0) {
        return refuse(clause, packet->type == PACKET_SUBSCRIBE ? "MQTT-3.8.3-3" : "MQTT-3.10.3-2");
    }
    return true;
}

bool packet_take_filter(
    struct packet_cursor *filters, struct text *filter, uint8_t *qos, const char **clause)
{
    if (!packet_take_string(filters, filter, clause)) {
        return false;
    }
    if (filter->length == 0) {
        return refuse(clause, "MQTT-4.7.3-1");
    }
    if (!qos) {
        return true;
    }
    if (mosquitto_sub_topic_check2(filter->bytes, filter->length) != MOSQ_ERR_SUCCESS) {
        return refuse(clause, "MQTT-4.7.1");
    }
    if (filters->left == 0) {
        return refuse(clause, "3.8.3");
    }
    *qos = *filters->at++;
    filters->left--;
    return *qos <= 2 || refuse(clause, "MQTT-3.8.3-4");
}

bool packet_parse_puback(const struct packet *packet, uint16_t *id, const char **clause)
{
    struct packet_cursor cursor = {packet->body, packet->length};
    return (packet->length == 2 && packet_take_number(&cursor, id)) || refuse(clause, "3.4.1");
}

bool packet_parse_empty(const struct packet *packet, const char **clause)
{
    return packet->length == 0 ||
           refuse(clause, packet->type == PACKET_DISCONNECT ? "3.14.1" : "3.12.1");
}

/* ---- writing ---- */

static void write_short(uint8_t out[PACKET_SHORT_SIZE], enum packet_type type, unsigned number)
{
    out[0] = (uint8_t)(type << 4);
    out[1] = 2;
    out[2] = (uint8_t)(number >> 8);
    out[3] = (uint8_t)number;
}

void packet_write_connack(uint8_t out[PACKET_SHORT_SIZE], bool session_present, uint8_t code)
{
    write_short(out, PACKET_CONNACK, (unsigned)session_present << 8 | code);
}

void packet_write_puback(uint8_t out[PACKET_SHORT_SIZE], uint16_t id)
{
    write_short(out, PACKET_PUBACK, id);
}

void packet_write_unsuback(uint8_t out[PACKET_SHORT_SIZE], uint16_t id)
{
    write_short(out, PACKET_UNSUBACK, id);
}

void packet_write_pingresp(uint8_t out[2])
{
    out[0] = PACKET_PINGRESP << 4;
    out[1] = 0;
}

uint8_t *packet_write_head(uint8_t *end, enum packet_type type, uint8_t flags, size_t remaining)
{
    uint8_t digits[4];
    size_t count = 0;
    do {
        digits[count++] = remaining & 0x7f;
        remaining >>= 7;
    } while (remaining > 0);
    uint8_t *start = end - count - 1;
    start[0] = (uint8_t)(type << 4 | flags);
    for (size_t i = 0; i < count; i++) {
        start[1 + i] = (uint8_t)(digits[i] | (i + 1 < count ? 0x80 : 0));
    }
    return start;
}

uint8_t *packet_write_suback(uint16_t id, const uint8_t *codes, size_t count, size_t *length)
{
    uint8_t head[PACKET_HEAD_MAX];
    uint8_t *start = packet_write_head(head + sizeof head, PACKET_SUBACK, 0, 2 + count);
    size_t head_size = (size_t)(head + sizeof head - start);
    uint8_t *packet = memory_allocate(head_size + 2 + count);
    memcpy(packet, start, head_size);
    packet[head_size] = (uint8_t)(id >> 8);
    packet[head_size + 1] = (uint8_t)id;
    memcpy(packet + head_size + 2, codes, count);
    *length = head_size + 2 + count;
    return packet;
}

size_t packet_publish_room(size_t topic_length, size_t payload_length)
{
    return PACKET_TOPIC_AT + topic_length + 2 + payload_length;
}

uint8_t *packet_write_publish(
    uint8_t *area, size_t topic_length, const struct packet_publish *publish, size_t *length)
{
    uint8_t *body = area + PACKET_HEAD_MAX;
    body[0] = (uint8_t)(topic_length >> 8);
    body[1] = (uint8_t)topic_length;
    uint8_t *end = body + 2 + topic_length;
    if (publish->qos > 0) {
        *end++ = (uint8_t)(publish->packet_id >> 8);
        *end++ = (uint8_t)publish->packet_id;
    }
    if (publish->payload.length > 0) {
        memcpy(end, publish->payload.bytes, publish->payload.length);
        end += publish->payload.length;
    }
    uint8_t flags = (uint8_t)(publish->dup << 3 | publish->qos << 1 | publish->retain);
    uint8_t *start = packet_write_head(body, PACKET_PUBLISH, flags, (size_t)(end - body));
    *length = (size_t)(end - start);
    return start;
}
