#include "protocols/amqp/refusal.h"

#include "tests/suite.h"

#include <jansson.h>
#include <proton/codec.h>
#include <proton/connection.h>
#include <string.h>

START_TEST(test_each_code_has_the_condition_its_clients_know)
{
    static const struct {
        enum hub_code code;
        const char *condition;
    } rows[] = {{HUB_DEVICE_NOT_FOUND, "amqp:not-found"}, {HUB_MODULE_NOT_FOUND, "amqp:not-found"},
        {HUB_LINK_ADDRESS_NOT_FOUND, "amqp:not-found"},
        {HUB_DEVICE_MAXIMUM_QUEUE_DEPTH_EXCEEDED, "amqp:resource-limit-exceeded"},
        {HUB_MESSAGE_TOO_LARGE, "amqp:link:message-size-exceeded"},
        {HUB_IOT_HUB_UNAUTHORIZED_ACCESS, "amqp:unauthorized-access"},
        {HUB_IOT_HUB_UNAUTHORIZED, "amqp:unauthorized-access"},
        {HUB_INVALID_OPERATION, "amqp:not-allowed"},
        {HUB_INVALID_MESSAGE_EXPIRY_TIME, "amqp:not-allowed"},
        {HUB_PRECONDITION_FAILED, "amqp:precondition-failed"},
        {HUB_SERVER_ERROR, "amqp:internal-error"}, {HUB_IOT_HUB_FORMAT_ERROR, "amqp:decode-error"},
        {HUB_ARGUMENT_INVALID, "com.microsoft:argument-error"},
        {HUB_DEVICE_ALREADY_EXISTS, "com.microsoft:device-already-exists"},
        {HUB_THROTTLING_EXCEPTION, "com.microsoft:device-container-throttled"},
        {HUB_THROTTLE_BACKLOG_LIMIT_EXCEEDED, "com.microsoft:device-container-throttled"},
        {HUB_THROTTLING_BACKLOG_TIMEOUT, "com.microsoft:device-container-throttled"},
        {HUB_DEVICE_THROTTLING_LIMIT_EXCEEDED, "com.microsoft:device-container-throttled"},
        {HUB_GENERIC_TIMEOUT, "com.microsoft:timeout"},
        {HUB_SERVICE_UNAVAILABLE, "com.microsoft:timeout"},
        {HUB_SERVER_BUSY, "com.microsoft:timeout"},
        {HUB_IOT_HUB_RESTORING, "com.microsoft:timeout"},
        {HUB_GATEWAY_TIMEOUT, "com.microsoft:timeout"},
        {HUB_GENERIC_BAD_GATEWAY, "amqp:internal-error"},
        {HUB_IOT_HUB_QUOTA_EXCEEDED, "com.microsoft:quota-exceeded"},
        {HUB_IOT_HUB_SUSPENDED, "com.microsoft:iot-hub-suspended"},
        {HUB_IOT_HUB_NOT_FOUND, "com.microsoft:iot-hub-not-found-error"},
        {HUB_DEVICE_MESSAGE_LOCK_LOST, "com.microsoft:message-lock-lost"},
        {HUB_LINK_CREATION_CONFLICT, "amqp:internal-error"}};
    enum hub_code code;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_str_eq(refusal_condition(rows[i].code), rows[i].condition);
    }
    for (size_t i = 0; hub_code_at(i, &code); i++) {
        ck_assert_ptr_nonnull(refusal_condition(code));
    }
}
END_TEST

START_TEST(test_a_description_is_one_line_of_json)
{
    pn_connection_t *connection = pn_connection();
    pn_condition_t *condition = pn_connection_condition(connection);
    struct hub_error error;
    hub_refuse(&error, HUB_DEVICE_NOT_FOUND, "It's \"%s\"\n\xff", "d\\1");
    refusal_write(condition, &error, NULL);
    ck_assert_str_eq(pn_condition_get_name(condition), "amqp:not-found");
    const char *description = pn_condition_get_description(condition);
    ck_assert(strchr(description, '\n') == NULL);
    json_t *json = json_loads(description, 0, NULL);
    ck_assert_ptr_nonnull(json);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "errorCode")), 404001);
    ck_assert_str_eq(json_string_value(json_object_get(json, "message")), "It's \"d\\1\"??");
    ck_assert_ptr_nonnull(json_object_get(json, "timestampUtc"));

    const char *tracking = json_string_value(json_object_get(json, "trackingId"));
    ck_assert_uint_eq(strspn(tracking, "0123456789abcdef"), 32);
    int month, day, year, hour, minute, second;
    ck_assert_int_eq(sscanf(tracking + 32, "-G:0-TimeStamp:%2d/%2d/%4d %2d:%2d:%2d", &month, &day,
                         &year, &hour, &minute, &second),
        6);

    pn_data_t *info = pn_condition_info(condition);
    ck_assert(pn_data_next(info));
    ck_assert_int_eq(pn_data_type(info), PN_MAP);
    pn_data_enter(info);
    ck_assert(pn_data_next(info));
    ck_assert_int_eq(pn_data_type(info), PN_SYMBOL);
    ck_assert_str_eq(pn_data_get_symbol(info).start, "com.microsoft:tracking-id");
    ck_assert(pn_data_next(info));
    ck_assert_str_eq(pn_data_get_string(info).start, tracking);
    ck_assert(pn_data_next(info) && pn_data_next(info));
    ck_assert(pn_data_get_bool(info));
    json_decref(json);
    pn_connection_free(connection);
}
END_TEST

SUITE_MAIN("amqp refusal", test_each_code_has_the_condition_its_clients_know,
    test_a_description_is_one_line_of_json)
