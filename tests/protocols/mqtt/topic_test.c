/* Which topics and filters are known, for device "d1". */
#include "protocols/mqtt/topic.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    enum topic_filter filter;
} filters[] = {
    {"devices/d1/messages/devicebound/#", FILTER_DEVICE_BOUND},
    {"devices/d1/messages/devicebound", FILTER_DEVICE_BOUND_BARE},
    {"devices/d1/messages/devicebound/", FILTER_DEVICE_BOUND_BARE},
    {"$iothub/twin/res/#", FILTER_TWIN_ANSWERS},
    {"$iothub/twin/PATCH/properties/desired/#", FILTER_TWIN_DESIRED},
    {"$iothub/methods/POST/#", FILTER_METHODS},
    {"#", FILTER_UNKNOWN},
    {"$SYS/#", FILTER_UNKNOWN},
    {"+/d1/messages/devicebound/#", FILTER_UNKNOWN},
    {"devices/d1/messages/#", FILTER_UNKNOWN},
    {"devices/d2/messages/devicebound/#", FILTER_UNKNOWN},
    {"devices/D1/messages/devicebound/#", FILTER_UNKNOWN},
    {"Devices/d1/messages/devicebound/#", FILTER_UNKNOWN},
    {"devices/d1/messages/devicebound#", FILTER_UNKNOWN},
    {"devices/d1/messages/devicebound/%24.mid=1", FILTER_UNKNOWN},
    {"devices/d1/messages/events/#", FILTER_UNKNOWN},
    {"devices/d1/modules/m1/#", FILTER_UNKNOWN},
    {"$iothub/twin/res/200/#", FILTER_UNKNOWN},
    {"devices/d1", FILTER_UNKNOWN},
};

START_TEST(test_filter_is_known_or_not)
{
    ck_assert_int_eq(topic_filter_of(text_of(filters[_i].text), "d1"), filters[_i].filter);
}
END_TEST

static const struct {
    const char *text;
    enum topic_kind kind;
    const char *bag, *request_id; /* NULL: absent */
} topics[] = {
    {"devices/d1/messages/events", TOPIC_TELEMETRY, "", NULL},
    {"devices/d1/messages/events/", TOPIC_TELEMETRY, "", NULL},
    {"devices/d1/messages/events/a=1", TOPIC_TELEMETRY, "a=1", NULL},
    {"devices/d1/messages/events/a=1&b=2/", TOPIC_TELEMETRY, "a=1&b=2", NULL},
    {"devices/d1/messages/eventsx", TOPIC_UNKNOWN, NULL, NULL},
    {"devices/d2/messages/events/", TOPIC_UNKNOWN, NULL, NULL},
    {"devices/d1/messages/devicebound/a=1", TOPIC_UNKNOWN, NULL, NULL},
    {"$iothub/twin/GET/?$rid=5e", TOPIC_TWIN_GET, NULL, "5e"},
    {"$iothub/twin/GET/?x=y&$rid=a%20b&z", TOPIC_TWIN_GET, NULL, "a%20b"},
    {"$iothub/twin/GET/", TOPIC_TWIN_GET, NULL, NULL},
    {"$iothub/twin/GET/$rid=1", TOPIC_UNKNOWN, NULL, NULL},
    {"$iothub/twin/PATCH/properties/reported/?$rid=1", TOPIC_TWIN_REPORT, NULL, "1"},
    {"$iothub/twin/PATCH/properties/desired/?$rid=1", TOPIC_UNKNOWN, NULL, NULL},
    {"$iothub/methods/res/200/?$rid=2", TOPIC_METHOD_ANSWER, NULL, "2"},
    {"$iothub/methods/res/-1/?$rid=2", TOPIC_METHOD_ANSWER, NULL, "2"},
    {"$iothub/methods/res/ok/?$rid=2", TOPIC_UNKNOWN, NULL, NULL},
    {"$iothub/methods/res/200/", TOPIC_UNKNOWN, NULL, NULL},
    {"$iothub/methods/POST/x/?$rid=2", TOPIC_UNKNOWN, NULL, NULL},
    {"anything", TOPIC_UNKNOWN, NULL, NULL},
};

static void assert_text(struct text text, const char *expected)
{
    ck_assert_int_eq(text.bytes != NULL, expected != NULL);
    if (expected) {
        ck_assert_uint_eq(text.length, strlen(expected));
        ck_assert_mem_eq(text.bytes, expected, text.length);
    }
}

START_TEST(test_topic_is_known_or_not)
{
    struct topic topic = topic_parse(text_of(topics[_i].text), "d1");
    ck_assert_int_eq(topic.kind, topics[_i].kind);
    if (topic.kind != TOPIC_UNKNOWN) {
        assert_text(topic.bag, topics[_i].bag);
        assert_text(topic.request_id, topics[_i].request_id);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mqtt topic");
    TCase *tests = tcase_create("topic");
    tcase_add_loop_test(tests, test_filter_is_known_or_not, 0, sizeof filters / sizeof *filters);
    tcase_add_loop_test(tests, test_topic_is_known_or_not, 0, sizeof topics / sizeof *topics);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
