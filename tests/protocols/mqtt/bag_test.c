/* Topics and bags, byte for byte as IoT Hub and its clients write them. */
#include "protocols/mqtt/bag.h"
#include "store/iso8601.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TO "%24.to=%2Fdevices%2Fd1%2Fmessages%2Fdevicebound"

struct row {
    const char *device, *expiry, *correlation_id, *message_id, *to, *user_id, *type, *encoding;
    /* name, value, name, value, …; a value of NO_VALUE is null */
    const char *properties[9];
    const char *topic;
};

#define NO_VALUE "\x01"

static const struct row rows[] = {
    /* seen at the real hub, ids shortened */
    {.device = "nonsdkdevice",
        .message_id = "6f1c",
        .properties = {"key1", "value1", "key2", "value2"},
        .topic = "devices/nonsdkdevice/messages/devicebound/%24.mid=6f1c&%24.to=%2Fdevices%2F"
                 "nonsdkdevice%2Fmessages%2Fdevicebound&key1=value1&key2=value2"},
    {.device = "d1",
        .to = "/devices/d1/messages/deviceBound",
        .type = "text/plain; charset=UTF-8",
        .encoding = "utf-8",
        .properties = {"bbb", "bbbb", "aaa", "aaaa"},
        .topic = "devices/d1/messages/devicebound/%24.to=%2Fdevices%2Fd1%2Fmessages%2FdeviceBound&"
                 "%24.ct=text%2Fplain%3B%20charset%3DUTF-8&%24.ce=utf-8&bbb=bbbb&aaa=aaaa"},
    {.device = "pubsub",
        .message_id = "6f1c",
        .encoding = "utf-8",
        .properties = {"iothub-ack", "none"},
        .topic = "devices/pubsub/messages/devicebound/%24.mid=6f1c&%24.to=%2Fdevices%2Fpubsub"
                 "%2Fmessages%2Fdevicebound&%24.ce=utf-8&iothub-ack=none"},
    {.device = "d1",
        .message_id = "6f1c",
        .to = "/devices/d1/messages/deviceBound",
        .properties = {"iothub-ack", "full"},
        .topic = "devices/d1/messages/devicebound/%24.mid=6f1c&%24.to=%2Fdevices%2Fd1%2Fmessages"
                 "%2FdeviceBound&iothub-ack=full"},
    {.device = "testdevice-x509",
        .to = "/devices/testdevice-x509/messages/deviceBound",
        .topic = "devices/testdevice-x509/messages/devicebound/%24.to=%2Fdevices%2Ftestdevice-x509"
                 "%2Fmessages%2FdeviceBound"},
    /* made up for the rules */
    {.device = "d1", .topic = "devices/d1/messages/devicebound/" TO},
    {.device = "d1",
        .expiry = "2026-03-01T12:00:00Z",
        .correlation_id = "corr#1",
        .message_id = "m-1",
        .user_id = "svc 1",
        .type = "application/json",
        .encoding = "utf-8",
        .properties = {"p", "1", "iothub-ack", "full"},
        .topic = "devices/d1/messages/devicebound/%24.exp=2026-03-01T12%3A00%3A00.0000000Z&"
                 "%24.cid=corr%231&%24.mid=m-1&" TO "&%24.uid=svc%201&%24.ct=application%2Fjson&"
                 "%24.ce=utf-8&iothub-ack=full&p=1"},
    {.device = "d1",
        .properties = {"&ey1", "=al1", "K/y2", "V@l2", "Ke?3", "Va%3"},
        .topic =
            "devices/d1/messages/devicebound/" TO "&%26ey1=%3Dal1&K%2Fy2=V%40l2&Ke%3F3=Va%253"},
    {.device = "d1",
        .message_id = "MessageIdForE2E*7",
        .correlation_id = "MessageCorrelationIdFor#E2E7",
        .topic = "devices/d1/messages/devicebound/%24.cid=MessageCorrelationIdFor%23E2E7&"
                 "%24.mid=MessageIdForE2E%2A7&" TO},
    {.device = "d1",
        .properties = {"\xc3\xa9 ~", "a+b"},
        .topic = "devices/d1/messages/devicebound/" TO "&%C3%A9%20~=a%2Bb"},
    {.device = "d1",
        .properties = {"n", NO_VALUE, "e", ""},
        .topic = "devices/d1/messages/devicebound/" TO "&n&e="},
    {.device = "d1",
        .properties = {"iothub-ack", "something"},
        .topic = "devices/d1/messages/devicebound/" TO "&iothub-ack=none"},
    {.device = "d1", .type = "", .to = "", .topic = "devices/d1/messages/devicebound/" TO},
};

static void set(struct message *message, enum message_field field, const char *value)
{
    if (value) {
        struct hub_error error;
        ck_assert_int_eq(message_set(message, field, text_of(value), &error), HUB_OK);
    }
}

static struct message *make(const struct row *row)
{
    struct message *message = message_create();
    set(message, MESSAGE_ID, row->message_id);
    set(message, MESSAGE_CORRELATION_ID, row->correlation_id);
    set(message, MESSAGE_TO, row->to);
    set(message, MESSAGE_USER_ID, row->user_id);
    set(message, MESSAGE_CONTENT_TYPE, row->type);
    set(message, MESSAGE_CONTENT_ENCODING, row->encoding);
    if (row->expiry) {
        struct instant expiry;
        ck_assert(iso8601_parse_instant(row->expiry, &expiry));
        message_set_expiry(message, expiry);
    }
    for (size_t i = 0; row->properties[i]; i += 2) {
        struct hub_error error;
        bool is_null = strcmp(row->properties[i + 1], NO_VALUE) == 0;
        struct text value = is_null ? TEXT_ABSENT : text_of(row->properties[i + 1]);
        ck_assert_int_eq(
            message_add_property(message, text_of(row->properties[i]), value, &error), HUB_OK);
    }
    return message;
}

