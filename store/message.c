#include "store/message.h"

#include "store/memory.h"

#include <stdlib.h>
#include <string.h>

/* A text within the arena. */
struct span {
    uint32_t offset; /* SPAN_ABSENT: there is none */
    uint32_t length;
};

#define SPAN_ABSENT UINT32_MAX

struct property_spans {
    struct span name, value;
};

/* All texts lie one behind the other in the arena, each with a zero behind it, so that a message of
 * any number of properties costs four allocations. */
struct message {
    size_t holders;
    enum message_ack ack;
    bool has_expiry;
    struct instant expiry;
    struct span fields[MESSAGE_FIELD_COUNT];
    struct property_spans *properties;
    uint32_t property_count, property_room;
    char *arena;
    uint32_t arena_used, arena_room;
    char *body;
    uint32_t body_length, body_room;
};

/* ---- holding ---- */

struct message *message_create(void)
{
    struct message *message = memory_allocate(sizeof *message);
    message->holders = 1;
    for (size_t i = 0; i < MESSAGE_FIELD_COUNT; i++) {
        message->fields[i].offset = SPAN_ABSENT;
    }
    return message;
}

struct message *message_share(struct message *message)
{
    message->holders++;
    return message;
}

void message_release(struct message *message)
{
    if (message && --message->holders == 0) {
        free(message->properties);
        free(message->arena);
        free(message->body);
        free(message);
    }
}

/* ---- building ---- */

/* Makes room for `more` bytes behind `used`. Sizes stay below 4 GiB: callers bound what they read
 * from a peer long before. */
static void reserve(char **block, uint32_t used, uint32_t *room, size_t more)
{
    size_t wanted = used + more;
    if (wanted > UINT32_MAX) {
        abort();
    }
    if (wanted > *room) {
        size_t doubled = *room < 128 ? 256 : (size_t)*room * 2;
        *room = (uint32_t)(doubled > wanted && doubled <= UINT32_MAX ? doubled : wanted);
        *block = memory_grow(*block, *room, 1);
    }
}

static struct span keep(struct message *message, struct text text)
{
    if (!text.bytes) {
        return (struct span){SPAN_ABSENT, 0};
    }
    reserve(&message->arena, message->arena_used, &message->arena_room, text.length + 1);
    struct span span = {message->arena_used, (uint32_t)text.length};
    memcpy(message->arena + span.offset, text.bytes, text.length);
    message->arena[span.offset + span.length] = '\0';
    message->arena_used += span.length + 1;
    return span;
}

/* Letters, digits and the marks the service allows in a message id. */
static bool id_is_valid(struct text id)
{
    for (size_t i = 0; i < id.length; i++) {
        char c = id.bytes[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || !strchr("-:.+%_#*?!(),=@;$'", c))) {
            return false;
        }
    }
    return id.length <= MESSAGE_ID_MAX;
}

static enum message_ack parse_ack(struct text value)
{
    static const struct {
        const char *name;
        enum message_ack ack;
    } names[] = {
        {"positive", ACK_POSITIVE}, {"negative", ACK_NEGATIVE}, {"full", ACK_FULL},
        {"positiveonly", ACK_POSITIVE}, /* the Java service SDK */
        {"negativeonly", ACK_NEGATIVE}, {"sent", ACK_POSITIVE}, /* the how-to article's word */
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (text_equal_nocase(value, text_of(names[i].name))) {
            return names[i].ack;
        }
    }
    return ACK_NONE;
}

enum hub_code message_set(
    struct message *message, enum message_field field, struct text value, struct hub_error *error)
{
    if (field == MESSAGE_ID || field == MESSAGE_CORRELATION_ID) {
        const char *name = field == MESSAGE_ID ? "message-id" : "correlation-id";
        if (!id_is_valid(value)) {
            return hub_refuse(error, HUB_ARGUMENT_INVALID,
                "The %s is longer than 128 characters or has a character that is not allowed.",
                name);
        }
        if (value.length == 0) {
            value = TEXT_ABSENT;
        }
    } else if (value.bytes && memchr(value.bytes, '\0', value.length)) {
        return hub_refuse(
            error, HUB_ARGUMENT_INVALID, "A system property contains a zero character.");
    }
    message->fields[field] = keep(message, value);
    return HUB_OK;
}

enum hub_code message_add_property(
    struct message *message, struct text name, struct text value, struct hub_error *error)
{
    if (name.length == 0) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID, "An application property has no name.");
    }
    if (message->property_count == MESSAGE_PROPERTIES_MAX) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID,
            "The message has more than %d application properties.", MESSAGE_PROPERTIES_MAX);
    }
    if (message->property_count == message->property_room) {
        message->property_room = message->property_room ? message->property_room * 2 : 4;
        message->properties =
            memory_grow(message->properties, message->property_room, sizeof *message->properties);
    }
    struct property_spans *property = &message->properties[message->property_count++];
    property->name = keep(message, name);
    property->value = keep(message, value);
    if (text_equal_nocase(name, TEXT("iothub-ack"))) {
        message->ack = parse_ack(value);
    }
    return HUB_OK;
}

void message_set_expiry(struct message *message, struct instant expiry)
{
    message->has_expiry = true;
    message->expiry = expiry;
}

