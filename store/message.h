/*
 * A cloud-to-device message in neutral form: what the sender gave, as bytes and text; no
 * protocol's type. Each protocol has one codec file that makes one of these or reads it.
 *
 * A message is built by one owner, then sealed by the first `message_share` or by enqueueing and
 * from then on only read. It is counted: the queue and a delivery on its way share it.
 */
#ifndef DEVICEBOUND_STORE_MESSAGE_H
#define DEVICEBOUND_STORE_MESSAGE_H

#include "store/clock.h"
#include "store/error.h"
#include "store/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The system properties that are text. */
enum message_field {
    MESSAGE_ID,
    MESSAGE_CORRELATION_ID,
    MESSAGE_USER_ID,
    MESSAGE_TO, /* as the sender wrote it, case kept */
    MESSAGE_CONTENT_TYPE,
    MESSAGE_CONTENT_ENCODING,
    MESSAGE_FIELD_COUNT
};

/* Which outcomes the sender wants feedback of. */
enum message_ack {
    ACK_NONE,
    ACK_POSITIVE,
    ACK_NEGATIVE,
    ACK_FULL
};

/* An application property; a value that is absent is the null of the wire. */
struct message_property {
    struct text name;
    struct text value;
};

/* Bounds of one message, checked while it is built. */
#define MESSAGE_ID_MAX 128
#define MESSAGE_PROPERTIES_MAX 1024

struct message;

/* Returns owned, empty. Aborts when out of memory, as all of this module does. */
struct message *message_create(void);

/* Another holder of the same message. Returns `message`. */
struct message *message_share(struct message *message);

/* Drops one hold; the last frees. NULL is nothing. */
void message_release(struct message *message);

/* ---- building; all texts are copied ---- */

/* Message and correlation id: at most 128 of the characters IoT Hub allows (letters, digits and
 * - : . + % _ # * ? ! ( ) , = @ ; $ '), an empty one counts as absent; others: no NUL inside.
 * Errors: ARGUMENT_INVALID. Source: learn.microsoft.com, "Create and read IoT Hub messages". */
enum hub_code message_set(
    struct message *message, enum message_field field, struct text value, struct hub_error *error);

/* The application property `iothub-ack` sets the ack too (case-blind; positiveonly, negativeonly
 * and sent are read as positive, negative, positive; others as none) and is kept as a property.
 * Errors: ARGUMENT_INVALID for an empty name or more than MESSAGE_PROPERTIES_MAX. */
enum hub_code message_add_property(
    struct message *message, struct text name, struct text value, struct hub_error *error);

/* The sender's absolute expiry. */
void message_set_expiry(struct message *message, struct instant expiry);

/* Appends to the body. */
void message_append_body(struct message *message, const void *bytes, size_t length);

/* ---- reading; all results are borrowed until the message is released ---- */

struct text message_get(const struct message *message, enum message_field field);
enum message_ack message_ack(const struct message *message);
const char *message_ack_name(enum message_ack ack); /* "none", "positive", "negative", "full" */
bool message_get_expiry(const struct message *message, struct instant *expiry);
size_t message_property_count(const struct message *message);
struct message_property message_property_at(const struct message *message, size_t index);
struct text message_body(const struct message *message);

/* What counts toward the 64 KB: body, values of all system properties but `to`, 8 bytes for an
 * expiry, names and values of application properties. Source: as message_set. */
size_t message_size(const struct message *message);

/* ---- as one blob, for the log ---- */

/* Writes message_encoded_size(message) bytes. */
size_t message_encoded_size(const struct message *message);
void message_encode(const struct message *message, uint8_t *out);

/* Returns owned, or NULL when the bytes are not what message_encode wrote. */
struct message *message_decode(const uint8_t *bytes, size_t length);

#endif
