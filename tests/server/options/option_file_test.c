#include "tests/server/options/sources.h"

#include <string.h>

#define KEY_ONE "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define KEY_OTHER "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="

#define FILE_OF(text) ((struct sources){.file = text})
#define DEVICE_OF(text) FILE_OF("{\"devices\":[" text "]}")

/* ---- the file ---- */

START_TEST(test_keys_nest_at_their_dots)
{
    check_read(FILE_OF("{\"log\":{\"level\":\"warn\"},\"cloudToDevice\":{\"queueDepth\":7,"
                       "\"feedback\":{\"batchSize\":9}}}"));
    ck_assert_int_eq(options.log_level, LOG_WARN);
    ck_assert_uint_eq(options.hub.device.depth, 7);
    ck_assert_uint_eq(options.hub.feedback_batch_size, 9);
    forget_sources();
}
END_TEST

START_TEST(test_an_unknown_key_is_named)
{
    CHECK_MISTAKE(FILE_OF("{\"htpsPort\":1}"), "htpsPort", source_path(), "no setting");
    CHECK_MISTAKE(FILE_OF("{\"log\":{\"colour\":1}}"), "log.colour");
    CHECK_MISTAKE(
        FILE_OF("{\"cloudToDevice\":{\"feedback\":{\"x\":1}}}"), "cloudToDevice.feedback.x");
    CHECK_MISTAKE(FILE_OF("{\"log\":\"info\"}"), "log", "no setting");
    CHECK_MISTAKE(FILE_OF("{\"lo\":{\"level\":\"info\"}}"), "lo", "no setting");
    CHECK_MISTAKE(FILE_OF("{\"https-port\":1}"), "https-port");
    CHECK_MISTAKE(FILE_OF("{\"\":1}"), "no setting");
    forget_sources();
}
END_TEST

START_TEST(test_a_value_of_the_wrong_type_is_named)
{
    CHECK_MISTAKE(FILE_OF("{\"inMemory\":\"true\"}"), "inMemory", "\"true\"", "true or false");
    CHECK_MISTAKE(FILE_OF("{\"inMemory\":1}"), "inMemory", "1", "true or false");
    CHECK_MISTAKE(FILE_OF("{\"httpsPort\":1.5}"), "httpsPort", "1.5", "0 to 65535");
    CHECK_MISTAKE(FILE_OF("{\"httpsPort\":null}"), "httpsPort", "null");
    CHECK_MISTAKE(FILE_OF("{\"cloudToDevice\":{\"queueDepth\":\"7\"}}"), "queueDepth", "1 to 50");
    CHECK_MISTAKE(FILE_OF("{\"hostname\":5}"), "hostname", "5");
    CHECK_MISTAKE(FILE_OF("{\"hostname\":[\"a\"]}"), "hostname");
    CHECK_MISTAKE(FILE_OF("{\"altNames\":[\"a\",1]}"), "altNames");
    CHECK_MISTAKE(FILE_OF("{\"sharedAccessKey\":12345}"), "sharedAccessKey");
    ck_assert_ptr_null(strstr(mistake, "12345"));
    forget_sources();
}
END_TEST

START_TEST(test_a_file_that_is_no_json_object_is_refused)
{
    CHECK_MISTAKE(FILE_OF(""), "--config", source_path(), "no JSON");
    CHECK_MISTAKE(FILE_OF("{\n\n\"httpsPort\" 1}"), "--config", "line 3");
    CHECK_MISTAKE(FILE_OF("{\"bind\":\"::1\",\"bind\":\"::\"}"), "duplicate");
    CHECK_MISTAKE(FILE_OF("[]"), "no JSON object");
    CHECK_MISTAKE(FILE_OF("{} {}"), "no JSON");
    CHECK_MISTAKE(FILE_OF("{\"sharedAccessKey\":U2VjcmV0}"), "line 1, column");
    ck_assert_ptr_null(strstr(mistake, "U2VjcmV0"));
    forget_sources();
}
END_TEST

START_TEST(test_a_file_that_is_not_there_is_refused)
{
    CHECK_MISTAKE(((struct sources){.arguments = {"--config", "/no/file"}}), "--config", "/no/file",
        "No such file");
    CHECK_MISTAKE(
        ((struct sources){.environment = {"DEVICEBOUND_CONFIG=/no/file"}}), "--config", "/no/file");
    CHECK_MISTAKE(((struct sources){.arguments = {"--config", "/"}}), "--config");
    forget_sources();
}
END_TEST

