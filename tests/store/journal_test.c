#include "store/journal.h"

#include "tests/suite.h"

#include <stdio.h>
#include <string.h>

static struct journal *journal;

static void note(const char *device)
{
    journal_note(journal, &(struct journal_entry){.event = JOURNAL_ENQUEUED,
                              .device = device,
                              .message_id = "m",
                              .reason = NULL,
                              .to = "enqueued"});
}

/* The devices of all visible entries. Static. */
static const char *visible(void)
{
    static char text[256];
    const struct journal_entry *entry = NULL;
    text[0] = '\0';
    while ((entry = journal_next(journal, entry ? entry->id : 0))) {
        strncat(text, entry->device, sizeof text - strlen(text) - 1);
    }
    return text;
}

START_TEST(test_entries_are_seen_once_their_group_has_succeeded)
{
    journal = journal_create(10);
    note("a");
    note("b");
    ck_assert_str_eq(visible(), "");
    journal_publish(journal);
    ck_assert_str_eq(visible(), "ab");
    note("c");
    journal_discard(journal);
    ck_assert_str_eq(visible(), "ab");
    note("d");
    journal_publish(journal);
    ck_assert_str_eq(visible(), "abd");
    ck_assert_uint_eq(journal_dropped(journal), 0);
    journal_free(journal);
}
END_TEST

START_TEST(test_ids_rise_by_one_and_a_failed_group_uses_none)
{
    journal = journal_create(10);
    note("a");
    journal_publish(journal);
    note("b");
    journal_discard(journal);
    note("c");
    journal_publish(journal);
    ck_assert_uint_eq(journal_next(journal, 0)->id, 1);
    ck_assert_uint_eq(journal_next(journal, 1)->id, 2);
    ck_assert_str_eq(journal_next(journal, 1)->device, "c");
    ck_assert_ptr_null(journal_next(journal, 2));
    ck_assert_ptr_null(journal_next(journal, 99));
    ck_assert_ptr_null(journal_next(journal, UINT64_MAX));
    journal_free(journal);
}
END_TEST

START_TEST(test_texts_are_copied_and_numbers_kept)
{
    char device[] = "d1", message[] = "m1", reason[] = "why";
    journal = journal_create(10);
    journal_note(journal, &(struct journal_entry){.at = {7},
                              .event = JOURNAL_REJECTED,
                              .device = device,
                              .message_id = message,
                              .sequence = 3,
                              .from = "invisible",
                              .to = "deadLettered",
                              .delivery_count = 2,
                              .protocol = "amqp",
                              .connection = 9,
                              .reason = reason});
    memset(device, 'x', 2);
    memset(message, 'x', 2);
    memset(reason, 'x', 3);
    journal_publish(journal);
    const struct journal_entry *entry = journal_next(journal, 0);
    ck_assert_str_eq(entry->device, "d1");
    ck_assert_str_eq(entry->message_id, "m1");
    ck_assert_str_eq(entry->reason, "why");
    ck_assert_str_eq(entry->from, "invisible");
    ck_assert_int_eq(entry->at.us, 7);
    ck_assert_uint_eq(entry->sequence + entry->delivery_count + entry->connection, 14);
    journal_free(journal);
}
END_TEST

START_TEST(test_a_full_ring_drops_the_oldest)
{
    char device[2] = "a";
    journal = journal_create(3);
    for (; device[0] <= 'e'; device[0]++) {
        note(device);
        journal_publish(journal);
    }
    ck_assert_str_eq(visible(), "cde");
    ck_assert_uint_eq(journal_dropped(journal), 2);
    ck_assert_uint_eq(journal_next(journal, 0)->id, 3);
    journal_free(journal);
}
END_TEST

START_TEST(test_a_group_larger_than_the_ring_keeps_its_newest)
{
    char device[2] = "a";
    journal = journal_create(3);
    for (; device[0] <= 'e'; device[0]++) {
        note(device);
    }
    ck_assert_str_eq(visible(), "");
    journal_publish(journal);
    ck_assert_str_eq(visible(), "cde");
    for (device[0] = 'f'; device[0] <= 'k'; device[0]++) {
        note(device);
    }
    journal_discard(journal);
    ck_assert_str_eq(visible(), ""); /* the room was used */
    note("z");
    journal_publish(journal);
    ck_assert_str_eq(visible(), "z");
    journal_free(journal);
}
END_TEST

START_TEST(test_every_event_has_a_name_of_its_own)
{
    for (int i = JOURNAL_STARTED; i <= JOURNAL_CLOCK_CHANGED; i++) {
        ck_assert_uint_gt(strlen(journal_event_name((enum journal_event)i)), 0);
        for (int j = JOURNAL_STARTED; j < i; j++) {
            ck_assert_str_ne(journal_event_name((enum journal_event)i),
                journal_event_name((enum journal_event)j));
        }
    }
}
END_TEST

SUITE_MAIN("journal", test_entries_are_seen_once_their_group_has_succeeded,
    test_ids_rise_by_one_and_a_failed_group_uses_none, test_texts_are_copied_and_numbers_kept,
    test_a_full_ring_drops_the_oldest, test_a_group_larger_than_the_ring_keeps_its_newest,
    test_every_event_has_a_name_of_its_own)
