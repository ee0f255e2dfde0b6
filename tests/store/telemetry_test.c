/* What devices sent: kept as it came, visible when it is committed, bounded. */
#include "store/telemetry.h"
#include "tests/suite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#define COUNT 4
#define BYTES 10000

static const struct actor actor = {.protocol = "mqtt", .connection = 7};
static const struct instant now = {1772366400000000};

/* A database without a hub, so that the bounds are the test's. */
static struct bench {
    struct database *database;
    struct journal *journal;
    struct telemetry *telemetry;
} bench;

static void bench_open(void)
{
    struct hub_error error;
    ck_assert_int_eq(database_open(&bench.database, NULL, DURABILITY_PROCESS, &error), HUB_OK);
    bench.journal = journal_create(100);
    bench.telemetry = telemetry_open(bench.database, bench.journal, COUNT, BYTES);
}

static void commit(void)
{
    database_commit(bench.database);
    journal_publish(bench.journal);
}

static void bench_close(void)
{
    telemetry_free(bench.telemetry);
    database_close(bench.database);
    journal_free(bench.journal);
}

static void take_of_size(const char *device, const char *message_id, size_t length)
{
    static const char body[BYTES];
    struct telemetry_event *event = telemetry_event_create();
    telemetry_event_add(event, TELEMETRY_SYSTEM, TEXT(TELEMETRY_MESSAGE_ID), text_of(message_id));
    telemetry_event_append(event, body, length);
    telemetry_take(bench.telemetry, event, device, &actor, NULL, now);
}

static void take(const char *device, const char *message_id)
{
    take_of_size(device, message_id, 10);
}

/* A group that cannot be committed. */
static void doom(void)
{
    sqlite3_stmt *statement =
        database_prepare(bench.database, "SELECT abs(-9223372036854775808) WHERE ?1 IS NULL");
    database_run(bench.database, statement);
}

/* The message ids that are visible for a device, one after another. */
static const char *visible(const char *device)
{
    static char ids[128];
    const struct telemetry_item *item;
    ids[0] = '\0';
    for (uint64_t after = 0; (item = telemetry_next(bench.telemetry, device, after));
         after = item->id) {
        strcat(ids, telemetry_event_find(item->event, TELEMETRY_MESSAGE_ID).bytes);
    }
    return ids;
}

static size_t journal_length(void)
{
    size_t length = 0;
    const struct journal_entry *entry;
    for (uint64_t id = 0; (entry = journal_next(bench.journal, id)); id = entry->id) {
        length++;
    }
    return length;
}

START_TEST(test_an_event_keeps_what_it_was_given)
{
    static const struct telemetry_property given[] = {
        {TELEMETRY_SYSTEM, {"messageId", 9}, {"m1", 2}},
        {TELEMETRY_APPLICATION, {"empty", 5}, {"", 0}},
        {TELEMETRY_APPLICATION, {"absent", 6}, {NULL, 0}},
        {TELEMETRY_APPLICATION, {"", 0}, {"a\0b", 3}},
        {TELEMETRY_SYSTEM, {"$.ifid", 6}, {"urn:x", 5}},
    };
    struct telemetry_event *event = telemetry_event_create();
    struct telemetry_property property;
    size_t at = 0;
    ck_assert_uint_eq(telemetry_event_body(event).length, 0);
    ck_assert(!telemetry_event_next(event, &at, &property));
    for (size_t i = 0; i < 5; i++) {
        telemetry_event_add(event, given[i].kind, given[i].name, given[i].value);
    }
    telemetry_event_append(event, "one", 3);
    telemetry_event_append(event, "", 0);
    telemetry_event_append(event, "\0two", 4);
    for (size_t i = 0; i < 5; i++) {
        ck_assert(telemetry_event_next(event, &at, &property));
        ck_assert_int_eq(property.kind, given[i].kind);
        ck_assert(text_equal(property.name, given[i].name));
        ck_assert_int_eq(property.value.bytes == NULL, given[i].value.bytes == NULL);
        ck_assert(!property.value.bytes || text_equal(property.value, given[i].value));
    }
    ck_assert(!telemetry_event_next(event, &at, &property));
    ck_assert(text_equal(telemetry_event_body(event), TEXT("one\0two")));
    ck_assert(text_equal(telemetry_event_find(event, "messageId"), TEXT("m1")));
    ck_assert_ptr_null(telemetry_event_find(event, "empty").bytes);
    telemetry_event_free(event);
}
END_TEST

