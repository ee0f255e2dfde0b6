/* Reported properties: merged, versioned, bounded, kept. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

static int64_t row_of(struct fixture *f)
{
    return identity_find(hub_identities(f->hub), "d1")->row;
}

static enum hub_code report(struct fixture *f, const char *patch)
{
    uint64_t version;
    enum hub_code code =
        twins_report(hub_twins(f->hub), row_of(f), text_of(patch), &version, &f->error);
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
    {"{\"1\":{\"2\":{\"3\":{\"4\":{\"5\":{\"6\":{\"7\":{\"8\":{\"9\":{\"10\":1}}}}}}}}}}", HUB_OK},
    {"{\"1\":{\"2\":{\"3\":{\"4\":{\"5\":{\"6\":{\"7\":{\"8\":{\"9\":{\"10\":{}}}}}}}}}}}",
        HUB_ARGUMENT_INVALID},
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

START_TEST(test_reported_properties_end_at_32_kb)
{
    struct fixture f;
    fixture_open(&f, false);
    char *patch = calloc(1, TWIN_SIZE_MAX + 2);
    memset(patch, 'x', TWIN_SIZE_MAX + 1);
    memcpy(patch, "{\"a\":\"", 6);
    memcpy(patch + TWIN_SIZE_MAX - 2, "\"}", 3);
    ck_assert_int_eq(report(&f, patch), HUB_OK);
    ck_assert_int_eq(report(&f, "{\"b\":1}"), HUB_MESSAGE_TOO_LARGE);
    ck_assert_int_eq(report(&f, "{\"a\":null,\"b\":1}"), HUB_OK);
    free(patch);
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
    tcase_add_test(tests, test_reported_properties_end_at_32_kb);
    tcase_add_test(tests, test_deleted_device_leaves_no_twin);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
