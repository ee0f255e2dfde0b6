/*
 * Every refusal the hub knows, in one table: number, IoT Hub name, default sentence. Each protocol
 * maps an entry once to its own form; nobody else invents refusals. Called by every floor.
 *
 * Source: learn.microsoft.com "Understand and resolve Azure IoT Hub errors"
 * (troubleshoot-error-codes), which lists numbers and names; the first three digits of a number
 * are the HTTP status of the same refusal.
 */
#ifndef DEVICEBOUND_STORE_ERROR_H
#define DEVICEBOUND_STORE_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The codes, as number and enumerator: X(number, ENUMERATOR, "IoT Hub name", "default sentence").
 */
#define HUB_ERRORS(X)                                                                              \
    X(400000, GENERIC_BAD_REQUEST, "GenericBadRequest", "The request is malformed.")               \
    X(400001, INVALID_PROTOCOL_VERSION, "InvalidProtocolVersion",                                  \
        "The api-version is missing or not supported.")                                            \
    X(400003, INVALID_OPERATION, "InvalidOperation", "The operation is not valid here.")           \
    X(400004, ARGUMENT_INVALID, "ArgumentInvalid", "An argument is invalid.")                      \
    X(400005, ARGUMENT_NULL, "ArgumentNull", "A required argument is missing.")                    \
    X(400006, IOT_HUB_FORMAT_ERROR, "IotHubFormatError", "The message is not readable.")           \
    X(400011, DEVICE_DEFINED_MULTIPLE_TIMES, "DeviceDefinedMultipleTimes",                         \
        "The same device occurs more than once in the request.")                                   \
    X(400012, DESERIALIZATION_ERROR, "DeserializationError", "The body is not valid JSON.")        \
    X(400013, BULK_REGISTRY_OPERATION_FAILURE, "BulkRegistryOperationFailure",                     \
        "At least one item of the bulk operation failed.")                                         \
    X(400014, DEFAULT_STORAGE_ENDPOINT_NOT_CONFIGURED, "DefaultStorageEndpointNotConfigured",      \
        "The hub has no storage account for file uploads.")                                        \
    X(400027, CONNECTION_FORCEFULLY_CLOSED_ON_NEW_CONNECTION,                                      \
        "ConnectionForcefullyClosedOnNewConnection",                                               \
        "A newer connection of the same identity ended this one.")                                 \
    X(401001, IOT_HUB_NOT_FOUND, "IotHubNotFound", "There is no hub of this name.")                \
    X(401002, IOT_HUB_UNAUTHORIZED_ACCESS, "IotHubUnauthorizedAccess", "Unauthorized")             \
    X(401003, IOT_HUB_UNAUTHORIZED, "IotHubUnauthorized", "Authentication failed.")                \
    X(403001, IOT_HUB_SUSPENDED, "IotHubSuspended", "The hub is suspended.")                       \
    X(403002, IOT_HUB_QUOTA_EXCEEDED, "IotHubQuotaExceeded", "The daily quota is exceeded.")       \
    X(403004, DEVICE_MAXIMUM_QUEUE_DEPTH_EXCEEDED, "DeviceMaximumQueueDepthExceeded",              \
        "The device's queue is full.")                                                             \
    X(403005, IOT_HUB_MAX_CBS_TOKEN_EXCEEDED, "IotHubMaxCbsTokenExceeded",                         \
        "The connection holds too many tokens.")                                                   \
    X(403009, INVALID_MESSAGE_EXPIRY_TIME, "InvalidMessageExpiryTime",                             \
        "The message's expiry time is not in the future.")                                         \
    X(404000, GENERIC_NOT_FOUND, "GenericNotFound", "There is nothing at this address.")           \
    X(404001, DEVICE_NOT_FOUND, "DeviceNotFound", "The device is not registered or disabled.")     \
    X(404006, LINK_ADDRESS_NOT_FOUND, "LinkAddressNotFound",                                       \
        "The link address fits none of the expected formats.")                                     \
    X(404010, MODULE_NOT_FOUND, "ModuleNotFound", "The module is not registered.")                 \
    X(405000, GENERIC_METHOD_NOT_ALLOWED, "GenericMethodNotAllowed",                               \
        "The method is not allowed here.")                                                         \
    X(409001, DEVICE_ALREADY_EXISTS, "DeviceAlreadyExists", "The device already exists.")          \
    X(409002, LINK_CREATION_CONFLICT, "LinkCreationConflict",                                      \
        "Another client has opened a receive link for this device.")                               \
    X(409301, MODULE_ALREADY_EXISTS_ON_DEVICE, "ModuleAlreadyExistsOnDevice",                      \
        "The module already exists.")                                                              \
    X(412001, PRECONDITION_FAILED, "PreconditionFailed", "The ETag does not match.")               \
    X(412002, DEVICE_MESSAGE_LOCK_LOST, "DeviceMessageLockLost", "PreconditionFailed")             \
    X(413001, MESSAGE_TOO_LARGE, "MessageTooLarge", "The message is larger than the limit.")       \
    X(413002, TOO_MANY_DEVICES, "TooManyDevices", "The request names too many devices.")           \
    X(413003, TOO_MANY_MODULES_ON_DEVICE, "TooManyModulesOnDevice",                                \
        "The device has too many modules.")                                                        \
    X(415000, GENERIC_UNSUPPORTED_MEDIA_TYPE, "GenericUnsupportedMediaType",                       \
        "The media type is not supported.")                                                        \
    X(429001, THROTTLING_EXCEPTION, "ThrottlingException", "The rate limit is exceeded.")          \
    X(429002, THROTTLE_BACKLOG_LIMIT_EXCEEDED, "ThrottleBacklogLimitExceeded",                     \
        "Too many requests wait for the rate limit.")                                              \
    X(429003, THROTTLING_BACKLOG_TIMEOUT, "ThrottlingBacklogTimeout",                              \
        "The request has waited too long for the rate limit.")                                     \
    X(429005, DEVICE_THROTTLING_LIMIT_EXCEEDED, "DeviceThrottlingLimitExceeded",                   \
        "The device's rate limit is exceeded.")                                                    \
    X(500001, SERVER_ERROR, "ServerError", "The hub could not do this.")                           \
    X(500008, GENERIC_TIMEOUT, "GenericTimeout", "The hub did not do this in time.")               \
    X(502000, GENERIC_BAD_GATEWAY, "GenericBadGateway", "What the hub asked gave a bad answer.")   \
    X(503001, SERVICE_UNAVAILABLE, "ServiceUnavailable", "The hub is not available now.")          \
    X(503005, SERVER_BUSY, "ServerBusy", "The hub is busy.")                                       \
    X(503006, IOT_HUB_RESTORING, "IotHubRestoring", "The hub is being restored.")                  \
    X(504101, GATEWAY_TIMEOUT, "GatewayTimeout", "What the hub asked gave no answer in time.")

