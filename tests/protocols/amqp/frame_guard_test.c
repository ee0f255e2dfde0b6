/*
 * The guard alone: phases, whole frames, what it keeps count of.
 */
#include "protocols/amqp/frame_guard.h"

#include "tests/suite.h"

#include <string.h>

#define HEADER "AMQP\0\1\0\0"
#define SASL_HEADER "AMQP\3\1\0\0"
#define OPEN "\0\0\0\x10\2\0\0\0\0\x53\x10\xc0\x03\1\xa1\0"
#define BEGIN "\0\0\0\x12\2\0\0\0\0\x53\x11\xc0\x05\4\x40\x43\x43\x43"
#define ATTACH_SENDER "\0\0\0\x13\2\0\0\0\0\x53\x12\xc0\x06\3\xa1\1s\x43\x42"
#define DETACH "\0\0\0\x0f\2\0\0\0\0\x53\x16\xc0\x02\1\x43"
#define END_FRAME "\0\0\0\x0c\2\0\0\0\0\x53\x17\x45"
#define CLOSE "\0\0\0\x0c\2\0\0\0\0\x53\x18\x45"
#define INIT "\0\0\0\x12\2\1\0\0\0\x53\x41\xc0\x05\1\xa3\2HI"

/* Judges everything; the verdict of the last. */
static enum guard_verdict play(struct frame_guard *guard, const char *bytes, size_t length)
{
    enum guard_verdict verdict = GUARD_WAIT;
    struct guard_mistake mistake;
    while (length > 0) {
        size_t used = 0;
        verdict = frame_guard_judge(guard, (const uint8_t *)bytes, length, &used, &mistake);
        if (verdict != GUARD_PASS) {
            return verdict;
        }
        ck_assert_uint_le(used, length);
        bytes += used;
        length -= used;
    }
    return verdict;
}
#define PLAY(guard, literal) play(guard, literal, sizeof(literal) - 1)

START_TEST(test_a_frame_waits_until_it_is_whole)
{
    static const char flight[] = HEADER OPEN BEGIN;
    for (size_t length = 1; length < sizeof(flight) - 1; length++) {
        struct frame_guard guard;
        frame_guard_init(&guard);
        enum guard_verdict verdict = play(&guard, flight, length);
        bool is_whole = length == 8 || length == 8 + 16;
        ck_assert_msg(verdict == (is_whole ? GUARD_PASS : GUARD_WAIT), "%zu", length);
        frame_guard_release(&guard);
    }
}
END_TEST

START_TEST(test_sasl_comes_once_and_before_the_amqp_header)
{
    struct frame_guard guard;
    frame_guard_init(&guard);
    ck_assert_int_eq(PLAY(&guard, SASL_HEADER INIT HEADER OPEN BEGIN), GUARD_PASS);
    ck_assert_int_eq(PLAY(&guard, INIT), GUARD_REFUSE);
    frame_guard_release(&guard);
    frame_guard_init(&guard);
    ck_assert_int_eq(PLAY(&guard, SASL_HEADER INIT), GUARD_PASS);
    ck_assert_int_eq(PLAY(&guard, INIT), GUARD_REFUSE);
    frame_guard_release(&guard);
    frame_guard_init(&guard);
    ck_assert_int_eq(PLAY(&guard, SASL_HEADER SASL_HEADER), GUARD_REFUSE);
    frame_guard_release(&guard);
    frame_guard_init(&guard);
    ck_assert_int_eq(PLAY(&guard, SASL_HEADER OPEN), GUARD_REFUSE);
    frame_guard_release(&guard);
    frame_guard_init(&guard);
    ck_assert_int_eq(PLAY(&guard, HEADER INIT), GUARD_REFUSE);
    frame_guard_release(&guard);
}
END_TEST

START_TEST(test_open_comes_first_and_once_and_nothing_after_close)
{
    struct frame_guard guard;
    frame_guard_init(&guard);
    ck_assert_int_eq(PLAY(&guard, HEADER BEGIN), GUARD_REFUSE);
    frame_guard_release(&guard);
    frame_guard_init(&guard);
    ck_assert_int_eq(PLAY(&guard, HEADER OPEN OPEN), GUARD_REFUSE);
    frame_guard_release(&guard);
    frame_guard_init(&guard);
    ck_assert_int_eq(PLAY(&guard, HEADER OPEN CLOSE), GUARD_PASS);
    ck_assert_int_eq(PLAY(&guard, BEGIN), GUARD_REFUSE);
    frame_guard_release(&guard);
}
END_TEST

START_TEST(test_sessions_and_links_are_counted_in_and_out)
{
    struct frame_guard guard;
    frame_guard_init(&guard);
    ck_assert_int_eq(PLAY(&guard, HEADER OPEN BEGIN ATTACH_SENDER), GUARD_PASS);
    ck_assert_uint_eq(guard.session_count, 1);
    ck_assert_uint_eq(guard.link_count, 1);
    ck_assert_int_eq(PLAY(&guard, DETACH), GUARD_PASS);
    ck_assert_uint_eq(guard.link_count, 0);
    ck_assert_int_eq(PLAY(&guard, ATTACH_SENDER END_FRAME), GUARD_PASS);
    ck_assert_uint_eq(guard.session_count, 0);
    ck_assert_uint_eq(guard.link_count, 0);
    ck_assert_int_eq(PLAY(&guard, BEGIN ATTACH_SENDER), GUARD_PASS);
    frame_guard_release(&guard);
    ck_assert_uint_eq(guard.session_count, 0);
}
END_TEST

/* Transfers on handle 0: id or none, `more` or not. */
#define TRANSFER(id, more) "\0\0\0\x15\2\0\0\0\0\x53\x14\xc0\x08\6\x43" id "\xa0\0\x40\x40" more
#define MORE "\x41"
#define LAST "\x42"

START_TEST(test_deliveries_do_not_interleave_and_begin_with_an_id)
{
    static const char continuation[] =
        "\0\0\0\x14\2\0\0\0\0\x53\x14\xc0\x07\6\x43\x40\x40\x40\x40" LAST;
    struct frame_guard guard;
    frame_guard_init(&guard);
    ck_assert_int_eq(PLAY(&guard, HEADER OPEN BEGIN ATTACH_SENDER), GUARD_PASS);
    ck_assert_int_eq(PLAY(&guard, TRANSFER("\x43", MORE)), GUARD_PASS);
    ck_assert_int_eq(play(&guard, continuation, sizeof(continuation) - 1), GUARD_PASS);
    ck_assert_int_eq(play(&guard, continuation, sizeof(continuation) - 1), GUARD_REFUSE);
    frame_guard_release(&guard);
}
END_TEST

SUITE_MAIN("amqp frame guard", test_a_frame_waits_until_it_is_whole,
    test_sasl_comes_once_and_before_the_amqp_header,
    test_open_comes_first_and_once_and_nothing_after_close,
    test_sessions_and_links_are_counted_in_and_out,
    test_deliveries_do_not_interleave_and_begin_with_an_id)
