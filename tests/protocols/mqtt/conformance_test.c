/*
 * The clauses of OASIS MQTT 3.1.1, each as what a client sends and what it hears. Every row is
 * played once whole and once for each place its bytes can be cut at.
 */
#include "tests/protocols/mqtt/mqtt_fixture.h"

#include <stdlib.h>
#include <string.h>

enum begin {
    FRESH, /* connected, nothing sent */
    OPEN /* after CONNACK of a clean session */
};

struct row {
    const char *clause;
    enum begin begin;
    const char *bytes;
    size_t length;
    const char *heard; /* packets, then CLOSED if it is */
};

#define ROW(clause, begin, bytes, heard)                                                           \
    {                                                                                              \
        clause, begin, bytes, sizeof(bytes) - 1, heard                                             \
    }

#define EVENTS                                                                                     \
    "\x00\x1b"                                                                                     \
    "devices/d1/messages/events/"
#define BOUND                                                                                      \
    "\x00\x21"                                                                                     \
    "devices/d1/messages/devicebound/#"
#define BARE                                                                                       \
    "\x00\x1f"                                                                                     \
    "devices/d1/messages/devicebound"
/* Name, level, flags, keep-alive 60. */
#define VARIABLE(level, flags) "\x00\x04MQTT" level flags "\x00\x3c"
#define ID                                                                                         \
    "\x00\x02"                                                                                     \
    "d1"

