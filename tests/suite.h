/*
 * The main of a test program: its tests as one list, SUITE_MAIN("queue", test_1, test_2).
 */
#ifndef DEVICEBOUND_TESTS_SUITE_H
#define DEVICEBOUND_TESTS_SUITE_H

#include <check.h>

#define SUITE_MAIN(name, ...)                                                                      \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const cases[] = {__VA_ARGS__};                                                \
        Suite *suite = suite_create(name);                                                         \
        TCase *tcase = tcase_create(name);                                                         \
        tcase_set_timeout(tcase, 60);                                                              \
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {                              \
            tcase_add_test(tcase, cases[i]);                                                       \
        }                                                                                          \
        suite_add_tcase(suite, tcase);                                                             \
        return run_suite(suite);                                                                   \
    }

/* Runs and frees; the exit code of main. */
static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

#endif