START_TEST(test_topic_is_exactly_what_iot_hub_writes)
{
    const struct row *row = &rows[_i];
    struct message *message = make(row);
    char topic[65535];
    size_t length = bag_write_topic(message, row->device, topic, sizeof topic);
    ck_assert_uint_gt(length, 0);
    topic[length] = 0;
    ck_assert_str_eq(topic, row->topic);
    message_release(message);
}
END_TEST

START_TEST(test_topic_that_fills_its_room_is_written_and_one_byte_less_is_not)
{
    struct message *message = make(&rows[0]);
    char topic[400];
    size_t length = strlen(rows[0].topic);
    ck_assert_uint_eq(bag_write_topic(message, rows[0].device, topic, length), length);
    ck_assert_mem_eq(topic, rows[0].topic, length);
    ck_assert_uint_eq(bag_write_topic(message, rows[0].device, topic, length - 1), 0);
    message_release(message);
}
END_TEST

START_TEST(test_topic_of_64_kb_of_properties_does_not_fit)
{
    struct message *message = message_create();
    char *value = malloc(30000);
    memset(value, '/', 30000);
    message_add_property(message, TEXT("p"), (struct text){value, 30000}, NULL);
    static char topic[65535];
    ck_assert_uint_eq(bag_write_topic(message, "d1", topic, sizeof topic), 0);
    free(value);
    message_release(message);
}
END_TEST

/* The properties one after another, system ones with a `$` before them. Static. */
static const char *describe(const struct telemetry_event *event)
{
    static char text[131072];
    size_t at = 0, length = 0;
    struct telemetry_property property;
    text[0] = '\0';
    while (telemetry_event_next(event, &at, &property)) {
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s%s%s%s",
            length ? " " : "", property.kind == TELEMETRY_SYSTEM ? "$" : "", property.name.bytes,
            property.value.bytes ? "=" : "", property.value.bytes ? property.value.bytes : "");
    }
    return text;
}

static const struct {
    const char *bag;
    const char *properties; /* NULL: refused */
} bags[] = {
    {"", ""},
    {"a=1", "a=1"},
    {"a=1&b=2&n&e=", "a=1 b=2 n e="},
    {"%24.mid=m1&%24.ct=text%2Fplain&a=1", "$messageId=m1 $contentType=text/plain a=1"},
    {"$.mid=m%201&$.ctime=2026-03-01T12%3a00%3a00Z",
        "$messageId=m 1 $$.ctime=2026-03-01T12:00:00Z"},
    {"%24.cid=c&%24.uid=u&%24.to=%2Ft&%24.exp=e&%24.ce=utf-8",
        "$correlationId=c $userId=u $to=/t $expiryTime=e $contentEncoding=utf-8"},
    {"%24.=x&%24=y", "$.=x $=y"},
    {"k=(a)*'!,;@~", "k=(a)*'!,;@~"},
    {"k=%C3%A9%0A", "k=\xc3\xa9\n"},
    {"k=%", NULL},
    {"k=%4", NULL},
    {"k=%zz", NULL},
    {"k=%C3", NULL},
    {"k=%ED%A0%80", NULL},
    {"k=%00", NULL},
    {"k=a=b", NULL},
    {"=v", NULL},
    {"a=1&", NULL},
    {"&a=1", NULL},
    {"a=1&&b=2", NULL},
    {"?a=1", NULL},
    {"a=1:2", NULL},
    {"a=b/c", NULL},
    {"a=b c", NULL},
    {"a=\xc3\xa9", NULL},
};

START_TEST(test_bag_of_telemetry_is_read_or_refused)
{
    struct telemetry_event *event = telemetry_event_create();
    bool is_read = bag_parse(text_of(bags[_i].bag), event);
    ck_assert_int_eq(is_read, bags[_i].properties != NULL);
    if (is_read) {
        ck_assert_str_eq(describe(event), bags[_i].properties);
    }
    telemetry_event_free(event);
}
END_TEST

START_TEST(test_bag_that_was_written_is_read_again)
{
    struct message *message = make(&rows[_i]);
    char topic[65535];
    size_t length = bag_write_topic(message, rows[_i].device, topic, sizeof topic);
    size_t prefix = strlen("devices//messages/devicebound/") + strlen(rows[_i].device);
    struct telemetry_event *event = telemetry_event_create();
    struct telemetry_property property;
    size_t at = 0, count = 0;
    ck_assert(bag_parse((struct text){topic + prefix, length - prefix}, event));
    struct text id = telemetry_event_find(event, TELEMETRY_MESSAGE_ID);
    ck_assert(id.bytes ? text_equal(id, text_of(rows[_i].message_id)) : !rows[_i].message_id);
    while (telemetry_event_next(event, &at, &property)) {
        count += property.kind == TELEMETRY_APPLICATION;
    }
    ck_assert_uint_eq(count, message_property_count(message));
    telemetry_event_free(event);
    message_release(message);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mqtt bag");
    TCase *tests = tcase_create("bag");
    size_t row_count = sizeof rows / sizeof *rows;
    tcase_add_loop_test(tests, test_topic_is_exactly_what_iot_hub_writes, 0, (int)row_count);
    tcase_add_test(tests, test_topic_that_fills_its_room_is_written_and_one_byte_less_is_not);
    tcase_add_test(tests, test_topic_of_64_kb_of_properties_does_not_fit);
    tcase_add_loop_test(
        tests, test_bag_of_telemetry_is_read_or_refused, 0, sizeof bags / sizeof *bags);
    tcase_add_loop_test(tests, test_bag_that_was_written_is_read_again, 0, (int)row_count);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
