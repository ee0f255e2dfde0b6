#include "store/message.h"

#include "store/memory.h"
#include "tests/suite.h"

#include <stdlib.h>
#include <string.h>

static struct hub_error error;

static bool field_is(const struct message *message, enum message_field field, const char *text)
{
    return text_equal(message_get(message, field), text_of(text));
}

static void add(struct message *message, const char *name, const char *value)
{
    ck_assert_int_eq(message_add_property(message, text_of(name), text_of(value), &error), HUB_OK);
}

/* A message with something of everything. */
static struct message *make_full(void)
{
    struct message *message = message_create();
    message_set(message, MESSAGE_ID, TEXT("m-1"), NULL);
    message_set(message, MESSAGE_CORRELATION_ID, TEXT("c:1"), NULL);
    message_set(message, MESSAGE_USER_ID, TEXT("user 1"), NULL);
    message_set(message, MESSAGE_TO, TEXT("/devices/D1/messages/devicebound"), NULL);
    message_set(message, MESSAGE_CONTENT_TYPE, TEXT("text/plain"), NULL);
    message_set(message, MESSAGE_CONTENT_ENCODING, TEXT("utf-8"), NULL);
    message_set_expiry(message, (struct instant){1234567});
    add(message, "a", "1");
    add(message, "empty", "");
    add(message, "null", NULL);
    add(message, "iothub-ack", "full");
    message_append_body(message, "with\0zero", 9);
    message_append_body(message, " and more", 9);
    return message;
}

static void check_same(const struct message *a, const struct message *b)
{
    struct instant x, y;
    for (int i = 0; i < MESSAGE_FIELD_COUNT; i++) {
        ck_assert(text_equal(
            message_get(a, (enum message_field)i), message_get(b, (enum message_field)i)));
    }
    ck_assert_int_eq(message_ack(a), message_ack(b));
    ck_assert_int_eq(message_get_expiry(a, &x), message_get_expiry(b, &y));
    ck_assert_int_eq(x.us, y.us);
    ck_assert_uint_eq(message_property_count(a), message_property_count(b));
    for (size_t i = 0; i < message_property_count(a); i++) {
        struct message_property one = message_property_at(a, i), other = message_property_at(b, i);
        ck_assert(text_equal(one.name, other.name) && text_equal(one.value, other.value));
    }
    ck_assert(text_equal(message_body(a), message_body(b)));
    ck_assert_uint_eq(message_size(a), message_size(b));
}

START_TEST(test_a_new_message_is_empty)
{
    struct message *message = message_create();
    struct instant expiry;
    for (int i = 0; i < MESSAGE_FIELD_COUNT; i++) {
        ck_assert_ptr_null(message_get(message, (enum message_field)i).bytes);
    }
    ck_assert_int_eq(message_ack(message), ACK_NONE);
    ck_assert(!message_get_expiry(message, &expiry));
    ck_assert_uint_eq(message_property_count(message), 0);
    ck_assert_uint_eq(message_body(message).length, 0);
    ck_assert_ptr_nonnull(message_body(message).bytes);
    ck_assert_uint_eq(message_size(message), 0);
    message_release(message);
    message_release(NULL);
}
END_TEST

START_TEST(test_what_is_given_is_copied_and_kept)
{
    char id[] = "m1", body[] = "body";
    struct message *message = message_create();
    message_set(message, MESSAGE_ID, text_of(id), NULL);
    message_append_body(message, body, 4);
    memset(id, 'x', 2);
    memset(body, 'x', 4);
    ck_assert(field_is(message, MESSAGE_ID, "m1"));
    ck_assert_str_eq(message_body(message).bytes, "body");
    message_set(message, MESSAGE_ID, TEXT("m2"), NULL); /* instead */
    ck_assert(field_is(message, MESSAGE_ID, "m2"));
    message_release(message);
}
END_TEST

