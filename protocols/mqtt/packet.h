/*
 * MQTT 3.1.1 control packets as bytes: finds their borders in a stream that may be cut anywhere,
 * takes their bodies apart, and writes those a server sends. Called by protocols/mqtt/connection
 * and its neighbours. Knows the form of packets, nothing of their meaning.
 *
 * Whatever a peer sends wrong is refused with the clause it breaks, such as "MQTT-2.2.2-2" or,
 * where the standard has no numbered statement, "2.2.3". Static texts, for logs and tests.
 *
 * Source: OASIS MQTT Version 3.1.1 (mqtt-v3.1.1-os), chapters 1.5, 2 and 3.
 */
#ifndef DEVICEBOUND_PROTOCOLS_MQTT_PACKET_H
#define DEVICEBOUND_PROTOCOLS_MQTT_PACKET_H

#include "store/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum packet_type {
    PACKET_CONNECT = 1,
    PACKET_CONNACK,
    PACKET_PUBLISH,
    PACKET_PUBACK,
    PACKET_PUBREC,
    PACKET_PUBREL,
    PACKET_PUBCOMP,
    PACKET_SUBSCRIBE,
    PACKET_SUBACK,
    PACKET_UNSUBSCRIBE,
    PACKET_UNSUBACK,
    PACKET_PINGREQ,
    PACKET_PINGRESP,
    PACKET_DISCONNECT,
    PACKET_TYPE_COUNT
};

/* "CONNECT", "PUBLISH", … */
const char *packet_type_name(enum packet_type type);

/* One whole packet. `body` (what follows the fixed header) is borrowed, see packet_read. */
struct packet {
    enum packet_type type;
    uint8_t flags; /* the low four bits of the first byte */
    const uint8_t *body;
    size_t length;
};

/* ---- borders ---- */

/* Remaining length a server takes: before it knows who is there, and after. The second is what the
 * hub takes as one message. */
#define PACKET_CONNECT_MAX 65536
#define PACKET_MAX 262144

/* Holds the part of a packet that has arrived so far. A zeroed struct with a limit is empty. */
struct packet_reader {
    size_t limit; /* remaining length above this is refused */
    uint8_t *bytes; /* owned; NULL unless a packet came in parts */
    size_t length, room;
    bool is_whole; /* `bytes` is the packet that was given last */
};
void packet_reader_release(struct packet_reader *reader);

enum packet_result {
    PACKET_INCOMPLETE, /* all input was taken; more is needed */
    PACKET_COMPLETE,
    PACKET_REFUSED
};

/* Takes the next packet from `input`. `*used`: how many of its bytes were taken, never bytes of a
 * later packet. `packet->body` lies in `input` or in the reader: it is borrowed until either
 * changes. PACKET_REFUSED: `*clause` says why; the reader is of no more use. */
enum packet_result packet_read(struct packet_reader *reader, const uint8_t *input, size_t length,
    size_t *used, struct packet *packet, const char **clause);

/* ---- bodies; false: refused, `*clause` says why ---- */

/* What is left of a body. */
struct packet_cursor {
    const uint8_t *at;
    size_t left;
};

bool packet_take_number(struct packet_cursor *cursor, uint16_t *number);
/* Length-prefixed bytes, borrowed from the body. */
bool packet_take_bytes(struct packet_cursor *cursor, struct text *bytes);
/* The same as UTF-8 (1.5.3). An empty string has a `bytes` that is not NULL. */
bool packet_take_string(struct packet_cursor *cursor, struct text *string, const char **clause);

/* Well-formed UTF-8 without U+0000 and surrogates. Control characters count as text only if
 * `control` is set: the standard lets a server refuse them in strings of a packet. */
bool packet_is_utf8(struct text text, bool control);

struct packet_publish {
    struct text topic;
    struct text payload;
    uint16_t packet_id; /* 0 for QoS 0 */
    uint8_t qos;
    bool dup, retain;
};
bool packet_parse_publish(
    const struct packet *packet, struct packet_publish *publish, const char **clause);

/* SUBSCRIBE and UNSUBSCRIBE begin with an id; then filters follow, at least one. */
bool packet_parse_id(
    const struct packet *packet, struct packet_cursor *filters, uint16_t *id, const char **clause);
/* One filter; `qos` NULL for UNSUBSCRIBE. */
bool packet_take_filter(
    struct packet_cursor *filters, struct text *filter, uint8_t *qos, const char **clause);

bool packet_parse_puback(const struct packet *packet, uint16_t *id, const char **clause);
/* PINGREQ and DISCONNECT. */
bool packet_parse_empty(const struct packet *packet, const char **clause);

/* ---- writing ---- */

#define PACKET_SHORT_SIZE 4

/* CONNACK, PUBACK, UNSUBACK: four bytes. */
void packet_write_connack(uint8_t out[PACKET_SHORT_SIZE], bool session_present, uint8_t code);
void packet_write_puback(uint8_t out[PACKET_SHORT_SIZE], uint16_t id);
void packet_write_unsuback(uint8_t out[PACKET_SHORT_SIZE], uint16_t id);

/* Two bytes. */
void packet_write_pingresp(uint8_t out[2]);

#define PACKET_HEAD_MAX 5

/* The fixed header, right-aligned before `end`, its length minimal (2.2.3). Returns its start. */
uint8_t *packet_write_head(uint8_t *end, enum packet_type type, uint8_t flags, size_t remaining);

/* A SUBACK of `count` codes. Returns owned; `*length` its size. */
uint8_t *packet_write_suback(uint16_t id, const uint8_t *codes, size_t count, size_t *length);

/* A PUBLISH is put together in place: the topic is written at PACKET_TOPIC_AT of an area of at
 * least packet_publish_room(), then this puts the rest around it. `id` counts for QoS 1 only. */
#define PACKET_TOPIC_MAX 65535
#define PACKET_TOPIC_AT (PACKET_HEAD_MAX + 2)
size_t packet_publish_room(size_t topic_length, size_t payload_length);
uint8_t *packet_write_publish(
    uint8_t *area, size_t topic_length, const struct packet_publish *publish, size_t *length);

#endif
