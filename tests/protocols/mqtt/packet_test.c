/* Borders and bodies of packets. What a connection makes of them: connection_test.c. */
#include "protocols/mqtt/packet.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum packet_result read_once(
    const char *bytes, size_t length, struct packet *packet, const char **clause)
{
    struct packet_reader reader = {.limit = PACKET_MAX};
    size_t used;
    enum packet_result result =
        packet_read(&reader, (const uint8_t *)bytes, length, &used, packet, clause);
    packet_reader_release(&reader);
    return result;
}

START_TEST(test_packets_are_found_wherever_the_stream_is_cut)
{
    static const char stream[] = "\xc0\x00\x40\x02\x00\x07\x32\x0a\x00\x03"
                                 "a/b\x00\x09xyz\xe0\x00";
    size_t length = sizeof stream - 1;
    for (size_t cut = 0; cut <= length; cut++) {
        struct packet_reader reader = {.limit = PACKET_MAX};
        char seen[40] = "";
        size_t at = 0;
        while (at < length) {
            size_t end = at < cut ? cut : length, used;
            struct packet packet;
            const char *clause;
            enum packet_result result = packet_read(
                &reader, (const uint8_t *)stream + at, end - at, &used, &packet, &clause);
            ck_assert_int_ne(result, PACKET_REFUSED);
            at += used;
            if (result == PACKET_COMPLETE) {
                snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%d:%zu ", packet.type,
                    packet.length);
            }
        }
        ck_assert_str_eq(seen, "12:0 4:2 3:10 14:0 ");
        packet_reader_release(&reader);
    }
}
END_TEST

START_TEST(test_body_is_whole_when_each_byte_comes_alone)
{
    uint8_t stream[300] = {0x30, 0xa9, 0x02};
    for (size_t i = 3; i < sizeof stream; i++) {
        stream[i] = (uint8_t)i;
    }
    struct packet_reader reader = {.limit = PACKET_MAX};
    struct packet packet;
    const char *clause;
    size_t used;
    for (size_t i = 0; i + 1 < sizeof stream; i++) {
        ck_assert_int_eq(
            packet_read(&reader, stream + i, 1, &used, &packet, &clause), PACKET_INCOMPLETE);
    }
    ck_assert_int_eq(packet_read(&reader, stream + sizeof stream - 1, 1, &used, &packet, &clause),
        PACKET_COMPLETE);
    ck_assert_uint_eq(packet.length, 297);
    ck_assert_mem_eq(packet.body, stream + 3, 297);
    packet_reader_release(&reader);
}
END_TEST

#define BYTES(literal) (literal), sizeof(literal) - 1

static const struct {
    const char *bytes;
    size_t length;
    const char *clause; /* NULL: not refused */
} starts[] = {
    {BYTES("\x00"), "2.2.1"},
    {BYTES("\xf0"), "2.2.1"},
    {BYTES("\x11"), "MQTT-2.2.2-2"},
    {BYTES("\x41"), "MQTT-2.2.2-2"},
    {BYTES("\x60"), "MQTT-2.2.2-2"},
    {BYTES("\x80"), "MQTT-2.2.2-2"},
    {BYTES("\xa0"), "MQTT-2.2.2-2"},
    {BYTES("\xc1"), "MQTT-2.2.2-2"},
    {BYTES("\xe8"), "MQTT-2.2.2-2"},
    {BYTES("\x3f"), NULL},
    {BYTES("\x82"), NULL},
    {BYTES("\x30\x80\x80\x80\x80"), "2.2.3"},
    {BYTES("\x30\xff\xff\xff\x7f"), "size"},
    {BYTES("\x30\x80\x80\x10"), NULL},
    {BYTES("\x30\x81\x80\x10"), "size"},
    {BYTES("\xc0\x80\x80\x80\x00"), NULL},
};

START_TEST(test_start_is_refused_by_its_clause)
{
    struct packet packet;
    const char *clause = NULL;
    enum packet_result result = read_once(starts[_i].bytes, starts[_i].length, &packet, &clause);
    if (starts[_i].clause) {
        ck_assert_int_eq(result, PACKET_REFUSED);
        ck_assert_str_eq(clause, starts[_i].clause);
    } else {
        ck_assert_int_ne(result, PACKET_REFUSED);
    }
}
END_TEST

static const struct {
    const char *bytes;
    size_t length;
    const char *clause;
} publishes[] = {
    {BYTES("\x30\x05\x00\x03"
           "a/b"),
        NULL},
    {BYTES("\x33\x07\x00\x03"
           "a/b\x00\x01"),
        NULL},
    {BYTES("\x36\x07\x00\x03"
           "a/b\x00\x01"),
        "MQTT-3.3.1-4"},
    {BYTES("\x38\x05\x00\x03"
           "a/b"),
        "MQTT-3.3.1-2"},
    {BYTES("\x30\x02\x00\x00"), "MQTT-4.7.3-1"},
    {BYTES("\x30\x05\x00\x03"
           "a/+"),
        "MQTT-3.3.2-2"},
    {BYTES("\x30\x05\x00\x03"
           "a/#"),
        "MQTT-3.3.2-2"},
    {BYTES("\x30\x05\x00\x03"
           "a\x00"
           "b"),
        "MQTT-1.5.3-2"},
    {BYTES("\x30\x05\x00\x03\xed\xa0\x80"), "MQTT-1.5.3-1"},
    {BYTES("\x30\x04\x00\x02\xc0\xaf"), "MQTT-1.5.3-1"},
    {BYTES("\x30\x05\x00\x03\xef\xbb\xbf"), NULL},
    /* the last character goes on in the payload */
    {BYTES("\x30\x05\x00\x01\xe4\xb8\xad"), "MQTT-1.5.3-1"},
    {BYTES("\x30\x05\x00\x02\xe4\xb8\xad"), "MQTT-1.5.3-1"},
    {BYTES("\x30\x06\x00\x01\xf0\x9f\x98\x80"), "MQTT-1.5.3-1"},
    {BYTES("\x30\x06\x00\x02\xf0\x9f\x98\x80"), "MQTT-1.5.3-1"},
    {BYTES("\x30\x06\x00\x03\xf0\x9f\x98\x80"), "MQTT-1.5.3-1"},
    {BYTES("\x30\x06\x00\x04\xf0\x9f\x98\x80"), NULL},
    {BYTES("\x30\x05\x00\x04"
           "a/b"),
        "1.5.3"},
    {BYTES("\x30\x01\x00"), "1.5.3"},
    {BYTES("\x32\x07\x00\x03"
           "a/b\x00\x00"),
        "MQTT-2.3.1-1"},
    {BYTES("\x32\x06\x00\x03"
           "a/b\x00"),
        "2.3.1"},
};

