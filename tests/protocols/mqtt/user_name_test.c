/* The grammar of the user name, as each client writes it. */
#include "protocols/mqtt/user_name.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct row {
    const char *user_name, *client_id;
    const char *device, *module; /* `device` NULL: refused; `module` NULL: none */
    const char *api_version, *client_type, *model_id;
    bool differs; /* it names someone else than the client id */
};

static const struct row rows[] = {
    {"h.net/d1/?api-version=2021-04-12", "d1", "d1", NULL, "2021-04-12", "", "", false},
    {"h.net/d1/m1/?api-version=2021-04-12", "d1/m1", "d1", "m1", "2021-04-12", "", "", false},
    {"h.net/d1/?api-version=2021-04-12&model-id=dtmi:a:b;1&DeviceClientType=node%2F1.2", "d1", "d1",
        NULL, "2021-04-12", "node/1.2", "dtmi:a:b;1", false},
    {"h.net/d1/?api-version=2019-10-01&DeviceClientType=azure-iot-device%2f2.14", "d1", "d1", NULL,
        "2019-10-01", "azure-iot-device/2.14", "", false},
    {"h.net/d1/?api-version=2020-09-30&DeviceClientType=azsdk-c%2F1.5&model-id=dtmi%3Aa%3B1", "d1",
        "d1", NULL, "2020-09-30", "azsdk-c/1.5", "dtmi:a;1", false},
    {"h.net/d1/api-version=2020-09-30&model-id=x", "d1", "d1", NULL, "2020-09-30", "", "x", false},
    {"h.net/d1/m1/?api-version=2018-06-30", "d1/m1", "d1", "m1", "2018-06-30", "", "", false},
    {"h.net/d1/m1/api-version=2017-06-30/DeviceClientType=Microsoft.Azure.Devices.Client/1.5.1-p-3",
        "d1/m1", "d1", "m1", "2017-06-30", "Microsoft.Azure.Devices.Client/1.5.1-p-3", "", false},
    {"h.net/d1", "d1", "d1", NULL, "", "", "", false},
    {"h.net/d1/", "d1", "d1", NULL, "", "", "", false},
    {"h.net/d1/m1/", "d1/m1", "d1", "m1", "", "", "", false},
    /* the first of two counts, unknown names are nothing, a pair may have no value */
    {"h.net/d1/?api-version=1&api-version=2&x=y&flag", "d1", "d1", NULL, "1", "", "", false},
    /* ids that look like parameters */
    {"h.net/d?1/?api-version=3", "d?1", "d?1", NULL, "3", "", "", false},
    {"h.net/?d/?api-version=3", "?d", "?d", NULL, "3", "", "", false},
    {"h.net/d1/?m/?api-version=3", "d1/?m", "d1", "?m", "3", "", "", false},
    {"h.net/d%2F1/?api-version=3", "d%2F1", "d%2F1", NULL, "3", "", "", false},
    /* someone else */
    {"h.net/d2/?api-version=3", "d1", "d2", NULL, "3", "", "", true},
    {"h.net/D1/?api-version=3", "d1", "D1", NULL, "3", "", "", true},
    {"h.net/d1/m1/?api-version=3", "d1", "d1", "m1", "3", "", "", true},
    {"h.net/d1/?api-version=3", "d1/m1", "d1", NULL, "3", "", "", true},
    {"h.net/d10/?api-version=3", "d1", "d10", NULL, "3", "", "", true},
    /* no reading */
    {"", "d1", NULL, NULL, NULL, NULL, NULL, false},
    {"h.net", "d1", NULL, NULL, NULL, NULL, NULL, false},
    {"h.net/", "d1", NULL, NULL, NULL, NULL, NULL, false},
    {"h.net//m1", "/m1", NULL, NULL, NULL, NULL, NULL, false},
    {"h.net/d1//", "d1/", NULL, NULL, NULL, NULL, NULL, false},
    {"/d1", "d1", NULL, NULL, NULL, NULL, NULL, false},
    {"h.net/d1//", "d1", NULL, NULL, NULL, NULL, NULL, false},
    {"h.net/d1/m1/x", "d1/m1", NULL, NULL, NULL, NULL, NULL, false},
    {"h.net/d1/m1/x/y", "d1", NULL, NULL, NULL, NULL, NULL, false},
};

static void assert_text(struct text text, const char *expected)
{
    ck_assert_int_eq(text.bytes != NULL, expected != NULL);
    if (expected) {
        ck_assert_uint_eq(text.length, strlen(expected));
        ck_assert_mem_eq(text.bytes, expected, text.length);
    }
}

START_TEST(test_user_name_of_each_client)
{
    const struct row *row = &rows[_i];
    struct user_name name;
    struct text client_id = text_of(row->client_id);
    ck_assert_int_eq(
        user_name_parse(text_of(row->user_name), client_id, &name), row->device != NULL);
    if (row->device) {
        assert_text(name.host, "h.net");
        assert_text(name.device, row->device);
        assert_text(name.module, row->module);
        ck_assert_str_eq(name.api_version, row->api_version);
        ck_assert_str_eq(name.client_type, row->client_type);
        ck_assert_str_eq(name.model_id, row->model_id);
        ck_assert_int_eq(user_name_matches(&name, client_id), !row->differs);
    }
}
END_TEST

START_TEST(test_user_name_absent_is_refused)
{
    struct user_name name;
    ck_assert(!user_name_parse(TEXT_ABSENT, TEXT("d1"), &name));
}
END_TEST

START_TEST(test_user_name_cuts_a_long_parameter)
{
    char text[1000] = "h.net/d1/?DeviceClientType=";
    memset(text + strlen(text), 'x', 900);
    struct user_name name;
    ck_assert(user_name_parse(text_of(text), TEXT("d1"), &name));
    ck_assert_uint_eq(strlen(name.client_type), USER_NAME_PARAMETER_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mqtt user name");
    TCase *tests = tcase_create("user name");
    tcase_add_loop_test(tests, test_user_name_of_each_client, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tests, test_user_name_absent_is_refused);
    tcase_add_test(tests, test_user_name_cuts_a_long_parameter);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