START_TEST(test_an_id_has_the_characters_that_are_allowed)
{
    static const enum message_field ids[] = {MESSAGE_ID, MESSAGE_CORRELATION_ID};
    char longest[MESSAGE_ID_MAX + 2];
    memset(longest, 'a', sizeof longest);
    for (size_t i = 0; i < 2; i++) {
        struct message *message = message_create();
        for (int c = 0; c < 256; c++) {
            char byte = (char)c;
            bool is_good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                           (c >= 'A' && c <= 'Z') || (c && strchr("-:.+%_#*?!(),=@;$'", c));
            ck_assert_msg(message_set(message, ids[i], (struct text){&byte, 1}, &error) ==
                              (is_good ? HUB_OK : HUB_ARGUMENT_INVALID),
                "byte %d", c);
        }
        ck_assert_int_eq(
            message_set(message, ids[i], (struct text){longest, MESSAGE_ID_MAX}, &error), HUB_OK);
        ck_assert_int_eq(
            message_set(message, ids[i], (struct text){longest, MESSAGE_ID_MAX + 1}, &error),
            HUB_ARGUMENT_INVALID);
        ck_assert_uint_eq(message_get(message, ids[i]).length, MESSAGE_ID_MAX); /* as before */
        ck_assert_int_eq(message_set(message, ids[i], TEXT(""), &error), HUB_OK);
        ck_assert_ptr_null(message_get(message, ids[i]).bytes); /* empty counts as absent */
        message_release(message);
    }
}
END_TEST

START_TEST(test_other_fields_take_anything_but_a_zero)
{
    struct message *message = message_create();
    ck_assert_int_eq(message_set(message, MESSAGE_USER_ID, TEXT("a b\xff"), &error), HUB_OK);
    ck_assert_int_eq(
        message_set(message, MESSAGE_USER_ID, TEXT("a\0b"), &error), HUB_ARGUMENT_INVALID);
    ck_assert(field_is(message, MESSAGE_USER_ID, "a b\xff"));
    ck_assert_int_eq(message_set(message, MESSAGE_CONTENT_TYPE, TEXT(""), &error), HUB_OK);
    ck_assert_ptr_nonnull(message_get(message, MESSAGE_CONTENT_TYPE).bytes);
    message_release(message);
}
END_TEST

START_TEST(test_the_ack_is_read_in_all_its_spellings)
{
    static const struct {
        const char *value;
        enum message_ack ack;
    } cases[] = {{"none", ACK_NONE}, {"positive", ACK_POSITIVE}, {"Negative", ACK_NEGATIVE},
        {"FULL", ACK_FULL}, {"positiveOnly", ACK_POSITIVE}, {"negativeonly", ACK_NEGATIVE},
        {"sent", ACK_POSITIVE}, {"perhaps", ACK_NONE}, {"", ACK_NONE}, {NULL, ACK_NONE}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct message *message = message_create();
        add(message, "IoTHub-Ack", cases[i].value);
        ck_assert_int_eq(message_ack(message), cases[i].ack);
        ck_assert_uint_eq(message_property_count(message), 1); /* kept as it is */
        message_release(message);
    }
    ck_assert_str_eq(message_ack_name(ACK_NEGATIVE), "negative");
}
END_TEST

START_TEST(test_properties_keep_their_order_and_their_nulls)
{
    struct message *message = make_full();
    struct message_property property = message_property_at(message, 1);
    ck_assert(text_equal(property.name, TEXT("empty")) && text_equal(property.value, TEXT("")));
    property = message_property_at(message, 2);
    ck_assert(text_equal(property.name, TEXT("null")) && !property.value.bytes);
    ck_assert_int_eq(
        message_add_property(message, TEXT(""), TEXT("x"), &error), HUB_ARGUMENT_INVALID);
    ck_assert_uint_eq(message_property_count(message), 4);
    message_release(message);
}
END_TEST

START_TEST(test_properties_are_counted)
{
    struct message *message = message_create();
    for (size_t i = 0; i < MESSAGE_PROPERTIES_MAX; i++) {
        add(message, "name", "value");
    }
    ck_assert_int_eq(
        message_add_property(message, TEXT("one"), TEXT("more"), &error), HUB_ARGUMENT_INVALID);
    ck_assert_uint_eq(message_property_count(message), MESSAGE_PROPERTIES_MAX);
    message_release(message);
}
END_TEST

