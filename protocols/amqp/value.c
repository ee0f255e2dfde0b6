/*
 * The type system of AMQP 1.0 as a table of constructors.
 */
#include "protocols/amqp/value.h"

#include "store/memory.h"

#include <stdlib.h>
#include <string.h>

/* A described value may describe a described value; nobody nests deeper. */
#define DESCRIPTION_DEPTH_MAX 4

struct constructor {
    uint8_t code;
    uint8_t type; /* enum value_type */
};

/* Source: OASIS AMQP 1.0 part 1, section 1.6. */
static const struct constructor constructors[] = {
    {0x40, VALUE_NULL},
    {0x41, VALUE_BOOLEAN},
    {0x42, VALUE_BOOLEAN},
    {0x56, VALUE_BOOLEAN},
    {0x50, VALUE_UNSIGNED},
    {0x60, VALUE_UNSIGNED},
    {0x70, VALUE_UNSIGNED},
    {0x52, VALUE_UNSIGNED},
    {0x43, VALUE_UNSIGNED},
    {0x80, VALUE_UNSIGNED},
    {0x53, VALUE_UNSIGNED},
    {0x44, VALUE_UNSIGNED},
    {0x51, VALUE_SIGNED},
    {0x61, VALUE_SIGNED},
    {0x71, VALUE_SIGNED},
    {0x54, VALUE_SIGNED},
    {0x81, VALUE_SIGNED},
    {0x55, VALUE_SIGNED},
    {0x72, VALUE_FLOAT},
    {0x82, VALUE_DOUBLE},
    {0x74, VALUE_DECIMAL},
    {0x84, VALUE_DECIMAL},
    {0x94, VALUE_DECIMAL},
    {0x73, VALUE_CHAR},
    {0x83, VALUE_TIMESTAMP},
    {0x98, VALUE_UUID},
    {0xa0, VALUE_BINARY},
    {0xb0, VALUE_BINARY},
    {0xa1, VALUE_STRING},
    {0xb1, VALUE_STRING},
    {0xa3, VALUE_SYMBOL},
    {0xb3, VALUE_SYMBOL},
    {0x45, VALUE_LIST},
    {0xc0, VALUE_LIST},
    {0xd0, VALUE_LIST},
    {0xc1, VALUE_MAP},
    {0xd1, VALUE_MAP},
    {0xe0, VALUE_ARRAY},
    {0xf0, VALUE_ARRAY},
};

static const struct constructor *constructor_find(uint8_t code)
{
    for (size_t i = 0; i < sizeof(constructors) / sizeof(constructors[0]); i++) {
        if (constructors[i].code == code) {
            return &constructors[i];
        }
    }
    return NULL;
}

struct reader reader_of(const void *bytes, size_t length)
{
    const uint8_t *start = bytes;
    return (struct reader){start, start ? start + length : NULL};
}

struct reader reader_of_elements(const struct value *value)
{
    bool has_elements = value->type == VALUE_LIST || value->type == VALUE_MAP;
    return has_elements ? reader_of(value->bytes, value->length) : (struct reader){0};
}

bool reader_is_at_end(const struct reader *reader)
{
    return reader->at == reader->end;
}

static size_t reader_left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

