/* Reported properties: merged, versioned, bounded, kept. */
#include "fixture.h"
#include "twin_limits.h"

#include <stdlib.h>
#include <string.h>

static int64_t row_of(struct fixture *f)
{
    return identity_find(hub_identities(f->hub), "d1")->row;
}

static enum hub_code report(struct fixture *f, const char *patch)
{
    uint64_t version;
    enum hub_code code = twins_report(
        hub_twins(f->hub), row_of(f), text_of(patch), hub_now(f->hub), &version, &f->error);
    hub_end_turn(f->hub);
    return code;
}

static void assert_twin(struct fixture *f, const char *expected)
{
    char *twin = twins_read(hub_twins(f->hub), row_of(f));
    ck_assert_str_eq(twin, expected);
    free(twin);
}

START_TEST(test_twin_without_reports_is_empty_at_version_1)
{
    struct fixture f;
    fixture_open(&f, false);
    assert_twin(&f, "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}");
    fixture_close(&f);
}
END_TEST

START_TEST(test_reports_are_merged_and_null_deletes)
{
    struct fixture f;
    fixture_open(&f, true);
    ck_assert_int_eq(report(&f, "{\"a\":1,\"b\":{\"c\":[1],\"d\":\"x\"}}"), HUB_OK);
    ck_assert_int_eq(report(&f, "{\"a\":null,\"b\":{\"c\":null,\"e\":{\"f\":null}}}"), HUB_OK);
    fixture_restart(&f, DURATION_HOURS(1));
    assert_twin(&f, "{\"desired\":{\"$version\":1},"
                    "\"reported\":{\"b\":{\"d\":\"x\",\"e\":{}},\"$version\":3}}");
    fixture_close(&f);
}
END_TEST

static const struct {
    const char *patch;
    enum hub_code code;
} patches[] = {
    {"{}", HUB_OK},
    {"", HUB_DESERIALIZATION_ERROR},
    {"[]", HUB_DESERIALIZATION_ERROR},
    {"1", HUB_DESERIALIZATION_ERROR},
    {"{\"a\":1", HUB_DESERIALIZATION_ERROR},
    {"{\"a\":1} x", HUB_DESERIALIZATION_ERROR},
    {"{\"a\":99999999999999999999}", HUB_DESERIALIZATION_ERROR},
    {"{\"\":1}", HUB_ARGUMENT_INVALID},
    {"{\"a.b\":1}", HUB_ARGUMENT_INVALID},
    {"{\"$version\":1}", HUB_ARGUMENT_INVALID},
    {"{\"a\":[{\"b c\":1}]}", HUB_ARGUMENT_INVALID},
};

START_TEST(test_patch_is_taken_or_refused)
{
    struct fixture f;
    fixture_open(&f, false);
    ck_assert_int_eq(report(&f, patches[_i].patch), patches[_i].code);
    if (patches[_i].code != HUB_OK) {
        assert_twin(&f, "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}");
    }
    fixture_close(&f);
}
END_TEST

/* {"aa":…,"ab":…,…}, with `count` members of 4 KB, two bytes less each for the name, but `less` in
 * the last. */
static char *fill(size_t count, size_t less)
{
    json_t *object = json_object();
    char value[4095], name[3] = "aa";
    memset(value, 'x', sizeof value);
    for (size_t i = 0; i < count; i++) {
        name[1] = (char)('a' + i);
        json_object_set_new(
            object, name, json_stringn(value, sizeof value - 1 - (i == count - 1 ? less : 0)));
    }
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

START_TEST(test_size_counts_names_and_values_and_ends_at_32_kb)
{
    static const struct {
        const char *member;
        size_t size;
    } members[] = {{"{\"b\":1}", 9}, {"{\"b\":-0.5}", 9}, {"{\"b\":true}", 5}, {"{\"b\":false}", 5},
        {"{\"b\":\"\"}", 1}, {"{\"b\":\"xyz\"}", 4}, {"{\"\xc3\xa9\":\"\xc3\xa9\"}", 4},
        {"{\"b\":{\"cd\":{\"e\":1}}}", 12}, {"{\"b\":[1,\"x\",[true]]}", 15}};
    struct fixture f;
    fixture_open(&f, false);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        char *full = fill(8, members[i].size - 1), *fitting = fill(8, members[i].size);
        ck_assert_int_eq(report(&f, full), HUB_OK);
        ck_assert_msg(
            report(&f, members[i].member) == HUB_MESSAGE_TOO_LARGE, "%s", members[i].member);
        ck_assert_int_eq(report(&f, fitting), HUB_OK);
        ck_assert_msg(report(&f, members[i].member) == HUB_OK, "%s", members[i].member);
        ck_assert_int_eq(report(&f, "{\"b\":null,\"\xc3\xa9\":null}"), HUB_OK);
        free(full);
        free(fitting);
    }
    fixture_close(&f);
}
END_TEST

