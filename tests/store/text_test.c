#include "store/text.h"

#include "tests/suite.h"

START_TEST(test_texts_are_equal_by_their_bytes)
{
    ck_assert(text_equal(TEXT("a"), text_of("a")));
    ck_assert(!text_equal(TEXT("a"), TEXT("A")));
    ck_assert(text_equal_nocase(TEXT("aZ"), TEXT("Az")));
    ck_assert(!text_equal_nocase(TEXT("a"), TEXT("ab")));
    ck_assert(text_equal(TEXT_ABSENT, text_of(NULL)));
    ck_assert(!text_equal(TEXT_ABSENT, TEXT(""))); /* absent is not empty */
    ck_assert(!text_equal_nocase(TEXT(""), TEXT_ABSENT));
}
END_TEST

START_TEST(test_pieces_are_taken_up_to_a_separator)
{
    struct text rest = TEXT("a//b");
    ck_assert(text_equal(text_take_until(&rest, '/'), TEXT("a")));
    ck_assert(text_equal(text_take_until(&rest, '/'), TEXT("")));
    ck_assert(text_equal(rest, TEXT("b")));
    ck_assert(text_equal(text_take_until(&rest, '/'), TEXT("b")));
    ck_assert(text_equal(rest, TEXT_ABSENT));
    ck_assert(text_equal(text_take_until(&rest, '/'), TEXT_ABSENT));
}
END_TEST

START_TEST(test_a_separator_at_the_end_leaves_an_empty_rest)
{
    struct text rest = TEXT("a/");
    ck_assert(text_equal(text_take_until(&rest, '/'), TEXT("a")));
    ck_assert(text_equal(rest, TEXT("")));
}
END_TEST

SUITE_MAIN("text", test_texts_are_equal_by_their_bytes, test_pieces_are_taken_up_to_a_separator,
    test_a_separator_at_the_end_leaves_an_empty_rest)
