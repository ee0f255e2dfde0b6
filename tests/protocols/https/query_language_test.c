/* The query language: what is understood, what it means, and what is refused by which name. */
#include "protocols/https/query_language.h"
#include "tests/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char document[] =
    "{\"deviceId\":\"d1\",\"status\":\"enabled\",\"version\":7,\"cloudToDeviceMessageCount\":0,"
    "\"lastActivityTime\":\"2026-03-01T12:00:00.0000000Z\",\"capabilities\":{\"iotEdge\":false},"
    "\"tags\":{\"floor\":2,\"height\":2.5,\"name\":\"it's\",\"none\":null,\"list\":[1,2],"
    "\"plant\":{\"city\":\"Oslo\"}},"
    "\"properties\":{\"desired\":{\"$version\":3},\"reported\":{\"fw\":\"1.10\",\"on\":true}}}";

static struct query *parse(const char *text, struct hub_error *error)
{
    return query_parse(text_of(text), error);
}

static bool matches(const char *condition)
{
    char text[512];
    struct hub_error error = {0};
    snprintf(text, sizeof text, "SELECT * FROM devices WHERE %s", condition);
    struct query *query = parse(text, &error);
    ck_assert_msg(query != NULL, "%s: %s", condition, error.sentence);
    json_t *twin = json_loads(document, 0, NULL);
    bool is_match = query_matches(query, twin);
    json_decref(twin);
    query_free(query);
    return is_match;
}

START_TEST(test_conditions_are_true_or_not)
{
    static const char *const rows[] = {"deviceId = 'd1'", "'d1' = deviceId", "deviceId = \"d1\"",
        "deviceId != 'd2'", "deviceId <> 'd2'", "version = 7", "version=7.0", "version > 6",
        "version >= 7", "version < 8", "version <= 7", "version > -1", "tags.height > 2",
        "tags.height = 25e-1", "tags.floor < tags.height", "tags.name = 'it\\'s'",
        "tags.name = \"it's\"", "tags.none = null", "tags.plant.city = 'Oslo'",
        "lastActivityTime >= '2026-03-01'", "capabilities.iotEdge = false",
        "capabilities.iotEdge != true", "properties.reported.on = TRUE",
        "properties.reported.fw = '1.10'", "properties.desired.$version = 3",
        "deviceId IN ['d0', 'd1']", "version in [1,7]", "deviceId NIN ['d0']",
        "is_defined(tags.floor)", "NOT is_defined(tags.roof)", "IS_DEFINED(tags.none)",
        "status = 'enabled' AND version = 7", "status = 'x' OR version = 7",
        "status = 'enabled' OR version = 1 AND version = 2", "NOT (status = 'x' OR version = 1)",
        "((version = 7))", "NOT NOT version = 7", "tags.roof = 1 OR version = 7",
        "not status = 'disabled' and deviceId='d1'"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_msg(matches(rows[i]), "%s", rows[i]);
    }
}
END_TEST

START_TEST(test_what_is_false_or_undefined_takes_no_row)
{
    static const char *const rows[] = {"deviceId = 'D1'", "deviceId != 'd1'", "version = '7'",
        "version != '7'", "NOT version = '7'", "tags.roof = 1", "tags.roof != 1",
        "NOT tags.roof = 1", "tags.roof IN [1]", "tags.roof NIN [1]", "deviceId IN ['d0']",
        "deviceId NIN ['d1']", "is_defined(tags.plant.street)", "tags.none = 0",
        "capabilities.iotEdge < true", "tags.plant = 'Oslo'", "tags.plant.city.more = 1",
        "(status = 'enabled' OR version = 1) AND version = 2", "DeviceId = 'd1'",
        "tags.roof = 1 AND version = 7", "tags.list = 1", "version > 7", "version < 7"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_msg(!matches(rows[i]), "%s", rows[i]);
    }
}
END_TEST

static void assert_row(const char *text, const char *expected)
{
    struct hub_error error = {0};
    struct query *query = parse(text, &error);
    ck_assert_msg(query != NULL, "%s: %s", text, error.sentence);
    json_t *twin = json_loads(document, 0, NULL);
    json_t *row = query_counts(query) ? query_write_count(query, 3) : query_write_row(query, twin);
    char *written = json_dumps(row, JSON_COMPACT);
    ck_assert_str_eq(written, expected);
    free(written);
    json_decref(row);
    json_decref(twin);
    query_free(query);
}

START_TEST(test_the_select_list_makes_the_row)
{
    assert_row(
        "SELECT deviceId, status FROM devices", "{\"deviceId\":\"d1\",\"status\":\"enabled\"}");
    assert_row("select tags.plant.city from devices", "{\"city\":\"Oslo\"}");
    assert_row("SELECT tags.floor AS level, tags.roof FROM devices", "{\"level\":2}");
    assert_row("SELECT properties.reported FROM devices.modules",
        "{\"reported\":{\"fw\":\"1.10\",\"on\":true}}");
    assert_row("SELECT COUNT() AS total FROM devices", "{\"total\":3}");
    assert_row("SELECT count() FROM Devices.Modules", "{\"$1\":3}");
    assert_row("\t SELECT * \r\n FROM devices", document);
}
END_TEST

