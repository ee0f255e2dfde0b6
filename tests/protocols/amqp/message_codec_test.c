/*
 * Messages as the SDKs write them, and as they have to be written for them.
 */
#include "protocols/amqp/message_codec.h"

#include "tests/suite.h"

#include <string.h>

/* Fields of a properties section, set one by one. */
struct fields {
    struct writer values[PROPERTY_COUNT];
};

static void write_fields(struct writer *out, struct fields *fields)
{
    write_descriptor(out, SECTION_PROPERTIES);
    size_t list = write_open(out, COMPOUND_LIST);
    for (int i = 0; i < PROPERTY_COUNT; i++) {
        if (fields->values[i].length) {
            write_raw(out, fields->values[i].bytes, fields->values[i].length);
        } else {
            write_null(out);
        }
        writer_free(&fields->values[i]);
    }
    write_close(out, list, PROPERTY_COUNT);
}

static void write_data(struct writer *out, const char *body)
{
    write_descriptor(out, SECTION_DATA);
    write_binary(out, text_of(body));
}

static struct message *decode(struct writer *writer)
{
    struct message *message;
    struct hub_error error = {0};
    ck_assert_msg(amqp_message_decode(writer->bytes, writer->length, &message, &error) == HUB_OK,
        "%s", error.sentence);
    writer_free(writer);
    return message;
}

static enum hub_code refusal_of(struct writer *writer)
{
    struct message *message;
    enum hub_code code = amqp_message_decode(writer->bytes, writer->length, &message, NULL);
    ck_assert(code == HUB_OK || message == NULL);
    writer_free(writer);
    if (code == HUB_OK) {
        message_release(message);
    }
    return code;
}

static void assert_field(struct message *message, enum message_field field, const char *text)
{
    struct text value = message_get(message, field);
    ck_assert_msg(text_equal(value, text_of(text)), "%s instead of %s",
        value.bytes ? value.bytes : "nothing", text ? text : "nothing");
}

/* ---- 3.3, column by column ---- */

START_TEST(test_node_ids_of_type_uuid_become_lower_case_text)
{
    struct writer writer = {0};
    struct fields fields = {0};
    write_raw(&fields.values[PROPERTY_MESSAGE_ID],
        "\x98\x01\x23\x45\x67\x89\xAB\xCD\xEF\x01\x23\x45\x67\x89\xAB\xCD\xEF", 17);
    write_string(&fields.values[PROPERTY_TO], TEXT("/devices/d%2F1/messages/devicebound"));
    write_symbol(&fields.values[PROPERTY_CONTENT_TYPE], TEXT("application/json"));
    write_symbol(&fields.values[PROPERTY_CONTENT_ENCODING], TEXT("utf-8"));
    write_timestamp(&fields.values[PROPERTY_EXPIRY], 1700000060000);
    write_fields(&writer, &fields);
    write_data(&writer, "body");
    struct message *message = decode(&writer);
    struct instant expiry;
    assert_field(message, MESSAGE_ID, "01234567-89ab-cdef-0123-456789abcdef");
    assert_field(message, MESSAGE_TO, "/devices/d%2F1/messages/devicebound");
    assert_field(message, MESSAGE_CONTENT_TYPE, "application/json");
    assert_field(message, MESSAGE_CONTENT_ENCODING, "utf-8");
    assert_field(message, MESSAGE_CORRELATION_ID, NULL);
    ck_assert(message_get_expiry(message, &expiry));
    ck_assert_int_eq(expiry.us, 1700000060000000);
    ck_assert(text_equal(message_body(message), TEXT("body")));
    message_release(message);
}
END_TEST

START_TEST(test_node_sends_a_null_value_where_there_is_no_data)
{
    struct writer writer = {0};
    write_descriptor(&writer, SECTION_VALUE);
    write_null(&writer);
    struct message *message = decode(&writer);
    ck_assert_uint_eq(message_body(message).length, 0);
    message_release(message);
}
END_TEST