START_TEST(test_the_last_config_of_the_command_line_is_read)
{
    check_read((struct sources){.environment = {"DEVICEBOUND_CONFIG=/no/file"},
        .arguments = {"--config", "/no/other"},
        .file = "{\"httpsPort\":99}"});
    ck_assert_int_eq(options.https_port, 99);
    ck_assert_str_eq(options.config, source_path());
    forget_sources();
}
END_TEST

START_TEST(test_a_mistake_in_the_file_counts_also_where_another_source_is_stronger)
{
    CHECK_MISTAKE(((struct sources){.arguments = {"--https-port=1"}, .file = "{\"httpsPort\":-1}"}),
        "httpsPort", "-1");
    forget_sources();
}
END_TEST

/* ---- devices ---- */

START_TEST(test_devices_are_texts_or_objects)
{
    check_read(DEVICE_OF("\"d1\",\"d2=" KEY_ONE "\",{\"deviceId\":\"d=3\"},"
                         "{\"deviceId\":\"d4\",\"status\":\"disabled\",\"authentication\":"
                         "{\"type\":\"sas\",\"symmetricKey\":{\"primaryKey\":\"" KEY_ONE "\","
                         "\"secondaryKey\":\"" KEY_OTHER "\"}}}"));
    const struct seed_device *items = options.devices.items;
    ck_assert_uint_eq(options.devices.count, 4);
    ck_assert_str_eq(items[0].draft.device_id, "d1");
    ck_assert(!items[0].has_key && !items[0].has_status && items[0].draft.enabled);
    ck_assert(items[1].has_key);
    ck_assert_str_eq(items[2].draft.device_id, "d=3");
    ck_assert(items[3].has_status && items[3].has_authentication && items[3].has_key);
    ck_assert(!items[3].draft.enabled);
    ck_assert_mem_eq(items[3].draft.primary.bytes, "0123456789abcdef", 16);
    ck_assert_mem_eq(items[3].draft.secondary.bytes, "fedcba9876543210", 16);
    forget_sources();
}
END_TEST

START_TEST(test_one_key_is_both_keys)
{
    check_read(DEVICE_OF("{\"deviceId\":\"d1\",\"authentication\":{\"symmetricKey\":"
                         "{\"primaryKey\":\"" KEY_ONE "\"}}}"));
    const struct identity_draft *draft = &options.devices.items[0].draft;
    ck_assert_mem_eq(draft->primary.bytes, draft->secondary.bytes, draft->primary.length);
    forget_sources();
}
END_TEST

START_TEST(test_a_device_of_the_file_may_have_a_certificate)
{
    check_read(DEVICE_OF("{\"deviceId\":\"d1\",\"authentication\":{\"type\":\"selfSigned\","
                         "\"x509Thumbprint\":{\"primaryThumbprint\":"
                         "\"0123456789012345678901234567890123456789\","
                         "\"secondaryThumbprint\":null}}},"
                         "{\"deviceId\":\"d2\",\"authentication\":"
                         "{\"type\":\"certificateAuthority\"}}"));
    const struct seed_device *items = options.devices.items;
    ck_assert_int_eq(items[0].draft.authentication, AUTHENTICATION_SELF_SIGNED);
    ck_assert_uint_eq(strlen(items[0].draft.primary_thumbprint), 40);
    ck_assert_str_eq(items[0].draft.secondary_thumbprint, "");
    ck_assert_int_eq(items[1].draft.authentication, AUTHENTICATION_CA);
    forget_sources();
}
END_TEST

START_TEST(test_a_device_of_the_file_may_be_played)
{
    check_read(
        DEVICE_OF("{\"deviceId\":\"d1\",\"simulator\":{\"on\":\"message\",\"do\":\"abandon\","
                  "\"delay\":\"PT2S\",\"times\":3,\"then\":{\"do\":\"complete\"}}}"));
    const struct simulator_rule *rule = &options.devices.items[0].simulator;
    ck_assert_uint_eq(rule->count, 2);
    ck_assert_int_eq(rule->steps[0].act, SIMULATOR_ABANDON);
    ck_assert_int_eq(rule->steps[0].delay.us, DURATION_SECONDS(2).us);
    ck_assert_uint_eq(rule->steps[0].times, 3);
    ck_assert_int_eq(rule->steps[1].act, SIMULATOR_COMPLETE);
}
END_TEST

