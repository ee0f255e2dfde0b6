#include "protocols/websocket/handshake.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The key and its answer of RFC 6455 section 1.3. */
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define HOST "Host: hub.local\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define MQTT "Sec-WebSocket-Protocol: mqtt\r\n"
#define GET "GET /$iothub/websocket HTTP/1.1\r\n"
#define GOOD HOST UPGRADE KEY VERSION
#define END "\r\n"

#define ANSWER(protocol)                                                                           \
    "HTTP/1.1 101 Switching Protocols\r\n"                                                         \
    "Upgrade: websocket\r\n"                                                                       \
    "Connection: Upgrade\r\n"                                                                      \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"                                       \
    "Sec-WebSocket-Protocol: " protocol "\r\n"                                                     \
    "\r\n"

#define BAD "HTTP/1.1 400 Bad Request\r\n"
#define OLD                                                                                        \
    "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n"        \
    "Sec-WebSocket-Version: 13\r\n"

static const struct row {
    const char *head;
    enum handshake_verdict verdict;
    const char *answer; /* its beginning */
} rows[] = {
    /* the clients */
    {GET GOOD MQTT END, HANDSHAKE_UPGRADED, ANSWER("mqtt")},
    {GET GOOD "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" MQTT END,
        HANDSHAKE_UPGRADED, ANSWER("mqtt")},
    {"GET /$iothub/websocket HTTP/1.1\r\nHost: hub.local:443\r\nUpgrade: websocket\r\n"
     "Connection: Upgrade\r\nOrigin: https://hub.local:443\r\nSec-WebSocket-Protocol: MQTT\r\n"
     "sec-websocket-key:dGhlIHNhbXBsZSBub25jZQ==\r\nSEC-WEBSOCKET-VERSION:   13  \r\n\r\n",
        HANDSHAKE_UPGRADED, ANSWER("MQTT")},
    {"GET /$servicebus/websocket/ HTTP/1.1\r\n" GOOD "Sec-WebSocket-Protocol: AMQPWSB10\r\n" END,
        HANDSHAKE_UPGRADED, ANSWER("AMQPWSB10")},
    {GET GOOD "Sec-WebSocket-Protocol: amqpwsb10\r\n" END, HANDSHAKE_UPGRADED, ANSWER("amqpwsb10")},
    {GET GOOD "Sec-WebSocket-Protocol: mqttv3.1\r\n" END, HANDSHAKE_UPGRADED, ANSWER("mqttv3.1")},
    /* several subprotocols: the first that we speak */
    {GET GOOD "Sec-WebSocket-Protocol: mqttv5, ,AMQPWSB10 , mqtt\r\n" END, HANDSHAKE_UPGRADED,
        ANSWER("AMQPWSB10")},
    {GET GOOD "Sec-WebSocket-Protocol: soap\r\nSec-WebSocket-Protocol: mqtt\r\n" END,
        HANDSHAKE_UPGRADED, ANSWER("mqtt")},
    /* paths */
    {"GET /%24iothub/websocket HTTP/1.1\r\n" GOOD MQTT END, HANDSHAKE_UPGRADED, ANSWER("mqtt")},
    {"GET /$iothub/websocket/ HTTP/1.1\r\n" GOOD MQTT END, HANDSHAKE_UPGRADED, ANSWER("mqtt")},
    {"GET /%24servicebus/websocket HTTP/1.1\r\n" GOOD MQTT END, HANDSHAKE_UPGRADED, ANSWER("mqtt")},
    {"GET /$iothub/websocket?a=b HTTP/1.1\r\n" GOOD MQTT END, HANDSHAKE_UPGRADED, ANSWER("mqtt")},
    {"GET /$iothub/websocket/?a=b/c HTTP/1.1\r\n" GOOD MQTT END, HANDSHAKE_UPGRADED,
        ANSWER("mqtt")},
    {"GET https://hub.local:443/$iothub/websocket HTTP/1.1\r\n" GOOD MQTT END, HANDSHAKE_UPGRADED,
        ANSWER("mqtt")},
    {"GET /$IotHub/websocket HTTP/1.1\r\n" GOOD MQTT END, HANDSHAKE_REFUSED, BAD},
    {"GET /$iothub/websocket// HTTP/1.1\r\n" GOOD MQTT END, HANDSHAKE_REFUSED, BAD},
    {"GET /$iothub/websockets HTTP/1.1\r\n" GOOD MQTT END, HANDSHAKE_REFUSED, BAD},
    {"GET /mqtt HTTP/1.1\r\n" GOOD MQTT END, HANDSHAKE_REFUSED, BAD},
    {"GET / HTTP/1.1\r\n" GOOD MQTT END, HANDSHAKE_REFUSED, BAD},
    {"GET  HTTP/1.1\r\n" GOOD MQTT END, HANDSHAKE_REFUSED, BAD},
    /* subprotocols */
    {GET GOOD END, HANDSHAKE_REFUSED, BAD},
    {GET GOOD "Sec-WebSocket-Protocol: soap\r\n" END, HANDSHAKE_REFUSED, BAD},
    {GET GOOD "Sec-WebSocket-Protocol:\r\n" END, HANDSHAKE_REFUSED, BAD},
    {GET GOOD "Sec-WebSocket-Protocol: mqtt5 mqtt\r\n" END, HANDSHAKE_REFUSED, BAD},
    /* versions */
    {GET HOST UPGRADE KEY MQTT "Sec-WebSocket-Version: 8\r\n" END, HANDSHAKE_REFUSED, OLD},
    {GET HOST UPGRADE KEY MQTT "Sec-WebSocket-Version: 13, 8\r\n" END, HANDSHAKE_REFUSED, OLD},
    {GET HOST UPGRADE KEY MQTT END, HANDSHAKE_REFUSED, OLD},
    /* what else an upgrade needs */
    {GET HOST UPGRADE VERSION MQTT END, HANDSHAKE_REFUSED, BAD},
    {GET HOST UPGRADE VERSION MQTT "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n" END,
        HANDSHAKE_REFUSED, BAD},
    {GET HOST UPGRADE VERSION MQTT "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSE=\r\n" END,
        HANDSHAKE_REFUSED, BAD},
    {GET HOST UPGRADE VERSION MQTT "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub2*jZQ==\r\n" END,
        HANDSHAKE_REFUSED, BAD},
    {GET GOOD KEY MQTT END, HANDSHAKE_REFUSED, BAD},
    {GET GOOD VERSION MQTT END, HANDSHAKE_REFUSED, BAD},
    {GET GOOD HOST MQTT END, HANDSHAKE_REFUSED, BAD},
    {GET UPGRADE KEY VERSION MQTT END, HANDSHAKE_REFUSED, BAD},
    {GET HOST "Upgrade: websocket\r\n" KEY VERSION MQTT END, HANDSHAKE_REFUSED, BAD},
    {GET HOST "Upgrade: websocket\r\nConnection: close\r\n" KEY VERSION MQTT END, HANDSHAKE_REFUSED,
        BAD},
    {"GET /$iothub/websocket HTTP/1.0\r\n" GOOD MQTT END, HANDSHAKE_REFUSED, BAD},
    {"GET /$iothub/websocket\r\n" GOOD MQTT END, HANDSHAKE_REFUSED, BAD},
    {GET GOOD MQTT "no header\r\n" END, HANDSHAKE_REFUSED, BAD},
    {GET GOOD MQTT " folded: yes\r\n" END, HANDSHAKE_REFUSED, BAD},
    {GET GOOD MQTT "name : value\r\n" END, HANDSHAKE_REFUSED, BAD},
    {GET GOOD MQTT ": value\r\n" END, HANDSHAKE_REFUSED, BAD},
    /* other ways to say it */
    {GET HOST "upgrade: WebSocket\r\nconnection: keep-alive, UPGRADE\r\n" KEY VERSION MQTT END,
        HANDSHAKE_UPGRADED, ANSWER("mqtt")},
    {GET HOST "Upgrade: h2c, websocket\r\nConnection: close\r\nConnection: upgrade\r\n" KEY VERSION
            MQTT END,
        HANDSHAKE_UPGRADED, ANSWER("mqtt")},
    {"GET /$iothub/websocket HTTP/1.1\nHost: h\nUpgrade: websocket\nConnection: Upgrade\n"
     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13\n"
     "Sec-WebSocket-Protocol: mqtt\n\n",
        HANDSHAKE_UPGRADED, ANSWER("mqtt")},
    /* not ours */
    {"GET /devices/d/messages/deviceBound?api-version=2020-03-13 HTTP/1.1\r\n" HOST END,
        HANDSHAKE_PLAIN, ""},
    {GET HOST END, HANDSHAKE_PLAIN, ""},
    {GET HOST "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n" END, HANDSHAKE_PLAIN, ""},
    {GET HOST "Upgrade: websockets\r\n" END, HANDSHAKE_PLAIN, ""},
    {"GET / HTTP/1.1\r\nbroken\r\n" END, HANDSHAKE_PLAIN, ""},
    {"GET \r\n\r\n", HANDSHAKE_PLAIN, ""},
};

