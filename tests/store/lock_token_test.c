#include "store/lock_token.h"

#include "tests/suite.h"

#include <string.h>

START_TEST(test_a_token_is_a_random_guid)
{
    enum {
        COUNT = 500
    };
    static struct lock_token tokens[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        tokens[i] = lock_token_generate();
        ck_assert_int_eq(tokens[i].bytes[6] >> 4, 4);
        ck_assert_int_eq(tokens[i].bytes[8] >> 6, 2);
        for (size_t j = 0; j < i; j++) {
            ck_assert(memcmp(&tokens[i], &tokens[j], sizeof tokens[i]) != 0);
        }
    }
}
END_TEST

START_TEST(test_a_token_is_what_its_text_says)
{
    struct lock_token token = {{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa,
        0xbb, 0xcc, 0xdd, 0xee, 0xff}};
    struct lock_token read;
    char text[LOCK_TOKEN_TEXT_SIZE];
    lock_token_format(&token, text);
    ck_assert_str_eq(text, "00112233-4455-6677-8899-aabbccddeeff");
    static const char *const spellings[] = {"00112233-4455-6677-8899-aabbccddeeff",
        "00112233-4455-6677-8899-AABBCCDDEEFF", "00112233445566778899aabbccddeeff"};
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        memset(&read, 0, sizeof read);
        ck_assert(lock_token_parse(text_of(spellings[i]), &read));
        ck_assert_mem_eq(read.bytes, token.bytes, sizeof token.bytes);
    }
}
END_TEST

START_TEST(test_what_is_no_guid_is_refused)
{
    static const char *const texts[] = {"", "0", "00112233-4455-6677-8899-aabbccddeef",
        "00112233-4455-6677-8899-aabbccddeefff", "00112233-4455-6677-8899-aabbccddeefg",
        "00112233_4455-6677-8899-aabbccddeeff", "001122334-455-6677-8899-aabbccddeeff",
        "{00112233-4455-6677-8899-aabbccddeeff}", "00112233445566778899aabbccddeef ",
        "------------------------------------"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct lock_token token;
        ck_assert_msg(!lock_token_parse(text_of(texts[i]), &token), "%s", texts[i]);
    }
    struct lock_token token;
    ck_assert(!lock_token_parse(TEXT_ABSENT, &token));
}
END_TEST

SUITE_MAIN("lock_token", test_a_token_is_a_random_guid, test_a_token_is_what_its_text_says,
    test_what_is_no_guid_is_refused)
