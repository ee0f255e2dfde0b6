#include "store/key.h"

#include "tests/suite.h"

#define TWELVE "MDEyMzQ1Njc4OWFi" /* bytes */
#define SIXTY TWELVE TWELVE TWELVE TWELVE TWELVE

static const char *const good[] = {
    TWELVE "Y2RlZg==", TWELVE "Y2RlZmc=", TWELVE "Y2RlZmdo", SIXTY "Y2RlZg=="};

START_TEST(test_a_key_of_16_to_64_bytes_is_read_and_written)
{
    struct key key;
    char text[KEY_TEXT_SIZE];
    ck_assert(key_parse(good[_i], &key));
    key_format(&key, text);
    ck_assert_str_eq(text, good[_i]);
}
END_TEST

static const char *const bad[] = {"", TWELVE "Y2Rl", SIXTY "Y2RlZmc=", SIXTY TWELVE,
    TWELVE "Y2RlZg", /* without padding */
    TWELVE "Y2=lZg==", " " TWELVE "Y2RlZg=", "    " TWELVE "Y2RlZg==", TWELVE "Y2RlZg==\n\n\n\n",
    TWELVE "Y2RlZm-_"};

START_TEST(test_what_is_no_base64_of_such_a_key_is_refused)
{
    struct key key = {.length = 1};
    ck_assert_msg(!key_parse(bad[_i], &key), "%s", bad[_i]);
    ck_assert_uint_eq(key.length, 1);
}
END_TEST

START_TEST(test_a_key_that_somebody_made_up_is_the_one_that_sdks_read)
{
    struct key key;
    char text[KEY_TEXT_SIZE];
    ck_assert(key_parse(TWELVE "Y2RlZh==", &key));
    key_format(&key, text);
    ck_assert_str_eq(text, TWELVE "Y2RlZg==");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("key");
    TCase *tests = tcase_create("key");
    tcase_add_loop_test(
        tests, test_a_key_of_16_to_64_bytes_is_read_and_written, 0, sizeof good / sizeof *good);
    tcase_add_loop_test(
        tests, test_what_is_no_base64_of_such_a_key_is_refused, 0, sizeof bad / sizeof *bad);
    tcase_add_test(tests, test_a_key_that_somebody_made_up_is_the_one_that_sdks_read);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
