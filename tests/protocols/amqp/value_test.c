#include "protocols/amqp/value.h"

#include "tests/suite.h"

#include <string.h>

static struct value read_one(const char *bytes, size_t length)
{
    struct reader reader = reader_of(bytes, length);
    struct value value;
    ck_assert_msg(read_value(&reader, &value), "0x%02x", (unsigned char)bytes[0]);
    ck_assert(reader_is_at_end(&reader));
    ck_assert_uint_eq(value.encoded_length, length);
    return value;
}
#define READ(literal) read_one(literal, sizeof(literal) - 1)

static bool reads(const char *bytes, size_t length)
{
    struct reader reader = reader_of(bytes, length);
    struct value value;
    return read_value(&reader, &value);
}
#define READS(literal) reads(literal, sizeof(literal) - 1)

START_TEST(test_every_constructor_of_the_specification_is_read)
{
    ck_assert_int_eq(READ("\x40").type, VALUE_NULL);
    ck_assert(READ("\x41").is.boolean);
    ck_assert(!READ("\x42").is.boolean);
    ck_assert(READ("\x56\x01").is.boolean);
    ck_assert_uint_eq(READ("\x50\xff").is.number, 255);
    ck_assert_uint_eq(READ("\x60\x01\x02").is.number, 0x102);
    ck_assert_uint_eq(READ("\x70\xff\xff\xff\xff").is.number, UINT32_MAX);
    ck_assert_uint_eq(READ("\x52\x07").is.number, 7);
    ck_assert_uint_eq(READ("\x43").is.number, 0);
    ck_assert_uint_eq(READ("\x80\xff\xff\xff\xff\xff\xff\xff\xff").is.number, UINT64_MAX);
    ck_assert_uint_eq(READ("\x53\x07").is.number, 7);
    ck_assert_uint_eq(READ("\x44").is.number, 0);
    ck_assert_int_eq(READ("\x51\xff").is.integer, -1);
    ck_assert_int_eq(READ("\x61\xff\xfe").is.integer, -2);
    ck_assert_int_eq(READ("\x71\x80\x00\x00\x00").is.integer, INT32_MIN);
    ck_assert_int_eq(READ("\x54\xfd").is.integer, -3);
    ck_assert_int_eq(READ("\x81\x80\0\0\0\0\0\0\0").is.integer, INT64_MIN);
    ck_assert_int_eq(READ("\x55\xfc").is.integer, -4);
    ck_assert_double_eq(READ("\x72\x3f\xc0\x00\x00").is.real, 1.5);
    ck_assert_double_eq(READ("\x82\x3f\xf8\0\0\0\0\0\0").is.real, 1.5);
    ck_assert_int_eq(READ("\x83\xff\xff\xff\xff\xff\xff\xff\xff").is.integer, -1);
    ck_assert_int_eq(READ("\x74\0\0\0\0").type, VALUE_DECIMAL);
    ck_assert_int_eq(READ("\x84\0\0\0\0\0\0\0\0").type, VALUE_DECIMAL);
    ck_assert_int_eq(READ("\x94\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0").type, VALUE_DECIMAL);
    ck_assert_uint_eq(READ("\x73\0\0\0A").is.number, 'A');
    ck_assert_uint_eq(READ("\x98"
                           "0123456789abcdef")
                          .length,
        16);
    ck_assert_int_eq(READ("\xa0\x01\xff").type, VALUE_BINARY);
    ck_assert_int_eq(READ("\xb0\0\0\0\x01\xff").type, VALUE_BINARY);
    struct value string = READ("\xa1\x02hi");
    ck_assert(text_equal(value_text(&string), TEXT("hi")));
    ck_assert_int_eq(READ("\xb1\0\0\0\x02hi").type, VALUE_STRING);
    ck_assert_int_eq(READ("\xa3\x02hi").type, VALUE_SYMBOL);
    ck_assert_int_eq(READ("\xb3\0\0\0\x02hi").type, VALUE_SYMBOL);
    ck_assert_uint_eq(READ("\x45").count, 0);
    ck_assert_uint_eq(READ("\xc0\x03\x02\x40\x41").count, 2);
    ck_assert_uint_eq(READ("\xd0\0\0\0\x06\0\0\0\x02\x40\x41").count, 2);
    ck_assert_int_eq(READ("\xc1\x03\x02\x40\x41").type, VALUE_MAP);
    ck_assert_int_eq(READ("\xd1\0\0\0\x04\0\0\0\0").type, VALUE_MAP);
    ck_assert_int_eq(READ("\xe0\x04\x01\xa3\x01z").type, VALUE_ARRAY);
    ck_assert_int_eq(READ("\xf0\0\0\0\x05\0\0\0\0\x40").type, VALUE_ARRAY);
}
END_TEST

