/* An entry of the journal as JSON. */
#include "server/control/internal.h"
#include "store/iso8601.h"
#include "tests/suite.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void check_text(const json_t *shape, const char *name, const char *text)
{
    const char *found = json_string_value(json_object_get(shape, name));
    ck_assert_msg(text ? found && strcmp(found, text) == 0 : !found, "%s: %s", name, found);
}

static void check_number(const json_t *shape, const char *name, uint64_t number)
{
    const json_t *found = json_object_get(shape, name);
    ck_assert_msg((uint64_t)json_integer_value(found) == number, "%s", name);
}

/* Its text fits, and is JSON with these members and no others. */
static json_t *shape(const struct journal_entry *entry, size_t members)
{
    char *text = malloc(entry_size(entry));
    char *end = entry_write(entry, text);
    ck_assert_uint_eq((size_t)(end - text), strlen(text));
    ck_assert_uint_lt((size_t)(end - text), entry_size(entry));
    json_t *read = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *shaped = shape_entry(entry);
    ck_assert_msg(json_equal(read, shaped) && json_object_size(read) == members, "%s", text);
    json_decref(shaped);
    free(text);
    return read;
}

START_TEST(test_every_member_is_there)
{
    const struct journal_entry entry = {.id = INT64_MAX,
        .at = {1772366400123000},
        .event = JOURNAL_DELIVERY_COUNT_EXCEEDED,
        .device = "d1",
        .message_id = "m1",
        .sequence = INT64_MAX,
        .from = "enqueued",
        .to = "invisible",
        .delivery_count = UINT32_MAX,
        .protocol = "amqpWs",
        .connection = INT64_MAX,
        .reason = "so"};
    json_t *read = shape(&entry, 12);
    check_number(read, "id", INT64_MAX);
    check_text(read, "time", "2026-03-01T12:00:00.123Z");
    check_text(read, "event", "deliveryCountExceeded");
    check_text(read, "device", "d1");
    check_text(read, "messageId", "m1");
    check_number(read, "sequenceNumber", INT64_MAX);
    check_number(read, "deliveryCount", UINT32_MAX);
    check_text(read, "from", "enqueued");
    check_text(read, "to", "invisible");
    check_text(read, "protocol", "amqpWs");
    check_number(read, "connection", INT64_MAX);
    check_text(read, "reason", "so");
    json_decref(read);
}
END_TEST

START_TEST(test_what_does_not_apply_is_left_out)
{
    json_t *read = shape(&(struct journal_entry){.id = 1, .event = JOURNAL_STARTED}, 3);
    check_text(read, "event", "started");
    json_decref(read);
}
END_TEST

START_TEST(test_texts_of_peers_stay_as_they_are_or_are_repaired)
{
    static const char *const texts[][2] = {{"", ""}, {"\"}{,\\", "\"}{,\\"},
        {"\x01\x1f\n\x7f", "\x01\x1f\n\x7f"},
        {"\xc3\xa4\xf0\x9f\x92\xa1", "\xc3\xa4\xf0\x9f\x92\xa1"},
        {"a\xff\xc3", "a\xef\xbf\xbd\xef\xbf\xbd"}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *text = texts[i][0], *shown = texts[i][1];
        json_t *read = shape(
            &(struct journal_entry){.id = 1, .device = text, .message_id = text, .reason = text},
            6);
        check_text(read, "device", shown);
        check_text(read, "messageId", shown);
        check_text(read, "reason", shown);
        json_decref(read);
    }
}
END_TEST

START_TEST(test_the_longest_texts_fit)
{
    static char longest[DEVICE_ID_MAX + 1];
    memset(longest, 1, DEVICE_ID_MAX); /* six bytes each in JSON */
    json_decref(shape(
        &(struct journal_entry){
            .id = 1, .device = longest, .message_id = longest, .reason = longest},
        6));
    memset(longest, 0xff, DEVICE_ID_MAX);
    json_decref(shape(
        &(struct journal_entry){
            .id = 1, .device = longest, .message_id = longest, .reason = longest},
        6));
}
END_TEST

SUITE_MAIN("entry", test_every_member_is_there, test_what_does_not_apply_is_left_out,
    test_texts_of_peers_stay_as_they_are_or_are_repaired, test_the_longest_texts_fit)