START_TEST(test_everything_else_is_refused_by_its_name)
{
    static const struct {
        const char *text, *sentence;
    } rows[] = {{"", "the query ends where SELECT is expected."},
        {"DELETE FROM devices", "SELECT is expected in place of 'DELETE'."},
        {"SELECT", "the query ends where a property is expected."},
        {"SELECT * FROM", "the query ends where devices or devices.modules is expected."},
        {"SELECT * FROM things", "devices or devices.modules is expected in place of 'things'."},
        {"SELECT * FROM devices.jobs", "the collection devices.jobs is not supported here."},
        {"SELECT * FROM devices.", "the query ends where modules is expected."},
        {"SELECT * FROM devices GROUP BY status", "GROUP is not supported here."},
        {"SELECT * FROM devices ORDER BY status", "ORDER is not supported here."},
        {"SELECT * FROM devices JOIN x", "JOIN is not supported here."},
        {"SELECT TOP 5 * FROM devices", "TOP is not supported here."},
        {"SELECT DISTINCT status FROM devices", "DISTINCT is not supported here."},
        {"SELECT AVG(version) FROM devices", "the function AVG is not supported here."},
        {"SELECT status, COUNT() AS n FROM devices",
            "COUNT() beside something else is not supported here."},
        {"SELECT COUNT(*) FROM devices", ") is expected in place of '*'."},
        {"SELECT *, status FROM devices", "FROM is expected in place of ','."},
        {"SELECT * FROM devices WHERE",
            "the query ends where a property or a constant is expected."},
        {"SELECT * FROM devices WHERE status", "the query ends where a comparison is expected."},
        {"SELECT * FROM devices WHERE status LIKE 'x'",
            "a comparison is expected in place of 'LIKE'."},
        {"SELECT * FROM devices WHERE status = 'x",
            "a property or a constant is expected in place of ''x'."},
        {"SELECT * FROM devices WHERE version + 1 = 2",
            "a comparison is expected in place of '+ 1 = 2'."},
        {"SELECT * FROM devices WHERE STARTSWITH(deviceId, 'd')",
            "the function STARTSWITH is not supported here."},
        {"SELECT * FROM devices WHERE deviceId IN ('d1')", "[ is expected in place of '('."},
        {"SELECT * FROM devices WHERE deviceId IN []", "a constant is expected in place of ']'."},
        {"SELECT * FROM devices WHERE deviceId IN ['d1'", "the query ends where ] is expected."},
        {"SELECT * FROM devices WHERE (version = 7", "the query ends where ) is expected."},
        {"SELECT * FROM devices WHERE version = 7)", "the end is expected in place of ')'."},
        {"SELECT * FROM devices WHERE tags.[[a b]] = 7",
            "property names in double brackets are not supported here."},
        {"SELECT * FROM devices WHERE version = 1e", "a number is expected in place of '1e'."},
        {"SELECT * FROM devices WHERE AND = 1", "a property is expected in place of 'AND'."},
        {"SELECT a AS FROM devices", "a name is expected in place of 'FROM'."},
        {"SELECT * FROM devices;", "the end is expected in place of ';'."},
        {"SELECT * FROM devices WHERE aaaaaaaaaabbbbbbbbbbccccccccccddddddddddee(1)",
            "the function aaaaaaaaaabbbbbbbbbbccccccccccdd is not supported here."}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hub_error error = {0};
        struct query *query = parse(rows[i].text, &error);
        ck_assert_msg(!query, "%s", rows[i].text);
        ck_assert_int_eq(error.code, HUB_ARGUMENT_INVALID);
        ck_assert_msg(strncmp(error.sentence, "BadRequest: ", 12) == 0 &&
                          strcmp(error.sentence + 12, rows[i].sentence) == 0,
            "%s: %s", rows[i].text, error.sentence);
    }
}
END_TEST

/* `count` times `part` behind "SELECT * FROM devices WHERE ", then `end`. */
static bool is_taken(const char *part, size_t count, const char *end)
{
    struct hub_error error;
    size_t size = 64 + strlen(part) * count + strlen(end);
    char *text = calloc(1, size), *at = text;
    at += sprintf(at, "SELECT * FROM devices WHERE ");
    for (size_t i = 0; i < count; i++) {
        at += sprintf(at, "%s", part);
    }
    sprintf(at, "%s", end);
    struct query *query = parse(text, &error);
    bool taken = query != NULL;
    query_free(query);
    free(text);
    return taken;
}

START_TEST(test_depth_and_length_are_bounded)
{
    ck_assert(is_taken("NOT ", 31, "a = 1"));
    ck_assert(!is_taken("NOT ", 32, "a = 1"));
    ck_assert(!is_taken("NOT ", 20000, "a = 1"));
    ck_assert(!is_taken("(", 20000, ""));
    ck_assert(is_taken("a = 1 AND ", 127, "a = 1"));
    ck_assert(!is_taken("a = 1 AND ", 128, "a = 1"));
    ck_assert(!is_taken("a = 1 OR ", 5000, "a = 1"));
    ck_assert(is_taken("a.", 5000, "a = 1"));
}
END_TEST

SUITE_MAIN("query language", test_conditions_are_true_or_not,
    test_what_is_false_or_undefined_takes_no_row, test_the_select_list_makes_the_row,
    test_everything_else_is_refused_by_its_name, test_depth_and_length_are_bounded)