enum hub_code {
    HUB_OK = 0,
#define HUB_ENUMERATOR(number, enumerator, name, sentence) HUB_##enumerator = number,
    HUB_ERRORS(HUB_ENUMERATOR)
#undef HUB_ENUMERATOR
};

/* A refusal on its way to a peer. `sentence` is for people and holds no secret. */
struct hub_error {
    enum hub_code code;
    char sentence[256];
};

/* Fills `error` (which may be NULL) and returns `code`, so that a refusal is one line:
 * `return hub_refuse(error, HUB_DEVICE_NOT_FOUND, NULL);`. `format` NULL: the table's sentence. */
enum hub_code hub_refuse(struct hub_error *error, enum hub_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The IoT Hub name, such as "DeviceNotFound"; "OK" for HUB_OK. Static. */
const char *hub_code_name(enum hub_code code);

/* The table's sentence. Static. */
const char *hub_code_sentence(enum hub_code code);

/* 404 for 404001; 200 for HUB_OK. */
int hub_code_http_status(enum hub_code code);

/* Counts a refusal that a peer is told, for metrics: once, by whoever tells it. */
void hub_count_refusal(enum hub_code code);
uint64_t hub_refusal_count(enum hub_code code);

/* The table in order, for those who map or list it. False past its end. */
bool hub_code_at(size_t index, enum hub_code *code);

/* The code of that IoT Hub name, or of that number as text; HUB_OK when there is none. */
enum hub_code hub_code_parse(const char *text);

#endif
