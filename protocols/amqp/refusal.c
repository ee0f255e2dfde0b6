#include "protocols/amqp/refusal.h"

#include "protocols/session/description.h"

#include <proton/codec.h>
#include <string.h>

#define VENDOR "com.microsoft:"

static const struct {
    enum hub_code code;
    const char *condition;
} conditions[] = {
    {HUB_GENERIC_BAD_REQUEST, "amqp:invalid-field"},
    {HUB_INVALID_OPERATION, "amqp:not-allowed"},
    {HUB_ARGUMENT_INVALID, VENDOR "argument-error"},
    {HUB_ARGUMENT_NULL, VENDOR "argument-error"},
    {HUB_IOT_HUB_FORMAT_ERROR, "amqp:decode-error"},
    {HUB_CONNECTION_FORCEFULLY_CLOSED_ON_NEW_CONNECTION, "amqp:connection:forced"},
    {HUB_IOT_HUB_NOT_FOUND, VENDOR "iot-hub-not-found-error"},
    {HUB_IOT_HUB_UNAUTHORIZED_ACCESS, "amqp:unauthorized-access"},
    {HUB_IOT_HUB_UNAUTHORIZED, "amqp:unauthorized-access"},
    {HUB_IOT_HUB_SUSPENDED, VENDOR "iot-hub-suspended"},
    {HUB_IOT_HUB_QUOTA_EXCEEDED, VENDOR "quota-exceeded"},
    {HUB_DEVICE_MAXIMUM_QUEUE_DEPTH_EXCEEDED, "amqp:resource-limit-exceeded"},
    {HUB_IOT_HUB_MAX_CBS_TOKEN_EXCEEDED, "amqp:resource-limit-exceeded"},
    {HUB_INVALID_MESSAGE_EXPIRY_TIME, "amqp:not-allowed"},
    {HUB_GENERIC_NOT_FOUND, "amqp:not-found"},
    {HUB_DEVICE_NOT_FOUND, "amqp:not-found"},
    {HUB_LINK_ADDRESS_NOT_FOUND, "amqp:not-found"},
    {HUB_MODULE_NOT_FOUND, "amqp:not-found"},
    {HUB_DEVICE_ALREADY_EXISTS, VENDOR "device-already-exists"},
    {HUB_LINK_CREATION_CONFLICT, "amqp:internal-error"},
    {HUB_PRECONDITION_FAILED, "amqp:precondition-failed"},
    {HUB_DEVICE_MESSAGE_LOCK_LOST, VENDOR "message-lock-lost"},
    {HUB_MESSAGE_TOO_LARGE, "amqp:link:message-size-exceeded"},
    {HUB_THROTTLING_EXCEPTION, VENDOR "device-container-throttled"},
    {HUB_THROTTLE_BACKLOG_LIMIT_EXCEEDED, VENDOR "device-container-throttled"},
    {HUB_THROTTLING_BACKLOG_TIMEOUT, VENDOR "device-container-throttled"},
    {HUB_DEVICE_THROTTLING_LIMIT_EXCEEDED, VENDOR "device-container-throttled"},
    {HUB_SERVER_ERROR, "amqp:internal-error"},
    {HUB_GENERIC_TIMEOUT, VENDOR "timeout"},
    {HUB_SERVICE_UNAVAILABLE, VENDOR "timeout"},
    {HUB_SERVER_BUSY, VENDOR "timeout"},
    {HUB_IOT_HUB_RESTORING, VENDOR "timeout"},
    {HUB_GATEWAY_TIMEOUT, VENDOR "timeout"},
};

const char *refusal_condition(enum hub_code code)
{
    for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
        if (conditions[i].code == code) {
            return conditions[i].condition;
        }
    }
    return "amqp:internal-error";
}

static void put_symbol(pn_data_t *data, const char *symbol)
{
    pn_data_put_symbol(data, pn_bytes(strlen(symbol), symbol));
}

void refusal_write(pn_condition_t *condition, const struct hub_error *error, const char *name)
{
    struct description description;
    description_write(error, clock_machine_now(), &description);

    hub_count_refusal(error->code);
    pn_condition_clear(condition);
    pn_condition_set_name(condition, name ? name : refusal_condition(error->code));
    pn_condition_set_description(condition, description.text);
    pn_data_t *info = pn_condition_info(condition);
    pn_data_put_map(info);
    pn_data_enter(info);
    put_symbol(info, VENDOR "tracking-id");
    pn_data_put_string(info, pn_bytes(strlen(description.tracking_id), description.tracking_id));
    put_symbol(info, VENDOR "is-filtered");
    pn_data_put_bool(info, true);
    pn_data_exit(info);
    pn_data_rewind(info);
}
