#include "protocols/amqp/message_codec.h"

#include "store/iso8601.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- sections ---- */

/* Properties are a list; what a sender leaves out at its end is absent. */
static bool read_properties(const struct value *list, struct value properties[PROPERTY_COUNT])
{
    if (list->type != VALUE_LIST) {
        return false;
    }
    struct reader fields = reader_of_elements(list);
    for (uint32_t i = 0; i < list->count; i++) {
        struct value field;
        if (!read_value(&fields, &field)) {
            return false;
        }
        if (i < PROPERTY_COUNT) {
            properties[i] = field;
        }
    }
    return true;
}

static bool keep_map(const struct value *section, struct value *map)
{
    *map = *section;
    return section->type == VALUE_MAP || section->type == VALUE_NULL;
}

static bool keep_section(const struct value *section, struct sections *sections)
{
    switch (section->descriptor) {
    case SECTION_HEADER:
    case SECTION_DELIVERY_ANNOTATIONS:
    case SECTION_FOOTER:
        return true;
    case SECTION_MESSAGE_ANNOTATIONS:
        return keep_map(section, &sections->annotations);
    case SECTION_PROPERTIES:
        return read_properties(section, sections->properties);
    case SECTION_APPLICATION_PROPERTIES:
        return keep_map(section, &sections->application);
    case SECTION_DATA:
    case SECTION_SEQUENCE:
    case SECTION_VALUE:
        if (!sections->bodies.at) {
            sections->bodies.at = section->encoded;
        }
        sections->bodies.end = section->encoded + section->encoded_length;
        return true;
    default:
        return false;
    }
}

bool sections_read(const void *bytes, size_t length, struct sections *sections)
{
    struct reader reader = reader_of(bytes, length);
    *sections = (struct sections){0};
    while (!reader_is_at_end(&reader)) {
        struct value section;
        if (!read_value(&reader, &section) || !section.is_described ||
            !keep_section(&section, sections)) {
            return false;
        }
    }
    return true;
}

bool map_find(const struct value *map, const char *key, struct value *value)
{
    struct reader reader = reader_of_elements(map);
    struct value name;
    while (read_value(&reader, &name) && read_value(&reader, value)) {
        if (text_equal(value_text(&name), text_of(key))) {
            return true;
        }
    }
    return false;
}

/* ---- reading a cloud-to-device message ---- */

static enum hub_code unreadable(struct hub_error *error, const char *sentence)
{
    return hub_refuse(error, HUB_IOT_HUB_FORMAT_ERROR, "%s", sentence);
}

#define SCALAR_TEXT_SIZE 40

static size_t uuid_text(const uint8_t *bytes, char *out)
{
    size_t length = 0;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            out[length++] = '-';
        }
        length += (size_t)snprintf(out + length, 3, "%02x", bytes[i]);
    }
    return length;
}

static size_t utf8_encode(uint64_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (code >> 18 & 7));
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* A scalar as text: devices that speak C refuse values that are not strings. False: it has no text
 * (compounds, decimals, binary that is not UTF-8). `scratch` has SCALAR_TEXT_SIZE bytes. */
static bool scalar_text(const struct value *value, char *scratch, struct text *text)
{
    int length = 0;
    switch (value->type) {
    case VALUE_NULL:
        *text = TEXT_ABSENT;
        return true;
    case VALUE_STRING:
    case VALUE_SYMBOL:
    case VALUE_BINARY:
        *text = (struct text){(const char *)value->bytes, value->length};
        return utf8_is_valid(value->bytes, value->length);
    case VALUE_BOOLEAN:
        *text = value->is.boolean ? TEXT("true") : TEXT("false");
        return true;
    case VALUE_UNSIGNED:
        length = snprintf(scratch, SCALAR_TEXT_SIZE, "%" PRIu64, value->is.number);
        break;
    case VALUE_SIGNED:
    case VALUE_TIMESTAMP:
        length = snprintf(scratch, SCALAR_TEXT_SIZE, "%" PRId64, value->is.integer);
        break;
    case VALUE_FLOAT:
        length = snprintf(scratch, SCALAR_TEXT_SIZE, "%.9g", value->is.real);
        break;
    case VALUE_DOUBLE:
        length = snprintf(scratch, SCALAR_TEXT_SIZE, "%.17g", value->is.real);
        break;
    case VALUE_CHAR:
        length = (int)utf8_encode(value->is.number, scratch);
        if (!utf8_is_valid((const uint8_t *)scratch, (size_t)length)) {
            return false;
        }
        break;
    case VALUE_UUID:
        length = (int)uuid_text(value->bytes, scratch);
        break;
    default:
        return false;
    }
    *text = (struct text){scratch, (size_t)length};
    return true;
}

