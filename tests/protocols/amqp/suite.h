/*
 * The main of a test program of this folder: its tests as one list.
 */
#ifndef DEVICEBOUND_TESTS_PROTOCOLS_AMQP_SUITE_H
#define DEVICEBOUND_TESTS_PROTOCOLS_AMQP_SUITE_H

#include <check.h>
#include <stdlib.h>

#define SUITE(name, ...)                                                                           \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__, NULL};                                          \
        return suite_run(name, tests);                                                             \
    }

static inline int suite_run(const char *name, const TTest *const *tests)
{
    Suite *suite = suite_create(name);
    TCase *cases = tcase_create(name);
    tcase_set_timeout(cases, 60);
    for (; *tests; tests++) {
        tcase_add_test(cases, *tests);
    }
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