START_TEST(test_the_size_is_what_the_limit_counts)
{
    struct message *message = message_create();
    message_append_body(message, "12345", 5);
    ck_assert_uint_eq(message_size(message), 5);
    message_set(message, MESSAGE_TO, TEXT("/devices/d1/messages/devicebound"), NULL);
    ck_assert_uint_eq(message_size(message), 5); /* `to` is free */
    message_set(message, MESSAGE_ID, TEXT("123"), NULL);
    message_set_expiry(message, (struct instant){1});
    ck_assert_uint_eq(message_size(message), 5 + 3 + 8);
    add(message, "ab", "cde");
    add(message, "f", NULL);
    ck_assert_uint_eq(message_size(message), 5 + 3 + 8 + 5 + 1);
    message_release(message);
}
END_TEST

START_TEST(test_a_message_lives_until_its_last_holder_lets_go)
{
    struct message *message = make_full();
    ck_assert_ptr_eq(message_share(message), message);
    message_release(message);
    ck_assert(field_is(message, MESSAGE_ID, "m-1"));
    message_release(message);
}
END_TEST

/* ---- as a blob ---- */

static uint8_t *encode(const struct message *message, size_t *length)
{
    *length = message_encoded_size(message);
    uint8_t *bytes = memory_allocate(*length + 1);
    message_encode(message, bytes);
    ck_assert_uint_eq(bytes[*length], 0); /* not one too many */
    return bytes;
}

START_TEST(test_a_message_is_read_back_as_it_was)
{
    struct message *messages[] = {make_full(), message_create()};
    for (size_t i = 0; i < 2; i++) {
        size_t length;
        uint8_t *bytes = encode(messages[i], &length);
        struct message *copy = message_decode(bytes, length);
        ck_assert_ptr_nonnull(copy);
        check_same(messages[i], copy);
        message_release(copy);
        message_release(messages[i]);
        free(bytes);
    }
}
END_TEST

/* In a block of its own, so that a sanitizer sees each byte too far. */
static void decode_copy(const uint8_t *bytes, size_t length)
{
    uint8_t *copy = memory_allocate(length ? length : 1);
    memcpy(copy, bytes, length);
    struct message *message = message_decode(copy, length);
    if (message) {
        size_t read = message_size(message);
        for (size_t i = 0; i < message_property_count(message); i++) {
            struct message_property property = message_property_at(message, i);
            read += property.name.bytes ? strlen(property.name.bytes) : 0;
            read += property.value.bytes ? strlen(property.value.bytes) : 0;
        }
        (void)read;
    }
    message_release(message);
    free(copy);
}

START_TEST(test_a_blob_that_is_cut_is_refused)
{
    size_t length;
    struct message *message = make_full();
    uint8_t *bytes = encode(message, &length);
    for (size_t cut = 0; cut < length; cut++) {
        ck_assert_ptr_null(message_decode(bytes, cut));
        decode_copy(bytes, cut);
    }
    message_release(message);
    free(bytes);
}
END_TEST

START_TEST(test_a_blob_that_is_changed_anywhere_is_read_safely)
{
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    size_t length;
    struct message *message = make_full();
    uint8_t *bytes = encode(message, &length);
    for (size_t at = 0; at < length; at++) {
        uint8_t before = bytes[at];
        for (size_t i = 0; i < sizeof values; i++) {
            bytes[at] = values[i];
            decode_copy(bytes, length);
        }
        bytes[at] = before;
    }
    message_release(message);
    free(bytes);
}
END_TEST

SUITE_MAIN("message", test_a_new_message_is_empty, test_what_is_given_is_copied_and_kept,
    test_an_id_has_the_characters_that_are_allowed, test_other_fields_take_anything_but_a_zero,
    test_the_ack_is_read_in_all_its_spellings, test_properties_keep_their_order_and_their_nulls,
    test_properties_are_counted, test_the_size_is_what_the_limit_counts,
    test_a_message_lives_until_its_last_holder_lets_go, test_a_message_is_read_back_as_it_was,
    test_a_blob_that_is_cut_is_refused, test_a_blob_that_is_changed_anywhere_is_read_safely)
