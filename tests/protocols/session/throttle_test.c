#include "protocols/session/throttle.h"

#include "tests/store/fixture.h"
#include "tests/suite.h"

static struct fixture f;
static struct sessions *sessions;

static void begin(enum throttle_profile profile)
{
    fixture_open(&f, false);
    sessions = sessions_open(f.hub);
    throttle_set_profile(sessions, profile);
}

static void finish(void)
{
    sessions_close(sessions);
    fixture_close(&f);
}

static struct instant after(int64_t us)
{
    return instant_add(clock_now(f.clock), (struct duration){us});
}

/* How many are taken until one is refused. */
static int64_t count_takes(enum throttle_operation operation, struct instant now)
{
    int64_t count = 0;
    while (count < 10000000 && throttle_take(sessions, operation, now, NULL) == HUB_OK) {
        count++;
    }
    return count;
}

START_TEST(test_nothing_is_refused_without_a_profile)
{
    begin(THROTTLE_OFF);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(throttle_take(sessions, THROTTLE_QUERY, after(0), NULL), HUB_OK);
    }
    finish();
}
END_TEST

START_TEST(test_each_profile_has_its_rates_and_a_burst_of_three_minutes)
{
    static const int64_t per_minute[THROTTLE_OPERATION_COUNT][THROTTLE_PROFILE_COUNT] = {
        [THROTTLE_SEND] = {0, 100, 100, 100, 5000},
        [THROTTLE_RECEIVE] = {0, 1000, 1000, 1000, 50000},
        [THROTTLE_REGISTRY] = {0, 100, 100, 100, 5000},
        [THROTTLE_TELEMETRY] = {0, 100 * 60, 100 * 60, 120 * 60, 6000 * 60},
        [THROTTLE_CONNECT] = {0, 100 * 60, 100 * 60, 120 * 60, 6000 * 60},
        [THROTTLE_QUERY] = {0, 20, 20, 20, 1000},
        [THROTTLE_TWIN_READ] = {0, 100 * 60, 100 * 60, 100 * 60, 500 * 60},
        [THROTTLE_TWIN_UPDATE] = {0, 50 * 60, 50 * 60, 50 * 60, 250 * 60},
        [THROTTLE_UPLOAD] = {0, 100, 100, 100, 5000}};
    for (enum throttle_profile profile = THROTTLE_FREE; profile < THROTTLE_PROFILE_COUNT;
         profile++) {
        begin(profile);
        for (enum throttle_operation each = 0; each < THROTTLE_OPERATION_COUNT; each++) {
            int64_t rate = per_minute[each][profile];
            ck_assert_int_eq(count_takes(each, after(0)), 3 * rate);
            ck_assert_int_eq(count_takes(each, after(60000000)), rate);
            ck_assert_int_eq(count_takes(each, after(60000000 + 60000000 / rate + 1)), 1);
        }
        finish();
    }
}
END_TEST

START_TEST(test_a_refusal_names_the_operation_and_costs_nothing)
{
    struct hub_error error;
    begin(THROTTLE_FREE);
    count_takes(THROTTLE_SEND, after(0));
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(
            throttle_take(sessions, THROTTLE_SEND, after(0), &error), HUB_THROTTLING_EXCEPTION);
    }
    ck_assert_str_eq(error.sentence, "The rate limit of cloud-to-device sends is exceeded. "
                                     "Wait 10 seconds and try again.");
    ck_assert_int_eq(
        throttle_take(sessions, THROTTLE_SEND, after(599999), NULL), HUB_THROTTLING_EXCEPTION);
    ck_assert_int_eq(throttle_take(sessions, THROTTLE_SEND, after(600000), NULL), HUB_OK);
    finish();
}
END_TEST

START_TEST(test_a_bucket_never_holds_more_than_its_burst)
{
    begin(THROTTLE_FREE);
    count_takes(THROTTLE_QUERY, after(0));
    ck_assert_int_eq(count_takes(THROTTLE_QUERY, after(DURATION_DAYS(10000).us)), 60);
    finish();
}
END_TEST

START_TEST(test_a_clock_set_back_fills_from_where_it_stands)
{
    begin(THROTTLE_FREE);
    count_takes(THROTTLE_QUERY, after(DURATION_DAYS(1).us));
    ck_assert_int_eq(count_takes(THROTTLE_QUERY, after(0)), 0);
    ck_assert_int_eq(count_takes(THROTTLE_QUERY, after(60000000)), 20);
    finish();
}
END_TEST

START_TEST(test_a_refill_fills_every_bucket)
{
    begin(THROTTLE_FREE);
    count_takes(THROTTLE_QUERY, after(0));
    count_takes(THROTTLE_SEND, after(0));
    throttle_refill(sessions);
    ck_assert_int_eq(count_takes(THROTTLE_QUERY, after(0)), 60);
    ck_assert_int_eq(count_takes(THROTTLE_SEND, after(0)), 300);
    finish();
}
END_TEST

START_TEST(test_another_profile_holds_from_then_on_with_full_buckets)
{
    begin(THROTTLE_OFF);
    throttle_set_profile(sessions, THROTTLE_FREE);
    ck_assert_int_eq(count_takes(THROTTLE_SEND, after(0)), 300);
    throttle_set_profile(sessions, THROTTLE_S3);
    ck_assert_int_eq(count_takes(THROTTLE_SEND, after(0)), 15000);
    throttle_set_profile(sessions, THROTTLE_OFF);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(throttle_take(sessions, THROTTLE_SEND, after(0), NULL), HUB_OK);
    }
    throttle_set_profile(sessions, THROTTLE_FREE);
    ck_assert_int_eq(count_takes(THROTTLE_SEND, after(0)), 300);
    finish();
}
END_TEST

START_TEST(test_the_same_profile_again_fills_nothing)
{
    begin(THROTTLE_FREE);
    count_takes(THROTTLE_SEND, after(0));
    throttle_set_profile(sessions, THROTTLE_FREE);
    ck_assert_int_eq(count_takes(THROTTLE_SEND, after(0)), 0);
    ck_assert_int_eq(count_takes(THROTTLE_SEND, after(60000000)), 100);
    finish();
}
END_TEST

SUITE_MAIN("throttle", test_nothing_is_refused_without_a_profile,
    test_each_profile_has_its_rates_and_a_burst_of_three_minutes,
    test_a_refusal_names_the_operation_and_costs_nothing,
    test_a_bucket_never_holds_more_than_its_burst, test_a_clock_set_back_fills_from_where_it_stands,
    test_a_refill_fills_every_bucket, test_another_profile_holds_from_then_on_with_full_buckets,
    test_the_same_profile_again_fills_nothing)
