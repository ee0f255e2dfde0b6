#include "store/clock.h"

#include "tests/suite.h"

#define NOON ((struct instant){1772366400000000})

START_TEST(test_instants_are_added_and_compared)
{
    struct instant later = instant_add(NOON, DURATION_SECONDS(2));
    ck_assert_int_eq(later.us, NOON.us + 2000000);
    ck_assert_int_eq(instant_since(later, NOON).us, 2000000);
    ck_assert_int_eq(instant_since(NOON, later).us, -2000000);
    ck_assert_int_lt(instant_compare(NOON, later), 0);
    ck_assert_int_gt(instant_compare(later, NOON), 0);
    ck_assert_int_eq(instant_compare(NOON, NOON), 0);
    ck_assert_int_eq(instant_min(later, NOON).us, NOON.us);
    ck_assert_int_eq(instant_min(NOON, later).us, NOON.us);
}
END_TEST

START_TEST(test_sums_stop_at_the_ends_of_time)
{
    ck_assert(instant_is_never(instant_add(INSTANT_NEVER, DURATION_SECONDS(1))));
    ck_assert(instant_is_never(
        instant_add((struct instant){INT64_MAX - 5}, (struct duration){INT64_MAX})));
    ck_assert_int_eq(
        instant_add((struct instant){INT64_MIN + 5}, (struct duration){INT64_MIN}).us, INT64_MIN);
    ck_assert_int_eq(instant_since(INSTANT_NEVER, (struct instant){-5}).us, INT64_MAX);
    ck_assert_int_eq(instant_since((struct instant){INT64_MIN}, (struct instant){5}).us, INT64_MIN);
    ck_assert(!instant_is_never(NOON));
}
END_TEST

START_TEST(test_units_are_what_they_say)
{
    ck_assert_int_eq(DURATION_MS(3).us, 3000);
    ck_assert_int_eq(DURATION_MINUTES(1).us, DURATION_SECONDS(60).us);
    ck_assert_int_eq(DURATION_HOURS(1).us, DURATION_MINUTES(60).us);
    ck_assert_int_eq(DURATION_DAYS(365).us, DURATION_HOURS(24 * 365).us);
}
END_TEST

START_TEST(test_a_frozen_clock_moves_only_when_it_is_moved)
{
    struct clock *clock = clock_create_frozen(NOON);
    ck_assert(clock_is_frozen(clock));
    ck_assert_int_eq(clock_now(clock).us, NOON.us);
    clock_advance(clock, DURATION_HOURS(1));
    ck_assert_int_eq(clock_now(clock).us, NOON.us + DURATION_HOURS(1).us);
    clock_set(clock, NOON);
    ck_assert_int_eq(clock_now(clock).us, NOON.us);
    ck_assert(clock_is_frozen(clock));
    clock_free(clock);
}
END_TEST

/* Between two looks at the machine's clock. */
static void check_between(struct instant low, struct instant at, struct instant high)
{
    ck_assert_int_le(low.us, at.us);
    ck_assert_int_le(at.us, high.us);
}

START_TEST(test_a_clock_follows_the_machines_until_told_otherwise)
{
    struct clock *clock = clock_create();
    struct instant before = clock_machine_now(), now = clock_now(clock);
    check_between(before, now, clock_machine_now());
    ck_assert_int_eq(clock_offset(clock).us, 0);
    clock_advance(clock, DURATION_DAYS(1));
    before = instant_add(clock_machine_now(), DURATION_HOURS(23));
    now = clock_now(clock);
    check_between(before, now, instant_add(clock_machine_now(), DURATION_HOURS(25)));
    now = (struct instant){clock_offset(clock).us};
    check_between(
        (struct instant){DURATION_HOURS(23).us}, now, (struct instant){DURATION_HOURS(25).us});
    clock_free(clock);
}
END_TEST

START_TEST(test_a_clock_that_is_resumed_goes_on_from_where_it_stood)
{
    struct clock *clock = clock_create_frozen(NOON);
    clock_resume(clock);
    ck_assert(!clock_is_frozen(clock));
    check_between(NOON, clock_now(clock), instant_add(NOON, DURATION_MINUTES(1)));
    struct instant before = clock_now(clock);
    clock_resume(clock); /* as it was */
    check_between(before, clock_now(clock), instant_add(NOON, DURATION_MINUTES(1)));
    clock_free(clock);
}
END_TEST

START_TEST(test_freezing_stops_a_clock_where_it_is)
{
    struct clock *clock = clock_create();
    clock_set(clock, NOON);
    clock_freeze(clock);
    struct instant stood = clock_now(clock);
    check_between(NOON, stood, instant_add(NOON, DURATION_MINUTES(1)));
    clock_freeze(clock);
    ck_assert_int_eq(clock_now(clock).us, stood.us);
    ck_assert_int_eq(clock_now(clock).us, stood.us);
    clock_free(clock);
}
END_TEST

START_TEST(test_a_clock_may_be_set_back)
{
    struct clock *clock = clock_create();
    clock_set(clock, NOON);
    clock_set(clock, (struct instant){0});
    check_between((struct instant){0}, clock_now(clock), (struct instant){DURATION_MINUTES(1).us});
    ck_assert_int_lt(clock_offset(clock).us, 0);
    clock_free(clock);
}
END_TEST

START_TEST(test_the_monotonic_clock_does_not_go_back)
{
    int64_t before = clock_monotonic_ms();
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_monotonic_ms();
        ck_assert_int_ge(now, before);
        before = now;
    }
}
END_TEST

SUITE_MAIN("clock", test_instants_are_added_and_compared, test_sums_stop_at_the_ends_of_time,
    test_units_are_what_they_say, test_a_frozen_clock_moves_only_when_it_is_moved,
    test_a_clock_follows_the_machines_until_told_otherwise,
    test_a_clock_that_is_resumed_goes_on_from_where_it_stood,
    test_freezing_stops_a_clock_where_it_is, test_a_clock_may_be_set_back,
    test_the_monotonic_clock_does_not_go_back)