START_TEST(test_messages_may_wait_for_a_device_of_the_file)
{
    check_read(DEVICE_OF("{\"deviceId\":\"d1\",\"messages\":[{\"body\":\"one\",\"ttl\":\"PT5M\"},"
                         "{\"body\":\"two\"}]}"));
    ck_assert_uint_eq(json_array_size(options.devices.items[0].messages), 2);
    forget_sources();
}
END_TEST

START_TEST(test_a_device_that_cannot_be_is_refused)
{
    static const struct {
        const char *text, *say;
    } cases[] = {{"{}", "\"deviceId\""}, {"{\"deviceId\":7}", "\"deviceId\""},
        {"{\"deviceId\":\"a b\"}", "a b"}, {"\"\"", "device id"},
        {"{\"deviceId\":\"\"}", "device id"}, {"{\"deviceId\":\"d1\",\"state\":1}", "\"state\""},
        {"{\"deviceId\":\"d1\",\"status\":\"on\"}", "enabled or disabled"},
        {"{\"deviceId\":\"d1\",\"status\":true}", "enabled or disabled"},
        {"{\"deviceId\":\"d1\",\"authentication\":\"sas\"}", "authentication"},
        {"{\"deviceId\":\"d1\",\"simulator\":{\"do\":\"eat\"}}", "\"do\""},
        {"{\"deviceId\":\"d1\",\"simulator\":true}", "simulator"},
        {"{\"deviceId\":\"d1\",\"messages\":{}}", "\"messages\""},
        {"{\"deviceId\":\"d1\",\"messages\":[{\"text\":\"x\"}]}", "\"text\""},
        {"{\"deviceId\":\"d1\",\"messages\":[{\"ack\":\"maybe\"}]}", "\"ack\""},
        {"{\"deviceId\":\"d1\",\"authentication\":{\"kind\":\"sas\"}}", "\"kind\""},
        {"{\"deviceId\":\"d1\",\"authentication\":{\"type\":\"none\"}}", "sas, selfSigned or"},
        {"{\"deviceId\":\"d1\",\"authentication\":{\"symmetricKey\":{}}}", "the key of \"d1\""},
        {"{\"deviceId\":\"d1\",\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"U2VjcmV0\"}}"
         "}",
            "the key of \"d1\""},
        {"{\"deviceId\":\"d1\",\"authentication\":{\"symmetricKey\":{\"secondaryKey\":\"" KEY_ONE
         "\"}}}",
            "the key of \"d1\""},
        {"{\"deviceId\":\"d1\",\"authentication\":{\"symmetricKey\":{\"primary\":\"\"}}}",
            "\"primary\""},
        {"{\"deviceId\":\"d1\",\"authentication\":{\"x509Thumbprint\":"
         "{\"primaryThumbprint\":\"abc\"}}}",
            "40 or 64"},
        {"{\"deviceId\":\"d1\",\"authentication\":{\"x509Thumbprint\":"
         "{\"primaryThumbprint\":5}}}",
            "40 or 64"},
        {"5", "devices"}, {"[\"d1\"]", "devices"}, {"null", "devices"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char file[512];
        snprintf(file, sizeof file, "{\"devices\":[\"d0\",%s]}", cases[i].text);
        CHECK_MISTAKE(((struct sources){.file = file}), cases[i].say, "devices");
        ck_assert_ptr_null(strstr(mistake, "U2VjcmV0"));
        ck_assert_ptr_null(strstr(mistake, KEY_ONE));
    }
    forget_sources();
}
END_TEST

SUITE_MAIN("option_file", test_keys_nest_at_their_dots, test_an_unknown_key_is_named,
    test_a_value_of_the_wrong_type_is_named, test_a_file_that_is_no_json_object_is_refused,
    test_a_file_that_is_not_there_is_refused, test_the_last_config_of_the_command_line_is_read,
    test_a_mistake_in_the_file_counts_also_where_another_source_is_stronger,
    test_devices_are_texts_or_objects, test_one_key_is_both_keys,
    test_a_device_of_the_file_may_have_a_certificate, test_a_device_of_the_file_may_be_played,
    test_messages_may_wait_for_a_device_of_the_file, test_a_device_that_cannot_be_is_refused)
