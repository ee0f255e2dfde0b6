#include "protocols/stream/distrust.h"

#include "tests/suite.h"

#include <stdio.h>

static struct distrust *distrust;
static uint64_t untold;

static bool note(const char *address, int64_t now_ms)
{
    untold = 99;
    return distrust_note(distrust, DISTRUST_ALERT, address, now_ms, &untold);
}

START_TEST(test_a_host_is_told_once_in_a_while_with_how_many_were_not)
{
    distrust = distrust_create();
    ck_assert(note("127.0.0.1:1000", 5));
    ck_assert_uint_eq(untold, 0);
    for (int i = 0; i < 3; i++) {
        ck_assert(!note("127.0.0.1:1001", 5 + DISTRUST_QUIET_MS - 1));
    }
    ck_assert(note("127.0.0.1:1002", 5 + DISTRUST_QUIET_MS));
    ck_assert_uint_eq(untold, 3);
    ck_assert(!note("127.0.0.1:1002", 5 + DISTRUST_QUIET_MS));
    ck_assert(note("127.0.0.1:1002", 5 + 3 * DISTRUST_QUIET_MS));
    ck_assert_uint_eq(untold, 1);
    distrust_free(distrust);
}
END_TEST

START_TEST(test_hosts_are_told_apart_and_ports_are_not)
{
    distrust = distrust_create();
    ck_assert(note("[::1]:1000", 0));
    ck_assert(!note("[::1]:1001", 0));
    ck_assert(note("[::2]:1000", 0));
    ck_assert(note("127.0.0.2:1000", 0));
    ck_assert(note("unknown", 0));
    ck_assert(!note("unknown", 0));
    distrust_free(distrust);
}
END_TEST

START_TEST(test_many_hosts_are_counted_and_not_told)
{
    char address[64];
    distrust = distrust_create();
    for (int i = 0; i < 1000; i++) {
        snprintf(address, sizeof address, "127.0.%d.%d:1", i / 250, i % 250);
        ck_assert_int_eq(note(address, i), i < DISTRUST_PEERS_MAX);
    }
    ck_assert_uint_eq(distrust_count(distrust, DISTRUST_ALERT), 1000);
    ck_assert(!note(address, DISTRUST_QUIET_MS - 1));
    ck_assert(note(address, DISTRUST_QUIET_MS)); /* instead of the first */
    ck_assert_uint_eq(untold, 0);
    ck_assert(!note("127.0.0.0:1", DISTRUST_QUIET_MS));
    ck_assert(note("127.0.0.0:1", DISTRUST_QUIET_MS + 1)); /* instead of the second */
    distrust_free(distrust);
}
END_TEST

START_TEST(test_signs_are_counted_apart)
{
    distrust = distrust_create();
    for (int i = 0; i < 5; i++) {
        distrust_note(distrust, i < 2 ? DISTRUST_ALERT : DISTRUST_CLOSE, "127.0.0.1:1", 0, &untold);
    }
    ck_assert_uint_eq(distrust_count(distrust, DISTRUST_ALERT), 2);
    ck_assert_uint_eq(distrust_count(distrust, DISTRUST_CLOSE), 3);
    distrust_free(distrust);
}
END_TEST

SUITE_MAIN("distrust", test_a_host_is_told_once_in_a_while_with_how_many_were_not,
    test_hosts_are_told_apart_and_ports_are_not, test_many_hosts_are_counted_and_not_told,
    test_signs_are_counted_apart)