static enum hub_code set_field(struct message *message, enum message_field field,
    const struct value *value, struct hub_error *error)
{
    char scratch[SCALAR_TEXT_SIZE];
    struct text text;
    if (value->type == VALUE_NULL) {
        return HUB_OK;
    }
    if (field == MESSAGE_USER_ID && value->type == VALUE_BINARY) {
        text = value_text(value);
    } else if (!scalar_text(value, scratch, &text)) {
        return unreadable(error, "A property of the message has an unexpected type.");
    }
    return text.length == 0 ? HUB_OK : message_set(message, field, text, error);
}

static struct instant instant_of(const struct value *timestamp)
{
    bool is_too_late = timestamp->is.integer > INT64_MAX / 1000;
    return instant_add((struct instant){0},
        is_too_late ? (struct duration){INT64_MAX} : DURATION_MS(timestamp->is.integer));
}

static enum hub_code decode_properties(
    const struct value properties[PROPERTY_COUNT], struct message *message, struct hub_error *error)
{
    static const struct {
        enum property property;
        enum message_field field;
    } fields[] = {{PROPERTY_MESSAGE_ID, MESSAGE_ID}, {PROPERTY_USER_ID, MESSAGE_USER_ID},
        {PROPERTY_TO, MESSAGE_TO}, {PROPERTY_CORRELATION_ID, MESSAGE_CORRELATION_ID},
        {PROPERTY_CONTENT_TYPE, MESSAGE_CONTENT_TYPE},
        {PROPERTY_CONTENT_ENCODING, MESSAGE_CONTENT_ENCODING}};
    enum hub_code code = HUB_OK;
    for (size_t i = 0; code == HUB_OK && i < sizeof(fields) / sizeof(fields[0]); i++) {
        code = set_field(message, fields[i].field, &properties[fields[i].property], error);
    }
    const struct value *expiry = &properties[PROPERTY_EXPIRY];
    /* The Go client writes the year 1 where no expiry was set. */
    if (expiry->type == VALUE_TIMESTAMP && expiry->is.integer > 0) {
        message_set_expiry(message, instant_of(expiry));
    } else if (expiry->type != VALUE_TIMESTAMP && expiry->type != VALUE_NULL) {
        return unreadable(error, "absolute-expiry-time is not a timestamp.");
    }
    return code;
}

static enum hub_code decode_application_properties(
    const struct value *map, struct message *message, struct hub_error *error)
{
    struct reader reader = reader_of_elements(map);
    while (!reader_is_at_end(&reader)) {
        char scratch[SCALAR_TEXT_SIZE];
        struct value name, value;
        struct text text;
        if (!read_value(&reader, &name) || !read_value(&reader, &value) ||
            (name.type != VALUE_STRING && name.type != VALUE_SYMBOL) ||
            !utf8_is_valid(name.bytes, name.length)) {
            return unreadable(error, "The application properties are malformed.");
        }
        if (!scalar_text(&value, scratch, &text)) {
            return hub_refuse(error, HUB_ARGUMENT_INVALID,
                "The value of an application property is neither text nor a number.");
        }
        enum hub_code code = message_add_property(message, value_text(&name), text, error);
        if (code != HUB_OK) {
            return code;
        }
    }
    return HUB_OK;
}

static enum hub_code decode_bodies(
    struct reader bodies, struct message *message, struct hub_error *error)
{
    struct value section;
    while (!reader_is_at_end(&bodies) && read_value(&bodies, &section)) {
        bool is_value = section.descriptor == SECTION_VALUE;
        bool is_bytes = section.type == VALUE_BINARY || section.type == VALUE_STRING;
        if (section.descriptor == SECTION_FOOTER) {
            break;
        }
        if (section.descriptor == SECTION_SEQUENCE ||
            (!is_bytes && !(is_value && section.type == VALUE_NULL))) {
            return unreadable(error, "The body is neither data nor a string nor binary.");
        }
        if (is_bytes) {
            message_append_body(message, section.bytes, section.length);
        }
    }
    return HUB_OK;
}