START_TEST(test_an_item_is_visible_once_it_is_committed)
{
    bench_open();
    take("d1", "a");
    ck_assert_str_eq(visible("d1"), "");
    ck_assert_uint_eq(telemetry_count(bench.telemetry), 0);
    commit();
    const struct telemetry_item *item = telemetry_next(bench.telemetry, "d1", 0);
    ck_assert_uint_eq(item->id, 1);
    ck_assert_int_eq(item->at.us, now.us);
    ck_assert_str_eq(item->device_id, "d1");
    ck_assert_str_eq(item->protocol, "mqtt");
    ck_assert_uint_eq(telemetry_count(bench.telemetry), 1);
    const struct journal_entry *entry = journal_next(bench.journal, 0);
    ck_assert_int_eq(entry->event, JOURNAL_TELEMETRY);
    ck_assert_str_eq(entry->device, "d1");
    ck_assert_str_eq(entry->message_id, "a");
    ck_assert_str_eq(entry->protocol, "mqtt");
    ck_assert_uint_eq(entry->connection, 7);
    bench_close();
}
END_TEST

START_TEST(test_a_group_that_fails_takes_its_items_along)
{
    bench_open();
    take("d1", "a");
    commit();
    take("d1", "b");
    take("d1", "c");
    doom();
    database_commit(bench.database);
    ck_assert_str_eq(visible("d1"), "a");
    take("d1", "d");
    commit();
    ck_assert_str_eq(visible("d1"), "ad");
    ck_assert_uint_eq(telemetry_count(bench.telemetry), 2);
    ck_assert_uint_eq(telemetry_dropped(bench.telemetry), 0);
    bench_close();
}
END_TEST

START_TEST(test_items_are_looked_up_by_device_and_place)
{
    bench_open();
    take("d1", "a");
    take("d2", "b");
    take("d1", "c");
    commit();
    ck_assert_str_eq(visible("d1"), "ac");
    ck_assert_str_eq(visible("d2"), "b");
    ck_assert_str_eq(visible("D1"), "");
    ck_assert_uint_eq(telemetry_next(bench.telemetry, "d1", 1)->id, 3);
    ck_assert_ptr_null(telemetry_next(bench.telemetry, "d1", 3));
    bench_close();
}
END_TEST

START_TEST(test_the_oldest_go_when_there_are_too_many)
{
    bench_open();
    for (char id[] = "a"; id[0] <= 'f'; id[0]++) {
        take("d1", id);
        commit();
    }
    ck_assert_str_eq(visible("d1"), "cdef");
    ck_assert_uint_eq(telemetry_count(bench.telemetry), 6);
    ck_assert_uint_eq(telemetry_dropped(bench.telemetry), 2);
    ck_assert_uint_eq(journal_length(), 6);
    bench_close();
}
END_TEST

START_TEST(test_the_oldest_go_when_they_are_too_large)
{
    bench_open();
    take_of_size("d1", "a", 4000);
    take_of_size("d1", "b", 4000);
    commit();
    ck_assert_str_eq(visible("d1"), "ab");
    take_of_size("d1", "c", 4000);
    commit();
    ck_assert_str_eq(visible("d1"), "bc");
    take_of_size("d1", "d", BYTES); /* alone it is kept */
    commit();
    ck_assert_str_eq(visible("d1"), "d");
    take("d1", "e");
    commit();
    ck_assert_str_eq(visible("d1"), "e");
    bench_close();
}
END_TEST

START_TEST(test_a_group_larger_than_the_ring_loses_its_own_oldest)
{
    bench_open();
    for (char id[] = "a"; id[0] <= 'g'; id[0]++) {
        take("d1", id);
    }
    commit();
    ck_assert_str_eq(visible("d1"), "defg");
    ck_assert_uint_eq(telemetry_count(bench.telemetry), 7);
    take("d1", "h");
    take("d1", "i");
    doom();
    database_commit(bench.database);
    ck_assert_str_eq(visible("d1"), "fg");
    ck_assert_uint_eq(telemetry_count(bench.telemetry), 7);
    bench_close();
}
END_TEST

SUITE_MAIN("telemetry", test_an_event_keeps_what_it_was_given,
    test_an_item_is_visible_once_it_is_committed, test_a_group_that_fails_takes_its_items_along,
    test_items_are_looked_up_by_device_and_place, test_the_oldest_go_when_there_are_too_many,
    test_the_oldest_go_when_they_are_too_large,
    test_a_group_larger_than_the_ring_loses_its_own_oldest)