START_TEST(test_python_properties_of_any_type_become_text)
{
    struct writer writer = {0};
    write_descriptor(&writer, SECTION_APPLICATION_PROPERTIES);
    size_t map = write_open(&writer, COMPOUND_MAP);
#define PUT(name, bytes)                                                                           \
    write_string(&writer, TEXT(name));                                                             \
    write_raw(&writer, bytes, sizeof(bytes) - 1)
    PUT("true", "\x41");
    PUT("false", "\x56\x00");
    PUT("long", "\x81\xff\xff\xff\xff\xff\xff\xff\xfe");
    PUT("ulong", "\x80\xff\xff\xff\xff\xff\xff\xff\xff");
    PUT("double", "\x82\x3f\xf8\0\0\0\0\0\0");
    PUT("float", "\x72\x3e\x00\x00\x00");
    PUT("char", "\x73\x00\x00\x20\xac");
    PUT("uuid", "\x98"
                "0123456789abcdef");
    PUT("time", "\x83\0\0\0\0\0\0\x03\xe8");
    PUT("bytes", "\xa0\x02hi");
    PUT("symbol", "\xa3\x02hi");
    PUT("null", "\x40");
#undef PUT
    write_close(&writer, map, 24);
    write_data(&writer, "");
    struct message *message = decode(&writer);
    static const char *const texts[] = {"true", "false", "-2", "18446744073709551615", "1.5",
        "0.125", "\xe2\x82\xac", "30313233-3435-3637-3839-616263646566", "1000", "hi", "hi", NULL};
    ck_assert_uint_eq(message_property_count(message), 12);
    for (size_t i = 0; i < 12; i++) {
        struct text value = message_property_at(message, i).value;
        ck_assert_msg(text_equal(value, text_of(texts[i])), "%zu: %s", i, value.bytes);
    }
    message_release(message);
}
END_TEST

START_TEST(test_python_message_ids_of_type_ulong_become_decimal)
{
    struct writer writer = {0};
    struct fields fields = {0};
    write_ulong(&fields.values[PROPERTY_MESSAGE_ID], 4711);
    write_binary(&fields.values[PROPERTY_CORRELATION_ID], TEXT("corr"));
    write_fields(&writer, &fields);
    struct message *message = decode(&writer);
    assert_field(message, MESSAGE_ID, "4711");
    assert_field(message, MESSAGE_CORRELATION_ID, "corr");
    message_release(message);
}
END_TEST

START_TEST(test_dotnet_user_ids_are_binary)
{
    struct writer writer = {0};
    struct fields fields = {0};
    write_binary(&fields.values[PROPERTY_USER_ID], TEXT("someone"));
    write_fields(&writer, &fields);
    struct message *message = decode(&writer);
    assert_field(message, MESSAGE_USER_ID, "someone");
    message_release(message);
}
END_TEST

START_TEST(test_java_acknowledgement_words_are_understood_and_kept)
{
    struct writer writer = {0};
    write_descriptor(&writer, SECTION_APPLICATION_PROPERTIES);
    size_t map = write_open(&writer, COMPOUND_MAP);
    write_string(&writer, TEXT("iothub-ack"));
    write_string(&writer, TEXT("NegativeOnly"));
    write_close(&writer, map, 2);
    struct message *message = decode(&writer);
    ck_assert_int_eq(message_ack(message), ACK_NEGATIVE);
    ck_assert(text_equal(message_property_at(message, 0).value, TEXT("NegativeOnly")));
    message_release(message);
}
END_TEST

START_TEST(test_go_writes_empty_ids_and_the_year_1_for_what_is_unset)
{
    struct writer writer = {0};
    struct fields fields = {0};
    struct instant expiry;
    write_string(&fields.values[PROPERTY_MESSAGE_ID], TEXT(""));
    write_binary(&fields.values[PROPERTY_USER_ID], TEXT(""));
    write_string(&fields.values[PROPERTY_CORRELATION_ID], TEXT(""));
    write_timestamp(&fields.values[PROPERTY_EXPIRY], -62135596800000);
    write_fields(&writer, &fields);
    write_data(&writer, "go");
    struct message *message = decode(&writer);
    assert_field(message, MESSAGE_ID, NULL);
    assert_field(message, MESSAGE_USER_ID, NULL);
    assert_field(message, MESSAGE_CORRELATION_ID, NULL);
    ck_assert(!message_get_expiry(message, &expiry));
    message_release(message);
}
END_TEST

