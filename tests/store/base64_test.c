#include "store/base64.h"

#include "tests/suite.h"

#include <string.h>

/* RFC 4648, section 10, both ends of the alphabet, bits that say nothing. */
static const struct {
    const char *text, *bytes;
} good[] = {{"", ""}, {"Zg==", "f"}, {"Zm8=", "fo"}, {"Zm9v", "foo"}, {"Zm9vYg==", "foob"},
    {"Zm9vYmE=", "fooba"}, {"Zm9vYmFy", "foobar"}, {"////", "\xff\xff\xff"},
    {"+/+/", "\xfb\xff\xbf"}, {"/w==", "\xff"}, {"Zh==", "f"}, {"Zv==", "f"}, {"Zm9=", "fo"}};

START_TEST(test_base64_is_decoded)
{
    uint8_t out[8];
    size_t length = 99;
    ck_assert(base64_decode(good[_i].text, strlen(good[_i].text), out, &length));
    ck_assert_uint_eq(length, strlen(good[_i].bytes));
    ck_assert_mem_eq(out, good[_i].bytes, length);
}
END_TEST

static const char *const bad[] = {"Z", "Zg", "Zg=", "Zm8", "=",
    "==", "====", "Z===", "Zg==Zg==", "Zg=v", "Z=9v", "=m9v", "Zm9v====", "Zm9vZ===", /* padding */
    " Zm9", "Zm9 ", "Zm9\n", "    ", "    Zm9v", "Zm9v    ", "Zg==\r\n\r\n", "Zm\n\nYmFy", "Zm9-",
    "Zm9_", "Zm9!", "Zm9\x80", "Zm,v", "-Zm9", "Zm9v----"};

START_TEST(test_all_else_is_refused)
{
    uint8_t out[16];
    size_t length = 99;
    ck_assert_msg(!base64_decode(bad[_i], strlen(bad[_i]), out, &length), "%s", bad[_i]);
    ck_assert_uint_eq(length, 99);
}
END_TEST

START_TEST(test_a_zero_is_no_base64)
{
    uint8_t out[8];
    size_t length;
    ck_assert(!base64_decode("Zm9\0", 4, out, &length));
    ck_assert(!base64_decode("\0\0\0\0", 4, out, &length));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base64");
    TCase *tests = tcase_create("base64");
    tcase_add_loop_test(tests, test_base64_is_decoded, 0, sizeof good / sizeof *good);
    tcase_add_loop_test(tests, test_all_else_is_refused, 0, sizeof bad / sizeof *bad);
    tcase_add_test(tests, test_a_zero_is_no_base64);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