START_TEST(test_a_description_is_kept_beside_its_value)
{
    struct value value = READ("\x00\x53\x75\xa0\x01x");
    ck_assert(value.is_described);
    ck_assert_uint_eq(value.descriptor, 0x75);
    ck_assert_int_eq(value.type, VALUE_BINARY);
    ck_assert_uint_eq(READ("\x00\x80\0\0\0\0\0\0\0\x75\x40").descriptor, 0x75);
    ck_assert_uint_eq(READ("\x00\xa3\x01x\x40").descriptor, 0);
    ck_assert(!READS("\0\x40\0\x40\0\x40\0\x40\0\x40\x40"));
}
END_TEST

START_TEST(test_what_leaves_its_bounds_is_refused)
{
    ck_assert(!READS(""));
    ck_assert(!READS("\x70\0\0\0"));
    ck_assert(!READS("\xa1\x03hi"));
    ck_assert(!READS("\xb1\xff\xff\xff\xffhi"));
    ck_assert(!READS("\xb1\0\0"));
    ck_assert(!READS("\xc0\x00"));
    ck_assert(!READS("\xd0\0\0\0\x03\0\0\0\0"));
    ck_assert(!READS("\x00"));
    ck_assert(!READS("\x00\x53\x75"));
    ck_assert(!READS("\x56\x02"));
    for (int code = 0x01; code < 0x100; code++) {
        char byte = (char)code;
        reads(&byte, 1);
    }
    ck_assert(!READS("\x99"));
}
END_TEST

START_TEST(test_strings_have_to_be_utf8)
{
    static const char *const good[] = {
        "", "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80", "\xc0\xaf", "\xc3", "\xed\xa0\x80",
        "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe0\x80\x80", "\xe2\x28\xa1"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert_msg(utf8_is_valid((const uint8_t *)good[i], strlen(good[i])), "%zu", i);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(!utf8_is_valid((const uint8_t *)bad[i], strlen(bad[i])), "%zu", i);
    }
    ck_assert(!READS("\xa1\x01\xff"));
    ck_assert(READS("\xa0\x01\xff"));
}
END_TEST

START_TEST(test_what_is_written_reads_the_same)
{
    struct writer writer = {0};
    char longer[300];
    memset(longer, 'x', sizeof(longer));
    size_t list = write_open(&writer, COMPOUND_LIST);
    write_null(&writer);
    write_ubyte(&writer, 200);
    write_uint(&writer, 70000);
    write_ulong(&writer, 7);
    write_ulong(&writer, UINT64_MAX);
    write_int(&writer, -5);
    write_long(&writer, INT64_MIN);
    write_timestamp(&writer, 1700000000123);
    write_binary(&writer, (struct text){longer, sizeof(longer)});
    write_string(&writer, TEXT("str"));
    write_symbol(&writer, (struct text){longer, 255});
    write_close(&writer, list, 11);

    struct value value = read_one((char *)writer.bytes, writer.length), item;
    struct reader items = reader_of_elements(&value);
    static const uint8_t codes[] = {
        0x40, 0x50, 0x70, 0x53, 0x80, 0x71, 0x81, 0x83, 0xb0, 0xa1, 0xa3};
    for (size_t i = 0; i < sizeof(codes); i++) {
        ck_assert(read_value(&items, &item));
        ck_assert_uint_eq(item.code, codes[i]);
    }
    ck_assert(reader_is_at_end(&items));
    ck_assert_uint_eq(value.count, 11);
    writer_free(&writer);
}
END_TEST

SUITE_MAIN("amqp value", test_every_constructor_of_the_specification_is_read,
    test_a_description_is_kept_beside_its_value, test_what_leaves_its_bounds_is_refused,
    test_strings_have_to_be_utf8, test_what_is_written_reads_the_same)