START_TEST(test_an_expiry_beyond_all_time_does_not_overflow)
{
    struct writer writer = {0};
    struct fields fields = {0};
    struct instant expiry;
    write_timestamp(&fields.values[PROPERTY_EXPIRY], INT64_MAX);
    write_fields(&writer, &fields);
    struct message *message = decode(&writer);
    ck_assert(message_get_expiry(message, &expiry));
    ck_assert(instant_is_never(expiry));
    message_release(message);
}
END_TEST

START_TEST(test_header_annotations_and_footer_are_passed_over)
{
    struct writer writer = {0};
    write_raw(&writer, "\x00\x53\x70\xc0\x03\x02\x41\x40", 8);
    write_raw(&writer, "\x00\x53\x71\xc1\x01\x00", 6);
    write_raw(&writer, "\x00\x53\x72\xc1\x09\x02\xa3\x04key1\x52\x07", 14);
    write_data(&writer, "x");
    write_raw(&writer, "\x00\x53\x78\xc1\x01\x00", 6);
    struct message *message = decode(&writer);
    ck_assert(text_equal(message_body(message), TEXT("x")));
    message_release(message);
}
END_TEST

START_TEST(test_pitfall_21_a_string_where_binary_belongs_is_taken)
{
    struct writer writer = {0};
    struct fields fields = {0};
    write_string(&fields.values[PROPERTY_USER_ID], TEXT("user"));
    write_string(&fields.values[PROPERTY_CONTENT_TYPE], TEXT("text/plain"));
    write_fields(&writer, &fields);
    write_descriptor(&writer, SECTION_DATA);
    write_string(&writer, TEXT("text"));
    struct message *message = decode(&writer);
    assert_field(message, MESSAGE_USER_ID, "user");
    assert_field(message, MESSAGE_CONTENT_TYPE, "text/plain");
    ck_assert(text_equal(message_body(message), TEXT("text")));
    message_release(message);
}
END_TEST

START_TEST(test_pitfall_23_several_data_sections_are_joined)
{
    struct writer writer = {0};
    write_data(&writer, "one");
    write_data(&writer, "two");
    write_data(&writer, "three");
    struct message *message = decode(&writer);
    ck_assert(text_equal(message_body(message), TEXT("onetwothree")));
    message_release(message);
}
END_TEST

START_TEST(test_value_bodies_of_text_or_binary_are_their_bytes)
{
    struct writer writer = {0};
    write_descriptor(&writer, SECTION_VALUE);
    write_string(&writer, TEXT("h\xc3\xa9"));
    struct message *message = decode(&writer);
    ck_assert(text_equal(message_body(message), TEXT("h\xc3\xa9")));
    message_release(message);
}
END_TEST

START_TEST(test_what_cannot_be_read_is_a_format_error)
{
    static const struct {
        const char *bytes;
        size_t length;
    } bad[] = {
#define BAD(literal) {literal, sizeof(literal) - 1}
        BAD("x"),
        BAD("\x40"),
        BAD("\x00\x53\x79\x40"),
        BAD("\x00\x53\x73\xa1\x01x"),
        BAD("\x00\x53\x73\xc0\x02\x01\xa1"),
        BAD("\x00\x53\x74\x45"),
        BAD("\x00\x53\x77\x52\x01"),
        BAD("\x00\x53\x76\x45"),
        BAD("\x00\x53\x75\x40"),
        BAD("\x00\x53\x74\xc1\x04\x02\x52\x01\x40"),
        BAD("\x00\x53\x74\xc1\x03\x01\xa1\x00"),
        BAD("\x00\x53\x73\xc0\x0b\x09\x40\x40\x40\x40\x40\x40\x40\x40\xa1\x00"),
        BAD("\x00\x53\x73\xc0\x02\x01\x45"),
#undef BAD
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct writer writer = {0};
        write_raw(&writer, bad[i].bytes, bad[i].length);
        ck_assert_msg(refusal_of(&writer) == HUB_IOT_HUB_FORMAT_ERROR, "%zu", i);
    }
}
END_TEST

