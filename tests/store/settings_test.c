#include "store/settings.h"

#include "tests/suite.h"

START_TEST(test_the_defaults_are_those_of_the_service)
{
    const struct hub_settings settings = hub_settings_default();
    ck_assert_uint_eq(settings.device.depth, 50);
    ck_assert_uint_eq(settings.device.message_size, 64 * 1024);
    ck_assert_uint_eq(settings.device.max_delivery_count, 10);
    ck_assert_int_eq(settings.device.lock.us, DURATION_SECONDS(60).us);
    ck_assert_int_eq(settings.device.ttl.us, DURATION_HOURS(1).us);
    ck_assert(!settings.device.count_lock_expiry);
    ck_assert_int_eq(HUB_EXPIRY_MAX.us, DURATION_HOURS(48).us);
    ck_assert_str_eq(settings.name, "devicebound");
}
END_TEST

START_TEST(test_feedback_has_a_policy_of_its_own_without_bounds)
{
    const struct hub_settings settings = hub_settings_default();
    ck_assert_uint_eq(settings.feedback.depth, 0);
    ck_assert_uint_eq(settings.feedback.message_size, 0);
    ck_assert_uint_eq(settings.feedback.max_delivery_count, 10);
    ck_assert_int_eq(settings.feedback.lock.us, DURATION_SECONDS(60).us);
    ck_assert_int_eq(settings.feedback.ttl.us, DURATION_HOURS(1).us);
    ck_assert_uint_eq(settings.feedback_batch_size, 64);
    ck_assert_int_eq(settings.feedback_batch_interval.us, DURATION_SECONDS(15).us);
}
END_TEST

SUITE_MAIN("settings", test_the_defaults_are_those_of_the_service,
    test_feedback_has_a_policy_of_its_own_without_bounds)
