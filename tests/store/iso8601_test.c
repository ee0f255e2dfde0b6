#include "store/iso8601.h"

#include "tests/suite.h"

#include <string.h>

#define SECONDS(n) ((n)*INT64_C(1000000))
#define NOON ((struct instant){1772366400000000}) /* 2026-03-01T12:00:00Z */

static const char *instant_text(int64_t us, int decimals)
{
    static char out[ISO8601_SIZE];
    iso8601_format_instant((struct instant){us}, decimals, out);
    return out;
}

static const char *duration_text(int64_t us)
{
    static char out[ISO8601_SIZE];
    iso8601_format_duration((struct duration){us}, out);
    return out;
}

START_TEST(test_an_instant_has_as_many_decimals_as_asked_for)
{
    static const char *const texts[] = {"2026-03-01T12:00:00Z", "2026-03-01T12:00:00.1Z",
        "2026-03-01T12:00:00.12Z", "2026-03-01T12:00:00.123Z", "2026-03-01T12:00:00.1234Z",
        "2026-03-01T12:00:00.12345Z", "2026-03-01T12:00:00.123456Z",
        "2026-03-01T12:00:00.1234560Z"};
    for (int decimals = 0; decimals <= 7; decimals++) {
        ck_assert_str_eq(instant_text(NOON.us + 123456, decimals), texts[decimals]);
    }
}
END_TEST

START_TEST(test_dates_follow_the_calendar)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {{0, "1970-01-01T00:00:00Z"}, {-1, "1969-12-31T23:59:59Z"},
        {951782400, "2000-02-29T00:00:00Z"}, {951868800, "2000-03-01T00:00:00Z"},
        {1709164800, "2024-02-29T00:00:00Z"}, {4107542400, "2100-03-01T00:00:00Z"},
        {4107456000, "2100-02-28T00:00:00Z"}, {-62135596800, "0001-01-01T00:00:00Z"},
        {253402300799, "9999-12-31T23:59:59Z"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct instant at;
        ck_assert_str_eq(instant_text(cases[i].seconds * 1000000, 0), cases[i].text);
        ck_assert(iso8601_parse_instant(cases[i].text, &at));
        ck_assert_int_eq(at.us, cases[i].seconds * 1000000);
    }
}
END_TEST

START_TEST(test_years_without_four_digits_are_clamped)
{
    ck_assert_str_eq(instant_text(INT64_MIN, 0), "0001-01-01T00:00:00Z");
    ck_assert_str_eq(instant_text(INT64_MAX, 7), "9999-12-31T23:59:59.9999990Z");
}
END_TEST

START_TEST(test_an_instant_is_read_with_fraction_and_offset)
{
    static const struct {
        const char *text;
        int64_t us; /* after noon */
    } cases[] = {{"2026-03-01T12:00:00Z", 0}, {"2026-03-01t12:00:00z", 0},
        {"2026-03-01T12:00:00.5Z", 500000}, {"2026-03-01T12:00:00,5Z", 500000},
        {"2026-03-01T12:00:00.1234569Z", 123456}, {"2026-03-01T13:30:00+01:30", 0},
        {"2026-03-01T10:00:00-02:00", 0}, {"2026-03-02T00:00:00+12:00", 0},
        {"2026-03-01T12:00:60Z", 60000000}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct instant at;
        ck_assert_msg(iso8601_parse_instant(cases[i].text, &at), "%s", cases[i].text);
        ck_assert_msg(at.us == NOON.us + cases[i].us, "%s", cases[i].text);
    }
}
END_TEST

START_TEST(test_what_is_no_instant_is_refused)
{
    static const char *const texts[] = {"", "2026", "2026-03-01", "2026-03-01T12:00Z",
        "2026-03-01T12:00:00", "2026-03-01 12:00:00Z", "2026-13-01T12:00:00Z",
        "2026-00-01T12:00:00Z", "2026-02-29T12:00:00Z", "2100-02-29T12:00:00Z",
        "2026-04-31T12:00:00Z", "2026-03-00T12:00:00Z", "2026-03-01T24:00:00Z",
        "2026-03-01T12:60:00Z", "2026-03-01T12:00:61Z", "2026-03-01T12:00:00.Z",
        "2026-03-01T12:00:00+1:00", "2026-03-01T12:00:00+24:00", "2026-03-01T12:00:00+01:60",
        "2026-03-01T12:00:00Zx", " 2026-03-01T12:00:00Z", "0000-03-01T12:00:00Z",
        "-026-03-01T12:00:00Z", "2026-3-1T12:00:00Z", "2026-03-01T12:00:00+0100"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct instant at;
        ck_assert_msg(!iso8601_parse_instant(texts[i], &at), "%s", texts[i]);
    }
}
END_TEST

START_TEST(test_a_duration_has_its_shortest_spelling)
{
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {{0, "PT0S"}, {SECONDS(60), "PT1M"}, {SECONDS(3600), "PT1H"},
        {SECONDS(172800), "P2D"}, {SECONDS(129600), "P1DT12H"}, {1500000, "PT1.5S"},
        {1, "PT0.000001S"}, {SECONDS(90), "PT1M30S"}, {SECONDS(86400) + 1000, "P1DT0.001S"},
        {-SECONDS(5), "-PT5S"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_str_eq(duration_text(cases[i].us), cases[i].text);
        struct duration span;
        if (cases[i].us >= 0) {
            ck_assert(iso8601_parse_duration(cases[i].text, &span));
            ck_assert_int_eq(span.us, cases[i].us);
        }
    }
    ck_assert_uint_lt(strlen(duration_text(INT64_MIN)), ISO8601_SIZE);
}
END_TEST

START_TEST(test_a_duration_is_read_in_any_spelling)
{
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {{"PT1H0M0S", SECONDS(3600)}, {"PT60M", SECONDS(3600)}, {"pt3600s", SECONDS(3600)},
        {"P1DT12H", SECONDS(129600)}, {"P0D", 0}, {"PT0,25S", 250000}, {"PT1.9999999S", 1999999}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct duration span;
        ck_assert_msg(iso8601_parse_duration(cases[i].text, &span), "%s", cases[i].text);
        ck_assert_msg(span.us == cases[i].us, "%s", cases[i].text);
    }
}
END_TEST

START_TEST(test_what_is_no_duration_is_refused)
{
    static const char *const texts[] = {"", "P", "PT", "P1", "1H", "PT1", "P1H", "PT1D", "P1Y",
        "P1M", "P1W", "-PT1M", "PT-1M", "PT1M1H", "PT1M1M", "P1DT", "P1D1D", "PT1.5M", "PT.5S",
        "PT1.S", "PT1H ", " PT1H", "P1DT1H1D", "PTT1H", "PT12345678901S", "P9999999999D",
        "PT1S\x80"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct duration span;
        ck_assert_msg(!iso8601_parse_duration(texts[i], &span), "%s", texts[i]);
    }
}
END_TEST

SUITE_MAIN("iso8601", test_an_instant_has_as_many_decimals_as_asked_for,
    test_dates_follow_the_calendar, test_years_without_four_digits_are_clamped,
    test_an_instant_is_read_with_fraction_and_offset, test_what_is_no_instant_is_refused,
    test_a_duration_has_its_shortest_spelling, test_a_duration_is_read_in_any_spelling,
    test_what_is_no_duration_is_refused)