void message_append_body(struct message *message, const void *bytes, size_t length)
{
    reserve(&message->body, message->body_length, &message->body_room, length + 1);
    if (length > 0) {
        memcpy(message->body + message->body_length, bytes, length);
    }
    message->body_length += (uint32_t)length;
    message->body[message->body_length] = '\0';
}

/* ---- reading ---- */

static struct text text_at(const struct message *message, struct span span)
{
    if (span.offset == SPAN_ABSENT) {
        return TEXT_ABSENT;
    }
    return (struct text){message->arena + span.offset, span.length};
}

struct text message_get(const struct message *message, enum message_field field)
{
    return text_at(message, message->fields[field]);
}

enum message_ack message_ack(const struct message *message)
{
    return message->ack;
}

const char *message_ack_name(enum message_ack ack)
{
    static const char *const names[] = {"none", "positive", "negative", "full"};
    return names[ack];
}

bool message_get_expiry(const struct message *message, struct instant *expiry)
{
    *expiry = message->expiry;
    return message->has_expiry;
}

size_t message_property_count(const struct message *message)
{
    return message->property_count;
}

struct message_property message_property_at(const struct message *message, size_t index)
{
    const struct property_spans *property = &message->properties[index];
    return (struct message_property){
        text_at(message, property->name), text_at(message, property->value)};
}

struct text message_body(const struct message *message)
{
    return (struct text){message->body ? message->body : "", message->body_length};
}

size_t message_size(const struct message *message)
{
    size_t size = message->body_length + (message->has_expiry ? 8 : 0);
    for (size_t i = 0; i < MESSAGE_FIELD_COUNT; i++) {
        size += i == MESSAGE_TO ? 0 : message->fields[i].length;
    }
    for (size_t i = 0; i < message->property_count; i++) {
        size += message->properties[i].name.length + message->properties[i].value.length;
    }
    return size;
}

/* ---- as one blob: head, property spans, arena, body; in the byte order of the machine, which is
 * little-endian wherever the file is meant to be read again ---- */

struct blob_head {
    uint8_t version; /* 1 */
    uint8_t ack;
    uint8_t has_expiry;
    uint8_t unused;
    uint32_t property_count;
    uint32_t arena_length;
    uint32_t body_length;
    int64_t expiry_us;
    struct span fields[MESSAGE_FIELD_COUNT];
};

#define BLOB_VERSION 1

size_t message_encoded_size(const struct message *message)
{
    return sizeof(struct blob_head) + message->property_count * sizeof *message->properties +
           message->arena_used + message->body_length;
}

static uint8_t *append(uint8_t *out, const void *bytes, size_t length)
{
    if (length > 0) {
        memcpy(out, bytes, length);
    }
    return out + length;
}

void message_encode(const struct message *message, uint8_t *out)
{
    struct blob_head head = {.version = BLOB_VERSION,
        .ack = (uint8_t)message->ack,
        .has_expiry = message->has_expiry,
        .property_count = message->property_count,
        .arena_length = message->arena_used,
        .body_length = message->body_length,
        .expiry_us = message->expiry.us};
    memcpy(head.fields, message->fields, sizeof head.fields);
    out = append(out, &head, sizeof head);
    out = append(out, message->properties, message->property_count * sizeof *message->properties);
    out = append(out, message->arena, message->arena_used);
    append(out, message->body, message->body_length);
}

static bool span_fits(const struct message *message, struct span span)
{
    return span.offset == SPAN_ABSENT ||
           ((uint64_t)span.offset + span.length < message->arena_used &&
               message->arena[span.offset + span.length] == '\0');
}

static bool spans_fit(const struct message *message)
{
    for (size_t i = 0; i < MESSAGE_FIELD_COUNT; i++) {
        if (!span_fits(message, message->fields[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < message->property_count; i++) {
        if (!span_fits(message, message->properties[i].name) ||
            !span_fits(message, message->properties[i].value)) {
            return false;
        }
    }
    return true;
}

struct message *message_decode(const uint8_t *bytes, size_t length)
{
    struct blob_head head;
    if (length < sizeof head) {
        return NULL;
    }
    memcpy(&head, bytes, sizeof head);
    size_t properties = head.property_count * sizeof(struct property_spans);
    if (head.version != BLOB_VERSION || head.ack > ACK_FULL ||
        head.property_count > MESSAGE_PROPERTIES_MAX ||
        length != sizeof head + properties + (size_t)head.arena_length + head.body_length) {
        return NULL;
    }
    struct message *message = message_create();
    message->ack = head.ack;
    message->has_expiry = head.has_expiry;
    message->expiry.us = head.expiry_us;
    memcpy(message->fields, head.fields, sizeof head.fields);
    message->property_count = message->property_room = head.property_count;
    message->arena_used = message->arena_room = head.arena_length;
    bytes += sizeof head;
    if (properties > 0) {
        message->properties = memory_grow(NULL, properties, 1);
        memcpy(message->properties, bytes, properties);
    }
    if (head.arena_length > 0) {
        message->arena = memory_copy_bytes(bytes + properties, head.arena_length);
    }
    message_append_body(message, bytes + properties + head.arena_length, head.body_length);
    if (!spans_fit(message)) {
        message_release(message);
        return NULL;
    }
    return message;
}
