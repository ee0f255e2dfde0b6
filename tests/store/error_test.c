#include "store/error.h"

#include "tests/suite.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* What a careless table would get wrong, for each entry. */
START_TEST(test_every_entry_has_a_number_a_name_and_a_sentence)
{
    enum hub_code code;
    for (size_t i = 0; hub_code_at(i, &code); i++) {
        const char *name = hub_code_name(code), *sentence = hub_code_sentence(code);
        ck_assert_msg(code >= 400000 && code <= 599999, "%d", code);
        ck_assert_msg(isupper((unsigned char)name[0]), "%s", name);
        ck_assert_msg(
            name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0',
            "%s", name);
        ck_assert_msg(sentence[0] != '\0', "%s", name);
        ck_assert_int_eq(hub_code_http_status(code), code / 1000);
        ck_assert_msg(hub_code_http_status(code) >= 400, "%s", name);
    }
}
END_TEST

START_TEST(test_no_two_entries_are_the_same)
{
    enum hub_code one, other;
    for (size_t i = 0; hub_code_at(i, &one); i++) {
        for (size_t j = 0; j < i; j++) {
            hub_code_at(j, &other);
            ck_assert_int_ne(one, other);
            ck_assert_str_ne(hub_code_name(one), hub_code_name(other));
        }
    }
}
END_TEST

START_TEST(test_a_code_is_found_by_its_name_and_by_its_number)
{
    enum hub_code code;
    char number[16];
    for (size_t i = 0; hub_code_at(i, &code); i++) {
        snprintf(number, sizeof number, "%d", code);
        ck_assert_int_eq(hub_code_parse(hub_code_name(code)), code);
        ck_assert_int_eq(hub_code_parse(number), code);
    }
    ck_assert_int_eq(hub_code_parse("devicenotfound"), HUB_DEVICE_NOT_FOUND);
    static const char *const none[] = {"", "OK", "0", "404", "404001x", "x404001", "DeviceNotFoun"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        ck_assert_msg(hub_code_parse(none[i]) == HUB_OK, "%s", none[i]);
    }
}
END_TEST

START_TEST(test_ok_is_no_entry)
{
    ck_assert_str_eq(hub_code_name(HUB_OK), "OK");
    ck_assert_str_eq(hub_code_sentence(HUB_OK), "");
    ck_assert_int_eq(hub_code_http_status(HUB_OK), 200);
}
END_TEST

START_TEST(test_a_refusal_has_the_tables_sentence_or_its_own)
{
    struct hub_error error;
    ck_assert_int_eq(hub_refuse(&error, HUB_DEVICE_NOT_FOUND, NULL), HUB_DEVICE_NOT_FOUND);
    ck_assert_int_eq(error.code, HUB_DEVICE_NOT_FOUND);
    ck_assert_str_eq(error.sentence, hub_code_sentence(HUB_DEVICE_NOT_FOUND));
    hub_refuse(&error, HUB_SERVER_ERROR, "%d of %s", 3, "them");
    ck_assert_str_eq(error.sentence, "3 of them");
    ck_assert_int_eq(hub_refuse(NULL, HUB_SERVER_ERROR, "nobody asks"), HUB_SERVER_ERROR);
}
END_TEST

START_TEST(test_a_long_sentence_is_cut)
{
    struct hub_error error;
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    hub_refuse(&error, HUB_SERVER_ERROR, "%s", text);
    ck_assert_uint_eq(strlen(error.sentence), sizeof error.sentence - 1);
}
END_TEST

SUITE_MAIN("error", test_every_entry_has_a_number_a_name_and_a_sentence,
    test_no_two_entries_are_the_same, test_a_code_is_found_by_its_name_and_by_its_number,
    test_ok_is_no_entry, test_a_refusal_has_the_tables_sentence_or_its_own,
    test_a_long_sentence_is_cut)