START_TEST(test_publish_is_taken_apart_or_refused_by_its_clause)
{
    struct packet packet;
    struct packet_publish publish;
    const char *clause = NULL;
    ck_assert_int_eq(
        read_once(publishes[_i].bytes, publishes[_i].length, &packet, &clause), PACKET_COMPLETE);
    bool parsed = packet_parse_publish(&packet, &publish, &clause);
    ck_assert_int_eq(parsed, publishes[_i].clause == NULL);
    if (!parsed) {
        ck_assert_str_eq(clause, publishes[_i].clause);
    }
}
END_TEST

START_TEST(test_remaining_length_is_written_minimal)
{
    static const struct {
        size_t remaining, size;
    } rows[] = {{0, 2}, {127, 2}, {128, 3}, {16383, 3}, {16384, 4}, {2097151, 4}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t area[PACKET_HEAD_MAX], *end = area + sizeof area;
        uint8_t *start = packet_write_head(end, PACKET_PUBLISH, 2, rows[i].remaining);
        ck_assert_uint_eq((size_t)(end - start), rows[i].size);
        ck_assert_uint_eq(start[0], 0x32);
        size_t remaining = 0;
        for (size_t digit = 1; digit < rows[i].size; digit++) {
            remaining |= (size_t)(start[digit] & 0x7f) << (7 * (digit - 1));
            ck_assert_int_eq(start[digit] >> 7, digit + 1 < rows[i].size);
        }
        ck_assert_uint_eq(remaining, rows[i].remaining);
    }
}
END_TEST

START_TEST(test_publish_is_written_in_place)
{
    uint8_t area[64];
    memcpy(area + PACKET_TOPIC_AT, "a/b", 3);
    size_t length;
    struct packet_publish publish = {
        .qos = 1, .packet_id = 258, .dup = true, .payload = TEXT("xyz")};
    uint8_t *start = packet_write_publish(area, 3, &publish, &length);
    ck_assert_uint_eq(length, 12);
    ck_assert_mem_eq(start,
        "\x3a\x0a\x00\x03"
        "a/b\x01\x02xyz",
        12);
    ck_assert_uint_le(length, packet_publish_room(3, 3));
    publish.qos = 0;
    publish.dup = false;
    start = packet_write_publish(area, 3, &publish, &length);
    ck_assert_uint_eq(length, 10);
    ck_assert_mem_eq(start,
        "\x30\x08\x00\x03"
        "a/bxyz",
        10);
}
END_TEST

START_TEST(test_short_answers_are_exactly_four_bytes)
{
    uint8_t out[PACKET_SHORT_SIZE];
    packet_write_connack(out, true, 0);
    ck_assert_mem_eq(out, "\x20\x02\x01\x00", 4);
    packet_write_connack(out, false, 5);
    ck_assert_mem_eq(out, "\x20\x02\x00\x05", 4);
    packet_write_puback(out, 0x1234);
    ck_assert_mem_eq(out, "\x40\x02\x12\x34", 4);
    packet_write_unsuback(out, 0x1234);
    ck_assert_mem_eq(out, "\xb0\x02\x12\x34", 4);
}
END_TEST

START_TEST(test_suback_has_a_code_per_filter)
{
    size_t length;
    uint8_t *packet = packet_write_suback(0x0102, (const uint8_t *)"\x01\x00\x80", 3, &length);
    ck_assert_uint_eq(length, 7);
    ck_assert_mem_eq(packet, "\x90\x05\x01\x02\x01\x00\x80", 7);
    free(packet);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mqtt packet");
    TCase *tests = tcase_create("packet");
    tcase_add_test(tests, test_packets_are_found_wherever_the_stream_is_cut);
    tcase_add_test(tests, test_body_is_whole_when_each_byte_comes_alone);
    tcase_add_loop_test(
        tests, test_start_is_refused_by_its_clause, 0, sizeof starts / sizeof *starts);
    tcase_add_loop_test(tests, test_publish_is_taken_apart_or_refused_by_its_clause, 0,
        sizeof publishes / sizeof *publishes);
    tcase_add_test(tests, test_remaining_length_is_written_minimal);
    tcase_add_test(tests, test_publish_is_written_in_place);
    tcase_add_test(tests, test_short_answers_are_exactly_four_bytes);
    tcase_add_test(tests, test_suback_has_a_code_per_filter);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