START_TEST(test_ids_and_properties_outside_the_rules_are_argument_errors)
{
    struct writer writer = {0};
    struct fields fields = {0};
    write_string(&fields.values[PROPERTY_MESSAGE_ID], TEXT("quote\""));
    write_fields(&writer, &fields);
    ck_assert_int_eq(refusal_of(&writer), HUB_ARGUMENT_INVALID);

    char longer[129];
    memset(longer, 'a', sizeof(longer));
    write_string(&fields.values[PROPERTY_CORRELATION_ID], (struct text){longer, sizeof(longer)});
    write_fields(&writer, &fields);
    ck_assert_int_eq(refusal_of(&writer), HUB_ARGUMENT_INVALID);

    write_raw(&writer, "\x00\x53\x74\xc1\x05\x02\xa1\x01n\x45", 10);
    ck_assert_int_eq(refusal_of(&writer), HUB_ARGUMENT_INVALID);
}
END_TEST

/* ---- 5.2 and 4.2 ---- */

static struct delivery delivery_of(struct message *message)
{
    return (struct delivery){.message = message,
        .lock_token = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
        .sequence = 300,
        .delivery_count = 2,
        .enqueued = {1700000000123456}};
}

/* The sections of an encoded message, one after another. */
static struct value next_section(struct reader *reader, enum section section)
{
    struct value value;
    ck_assert(read_value(reader, &value));
    ck_assert_uint_eq(value.descriptor, section);
    return value;
}

START_TEST(test_a_delivery_has_its_sections_in_order_and_types_as_devices_read_them)
{
    struct message *message = message_create();
    struct writer writer = {0};
    message_set(message, MESSAGE_ID, TEXT("m-1"), NULL);
    message_set(message, MESSAGE_CORRELATION_ID, TEXT("c-1"), NULL);
    message_set(message, MESSAGE_USER_ID, TEXT("u-1"), NULL);
    message_set(message, MESSAGE_TO, TEXT("/devices/d1/messages/deviceBound"), NULL);
    message_set(message, MESSAGE_CONTENT_TYPE, TEXT("text/plain"), NULL);
    message_set(message, MESSAGE_CONTENT_ENCODING, TEXT("utf-8"), NULL);
    message_set_expiry(message, (struct instant){1700000060000000});
    message_add_property(message, TEXT("iothub-ack"), TEXT("full"), NULL);
    message_add_property(message, TEXT("empty"), TEXT_ABSENT, NULL);
    message_append_body(message, "body", 4);
    struct delivery delivery = delivery_of(message);
    amqp_message_encode(&writer, &delivery);

    struct reader reader = reader_of(writer.bytes, writer.length);
    struct value section = next_section(&reader, SECTION_MESSAGE_ANNOTATIONS), value;
    ck_assert(map_find(&section, "iothub-enqueuedtime", &value));
    ck_assert_uint_eq(value.code, 0x83);
    ck_assert_int_eq(value.is.integer, 1700000000123);
    ck_assert(map_find(&section, "iothub-deliverycount", &value));
    ck_assert_uint_eq(value.code, 0x50);
    ck_assert_uint_eq(value.is.number, 2);
    ck_assert(map_find(&section, "x-opt-sequence-number", &value));
    ck_assert_uint_eq(value.code, 0x80);
    ck_assert_uint_eq(value.is.number, 300);

    section = next_section(&reader, SECTION_PROPERTIES);
    static const uint8_t codes[PROPERTY_COUNT] = {
        0xa1, 0xa0, 0xa1, 0x40, 0x40, 0xa1, 0xa3, 0xa3, 0x83};
    struct reader fields = reader_of_elements(&section);
    for (int i = 0; i < PROPERTY_COUNT; i++) {
        ck_assert(read_value(&fields, &value));
        ck_assert_uint_eq(value.code, codes[i]);
    }
    section = next_section(&reader, SECTION_APPLICATION_PROPERTIES);
    struct reader pairs = reader_of_elements(&section);
    while (read_value(&pairs, &value)) {
        ck_assert_int_eq(value.type, VALUE_STRING);
    }
    section = next_section(&reader, SECTION_DATA);
    ck_assert(text_equal(value_text(&section), TEXT("body")));
    ck_assert_int_eq(section.type, VALUE_BINARY);
    ck_assert(reader_is_at_end(&reader));
    message_release(message);
    writer_free(&writer);
}
END_TEST