static enum handshake_verdict read_text(struct handshake *handshake, const char *text)
{
    return handshake_read(handshake, (const uint8_t *)text, strlen(text));
}

START_TEST(test_heads_get_the_answer_the_rfc_asks_for)
{
    const struct row *row = &rows[_i];
    struct handshake handshake = {0};
    enum handshake_verdict verdict = read_text(&handshake, row->head);

    ck_assert_msg(verdict == row->verdict, "%s%d", row->head, verdict);
    if (verdict == HANDSHAKE_UPGRADED) {
        ck_assert_str_eq(handshake.answer, row->answer);
    } else {
        ck_assert_msg(
            strncmp(handshake.answer, row->answer, strlen(row->answer)) == 0, "%s", row->head);
    }
    ck_assert_uint_eq(handshake.head_length, strlen(row->head));
}
END_TEST

/* As a head grows byte by byte, the verdict comes with its last byte, and is the same. */
START_TEST(test_a_head_is_judged_when_it_is_complete)
{
    const struct row *row = &rows[_i];
    struct handshake handshake = {0};
    size_t length = strlen(row->head);

    for (size_t i = 1; i < length; i++) {
        ck_assert_int_eq(
            handshake_read(&handshake, (const uint8_t *)row->head, i), HANDSHAKE_INCOMPLETE);
    }
    ck_assert_int_eq(read_text(&handshake, row->head), row->verdict);

    for (size_t i = 1; i < length; i++) {
        struct handshake other = {0};

        ck_assert_int_eq(
            handshake_read(&other, (const uint8_t *)row->head, i), HANDSHAKE_INCOMPLETE);
        ck_assert_int_eq(read_text(&other, row->head), row->verdict);
        ck_assert_str_eq(other.answer, handshake.answer);
    }
}
END_TEST

