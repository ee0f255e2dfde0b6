#include "protocols/session/description.h"

#include "tests/suite.h"

#include <stdio.h>
#include <string.h>

#define NOW ((struct instant){INT64_C(1772366400000000)}) /* 2026-03-01T12:00:00Z */

START_TEST(test_a_refusal_is_the_line_that_the_service_tells)
{
    struct hub_error error;
    struct description told;
    char expected[400];
    hub_refuse(&error, HUB_ARGUMENT_INVALID, "a \"b\" \\ \xc3\xa9\n");
    description_write(&error, NOW, &told);
    ck_assert_uint_eq(strspn(told.tracking_id, "0123456789abcdef"), 32);
    ck_assert_str_eq(told.tracking_id + 32, "-G:0-TimeStamp:03/01/2026 12:00:00");
    snprintf(expected, sizeof expected,
        "{\"errorCode\":400004,\"trackingId\":\"%s\",\"message\":\"a \\\"b\\\" \\\\ ???\","
        "\"timestampUtc\":\"2026-03-01T12:00:00.0000000Z\"}",
        told.tracking_id);
    ck_assert_str_eq(told.text, expected);
}
END_TEST

START_TEST(test_the_longest_refusal_is_whole)
{
    struct hub_error error;
    struct description told;
    char sentence[sizeof(error.sentence)];
    memset(sentence, '"', sizeof sentence - 1);
    sentence[sizeof sentence - 1] = '\0';
    hub_refuse(&error, HUB_ARGUMENT_INVALID, "%s", sentence);
    description_write(&error, NOW, &told);
    ck_assert_uint_lt(strlen(told.text), sizeof told.text - 1);
    ck_assert_int_eq(told.text[strlen(told.text) - 1], '}');
}
END_TEST

SUITE_MAIN("description", test_a_refusal_is_the_line_that_the_service_tells,
    test_the_longest_refusal_is_whole)