static enum hub_code change(struct fixture *f, const char *text, enum twin_change how)
{
    json_t *patch = json_loads(text, 0, NULL);
    enum hub_code code =
        twins_change(hub_twins(f->hub), row_of(f), patch, how, hub_now(f->hub), &f->error);
    hub_end_turn(f->hub);
    json_decref(patch);
    return code;
}

static void assert_json(const json_t *json, const char *expected)
{
    char *text = json_dumps(json, JSON_COMPACT);
    ck_assert_str_eq(text, expected);
    free(text);
}

START_TEST(test_a_service_merges_tags_and_desired_properties)
{
    struct fixture f;
    fixture_open(&f, true);
    ck_assert_int_eq(
        change(&f,
            "{\"tags\":{\"a\":1,\"b\":2},\"properties\":{\"desired\":{\"c\":{\"d\":3}},"
            "\"reported\":{\"no\":1}},\"deviceId\":\"other\"}",
            TWIN_MERGE),
        HUB_OK);
    ck_assert_int_eq(change(&f, "{\"tags\":{\"a\":null}}", TWIN_MERGE), HUB_OK);
    report(&f, "{\"r\":1}");
    fixture_restart(&f, DURATION_HOURS(1));
    struct twin twin = twins_load(hub_twins(f.hub), row_of(&f));
    assert_json(twin.tags, "{\"b\":2}");
    assert_json(twin.desired.values, "{\"c\":{\"d\":3}}");
    assert_json(twin.reported.values, "{\"r\":1}");
    ck_assert_uint_eq(twin.desired.version, 2);
    ck_assert_uint_eq(twin.reported.version, 2);
    ck_assert_uint_eq(twin.etag, 3);
    ck_assert_uint_eq(twin.version, 5);
    twin_release(&twin);
    assert_twin(&f, "{\"desired\":{\"c\":{\"d\":3},\"$version\":2},"
                    "\"reported\":{\"r\":1,\"$version\":2}}");
    fixture_close(&f);
}
END_TEST

START_TEST(test_a_service_replaces_what_it_may_write_and_leaves_the_reports)
{
    struct fixture f;
    fixture_open(&f, false);
    report(&f, "{\"r\":1}");
    change(&f, "{\"tags\":{\"a\":1},\"properties\":{\"desired\":{\"b\":1,\"c\":1}}}", TWIN_MERGE);
    change(&f,
        "{\"properties\":{\"desired\":{\"b\":2,\"x\":null,\"$version\":9,\"$metadata\":{}}}}",
        TWIN_REPLACE);
    struct twin twin = twins_load(hub_twins(f.hub), row_of(&f));
    assert_json(twin.tags, "{}");
    assert_json(twin.desired.values, "{\"b\":2}");
    assert_json(twin.reported.values, "{\"r\":1}");
    ck_assert_uint_eq(twin.desired.version, 3);
    twin_release(&twin);
    change(&f, "{\"properties\":{\"desired\":null}}", TWIN_MERGE);
    assert_twin(&f, "{\"desired\":{\"$version\":4},\"reported\":{\"r\":1,\"$version\":2}}");
    fixture_close(&f);
}
END_TEST

START_TEST(test_metadata_says_when_each_value_was_written)
{
    struct fixture f;
    fixture_open(&f, false);
    change(&f, "{\"properties\":{\"desired\":{\"a\":{\"b\":1},\"c\":{\"d\":1}}}}", TWIN_MERGE);
    fixture_advance(&f, DURATION_SECONDS(1));
    change(&f, "{\"properties\":{\"desired\":{\"a\":{\"e\":[1]},\"c\":5}}}", TWIN_MERGE);
    report(&f, "{\"r\":{\"s\":1},\"t\":1}");
    report(&f, "{\"t\":null}");
#define FIRST "\"$lastUpdated\":\"2026-03-01T12:00:00.0000000Z\""
#define SECOND "\"$lastUpdated\":\"2026-03-01T12:00:01.0000000Z\""
#define DESIRED_2 FIRST ",\"$lastUpdatedVersion\":2"
#define DESIRED_3 SECOND ",\"$lastUpdatedVersion\":3"
    struct twin twin = twins_load(hub_twins(f.hub), row_of(&f));
    assert_json(twin.desired.metadata,
        "{" DESIRED_3 ",\"a\":{" DESIRED_3 ",\"b\":{" DESIRED_2 "},\"e\":{" DESIRED_3 "}},"
        "\"c\":{" DESIRED_3 "}}");
    assert_json(twin.reported.metadata, "{" SECOND ",\"r\":{" SECOND ",\"s\":{" SECOND "}}}");
    twin_release(&twin);
    fixture_close(&f);
}
END_TEST

