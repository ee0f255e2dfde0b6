#include "protocols/http/uri.h"

#include "tests/protocols/http/peer.h"

#include <string.h>

static struct uri parse(const char *target)
{
    struct uri uri;
    ck_assert_msg(uri_parse(text_of(target), &uri), "%s", target);
    return uri;
}

START_TEST(test_a_path_is_split_before_it_is_decoded)
{
    struct uri uri = parse("/devices/a%2Fb/messages?x=1");
    ck_assert_uint_eq(uri.segment_count, 3);
    ck_assert(text_equal(uri.segments[1], TEXT("a%2Fb")));
    ck_assert(text_equal(uri.query, TEXT("x=1")));
}
END_TEST

START_TEST(test_one_slash_at_the_end_counts_for_nothing)
{
    ck_assert_uint_eq(parse("/devices/?top=1").segment_count, 1);
    ck_assert_uint_eq(parse("/devices").segment_count, 1);
    ck_assert_uint_eq(parse("/devices//").segment_count, 2);
    ck_assert_uint_eq(parse("/").segment_count, 0);
}
END_TEST

START_TEST(test_scheme_and_authority_are_dropped)
{
    struct uri uri = parse("https://hub.local:443/devices/d1?a");
    ck_assert_uint_eq(uri.segment_count, 2);
    ck_assert_uint_eq(parse("http://hub.local").segment_count, 0);
}
END_TEST

START_TEST(test_what_is_no_path_is_refused)
{
    struct uri uri;
    ck_assert(!uri_parse(TEXT(""), &uri));
    ck_assert(!uri_parse(TEXT("*"), &uri));
    ck_assert(!uri_parse(TEXT("devices"), &uri));
    ck_assert(!uri_parse(TEXT("?a=b"), &uri));
    ck_assert(!uri_parse(TEXT("/1/2/3/4/5/6/7/8/9/10/11/12/13"), &uri));
}
END_TEST

START_TEST(test_escapes_are_decoded_once)
{
    static const struct {
        const char *encoded, *decoded; /* NULL: refused */
    } cases[] = {{"a", "a"}, {"", ""}, {"a%20b", "a b"}, {"%2f%2F", "//"}, {"a+b", "a+b"},
        {"%2523", "%23"}, {"%c3%a9", "\xc3\xa9"}, {"%", NULL}, {"%2", NULL}, {"%zz", NULL},
        {"%00", NULL}, {"abc%", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[16];
        long length = uri_decode(text_of(cases[i].encoded), out, sizeof out);
        if (cases[i].decoded) {
            ck_assert_int_eq(length, (long)strlen(cases[i].decoded));
            ck_assert_str_eq(out, cases[i].decoded);
        } else {
            ck_assert_int_eq(length, -1);
        }
    }
    char small[3];
    ck_assert_int_eq(uri_decode(TEXT("abc"), small, sizeof small), -1);
    ck_assert_int_eq(uri_decode(TEXT("ab"), small, sizeof small), 2);
}
END_TEST

START_TEST(test_pairs_may_be_bare_or_empty)
{
    struct text query = TEXT("&a&b=&&c=1=2&");
    struct uri_pair pair;
    ck_assert(uri_next_pair(&query, &pair));
    ck_assert(text_equal(pair.key, TEXT("a")) && pair.value.length == 0);
    ck_assert(uri_next_pair(&query, &pair));
    ck_assert(text_equal(pair.key, TEXT("b")) && pair.value.length == 0);
    ck_assert(uri_next_pair(&query, &pair));
    ck_assert(text_equal(pair.key, TEXT("c")) && text_equal(pair.value, TEXT("1=2")));
    ck_assert(!uri_next_pair(&query, &pair));
    query = TEXT_ABSENT;
    ck_assert(!uri_next_pair(&query, &pair));
}
END_TEST

START_TEST(test_literals_match_without_case_and_parameters_keep_theirs)
{
    struct uri uri = parse("/Devices/MyDev/messages/deviceBound/%41");
    struct text parameters[HTTP_PARAMETERS_MAX];
    size_t count;
    ck_assert(uri_match(&uri, "/devices/{}/messages/devicebound/{}", parameters, &count));
    ck_assert_uint_eq(count, 2);
    ck_assert(text_equal(parameters[0], TEXT("MyDev")));
    ck_assert(text_equal(parameters[1], TEXT("%41")));
    ck_assert(!uri_match(&uri, "/devices/{}/messages/devicebound", parameters, &count));
    ck_assert(!uri_match(&uri, "/devices/{}/messages/events/{}", parameters, &count));
    uri = parse("/devices//messages");
    ck_assert(!uri_match(&uri, "/devices/{}/messages", parameters, &count));
}
END_TEST

SUITE_MAIN("uri", test_a_path_is_split_before_it_is_decoded,
    test_one_slash_at_the_end_counts_for_nothing, test_scheme_and_authority_are_dropped,
    test_what_is_no_path_is_refused, test_escapes_are_decoded_once, test_pairs_may_be_bare_or_empty,
    test_literals_match_without_case_and_parameters_keep_theirs)
