/*
 * AMQP messages: their sections, the cloud-to-device message read from and written to them. Called
 * by the links; pure functions.
 *
 * Sources: OASIS AMQP 1.0 part 3, section 3.2; learn.microsoft.com, "Create and read IoT Hub
 * messages"; the annotations and their types are those the device SDKs read
 * (Azure/azure-iot-sdk-csharp, AmqpIotConstants.cs).
 */
#ifndef DEVICEBOUND_PROTOCOLS_AMQP_MESSAGE_CODEC_H
#define DEVICEBOUND_PROTOCOLS_AMQP_MESSAGE_CODEC_H

#include "protocols/amqp/value.h"
#include "store/queue.h"
#include "store/telemetry.h"

/* Descriptors of the sections, in the order they come. */
enum section {
    SECTION_HEADER = 0x70,
    SECTION_DELIVERY_ANNOTATIONS = 0x71,
    SECTION_MESSAGE_ANNOTATIONS = 0x72,
    SECTION_PROPERTIES = 0x73,
    SECTION_APPLICATION_PROPERTIES = 0x74,
    SECTION_DATA = 0x75,
    SECTION_SEQUENCE = 0x76,
    SECTION_VALUE = 0x77,
    SECTION_FOOTER = 0x78
};

/* Fields of the properties section, by position. */
enum property {
    PROPERTY_MESSAGE_ID,
    PROPERTY_USER_ID,
    PROPERTY_TO,
    PROPERTY_SUBJECT,
    PROPERTY_REPLY_TO,
    PROPERTY_CORRELATION_ID,
    PROPERTY_CONTENT_TYPE,
    PROPERTY_CONTENT_ENCODING,
    PROPERTY_EXPIRY,
    PROPERTY_COUNT
};

/* A message as it came in: every part borrowed from its bytes, VALUE_NULL where absent. */
struct sections {
    struct value annotations; /* a map */
    struct value properties[PROPERTY_COUNT];
    struct value application; /* a map */
    struct reader bodies; /* data, sequence and value sections, one after another */
};

/* False: not a message. */
bool sections_read(const void *bytes, size_t length, struct sections *sections);

/* The value of that key (string or symbol) in a map; false: there is none. */
bool map_find(const struct value *map, const char *key, struct value *value);

/* Reads a cloud-to-device message: data sections are joined, values of application properties
 * become text. Returns owned in `*message`. Errors: IOT_HUB_FORMAT_ERROR, ARGUMENT_INVALID. */
enum hub_code amqp_message_decode(
    const void *bytes, size_t length, struct message **message, struct hub_error *error);

/* Reads what a device sends, and calls `take` (which takes the event) for each message: for one, or
 * for those of a batch, whose data sections are encoded messages. Batches have a message format of
 * their own, which Proton keeps to itself; so they are known by their content. Errors:
 * IOT_HUB_FORMAT_ERROR, before the first is taken. */
enum hub_code amqp_events_decode(const void *bytes, size_t length,
    void (*take)(void *context, struct telemetry_event *event), void *context,
    struct hub_error *error);

/* Writes a delivery as receivers want it: annotations, properties, application properties, one
 * data section. */
void amqp_message_encode(struct writer *writer, const struct delivery *delivery);

#define DELIVERY_TAG_SIZE 16

/* The tag of a delivery: its lock token in the byte order of .NET's Guid, whose first three groups
 * are little-endian. The same function turns a tag back into the token. */
void lock_token_swap(const uint8_t from[DELIVERY_TAG_SIZE], uint8_t to[DELIVERY_TAG_SIZE]);

#endif