static void change_both_ways(
    struct fixture *f, const char *before, const struct twin_limit *limit, const char *after)
{
    char patch[8192];
    snprintf(patch, sizeof patch, "%s%s%s", before, limit->exceeds, after);
    ck_assert_int_eq(change(f, patch, TWIN_MERGE), HUB_ARGUMENT_INVALID);
    ck_assert_int_eq(change(f, patch, TWIN_REPLACE), HUB_ARGUMENT_INVALID);
    snprintf(patch, sizeof patch, "%s%s%s", before, limit->fits, after);
    ck_assert_int_eq(change(f, patch, TWIN_MERGE), HUB_OK);
    ck_assert_int_eq(change(f, patch, TWIN_REPLACE), HUB_OK);
}

START_TEST(test_names_and_values_end_at_their_limits)
{
    const struct twin_limit *limit = &twin_limits[_i];
    struct fixture f;
    fixture_open(&f, false);
    ck_assert_int_eq(report(&f, limit->exceeds), HUB_ARGUMENT_INVALID);
    ck_assert_int_eq(report(&f, limit->fits), HUB_OK);
    change_both_ways(&f, "{\"tags\":", limit, "}");
    change_both_ways(&f, "{\"properties\":{\"desired\":", limit, "}}");
    struct twin twin = twins_load(hub_twins(f.hub), row_of(&f));
    ck_assert_uint_eq(twin.version, 2 + 5);
    twin_release(&twin);
    fixture_close(&f);
}
END_TEST

START_TEST(test_a_service_is_refused_what_no_twin_can_hold)
{
    static const struct {
        const char *patch;
        enum hub_code code;
    } rows[] = {{"[]", HUB_ARGUMENT_INVALID}, {"{\"tags\":1}", HUB_ARGUMENT_INVALID},
        {"{\"properties\":[]}", HUB_ARGUMENT_INVALID},
        {"{\"properties\":{\"desired\":\"x\"}}", HUB_ARGUMENT_INVALID},
        {"{\"tags\":{\"a.b\":1}}", HUB_ARGUMENT_INVALID},
        {"{\"tags\":{\"a\":1},\"properties\":{\"desired\":{\"a\":{\"$b\":1}}}}",
            HUB_ARGUMENT_INVALID}};
    struct fixture f;
    fixture_open(&f, false);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_msg(change(&f, rows[i].patch, TWIN_MERGE) == rows[i].code, "%s", rows[i].patch);
    }
    char *most = fill(2, 0), patch[TWIN_TAGS_SIZE_MAX + 64];
    snprintf(patch, sizeof patch, "{\"tags\":%.*s,\"b\":\"\"}}", (int)strlen(most) - 1, most);
    ck_assert_int_eq(change(&f, patch, TWIN_MERGE), HUB_MESSAGE_TOO_LARGE);
    free(most);
    struct twin twin = twins_load(hub_twins(f.hub), row_of(&f));
    ck_assert_uint_eq(twin.version, 2);
    twin_release(&twin);
    fixture_close(&f);
}
END_TEST

START_TEST(test_deleted_device_leaves_no_twin)
{
    struct fixture f;
    fixture_open(&f, false);
    report(&f, "{\"a\":1}");
    fixture_delete(&f, "d1");
    fixture_create(&f, "d1");
    assert_twin(&f, "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}");
    fixture_close(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("twin");
    TCase *tests = tcase_create("twin");
    tcase_add_test(tests, test_twin_without_reports_is_empty_at_version_1);
    tcase_add_test(tests, test_reports_are_merged_and_null_deletes);
    tcase_add_loop_test(tests, test_patch_is_taken_or_refused, 0, sizeof patches / sizeof *patches);
    tcase_add_test(tests, test_size_counts_names_and_values_and_ends_at_32_kb);
    tcase_add_loop_test(tests, test_names_and_values_end_at_their_limits, 0, TWIN_LIMIT_COUNT);
    tcase_add_test(tests, test_a_service_merges_tags_and_desired_properties);
    tcase_add_test(tests, test_a_service_replaces_what_it_may_write_and_leaves_the_reports);
    tcase_add_test(tests, test_metadata_says_when_each_value_was_written);
    tcase_add_test(tests, test_a_service_is_refused_what_no_twin_can_hold);
    tcase_add_test(tests, test_deleted_device_leaves_no_twin);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