enum hub_code amqp_message_decode(
    const void *bytes, size_t length, struct message **message, struct hub_error *error)
{
    struct sections sections;
    *message = NULL;
    if (!sections_read(bytes, length, &sections)) {
        return unreadable(error, "The message is not a well-formed AMQP message.");
    }
    *message = message_create();
    enum hub_code code = decode_properties(sections.properties, *message, error);
    if (code == HUB_OK) {
        code = decode_application_properties(&sections.application, *message, error);
    }
    if (code == HUB_OK) {
        code = decode_bodies(sections.bodies, *message, error);
    }
    if (code != HUB_OK) {
        message_release(*message);
        *message = NULL;
    }
    return code;
}

/* ---- reading what a device sends ---- */

static void add_scalar(struct telemetry_event *event, enum telemetry_kind kind, struct text name,
    const struct value *value)
{
    char scratch[SCALAR_TEXT_SIZE];
    struct text text;
    if (!scalar_text(value, scratch, &text)) {
        text = TEXT_ABSENT;
    }
    telemetry_event_add(event, kind, name, text);
}

static void add_properties(
    const struct value properties[PROPERTY_COUNT], struct telemetry_event *event)
{
    static const struct {
        enum property property;
        const char *name;
    } names[] = {{PROPERTY_MESSAGE_ID, TELEMETRY_MESSAGE_ID},
        {PROPERTY_CORRELATION_ID, TELEMETRY_CORRELATION_ID}, {PROPERTY_USER_ID, TELEMETRY_USER_ID},
        {PROPERTY_TO, TELEMETRY_TO}, {PROPERTY_CONTENT_TYPE, TELEMETRY_CONTENT_TYPE},
        {PROPERTY_CONTENT_ENCODING, TELEMETRY_CONTENT_ENCODING}};
    const struct value *expiry = &properties[PROPERTY_EXPIRY];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (properties[names[i].property].type != VALUE_NULL) {
            add_scalar(
                event, TELEMETRY_SYSTEM, text_of(names[i].name), &properties[names[i].property]);
        }
    }
    if (expiry->type == VALUE_TIMESTAMP && expiry->is.integer > 0) {
        char text[ISO8601_SIZE];
        iso8601_format_instant(instant_of(expiry), 3, text);
        telemetry_event_add(event, TELEMETRY_SYSTEM, TEXT(TELEMETRY_EXPIRY_TIME), text_of(text));
    }
}

static void add_map(
    const struct value *map, enum telemetry_kind kind, struct telemetry_event *event)
{
    struct reader reader = reader_of_elements(map);
    struct value name, value;
    while (read_value(&reader, &name) && read_value(&reader, &value)) {
        if (name.type == VALUE_STRING || name.type == VALUE_SYMBOL) {
            add_scalar(event, kind, value_text(&name), &value);
        }
    }
}

/* Data and text by their content; anything else as it is encoded. */
static void add_bodies(struct reader bodies, struct telemetry_event *event)
{
    struct value section;
    while (!reader_is_at_end(&bodies) && read_value(&bodies, &section)) {
        if (section.type == VALUE_BINARY || section.type == VALUE_STRING) {
            telemetry_event_append(event, section.bytes, section.length);
        } else if (section.type != VALUE_NULL) {
            telemetry_event_append(event, section.encoded, section.encoded_length);
        }
    }
}

static struct telemetry_event *event_of(const struct sections *sections)
{
    struct telemetry_event *event = telemetry_event_create();
    add_properties(sections->properties, event);
    add_map(&sections->annotations, TELEMETRY_SYSTEM, event);
    add_map(&sections->application, TELEMETRY_APPLICATION, event);
    add_bodies(sections->bodies, event);
    return event;
}

/* The next message of a batch. False: there is none. */
static bool read_batched(struct reader *bodies, struct sections *message, bool *is_batch)
{
    struct value section;
    if (reader_is_at_end(bodies) || !read_value(bodies, &section)) {
        return false;
    }
    *is_batch = section.descriptor == SECTION_DATA && section.type == VALUE_BINARY &&
                sections_read(section.bytes, section.length, message) && message->bodies.at;
    return *is_batch;
}

