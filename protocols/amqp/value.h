/*
 * AMQP's types as bytes: reads one encoded value after another, writes them into a growing buffer.
 * Called by the message codec, the request/response links and the frame guard.
 *
 * Proton's own message decoder keeps the last of several data sections and turns every type into
 * its own; messages here have to keep their sections and their types, so they are read in place.
 * Reading never copies, never recurses into compounds and never leaves its bounds.
 *
 * Source: OASIS AMQP 1.0 part 1 (types), section 1.6.
 */
#ifndef DEVICEBOUND_PROTOCOLS_AMQP_VALUE_H
#define DEVICEBOUND_PROTOCOLS_AMQP_VALUE_H

#include "store/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Kinds of value; widths of one kind are one type here, `code` tells them apart. */
enum value_type {
    VALUE_NULL,
    VALUE_BOOLEAN,
    VALUE_UNSIGNED, /* ubyte, ushort, uint, ulong */
    VALUE_SIGNED, /* byte, short, int, long */
    VALUE_TIMESTAMP, /* milliseconds since 1970 */
    VALUE_FLOAT,
    VALUE_DOUBLE,
    VALUE_DECIMAL,
    VALUE_CHAR,
    VALUE_UUID,
    VALUE_BINARY,
    VALUE_STRING, /* checked to be UTF-8 */
    VALUE_SYMBOL,
    VALUE_LIST,
    VALUE_MAP, /* `count` is keys and values together */
    VALUE_ARRAY
};

struct value {
    enum value_type type;
    uint8_t code; /* the constructor as it stood on the wire */
    bool is_described;
    uint64_t descriptor; /* of a described value; 0 when it is not a number */
    union {
        bool boolean;
        uint64_t number;
        int64_t integer; /* VALUE_SIGNED, VALUE_TIMESTAMP */
        double real;
    } is;
    const uint8_t *bytes; /* of the variable kinds and uuid; the elements of a compound */
    size_t length;
    uint32_t count; /* elements of a compound */
    const uint8_t *encoded; /* the whole value, constructor included */
    size_t encoded_length;
};

struct reader {
    const uint8_t *at;
    const uint8_t *end;
};

struct reader reader_of(const void *bytes, size_t length);
/* The elements of a list or map; nothing for any other type. */
struct reader reader_of_elements(const struct value *value);
bool reader_is_at_end(const struct reader *reader);

/* Reads the next value; false: there is none, or it is malformed. */
bool read_value(struct reader *reader, struct value *value);

/* The bytes of a string, symbol or binary as text; TEXT_ABSENT for other types. */
struct text value_text(const struct value *value);

bool utf8_is_valid(const uint8_t *bytes, size_t length);

/* ---- writing ---- */

/* A buffer that grows and is used again; zero is an empty one. */
struct writer {
    uint8_t *bytes;
    size_t length, capacity;
};

void writer_clear(struct writer *writer);
void writer_free(struct writer *writer);

void write_raw(struct writer *writer, const void *bytes, size_t length);
void write_null(struct writer *writer);
void write_ubyte(struct writer *writer, uint8_t number);
void write_uint(struct writer *writer, uint32_t number);
void write_ulong(struct writer *writer, uint64_t number);
void write_int(struct writer *writer, int32_t number);
void write_long(struct writer *writer, int64_t number);
void write_timestamp(struct writer *writer, int64_t milliseconds);
void write_binary(struct writer *writer, struct text bytes);
void write_string(struct writer *writer, struct text text);
void write_symbol(struct writer *writer, struct text text);
void write_descriptor(struct writer *writer, uint64_t descriptor);

enum compound {
    COMPOUND_LIST = 0xd0,
    COMPOUND_MAP = 0xd1
};
/* Opens a list or map; returns where it began, for write_close. */
size_t write_open(struct writer *writer, enum compound kind);
/* `count`: elements written since; keys and values of a map together. */
void write_close(struct writer *writer, size_t opened, uint32_t count);

#endif