START_TEST(test_bytes_behind_the_head_are_left_alone)
{
    struct handshake handshake = {0};
    const char *head = GET GOOD MQTT END;
    char bytes[1024];

    snprintf(bytes, sizeof(bytes), "%s\x82\x80....", head);
    ck_assert_int_eq(read_text(&handshake, bytes), HANDSHAKE_UPGRADED);
    ck_assert_uint_eq(handshake.head_length, strlen(head));
    ck_assert_int_eq(handshake.subprotocol, WEBSOCKET_MQTT);
}
END_TEST

START_TEST(test_other_methods_are_not_ours_from_their_first_byte)
{
    static const char *const texts[] = {"P", "POST / HTTP/1.1\r\n", "GEX", "GETX", "get ", "\r\n",
        "\x16\x03\x01", "HEAD /$iothub/websocket HTTP/1.1\r\n"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct handshake handshake = {0};

        ck_assert_int_eq(read_text(&handshake, texts[i]), HANDSHAKE_PLAIN);
    }
}
END_TEST

START_TEST(test_the_query_tells_whether_a_certificate_counts)
{
    static const struct {
        const char *query;
        bool hidden;
    } queries[] = {
        {"", false},
        {"?", false},
        {"?iothub-no-client-cert=true", true},
        {"?a=b&iothub-no-client-cert=true&c=d", true},
        {"/?iothub-no-client-cert=True", true},
        {"?iothub-no-client-cert=false", false},
        {"?iothub-no-client-cert", false},
        {"?xiothub-no-client-cert=true", false},
        {"?iothub-no-client-cert=trueish", false},
    };

    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        struct handshake handshake = {0};
        char head[1024];

        snprintf(head, sizeof(head),
            "GET /$iothub/websocket%s HTTP/1.1\r\n" GOOD
            "Sec-WebSocket-Protocol: AMQPWSB10\r\n" END,
            queries[i].query);
        ck_assert_int_eq(read_text(&handshake, head), HANDSHAKE_UPGRADED);
        ck_assert_int_eq(handshake.subprotocol, WEBSOCKET_AMQP);
        ck_assert_msg(handshake.no_client_certificate == queries[i].hidden, "%s", queries[i].query);
    }
}
END_TEST