static bool is_batch(const struct sections *sections)
{
    struct reader bodies = sections->bodies;
    struct sections message;
    bool is_one = false;
    for (size_t i = 0; i < PROPERTY_COUNT; i++) {
        if (sections->properties[i].type != VALUE_NULL) {
            return false;
        }
    }
    while (sections->application.type == VALUE_NULL && read_batched(&bodies, &message, &is_one)) {
    }
    return is_one;
}

enum hub_code amqp_events_decode(const void *bytes, size_t length,
    void (*take)(void *context, struct telemetry_event *event), void *context,
    struct hub_error *error)
{
    struct sections sections, message;
    bool is_one;
    if (!sections_read(bytes, length, &sections)) {
        return unreadable(error, "The message is not a well-formed AMQP message.");
    }
    if (!is_batch(&sections)) {
        take(context, event_of(&sections));
        return HUB_OK;
    }
    while (read_batched(&sections.bodies, &message, &is_one)) {
        take(context, event_of(&message));
    }
    return HUB_OK;
}

/* ---- writing a delivery ---- */

static void write_annotations(struct writer *writer, const struct delivery *delivery)
{
    uint32_t count = delivery->delivery_count;
    write_descriptor(writer, SECTION_MESSAGE_ANNOTATIONS);
    size_t map = write_open(writer, COMPOUND_MAP);
    write_symbol(writer, TEXT("iothub-enqueuedtime"));
    write_timestamp(writer, delivery->enqueued.us / 1000);
    write_symbol(writer, TEXT("iothub-deliverycount"));
    write_ubyte(writer, count > UINT8_MAX ? UINT8_MAX : (uint8_t)count);
    write_symbol(writer, TEXT("x-opt-sequence-number"));
    write_ulong(writer, delivery->sequence);
    write_close(writer, map, 6);
}

static void write_present(
    struct writer *writer, struct text text, void (*write)(struct writer *, struct text))
{
    if (text.bytes) {
        write(writer, text);
    } else {
        write_null(writer);
    }
}

static void write_properties(struct writer *writer, const struct message *message)
{
    struct instant expiry;
    write_descriptor(writer, SECTION_PROPERTIES);
    size_t list = write_open(writer, COMPOUND_LIST);
    write_present(writer, message_get(message, MESSAGE_ID), write_string);
    write_present(writer, message_get(message, MESSAGE_USER_ID), write_binary);
    write_present(writer, message_get(message, MESSAGE_TO), write_string);
    write_null(writer);
    write_null(writer);
    write_present(writer, message_get(message, MESSAGE_CORRELATION_ID), write_string);
    write_present(writer, message_get(message, MESSAGE_CONTENT_TYPE), write_symbol);
    write_present(writer, message_get(message, MESSAGE_CONTENT_ENCODING), write_symbol);
    if (message_get_expiry(message, &expiry)) {
        write_timestamp(writer, expiry.us / 1000);
    } else {
        write_null(writer);
    }
    write_close(writer, list, PROPERTY_COUNT);
}

/* Only strings: a device that speaks C rejects, and so dead-letters, anything else. */
static void write_application_properties(struct writer *writer, const struct message *message)
{
    size_t count = message_property_count(message);
    if (count == 0) {
        return;
    }
    write_descriptor(writer, SECTION_APPLICATION_PROPERTIES);
    size_t map = write_open(writer, COMPOUND_MAP);
    for (size_t i = 0; i < count; i++) {
        struct message_property property = message_property_at(message, i);
        write_string(writer, property.name);
        write_string(writer, property.value);
    }
    write_close(writer, map, (uint32_t)(2 * count));
}

void amqp_message_encode(struct writer *writer, const struct delivery *delivery)
{
    write_annotations(writer, delivery);
    write_properties(writer, delivery->message);
    write_application_properties(writer, delivery->message);
    write_descriptor(writer, SECTION_DATA);
    write_binary(writer, message_body(delivery->message));
}

void lock_token_swap(const uint8_t from[DELIVERY_TAG_SIZE], uint8_t to[DELIVERY_TAG_SIZE])
{
    static const uint8_t order[DELIVERY_TAG_SIZE] = {
        3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    for (size_t i = 0; i < DELIVERY_TAG_SIZE; i++) {
        to[i] = from[order[i]];
    }
}