static uint64_t big_endian(const uint8_t *bytes, size_t width)
{
    uint64_t number = 0;
    for (size_t i = 0; i < width; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

static int64_t sign_extended(uint64_t number, size_t width)
{
    unsigned unused = (unsigned)(64 - 8 * width);
    return width == 0 ? 0 : (int64_t)(number << unused) >> unused;
}

static double real_of(uint64_t bits, size_t width)
{
    if (width == 4) {
        uint32_t half = (uint32_t)bits;
        float real;
        memcpy(&real, &half, sizeof(real));
        return (double)real;
    }
    double real;
    memcpy(&real, &bits, sizeof(real));
    return real;
}

/* The high half of a constructor says how wide its value is: 5.1.2 of part 1. */
static bool read_fixed(struct reader *reader, struct value *value)
{
    static const uint8_t widths[] = {[4] = 0, [5] = 1, [6] = 2, [7] = 4, [8] = 8, [9] = 16};
    size_t width = widths[value->code >> 4];
    if (reader_left(reader) < width) {
        return false;
    }
    uint64_t number = width <= 8 ? big_endian(reader->at, width) : 0;
    value->bytes = reader->at;
    value->length = width;
    reader->at += width;
    switch (value->type) {
    case VALUE_BOOLEAN:
        value->is.boolean = value->code == 0x41 || (value->code == 0x56 && number == 1);
        return value->code != 0x56 || number <= 1;
    case VALUE_SIGNED:
    case VALUE_TIMESTAMP:
        value->is.integer = sign_extended(number, width);
        return true;
    case VALUE_FLOAT:
    case VALUE_DOUBLE:
        value->is.real = real_of(number, width);
        return true;
    case VALUE_LIST:
        value->count = 0;
        return true;
    default:
        value->is.number = number;
        return true;
    }
}

/* A size of one or four bytes in front; compounds and arrays have their count within it. */
static bool read_variable(struct reader *reader, struct value *value)
{
    uint8_t category = value->code >> 4;
    size_t width = category & 1 ? 4 : 1;
    if (reader_left(reader) < width) {
        return false;
    }
    uint64_t size = big_endian(reader->at, width);
    reader->at += width;
    if (size > reader_left(reader)) {
        return false;
    }
    value->bytes = reader->at;
    value->length = (size_t)size;
    reader->at += size;
    if (category >= 0xc) {
        if (size < width) {
            return false;
        }
        value->count = (uint32_t)big_endian(value->bytes, width);
        value->bytes += width;
        value->length -= width;
    }
    return value->type != VALUE_STRING || utf8_is_valid(value->bytes, value->length);
}

static bool read_plain(struct reader *reader, struct value *value)
{
    if (reader_is_at_end(reader)) {
        return false;
    }
    value->code = *reader->at++;
    const struct constructor *constructor = constructor_find(value->code);
    if (!constructor) {
        return false;
    }
    value->type = (enum value_type)constructor->type;
    return value->code >= 0xa0 ? read_variable(reader, value) : read_fixed(reader, value);
}

bool read_value(struct reader *reader, struct value *value)
{
    const uint8_t *start = reader->at;
    *value = (struct value){0};
    for (int depth = 0; !reader_is_at_end(reader) && *reader->at == 0; depth++) {
        struct value descriptor = {0};
        reader->at++;
        if (depth == DESCRIPTION_DEPTH_MAX || !read_plain(reader, &descriptor)) {
            return false;
        }
        value->is_described = true;
        value->descriptor = descriptor.type == VALUE_UNSIGNED ? descriptor.is.number : 0;
    }
    if (!read_plain(reader, value)) {
        return false;
    }
    value->encoded = start;
    value->encoded_length = (size_t)(reader->at - start);
    return true;
}

struct text value_text(const struct value *value)
{
    bool is_text =
        value->type == VALUE_STRING || value->type == VALUE_SYMBOL || value->type == VALUE_BINARY;
    return is_text ? (struct text){(const char *)value->bytes, value->length} : TEXT_ABSENT;
}

/* How many continuation bytes follow `lead`, and the smallest code point that needs them. */
static int utf8_following(uint8_t lead, uint32_t *code, uint32_t *least)
{
    if (lead >= 0xc2 && lead <= 0xdf) {
        *code = lead & 0x1f;
        *least = 0x80;
        return 1;
    }
    if (lead >= 0xe0 && lead <= 0xef) {
        *code = lead & 0x0f;
        *least = 0x800;
        return 2;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        *code = lead & 0x07;
        *least = 0x10000;
        return 3;
    }
    return -1;
}

/* RFC 3629: shortest form, no surrogates, nothing above U+10FFFF. */
bool utf8_is_valid(const uint8_t *bytes, size_t length)
{
    size_t at = 0;
    while (at < length) {
        if (bytes[at] < 0x80) {
            at++;
            continue;
        }
        uint32_t code = 0, least = 0;
        int following = utf8_following(bytes[at++], &code, &least);
        if (following < 0 || length - at < (size_t)following) {
            return false;
        }
        for (; following > 0; following--, at++) {
            if ((bytes[at] & 0xc0) != 0x80) {
                return false;
            }
            code = code << 6 | (bytes[at] & 0x3f);
        }
        if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
            return false;
        }
    }
    return true;
}

/* ---- writing ---- */

void writer_clear(struct writer *writer)
{
    writer->length = 0;
}

void writer_free(struct writer *writer)
{
    free(writer->bytes);
    *writer = (struct writer){0};
}

static uint8_t *reserve(struct writer *writer, size_t length)
{
    size_t needed = writer->length + length;
    if (needed > writer->capacity) {
        writer->capacity = needed < 512 ? 512 : needed * 2;
        writer->bytes = memory_grow(writer->bytes, writer->capacity, 1);
    }
    uint8_t *at = writer->bytes + writer->length;
    writer->length = needed;
    return at;
}

void write_raw(struct writer *writer, const void *bytes, size_t length)
{
    if (length > 0) {
        memcpy(reserve(writer, length), bytes, length);
    }
}

static void put_big_endian(uint8_t *out, uint64_t number, size_t width)
{
    for (size_t i = width; i > 0; i--) {
        out[i - 1] = (uint8_t)number;
        number >>= 8;
    }
}

static void write_fixed(struct writer *writer, uint8_t code, uint64_t number, size_t width)
{
    uint8_t *out = reserve(writer, 1 + width);
    out[0] = code;
    put_big_endian(out + 1, number, width);
}

void write_null(struct writer *writer)
{
    *reserve(writer, 1) = 0x40;
}

void write_ubyte(struct writer *writer, uint8_t number)
{
    write_fixed(writer, 0x50, number, 1);
}

void write_uint(struct writer *writer, uint32_t number)
{
    write_fixed(writer, 0x70, number, 4);
}

void write_ulong(struct writer *writer, uint64_t number)
{
    if (number <= UINT8_MAX) {
        write_fixed(writer, 0x53, number, 1);
    } else {
        write_fixed(writer, 0x80, number, 8);
    }
}

void write_int(struct writer *writer, int32_t number)
{
    write_fixed(writer, 0x71, (uint32_t)number, 4);
}

void write_long(struct writer *writer, int64_t number)
{
    write_fixed(writer, 0x81, (uint64_t)number, 8);
}

void write_timestamp(struct writer *writer, int64_t milliseconds)
{
    write_fixed(writer, 0x83, (uint64_t)milliseconds, 8);
}

/* `short_code`: with a size of one byte; the long one is 0x10 above it. */
static void write_variable(struct writer *writer, uint8_t short_code, struct text bytes)
{
    if (bytes.length <= UINT8_MAX) {
        write_fixed(writer, short_code, bytes.length, 1);
    } else {
        write_fixed(writer, short_code + 0x10, bytes.length, 4);
    }
    write_raw(writer, bytes.bytes, bytes.length);
}

void write_binary(struct writer *writer, struct text bytes)
{
    write_variable(writer, 0xa0, bytes);
}

void write_string(struct writer *writer, struct text text)
{
    write_variable(writer, 0xa1, text);
}

void write_symbol(struct writer *writer, struct text text)
{
    write_variable(writer, 0xa3, text);
}

void write_descriptor(struct writer *writer, uint64_t descriptor)
{
    *reserve(writer, 1) = 0;
    write_ulong(writer, descriptor);
}

/* Always the wide form: the size is not known yet. */
size_t write_open(struct writer *writer, enum compound kind)
{
    size_t opened = writer->length;
    reserve(writer, 9)[0] = (uint8_t)kind;
    return opened;
}

void write_close(struct writer *writer, size_t opened, uint32_t count)
{
    size_t size = writer->length - opened - 5;
    put_big_endian(writer->bytes + opened + 1, size, 4);
    put_big_endian(writer->bytes + opened + 5, count, 4);
}
