#include "protocols/mqtt/bag.h"

#include "protocols/mqtt/packet.h"
#include "protocols/mqtt/percent.h"
#include "store/identity.h"
#include "store/iso8601.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                 "-_.~";

/* ---- writing ---- */

/* Counts on when it is full, so that one check at the end is enough. */
struct sink {
    char *out;
    size_t room, length;
    bool has_pairs;
};

static void put(struct sink *sink, char byte)
{
    if (sink->length < sink->room) {
        sink->out[sink->length] = byte;
    }
    sink->length++;
}

static void put_plain(struct sink *sink, const char *text)
{
    while (*text) {
        put(sink, *text++);
    }
}

static bool is_unreserved(char byte)
{
    return byte != 0 && strchr(unreserved, byte) != NULL;
}

static void put_encoded(struct sink *sink, struct text text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.length && sink->length <= sink->room; i++) {
        unsigned char byte = (unsigned char)text.bytes[i];
        if (is_unreserved((char)byte)) {
            put(sink, (char)byte);
        } else {
            put(sink, '%');
            put(sink, digits[byte >> 4]);
            put(sink, digits[byte & 15]);
        }
    }
}

static void put_pair(struct sink *sink, struct text name, struct text value)
{
    if (sink->has_pairs) {
        put(sink, '&');
    }
    sink->has_pairs = true;
    put_encoded(sink, name);
    if (value.bytes) {
        put(sink, '=');
        put_encoded(sink, value);
    }
}

/* An empty system property is left out as one that is not set: `name=` throws in Java's client. */
static void put_field(struct sink *sink, struct text name, struct text value)
{
    if (value.length > 0) {
        put_pair(sink, name, value);
    }
}

static bool is_ack(struct text name)
{
    return text_equal_nocase(name, TEXT("iothub-ack"));
}

static void put_system_properties(
    struct sink *sink, const struct message *message, const char *device_id)
{
    struct instant expiry;
    if (message_get_expiry(message, &expiry)) {
        char text[ISO8601_SIZE];
        iso8601_format_instant(expiry, 7, text);
        put_field(sink, TEXT("$.exp"), text_of(text));
    }
    put_field(sink, TEXT("$.cid"), message_get(message, MESSAGE_CORRELATION_ID));
    put_field(sink, TEXT("$.mid"), message_get(message, MESSAGE_ID));
    struct text to = message_get(message, MESSAGE_TO);
    if (to.length > 0) {
        put_field(sink, TEXT("$.to"), to);
    } else {
        char own[DEVICE_ID_MAX + 40];
        snprintf(own, sizeof own, "/devices/%s/messages/devicebound", device_id);
        put_field(sink, TEXT("$.to"), text_of(own));
    }
    put_field(sink, TEXT("$.uid"), message_get(message, MESSAGE_USER_ID));
    put_field(sink, TEXT("$.ct"), message_get(message, MESSAGE_CONTENT_TYPE));
    put_field(sink, TEXT("$.ce"), message_get(message, MESSAGE_CONTENT_ENCODING));
}

size_t bag_write_topic(const struct message *message, const char *device_id, char *out, size_t room)
{
    struct sink sink = {.out = out, .room = room};
    put_plain(&sink, "devices/");
    put_plain(&sink, device_id);
    put_plain(&sink, "/messages/devicebound/");
    put_system_properties(&sink, message, device_id);
    size_t count = message_property_count(message);
    for (size_t i = 0; i < count; i++) {
        if (is_ack(message_property_at(message, i).name)) {
            put_pair(&sink, TEXT("iothub-ack"), text_of(message_ack_name(message_ack(message))));
            break;
        }
    }
    for (size_t i = 0; i < count; i++) {
        struct message_property property = message_property_at(message, i);
        if (!is_ack(property.name)) {
            put_pair(&sink, property.name, property.value);
        }
    }
    return sink.length <= room ? sink.length : 0;
}

/* ---- reading ---- */

/* What may stand in a bag as it is: clients leave the marks of RFC 3986 2.2 `! $ ' ( ) * , ; @`
 * alone. Others, `? # : /` among them, end the connection at IoT Hub too. */
static bool is_plain(char byte)
{
    return is_unreserved(byte) || (byte != 0 && strchr("!$'()*,;@", byte) != NULL);
}

/* Into `out`, which has room for `encoded.length`. False: not decodable. */
static bool decode(struct text encoded, char *out, struct text *decoded)
{
    size_t length = 0;
    for (size_t i = 0; i < encoded.length; i++) {
        char byte = encoded.bytes[i];
        if (percent_take(encoded.bytes + i, encoded.length - i, &byte)) {
            i += 2;
        } else if (!is_plain(byte)) {
            return false;
        }
        out[length++] = byte;
    }
    *decoded = (struct text){out, length};
    return packet_is_utf8(*decoded, true);
}

/* What begins with `$.` is a system property; those without a name of the hub's keep their own. */
static void add_property(struct telemetry_event *event, struct text name, struct text value)
{
    static const struct {
        const char *wire, *name;
    } known[] = {{"$.mid", TELEMETRY_MESSAGE_ID}, {"$.cid", TELEMETRY_CORRELATION_ID},
        {"$.uid", TELEMETRY_USER_ID}, {"$.to", TELEMETRY_TO}, {"$.exp", TELEMETRY_EXPIRY_TIME},
        {"$.ct", TELEMETRY_CONTENT_TYPE}, {"$.ce", TELEMETRY_CONTENT_ENCODING}};
    bool is_system = name.length > 2 && memcmp(name.bytes, "$.", 2) == 0;
    for (size_t i = 0; is_system && i < sizeof known / sizeof *known; i++) {
        if (text_equal(name, text_of(known[i].wire))) {
            name = text_of(known[i].name);
            break;
        }
    }
    telemetry_event_add(event, is_system ? TELEMETRY_SYSTEM : TELEMETRY_APPLICATION, name, value);
}

static bool parse_pair(struct text pair, char *scratch, struct telemetry_event *event)
{
    struct text value = pair, name = text_take_until(&value, '=');
    struct text decoded_name, decoded_value = TEXT_ABSENT;
    if (name.length == 0 || !decode(name, scratch, &decoded_name) ||
        (value.bytes && !decode(value, scratch + name.length, &decoded_value))) {
        return false;
    }
    add_property(event, decoded_name, decoded_value);
    return true;
}

bool bag_parse(struct text bag, struct telemetry_event *event)
{
    char scratch[PACKET_TOPIC_MAX];
    if (bag.length > sizeof scratch) {
        return false;
    }
    while (bag.length > 0) {
        if (!parse_pair(text_take_until(&bag, '&'), scratch, event) ||
            (bag.bytes && bag.length == 0)) {
            return false;
        }
    }
    return true;
}