static const struct row rows[] = {
    /* 1.5.3: UTF-8 */
    ROW("MQTT-1.5.3-1 surrogate in a topic", OPEN, "\x30\x05\x00\x03\xed\xa0\x80", "CLOSED"),
    ROW("MQTT-1.5.3-1 overlong form in a topic", OPEN, "\x30\x04\x00\x02\xc0\xaf", "CLOSED"),
    ROW("MQTT-1.5.3-1 in a filter", OPEN, "\x82\x06\x00\x01\x00\x01\xff\x00", "CLOSED"),
    ROW("MQTT-1.5.3-1 in UNSUBSCRIBE", OPEN, "\xa2\x05\x00\x01\x00\x01\xff", "CLOSED"),
    ROW("MQTT-1.5.3-1 in a client id", FRESH, "\x10\x0d" VARIABLE("\x04", "\x02") "\x00\x01\xff",
        "CLOSED"),
    ROW("MQTT-1.5.3-2 U+0000 in a topic", OPEN, "\x30\x05\x00\x03\x61\x00\x62", "CLOSED"),
    ROW("MQTT-1.5.3-2 U+0000 in a client id", FRESH,
        "\x10\x0d" VARIABLE("\x04", "\x02") "\x00\x01\x00", "CLOSED"),
    /* 2.2: fixed header */
    ROW("2.2.1 type 0 is reserved", OPEN, "\x00\x00", "CLOSED"),
    ROW("2.2.1 type 15 is reserved", OPEN, "\xf0\x00", "CLOSED"),
    ROW("2.2.1 CONNACK is the server's", OPEN, "\x20\x02\x00\x00", "CLOSED"),
    ROW("2.2.1 SUBACK is the server's", OPEN, "\x90\x03\x00\x01\x00", "CLOSED"),
    ROW("2.2.1 UNSUBACK is the server's", OPEN, "\xb0\x02\x00\x01", "CLOSED"),
    ROW("2.2.1 PINGRESP is the server's", OPEN, "\xd0\x00", "CLOSED"),
    ROW("MQTT-2.2.2-2 flags of PINGREQ", OPEN, "\xc1\x00", "CLOSED"),
    ROW("MQTT-2.2.2-2 flags of PUBACK", OPEN, "\x42\x02\x00\x01", "CLOSED"),
    ROW("MQTT-2.2.2-2 flags of CONNECT", FRESH, "\x11\x00", "CLOSED"),
    ROW("2.2.3 a fifth byte of length", OPEN, "\xc0\x80\x80\x80\x80\x00", "CLOSED"),
    ROW("2.2.3 a length in more bytes than needed", OPEN, "\xc0\x80\x80\x80\x00", "PINGRESP"),
    ROW("5.4 more than the hub takes", OPEN, "\x30\x81\x80\x10", "CLOSED"),
    ROW("5.4 more than a CONNECT can be", FRESH, "\x10\x81\x80\x04", "CLOSED"),
    /* 2.3.1: packet ids */
    ROW("MQTT-2.3.1-1 id 0 of PUBLISH", OPEN, "\x32\x1f" EVENTS "\x00\x00", "CLOSED"),
    ROW("MQTT-2.3.1-1 id 0 of SUBSCRIBE", OPEN, "\x82\x26\x00\x00" BOUND "\x01", "CLOSED"),
    ROW("MQTT-2.3.1-1 id 0 of UNSUBSCRIBE", OPEN, "\xa2\x25\x00\x00" BOUND, "CLOSED"),
    ROW("MQTT-2.3.1-6 PUBACK has the id of its PUBLISH", OPEN, "\x32\x1f" EVENTS "\x12\x34",
        "PUBACK 4660"),
    ROW("MQTT-2.3.1-7 SUBACK has the id of its SUBSCRIBE", OPEN, "\x82\x26\x12\x34" BOUND "\x01",
        "SUBACK 4660 1"),
    ROW("MQTT-2.3.1-7 UNSUBACK has the id of its UNSUBSCRIBE", OPEN, "\xa2\x25\x12\x34" BOUND,
        "UNSUBACK 4660"),
    /* 3.1: CONNECT */
    ROW("MQTT-3.1.0-1 PUBLISH first", FRESH, "\x30\x1d" EVENTS, "CLOSED"),
    ROW("MQTT-3.1.0-1 SUBSCRIBE first", FRESH, "\x82\x26\x00\x01" BOUND "\x01", "CLOSED"),
    ROW("MQTT-3.1.0-1 PINGREQ first", FRESH, "\xc0\x00", "CLOSED"),
    ROW("MQTT-3.1.0-1 DISCONNECT first", FRESH, "\xe0\x00", "CLOSED"),
    ROW("MQTT-3.1.0-1 HTTP first", FRESH, "GET / HTTP/1.1\r\n", "CLOSED"),
    ROW("MQTT-3.1.0-1 TLS first", FRESH, "\x16\x03\x01\x02\x00", "CLOSED"),
    ROW("MQTT-3.1.0-2 CONNECT again", OPEN, "\x10\x0e" VARIABLE("\x04", "\x02") ID, "CLOSED"),
    ROW("MQTT-3.1.2-1 another protocol", FRESH, "\x10\x0e\x00\x04MQTX\x04\x02\x00\x3c" ID,
        "CLOSED"),
    ROW("MQTT-3.1.2-1 the name cut short", FRESH, "\x10\x04\x00\x04MQ", "CLOSED"),
    ROW("MQTT-3.1.2-2 level 3", FRESH, "\x10\x0e" VARIABLE("\x03", "\x02") ID,
        "CONNACK 0 1|CLOSED"),
    ROW("MQTT-3.1.2-2 level 5", FRESH, "\x10\x0f" VARIABLE("\x05", "\x02") "\x00" ID,
        "CONNACK 0 1|CLOSED"),
    ROW("MQTT-3.1.2-2 MQIsdp", FRESH, "\x10\x10\x00\x06MQIsdp\x03\x02\x00\x3c" ID,
        "CONNACK 0 1|CLOSED"),
    ROW("MQTT-3.1.2-3 the reserved flag", FRESH, "\x10\x0e" VARIABLE("\x04", "\x03") ID, "CLOSED"),
    ROW("MQTT-3.1.2-13 will QoS without will", FRESH, "\x10\x0e" VARIABLE("\x04", "\x0a") ID,
        "CLOSED"),
    ROW("MQTT-3.1.2-14 will QoS 3", FRESH,
        "\x10\x14" VARIABLE("\x04", "\x1e") ID "\x00\x01t\x00\x01m", "CLOSED"),
    ROW("MQTT-3.1.2-15 will retain without will", FRESH, "\x10\x0e" VARIABLE("\x04", "\x22") ID,
        "CLOSED"),
    ROW("MQTT-3.1.2-9 will flag without a will", FRESH, "\x10\x0e" VARIABLE("\x04", "\x06") ID,
        "CLOSED"),
    ROW("MQTT-3.1.2-19 user name flag without a user name", FRESH,
        "\x10\x0e" VARIABLE("\x04", "\x82") ID, "CLOSED"),
    ROW("MQTT-3.1.2-22 password without user name", FRESH,
        "\x10\x11" VARIABLE("\x04", "\x42") ID "\x00\x01p", "CLOSED"),
    ROW("3.1.3 bytes left over", FRESH, "\x10\x0f" VARIABLE("\x04", "\x02") ID "x", "CLOSED"),
    ROW("3.1.3 an id longer than the packet", FRESH,
        "\x10\x0d" VARIABLE("\x04", "\x02") "\x00\x05x", "CLOSED"),
    ROW("MQTT-3.1.3-8 empty client id, stored session", FRESH,
        "\x10\x0c" VARIABLE("\x04", "\x00") "\x00\x00", "CONNACK 0 2|CLOSED"),
    ROW("MQTT-3.1.3-8 empty client id, clean session", FRESH,
        "\x10\x0c" VARIABLE("\x04", "\x02") "\x00\x00", "CONNACK 0 2|CLOSED"),
    ROW("MQTT-3.2.2-5 the connection ends after a refusal", FRESH,
        "\x10\x0e" VARIABLE("\x04", "\x02") ID, "CONNACK 0 5|CLOSED"),
    ROW("MQTT-3.1.4-5 nothing is processed after a refusal", FRESH,
        "\x10\x0e" VARIABLE("\x04", "\x02") ID "\xc0\x00", "CONNACK 0 5|CLOSED"),
    /* 3.3: PUBLISH */
    ROW("3.3.1 QoS 0 has no answer", OPEN, "\x30\x1d" EVENTS, ""),
    ROW("3.3.1 RETAIN is taken", OPEN, "\x33\x1f" EVENTS "\x00\x01", "PUBACK 1"),
    ROW("MQTT-3.3.1-1 DUP of a first sight is taken", OPEN, "\x3a\x1f" EVENTS "\x00\x01",
        "PUBACK 1"),
    ROW("MQTT-3.3.1-2 DUP of QoS 0", OPEN, "\x38\x1d" EVENTS, "CLOSED"),
    ROW("MQTT-3.3.1-4 QoS 3", OPEN, "\x36\x1f" EVENTS "\x00\x01", "CLOSED"),
    ROW("MQTT-3.3.2-1 the topic is cut", OPEN, "\x30\x03\x00\x05x", "CLOSED"),
    ROW("MQTT-3.3.2-2 a wildcard in a topic", OPEN, "\x30\x05\x00\x03\x61/#", "CLOSED"),
    ROW("MQTT-3.3.2-2 another wildcard in a topic", OPEN, "\x30\x05\x00\x03\x61/+", "CLOSED"),
    ROW("MQTT-3.3.4-1 QoS 1 is acknowledged", OPEN, "\x32\x21" EVENTS "\x00\x01hi", "PUBACK 1"),
    ROW("MQTT-3.3.5-2 a topic that is not allowed", OPEN, "\x32\x07\x00\x03\x61/b\x00\x01",
        "CLOSED"),
    ROW("4.3.3 QoS 2 is not for IoT Hub", OPEN, "\x34\x1f" EVENTS "\x00\x01", "CLOSED"),
    ROW("4.3.3 PUBREC", OPEN, "\x50\x02\x00\x01", "CLOSED"),
    ROW("4.3.3 PUBREL", OPEN, "\x62\x02\x00\x01", "CLOSED"),
    ROW("4.3.3 PUBCOMP", OPEN, "\x70\x02\x00\x01", "CLOSED"),
    /* 3.4: PUBACK */
    ROW("3.4.1 PUBACK of one byte", OPEN, "\x40\x01\x00", "CLOSED"),
    ROW("3.4.1 PUBACK of three bytes", OPEN, "\x40\x03\x00\x01\x00", "CLOSED"),
    ROW("3.4 PUBACK for nothing", OPEN, "\x40\x02\x00\x01\xc0\x00", "PINGRESP"),
    /* 3.8, 3.9: SUBSCRIBE */
    ROW("MQTT-3.8.1-1 flags", OPEN, "\x80\x26\x00\x01" BOUND "\x01", "CLOSED"),
    ROW("MQTT-3.8.3-1 the filter is cut", OPEN, "\x82\x05\x00\x01\x00\x05x", "CLOSED"),
    ROW("MQTT-3.8.3-3 no filter", OPEN, "\x82\x02\x00\x01", "CLOSED"),
    ROW("3.8.3 no QoS", OPEN, "\x82\x25\x00\x01" BOUND, "CLOSED"),
    ROW("MQTT-3.8.3-4 QoS 3", OPEN, "\x82\x26\x00\x01" BOUND "\x03", "CLOSED"),
    ROW("MQTT-3.8.3-4 reserved bits", OPEN, "\x82\x26\x00\x01" BOUND "\x11", "CLOSED"),
    ROW("MQTT-3.8.4-1 SUBACK", OPEN, "\x82\x26\x00\x01" BOUND "\x00", "SUBACK 1 0"),
    ROW("MQTT-3.8.4-5 a code per filter, in order", OPEN,
        "\x82\x48\x00\x01" BARE "\x00" BOUND "\x01", "SUBACK 1 0 1"),
    ROW("MQTT-3.8.4-6 QoS 2 is granted as 1", OPEN, "\x82\x26\x00\x01" BOUND "\x02", "SUBACK 1 1"),
    ROW("3.8.4 malformed after a good one: nothing has an effect", OPEN,
        "\x82\x28\x00\x01" BOUND "\x01\x00\x00", "CLOSED"),
    /* 3.10, 3.11: UNSUBSCRIBE */
    ROW("MQTT-3.10.1-1 flags", OPEN, "\xa0\x25\x00\x01" BOUND, "CLOSED"),
    ROW("MQTT-3.10.3-1 the filter is cut", OPEN, "\xa2\x05\x00\x01\x00\x05x", "CLOSED"),
    ROW("MQTT-3.10.3-2 no filter", OPEN, "\xa2\x02\x00\x01", "CLOSED"),
    ROW("MQTT-3.10.4-5 UNSUBACK even if nothing was subscribed", OPEN, "\xa2\x06\x00\x07\x00\x02zz",
        "UNSUBACK 7"),
    ROW("MQTT-3.10.4-6 one UNSUBACK for many filters", OPEN, "\xa2\x0a\x00\x07\x00\x02zz\x00\x02zy",
        "UNSUBACK 7"),
    /* 3.12, 3.14 */
    ROW("MQTT-3.12.4-1 PINGRESP", OPEN, "\xc0\x00\xc0\x00", "PINGRESP|PINGRESP"),
    ROW("3.12.1 PINGREQ with a body", OPEN, "\xc0\x01x", "CLOSED"),
    ROW("MQTT-3.14.1-1 reserved bits of DISCONNECT", OPEN, "\xe1\x00", "CLOSED"),
    ROW("3.14.1 DISCONNECT with a body", OPEN, "\xe0\x01x", "CLOSED"),
    ROW("MQTT-3.14.4-1 the connection ends after DISCONNECT", OPEN, "\xe0\x00", "CLOSED"),
    ROW("MQTT-3.14.4-2 nothing is processed after DISCONNECT", OPEN, "\xe0\x00\xc0\x00", "CLOSED"),
    /* 4.7: topics and filters */
    ROW("MQTT-4.7.1-2 # that is not alone", OPEN, "\x82\x08\x00\x01\x00\x03\x61/b#\x00", "CLOSED"),
    ROW("MQTT-4.7.1-2 # that is not last", OPEN, "\x82\x08\x00\x01\x00\x03#/b\x00", "CLOSED"),
    ROW("MQTT-4.7.1-3 + that is not alone", OPEN, "\x82\x07\x00\x01\x00\x02\x61+\x00", "CLOSED"),
    ROW("MQTT-4.7.2-1 # alone is no filter of IoT Hub", OPEN, "\x82\x06\x00\x01\x00\x01#\x00",
        "CLOSED"),
    ROW("MQTT-4.7.2-1 $SYS is no filter of IoT Hub", OPEN, "\x82\x0b\x00\x01\x00\x06$SYS/#\x00",
        "CLOSED"),
    ROW("MQTT-4.7.3-1 an empty topic", OPEN, "\x30\x02\x00\x00", "CLOSED"),
    ROW("MQTT-4.7.3-1 an empty filter", OPEN, "\x82\x05\x00\x01\x00\x00\x00", "CLOSED"),
    ROW("MQTT-4.7.3-1 an empty filter of UNSUBSCRIBE", OPEN, "\xa2\x04\x00\x01\x00\x00", "CLOSED"),
    ROW("MQTT-4.7.3-4 filters have their case", OPEN,
        "\x82\x26\x00\x01\x00\x21"
        "Devices/d1/messages/devicebound/#\x01",
        "CLOSED"),
    ROW("MQTT-4.7.3-4 topics have their case", OPEN,
        "\x30\x1d\x00\x1b"
        "devices/D1/messages/events/",
        "CLOSED"),
};