/* A head of exactly `length` bytes, filled up by one header; returns it in a static buffer. */
static const char *head_of_length(size_t length)
{
    static char head[HANDSHAKE_HEAD_MAX + 16];
    size_t used = (size_t)snprintf(head, sizeof(head), "%s", GET GOOD MQTT "X: ");

    memset(head + used, 'x', length - used);
    memcpy(head + length - 4, "\r\n\r\n", 5);
    return head;
}

START_TEST(test_a_head_beyond_its_bound_is_left_to_the_http_server)
{
    struct handshake handshake = {0};
    const char *head = head_of_length(HANDSHAKE_HEAD_MAX);

    ck_assert_int_eq(read_text(&handshake, head), HANDSHAKE_UPGRADED);
    memset(&handshake, 0, sizeof(handshake));
    head = head_of_length(HANDSHAKE_HEAD_MAX + 1);
    ck_assert_int_eq(read_text(&handshake, head), HANDSHAKE_PLAIN);
    memset(&handshake, 0, sizeof(handshake));
    ck_assert_int_eq(handshake_read(&handshake, (const uint8_t *)head, HANDSHAKE_HEAD_MAX - 1),
        HANDSHAKE_INCOMPLETE);
    ck_assert_int_eq(
        handshake_read(&handshake, (const uint8_t *)head, HANDSHAKE_HEAD_MAX), HANDSHAKE_PLAIN);
}
END_TEST

START_TEST(test_a_nul_in_the_head_of_an_upgrade_is_malformed)
{
    static const char head[] = GET GOOD MQTT "X: a\0b\r\n" END;
    struct handshake handshake = {0};

    ck_assert_int_eq(
        handshake_read(&handshake, (const uint8_t *)head, sizeof(head) - 1), HANDSHAKE_REFUSED);
}
END_TEST

START_TEST(test_a_refusal_has_the_length_it_says)
{
    struct handshake handshake = {0};
    const char *body;
    unsigned length = 0;

    ck_assert_int_eq(read_text(&handshake, GET GOOD END), HANDSHAKE_REFUSED);
    body = strstr(handshake.answer, "\r\n\r\n");
    ck_assert_ptr_nonnull(body);
    ck_assert_int_eq(
        sscanf(strstr(handshake.answer, "Content-Length"), "Content-Length: %u", &length), 1);
    ck_assert_uint_eq(strlen(body + 4), length);
}
END_TEST

int main(void)
{
    const int count = sizeof(rows) / sizeof(rows[0]);
    Suite *suite = suite_create("handshake");
    TCase *tests = tcase_create("heads");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tests, test_heads_get_the_answer_the_rfc_asks_for, 0, count);
    tcase_add_loop_test(tests, test_a_head_is_judged_when_it_is_complete, 0, count);
    tcase_add_test(tests, test_bytes_behind_the_head_are_left_alone);
    tcase_add_test(tests, test_other_methods_are_not_ours_from_their_first_byte);
    tcase_add_test(tests, test_the_query_tells_whether_a_certificate_counts);
    tcase_add_test(tests, test_a_head_beyond_its_bound_is_left_to_the_http_server);
    tcase_add_test(tests, test_a_nul_in_the_head_of_an_upgrade_is_malformed);
    tcase_add_test(tests, test_a_refusal_has_the_length_it_says);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