START_TEST(test_pitfall_17_keys_of_annotations_are_symbols_and_of_properties_strings)
{
    struct message *message = message_create();
    struct writer writer = {0};
    message_add_property(message, TEXT("name"), TEXT("value"), NULL);
    struct delivery delivery = delivery_of(message);
    amqp_message_encode(&writer, &delivery);
    struct reader reader = reader_of(writer.bytes, writer.length);
    struct value section = next_section(&reader, SECTION_MESSAGE_ANNOTATIONS), key, value;
    struct reader pairs = reader_of_elements(&section);
    while (read_value(&pairs, &key) && read_value(&pairs, &value)) {
        ck_assert_int_eq(key.type, VALUE_SYMBOL);
    }
    next_section(&reader, SECTION_PROPERTIES);
    section = next_section(&reader, SECTION_APPLICATION_PROPERTIES);
    pairs = reader_of_elements(&section);
    ck_assert(read_value(&pairs, &key));
    ck_assert_int_eq(key.type, VALUE_STRING);
    message_release(message);
    writer_free(&writer);
}
END_TEST

START_TEST(test_pitfall_18_counts_and_times_have_the_types_clients_insist_on)
{
    struct message *message = message_create();
    struct writer writer = {0};
    struct delivery delivery = delivery_of(message);
    struct value section, value;
    delivery.delivery_count = 1000;
    delivery.sequence = 5;
    amqp_message_encode(&writer, &delivery);
    struct reader reader = reader_of(writer.bytes, writer.length);
    section = next_section(&reader, SECTION_MESSAGE_ANNOTATIONS);
    ck_assert(map_find(&section, "iothub-deliverycount", &value));
    ck_assert_uint_eq(value.code, 0x50);
    ck_assert_uint_eq(value.is.number, 255);
    ck_assert(map_find(&section, "x-opt-sequence-number", &value));
    ck_assert_uint_eq(value.code, 0x53);
    message_release(message);
    writer_free(&writer);
}
END_TEST

START_TEST(test_pitfall_20_a_body_is_one_data_section_even_when_it_is_empty)
{
    struct message *message = message_create();
    struct writer writer = {0};
    struct delivery delivery = delivery_of(message);
    amqp_message_encode(&writer, &delivery);
    struct reader reader = reader_of(writer.bytes, writer.length);
    next_section(&reader, SECTION_MESSAGE_ANNOTATIONS);
    struct value section = next_section(&reader, SECTION_PROPERTIES), value;
    struct reader fields = reader_of_elements(&section);
    while (read_value(&fields, &value)) {
        ck_assert_int_eq(value.type, VALUE_NULL);
    }
    section = next_section(&reader, SECTION_DATA);
    ck_assert_int_eq(section.type, VALUE_BINARY);
    ck_assert_uint_eq(section.length, 0);
    ck_assert(reader_is_at_end(&reader));
    message_release(message);
    writer_free(&writer);
}
END_TEST

START_TEST(test_a_tag_is_the_lock_token_as_a_dotnet_guid)
{
    static const uint8_t token[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    static const uint8_t guid[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    uint8_t tag[16], back[16];
    lock_token_swap(token, tag);
    ck_assert_mem_eq(tag, guid, 16);
    lock_token_swap(tag, back);
    ck_assert_mem_eq(back, token, 16);
}
END_TEST

SUITE_MAIN("amqp message codec", test_node_ids_of_type_uuid_become_lower_case_text,
    test_node_sends_a_null_value_where_there_is_no_data,
    test_python_properties_of_any_type_become_text,
    test_python_message_ids_of_type_ulong_become_decimal, test_dotnet_user_ids_are_binary,
    test_java_acknowledgement_words_are_understood_and_kept,
    test_go_writes_empty_ids_and_the_year_1_for_what_is_unset,
    test_an_expiry_beyond_all_time_does_not_overflow,
    test_header_annotations_and_footer_are_passed_over,
    test_pitfall_21_a_string_where_binary_belongs_is_taken,
    test_pitfall_23_several_data_sections_are_joined,
    test_value_bodies_of_text_or_binary_are_their_bytes, test_what_cannot_be_read_is_a_format_error,
    test_ids_and_properties_outside_the_rules_are_argument_errors,
    test_a_delivery_has_its_sections_in_order_and_types_as_devices_read_them,
    test_pitfall_17_keys_of_annotations_are_symbols_and_of_properties_strings,
    test_pitfall_18_counts_and_times_have_the_types_clients_insist_on,
    test_pitfall_20_a_body_is_one_data_section_even_when_it_is_empty,
    test_a_tag_is_the_lock_token_as_a_dotnet_guid)