/* All a client hears, joined with `|`. */
static void hear_all(struct mqtt_fixture *f, struct fake_stream *client, char *out, size_t room)
{
    size_t length = 0;
    out[0] = 0;
    for (bool more = true; more;) {
        more = client->output.length > 0;
        const char *text = client_hear(f, client);
        if (*text) {
            length +=
                (size_t)snprintf(out + length, room - length, "%s%s", length > 0 ? "|" : "", text);
        }
    }
}

static void play(struct mqtt_fixture *f, const struct row *row, size_t cut)
{
    struct fake_stream *client = row->begin == OPEN ? client_open(f, "d1", true) : client_dial(f);
    char heard[1000];
    client_send(f, client, row->bytes, cut);
    client_send(f, client, row->bytes + cut, row->length - cut);
    hear_all(f, client, heard, sizeof heard);
    ck_assert_msg(strcmp(heard, row->heard) == 0, "[%s] cut at %zu: heard \"%s\", not \"%s\"",
        row->clause, cut, heard, row->heard);
    fake_stream_hang_up(client);
    settle_turns(f);
}

START_TEST(test_clause_holds_wherever_its_bytes_are_cut)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    for (size_t cut = 0; cut <= rows[_i].length; cut++) {
        play(&f, &rows[_i], cut);
    }
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_clause_holds_byte_by_byte)
{
    const struct row *row = &rows[_i];
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = row->begin == OPEN ? client_open(&f, "d1", true) : client_dial(&f);
    for (size_t i = 0; i < row->length; i++) {
        client_send(&f, client, row->bytes + i, 1);
    }
    char heard[1000];
    hear_all(&f, client, heard, sizeof heard);
    ck_assert_msg(
        strcmp(heard, row->heard) == 0, "[%s] byte by byte: heard \"%s\"", row->clause, heard);
    mqtt_fixture_close(&f);
}
END_TEST

