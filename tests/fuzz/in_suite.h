/*
 * One input played as a test, for targets whose fixtures assert with Check: it wants a suite around
 * it.
 */
#ifndef DEVICEBOUND_TESTS_FUZZ_IN_SUITE_H
#define DEVICEBOUND_TESTS_FUZZ_IN_SUITE_H

#include <check.h>
#include <stdlib.h>

/* Aborts if the test fails. */
static inline void in_suite_play(const TTest *test)
{
    Suite *suite = suite_create("fuzz");
    TCase *tcase = tcase_create("input");
    tcase_add_test(tcase, test);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_SILENT);
    if (srunner_ntests_failed(runner) != 0) {
        abort();
    }
    srunner_free(runner);
}

#endif
