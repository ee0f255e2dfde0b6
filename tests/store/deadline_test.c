#include "store/deadline.h"

#include "tests/suite.h"

#include <stdlib.h>

#define MANY 1000

static struct deadlines all;
static struct deadline some[MANY];

START_TEST(test_an_empty_heap_has_no_first)
{
    ck_assert_ptr_null(deadlines_first(&all));
    deadlines_remove(&all, &some[0]); /* nothing */
    ck_assert_ptr_null(deadlines_first(&all));
    deadlines_release(&all);
}
END_TEST

START_TEST(test_the_first_is_the_earliest)
{
    deadlines_set(&all, &some[0], (struct instant){30});
    deadlines_set(&all, &some[1], (struct instant){10});
    deadlines_set(&all, &some[2], (struct instant){20});
    ck_assert_ptr_eq(deadlines_first(&all), &some[1]);
    deadlines_set(&all, &some[1], (struct instant){40}); /* moved */
    ck_assert_ptr_eq(deadlines_first(&all), &some[2]);
    deadlines_remove(&all, &some[2]);
    ck_assert_ptr_eq(deadlines_first(&all), &some[0]);
    deadlines_remove(&all, &some[2]); /* in none any more */
    ck_assert_uint_eq(all.count, 2);
    deadlines_release(&all);
}
END_TEST

/* Takes everything out by the first; fails unless it comes in order. */
static size_t drain(void)
{
    size_t count = 0;
    int64_t last = INT64_MIN;
    for (struct deadline *first; (first = deadlines_first(&all)); count++) {
        ck_assert_int_le(last, first->at.us);
        last = first->at.us;
        deadlines_remove(&all, first);
        ck_assert_uint_eq(first->place, 0);
    }
    return count;
}

START_TEST(test_random_sets_moves_and_removals_come_out_in_order)
{
    srand(7);
    for (int round = 0; round < 20; round++) {
        size_t held = 0;
        for (int i = 0; i < 5 * MANY; i++) {
            struct deadline *deadline = &some[rand() % MANY];
            if (rand() % 3 == 0) {
                held -= deadline->place != 0;
                deadlines_remove(&all, deadline);
            } else {
                held += deadline->place == 0;
                deadlines_set(&all, deadline, (struct instant){rand() % 500});
            }
        }
        ck_assert_uint_eq(drain(), held);
    }
    deadlines_release(&all);
}
END_TEST

SUITE_MAIN("deadline", test_an_empty_heap_has_no_first, test_the_first_is_the_earliest,
    test_random_sets_moves_and_removals_come_out_in_order)
