#include "protocols/stream/loop.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static struct loop *loop;
static int turns, fired, raised, ready;
static int turns_wanted_again;

static void set_up(void)
{
    loop = loop_create();
    turns = fired = raised = ready = turns_wanted_again = 0;
}

static void tear_down(void)
{
    loop_free(loop);
}

static void fire(void *context)
{
    fired++;
    if (context) {
        loop_stop(context);
    }
}

static void raise_one(void *context)
{
    raised++;
    loop_stop(context);
}

static void read_one(void *context)
{
    char byte;
    ready++;
    ck_assert_int_eq((int)read(*(int *)context, &byte, 1), 1);
    loop_stop(loop);
}

static bool end_turn(void *context)
{
    (void)context;
    turns++;
    return turns_wanted_again-- > 0;
}

static bool stop_after_three_turns(void *context)
{
    (void)context;
    if (++turns == 3) {
        loop_stop(loop);
    }
    return true;
}

START_TEST(test_a_turn_that_asks_for_another_does_not_wait)
{
    loop_run(loop, stop_after_three_turns, NULL); /* nothing else would ever wake it */
    ck_assert_int_eq(turns, 3);
}
END_TEST

START_TEST(test_each_turn_ends_with_the_hook)
{
    struct loop_timer *timer = loop_timer_create(loop, fire, loop);
    turns_wanted_again = 2;
    loop_timer_arm(timer, 5);
    loop_run(loop, end_turn, NULL);
    ck_assert_int_eq(fired, 1);
    ck_assert_int_ge(turns, 3);
    loop_timer_free(timer);
}
END_TEST

START_TEST(test_a_timer_fires_once_per_arming)
{
    struct loop_timer *first = loop_timer_create(loop, fire, NULL);
    struct loop_timer *last = loop_timer_create(loop, fire, loop);
    loop_timer_arm(first, 0);
    loop_timer_arm(last, 10);
    loop_run(loop, end_turn, NULL);
    ck_assert_int_eq(fired, 2);
    loop_timer_free(first);
    loop_timer_free(last);
}
END_TEST

START_TEST(test_arming_anew_replaces_and_disarming_stops)
{
    struct loop_timer *moved = loop_timer_create(loop, fire, NULL);
    struct loop_timer *stopped = loop_timer_create(loop, fire, NULL);
    struct loop_timer *last = loop_timer_create(loop, fire, loop);
    loop_timer_arm(moved, 0);
    loop_timer_arm(moved, 100000);
    loop_timer_arm(stopped, 0);
    loop_timer_disarm(stopped);
    loop_timer_arm(last, 5);
    loop_run(loop, end_turn, NULL);
    ck_assert_int_eq(fired, 1);
    loop_timer_free(moved);
    loop_timer_free(stopped);
    loop_timer_free(last);
}
END_TEST

START_TEST(test_a_watch_tells_of_input)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq((int)write(ends[1], "x", 1), 1);
    struct loop_watch *watch = loop_watch_create(loop, ends[0], read_one, &ends[0]);
    loop_run(loop, end_turn, NULL);
    ck_assert_int_eq(ready, 1);
    loop_watch_free(watch);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(test_a_signal_comes_from_the_loop)
{
    struct loop_watch *watch = loop_signal_create(loop, SIGUSR1, raise_one, loop);
    raise(SIGUSR1);
    ck_assert_int_eq(raised, 0);
    loop_run(loop, end_turn, NULL);
    ck_assert_int_eq(raised, 1);
    loop_watch_free(watch);
}
END_TEST

START_TEST(test_a_stopped_loop_can_run_again)
{
    loop_run(loop, stop_after_three_turns, NULL);
    turns = 0;
    loop_run(loop, stop_after_three_turns, NULL);
    ck_assert_int_eq(turns, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop");
    TCase *one = tcase_create("loop");
    tcase_add_checked_fixture(one, set_up, tear_down);
    tcase_add_test(one, test_a_turn_that_asks_for_another_does_not_wait);
    tcase_add_test(one, test_each_turn_ends_with_the_hook);
    tcase_add_test(one, test_a_timer_fires_once_per_arming);
    tcase_add_test(one, test_arming_anew_replaces_and_disarming_stops);
    tcase_add_test(one, test_a_watch_tells_of_input);
    tcase_add_test(one, test_a_signal_comes_from_the_loop);
    tcase_add_test(one, test_a_stopped_loop_can_run_again);
    suite_add_tcase(suite, one);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
