#include "store/queue_state.h"

#include "tests/suite.h"

/* The drawing in queue_state.c, arrow by arrow, in other words than the table's. */
static const struct arrow {
    enum queue_state from;
    enum queue_event event;
    enum queue_state to;
    bool counts;
    enum queue_outcome outcome;
} arrows[] = {
    {QUEUE_ENQUEUED, QUEUE_DELIVER, QUEUE_INVISIBLE, false, OUTCOME_NONE},
    {QUEUE_ENQUEUED, QUEUE_DELIVER_SETTLED, QUEUE_COMPLETED, false, OUTCOME_COMPLETED},
    {QUEUE_ENQUEUED, QUEUE_EXPIRE, QUEUE_DEAD_LETTERED, false, OUTCOME_EXPIRED},
    {QUEUE_ENQUEUED, QUEUE_TOO_OLD, QUEUE_DEAD_LETTERED, false, OUTCOME_REJECTED},
    {QUEUE_ENQUEUED, QUEUE_PURGE, QUEUE_REMOVED, false, OUTCOME_PURGED},
    {QUEUE_ENQUEUED, QUEUE_DEVICE_DELETE, QUEUE_REMOVED, false, OUTCOME_DEVICE_DELETED},
    {QUEUE_INVISIBLE, QUEUE_COMPLETE, QUEUE_COMPLETED, false, OUTCOME_COMPLETED},
    {QUEUE_INVISIBLE, QUEUE_REJECT, QUEUE_DEAD_LETTERED, false, OUTCOME_REJECTED},
    {QUEUE_INVISIBLE, QUEUE_ABANDON, QUEUE_ENQUEUED, true, OUTCOME_NONE},
    {QUEUE_INVISIBLE, QUEUE_ABANDON_LAST, QUEUE_DEAD_LETTERED, true,
        OUTCOME_DELIVERY_COUNT_EXCEEDED},
    {QUEUE_INVISIBLE, QUEUE_LOCK_END, QUEUE_ENQUEUED, false, OUTCOME_NONE},
    {QUEUE_INVISIBLE, QUEUE_EXPIRE, QUEUE_DEAD_LETTERED, false, OUTCOME_EXPIRED},
    {QUEUE_INVISIBLE, QUEUE_PURGE, QUEUE_REMOVED, false, OUTCOME_PURGED},
    {QUEUE_INVISIBLE, QUEUE_DEVICE_DELETE, QUEUE_REMOVED, false, OUTCOME_DEVICE_DELETED},
};

static const struct arrow *arrow_of(enum queue_state from, enum queue_event event)
{
    for (size_t i = 0; i < sizeof arrows / sizeof arrows[0]; i++) {
        if (arrows[i].from == from && arrows[i].event == event) {
            return &arrows[i];
        }
    }
    return NULL;
}

START_TEST(test_the_table_has_the_arrows_of_the_drawing_and_no_others)
{
    for (int from = 0; from < QUEUE_STATE_COUNT; from++) {
        for (int event = 0; event < QUEUE_EVENT_COUNT; event++) {
            const struct arrow *arrow = arrow_of((enum queue_state)from, (enum queue_event)event);
            const struct queue_transition *row =
                queue_transition_of((enum queue_state)from, (enum queue_event)event);
            const char *what = queue_event_name((enum queue_event)event);
            ck_assert_msg(row->refusal == (arrow ? HUB_OK : HUB_DEVICE_MESSAGE_LOCK_LOST),
                "%s in %s", what, queue_state_name((enum queue_state)from));
            ck_assert_msg(row->next == (arrow ? arrow->to : (enum queue_state)from), "%s", what);
            ck_assert_msg(row->counts == (arrow && arrow->counts), "%s", what);
            ck_assert_msg(row->outcome == (arrow ? arrow->outcome : OUTCOME_NONE), "%s", what);
        }
    }
}
END_TEST

START_TEST(test_nothing_leaves_a_final_state)
{
    for (int from = 0; from < QUEUE_STATE_COUNT; from++) {
        bool is_left = false;
        for (int event = 0; event < QUEUE_EVENT_COUNT; event++) {
            is_left |=
                queue_transition_of((enum queue_state)from, (enum queue_event)event)->refusal ==
                HUB_OK;
        }
        ck_assert_int_eq(is_left, !queue_state_is_final((enum queue_state)from));
    }
}
END_TEST

START_TEST(test_only_an_end_has_an_outcome)
{
    for (size_t i = 0; i < sizeof arrows / sizeof arrows[0]; i++) {
        const struct queue_transition *row = queue_transition_of(arrows[i].from, arrows[i].event);
        ck_assert_int_eq(row->outcome != OUTCOME_NONE, queue_state_is_final(row->next));
    }
}
END_TEST

START_TEST(test_names_differ)
{
    for (int i = 0; i < QUEUE_EVENT_COUNT; i++) {
        for (int j = 0; j < i; j++) {
            ck_assert_str_ne(
                queue_event_name((enum queue_event)i), queue_event_name((enum queue_event)j));
        }
    }
    for (int i = 0; i < QUEUE_STATE_COUNT; i++) {
        for (int j = 0; j < i; j++) {
            ck_assert_str_ne(
                queue_state_name((enum queue_state)i), queue_state_name((enum queue_state)j));
        }
    }
    for (int i = 0; i < QUEUE_OUTCOME_COUNT; i++) {
        for (int j = 0; j < i; j++) {
            ck_assert_str_ne(queue_outcome_name((enum queue_outcome)i),
                queue_outcome_name((enum queue_outcome)j));
        }
    }
}
END_TEST

SUITE_MAIN("queue_state", test_the_table_has_the_arrows_of_the_drawing_and_no_others,
    test_nothing_leaves_a_final_state, test_only_an_end_has_an_outcome, test_names_differ)