/* CONNECT with everything in it, and packets that do not wait for the answer. */
START_TEST(test_packets_behind_connect_wait_for_connack_wherever_they_are_cut)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    static const char behind[] = "\x82\x26\x00\x01" BOUND "\x01\x32\x1f" EVENTS "\x00\x02"
                                 "\xc0\x00\xe0\x00";
    uint8_t bytes[5000];
    struct connect_recipe recipe = {
        .clean = true, .will_topic = "devices/d1/messages/events/a=1", .will_qos = 1};
    size_t length = make_connect(&recipe, bytes);
    memcpy(bytes + length, behind, sizeof behind - 1);
    length += sizeof behind - 1;
    for (size_t cut = 0; cut <= length; cut++) {
        struct fake_stream *client = client_dial(&f);
        char heard[1000];
        fake_stream_feed(client, bytes, cut);
        fake_stream_feed(client, bytes + cut, length - cut);
        settle_turns(&f);
        hear_all(&f, client, heard, sizeof heard);
        /* PINGRESP waits for nothing, and DISCONNECT leaves nobody to tell about commits. */
        ck_assert_str_eq(heard, "CONNACK 0 0|PINGRESP|CLOSED");
    }
    ck_assert_uint_eq(telemetry_count(hub_telemetry(f.store.hub)), length + 1);
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_nothing_is_done_after_a_refusal)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    send_body(&f, "d1", "waits");
    uint8_t bytes[5000];
    struct connect_recipe recipe = {.password = "SharedAccessSignature sr=x&sig=y&se=1"};
    size_t length = make_connect(&recipe, bytes);
    static const char behind[] = "\x82\x26\x00\x01" BOUND "\x01\x30\x1d" EVENTS;
    memcpy(bytes + length, behind, sizeof behind - 1);
    struct fake_stream *client = client_dial(&f);
    client_send(&f, client, bytes, length + sizeof behind - 1);
    HEARS(&f, client, "CONNACK 0 5");
    HEARS(&f, client, "CLOSED");
    ck_assert_uint_eq(telemetry_count(hub_telemetry(f.store.hub)), 0);
    ck_assert_uint_eq(fixture_counts(&f.store, "d1").enqueued, 1);
    ck_assert_uint_eq(count_events(&f, JOURNAL_SUBSCRIBED), 0);
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_largest_packet_is_taken_and_one_byte_more_is_not)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    static uint8_t bytes[262144 + 5] = "\x32\x80\x80\x10" EVENTS "\x00\x01";
    struct fake_stream *client = client_open(&f, "d1", true);
    for (size_t at = 0; at < 262144 + 4; at += 1000) {
        size_t left = 262144 + 4 - at;
        client_send(&f, client, bytes + at, left < 1000 ? left : 1000);
    }
    HEARS(&f, client, "PUBACK 1");
    bytes[1] = 0x81;
    client_send(&f, client, bytes, 1000);
    HEARS(&f, client, "CLOSED");
    mqtt_fixture_close(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mqtt conformance");
    TCase *tests = tcase_create("clauses");
    tcase_set_timeout(tests, 60);
    int count = sizeof rows / sizeof *rows;
    tcase_add_loop_test(tests, test_clause_holds_wherever_its_bytes_are_cut, 0, count);
    tcase_add_loop_test(tests, test_clause_holds_byte_by_byte, 0, count);
    tcase_add_test(tests, test_packets_behind_connect_wait_for_connack_wherever_they_are_cut);
    tcase_add_test(tests, test_nothing_is_done_after_a_refusal);
    tcase_add_test(tests, test_largest_packet_is_taken_and_one_byte_more_is_not);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
