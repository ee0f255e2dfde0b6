#include "server/options/options_table.h"

#include "protocols/mqtt/mqtt.h"
#include "protocols/session/throttle.h"
#include "store/message.h"

#include <stddef.h>

const char *const option_group_titles[GROUP_COUNT] = {
    [GROUP_ENDPOINTS] = "Endpoints",
    [GROUP_DATA] = "Data",
    [GROUP_SECURITY] = "Security",
    [GROUP_CLOUD_TO_DEVICE] = "Cloud-to-device",
    [GROUP_LOG] = "Log",
    [GROUP_BEHAVIOUR] = "Behaviour",
    [GROUP_VERB] = "Of single verbs",
};

static const struct option_word durability_words[] = {
    {"process", DURABILITY_PROCESS}, {"power", DURABILITY_POWER}, {0}};
static const struct option_word auth_words[] = {
    {"enforce", AUTH_ENFORCE}, {"lenient", AUTH_LENIENT}, {0}};
static const struct option_word level_words[] = {
    {"error", LOG_ERROR}, {"warn", LOG_WARN}, {"info", LOG_INFO}, {"debug", LOG_DEBUG}, {0}};
static const struct option_word format_words[] = {{"text", LOG_TEXT}, {"json", LOG_JSON}, {0}};
static const struct option_word trace_words[] = {
    {"amqp", TRACE_AMQP}, {"mqtt", TRACE_MQTT}, {"https", TRACE_HTTPS}, {0}};
static const struct option_word disabled_device_words[] = {{"3", 3}, {"5", 5}, {0}};
static const struct option_word unknown_filter_words[] = {
    {"close", MQTT_UNKNOWN_FILTER_CLOSES}, {"fail", MQTT_UNKNOWN_FILTER_FAILS}, {0}};
static const struct option_word throttle_words[] = {{"off", THROTTLE_OFF}, {"free", THROTTLE_FREE},
    {"s1", THROTTLE_S1}, {"s2", THROTTLE_S2}, {"s3", THROTTLE_S3}, {0}};
static const struct option_word lock_time_words[] = {
    {"fixed", LOCK_TIME_FIXED}, {"honour", LOCK_TIME_HONOUR}, {0}};
static const struct option_word ack_words[] = {{"none", ACK_NONE}, {"positive", ACK_POSITIVE},
    {"negative", ACK_NEGATIVE}, {"full", ACK_FULL}, {0}};

#define AT(member) offsetof(struct options, member)
#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define DAY (24 * 60 * MINUTE)

/* The verbs that ask a running hub. */
#define VERBS_ASKING                                                                               \
    (OF_VERB(VERB_HEALTHCHECK) | OF_VERB(VERB_CONNECTION_STRING) | OF_VERB(VERB_SEND) |            \
        OF_VERB(VERB_RECEIVE) | OF_VERB(VERB_FEEDBACK) | OF_VERB(VERB_WATCH) |                     \
        OF_VERB(VERB_ADVANCE))

/* The ranges of the cloud-to-device settings are Azure's; what Azure fixes (device lock, depth,
 * feedback batch) may go down from there, and up only with --unsafe-ranges. */
/* clang-format off */
const struct option_row option_rows[] = {
    {.flag = "config", .group = GROUP_DATA, .type = OPTION_TEXT, .offset = AT(config),
     .verbs = VERBS_ASKING | OF_VERB(VERB_CA),
     .placeholder = "FILE", .help = "JSON file with settings and devices"},

    {.flag = "hostname", .key = "hostname", .group = GROUP_ENDPOINTS, .type = OPTION_TEXT, .offset = AT(host_name),
     .verbs = OF_VERB(VERB_CONNECTION_STRING) | OF_VERB(VERB_CA),
     .placeholder = "NAME", .initial = "127.0.0.1",
     .help = "The hub's host name in connection strings and certificates; some SDKs want a dot in it"},
    {.flag = "alt-name", .environment = "DEVICEBOUND_ALT_NAMES", .key = "altNames", .group = GROUP_ENDPOINTS,
     .verbs = OF_VERB(VERB_CA),
     .type = OPTION_NAMES, .offset = AT(alt_names), .placeholder = "NAME",
     .help = "A further DNS name or IP address of the hub; repeatable"},
    {.flag = "bind", .key = "bind", .group = GROUP_ENDPOINTS, .type = OPTION_ADDRESS, .offset = AT(bind),
     .verbs = VERBS_ASKING | OF_VERB(VERB_CA),
     .placeholder = "ADDRESS", .initial = "127.0.0.1",
     .help = "The IPv4 or IPv6 address every port listens on"},
    {.flag = "https-port", .key = "httpsPort", .group = GROUP_ENDPOINTS, .type = OPTION_PORT, .offset = AT(https_port),
     .placeholder = "PORT", .initial = "443",
     .help = "REST, device HTTPS, MQTT and AMQP over WebSocket; 0 is any free port, off is none"},
    {.flag = "amqps-port", .key = "amqpsPort", .group = GROUP_ENDPOINTS, .type = OPTION_PORT, .offset = AT(amqps_port),
     .placeholder = "PORT", .initial = "5671", .help = "AMQP 1.0 over TLS"},
    {.flag = "mqtts-port", .key = "mqttsPort", .group = GROUP_ENDPOINTS, .type = OPTION_PORT, .offset = AT(mqtts_port),
     .placeholder = "PORT", .initial = "8883", .help = "MQTT 3.1.1 over TLS"},
    {.flag = "control-port", .key = "controlPort", .group = GROUP_ENDPOINTS, .type = OPTION_PORT, .offset = AT(control_port),
     .verbs = VERBS_ASKING,
     .placeholder = "PORT", .initial = "8180", .help = "Control API and health: plain HTTP, without authentication"},

    {.flag = "data-dir", .key = "dataDir", .group = GROUP_DATA, .type = OPTION_TEXT, .offset = AT(data_directory),
     .verbs = OF_VERB(VERB_CONNECTION_STRING) | OF_VERB(VERB_CA),
     .placeholder = "DIR",
     .help = "Database, CA and certificates; default $XDG_STATE_HOME/devicebound, else ~/.local/state/devicebound"},
    {.flag = "in-memory", .key = "inMemory", .group = GROUP_DATA, .type = OPTION_SWITCH, .offset = AT(in_memory),
     .initial = "false", .help = "Keep nothing on disk but the CA and the certificates"},
    {.flag = "durability", .key = "durability", .group = GROUP_DATA, .type = OPTION_CHOICE, .offset = AT(durability),
     .placeholder = "LEVEL", .initial = "process", .words = durability_words,
     .help = "What acknowledged messages survive: the end of the process, or loss of power too"},
    {.flag = "device", .environment = "DEVICEBOUND_DEVICES", .key = "devices", .group = GROUP_DATA,
     .verbs = OF_VERB(VERB_CONNECTION_STRING) | OF_VERB(VERB_WATCH),
     .type = OPTION_DEVICES, .offset = AT(devices), .placeholder = "ID[=KEY]",
     .help = "A device that exists at start; without KEY (base64) its key is derived from ID; repeatable"},

    {.flag = "shared-access-key", .key = "sharedAccessKey", .group = GROUP_SECURITY, .type = OPTION_KEY,
     .verbs = OF_VERB(VERB_CONNECTION_STRING),
     .offset = AT(shared_access_key), .placeholder = "KEY", .initial = DEFAULT_SHARED_ACCESS_KEY,
     .help = "Key (base64) of the policies iothubowner, service, device, registryRead, registryReadWrite"},
    {.flag = "auth", .key = "auth", .group = GROUP_SECURITY, .type = OPTION_CHOICE, .offset = AT(auth),
     .placeholder = "MODE", .initial = "enforce", .words = auth_words,
     .help = "lenient: signatures are not checked, an unknown device is registered on first contact"},
    {.flag = "device-ca", .environment = "DEVICEBOUND_DEVICE_CAS", .key = "deviceCa", .group = GROUP_SECURITY,
     .type = OPTION_NAMES, .offset = AT(device_ca), .placeholder = "FILE",
     .help = "PEM file with CAs that devices of type certificateAuthority chain to; repeatable"},
    {.flag = "tls-cert", .key = "tlsCert", .group = GROUP_SECURITY, .type = OPTION_TEXT, .offset = AT(tls_cert),
     .verbs = OF_VERB(VERB_CA),
     .placeholder = "FILE", .help = "Your own server certificate with its chain, PEM, instead of the issued ones"},
    {.flag = "tls-key", .key = "tlsKey", .group = GROUP_SECURITY, .type = OPTION_TEXT, .offset = AT(tls_key),
     .verbs = OF_VERB(VERB_CA),
     .placeholder = "FILE", .help = "The private key of --tls-cert, PEM"},
    {.flag = "ca-cert", .key = "caCert", .group = GROUP_SECURITY, .type = OPTION_TEXT, .offset = AT(ca_cert),
     .verbs = OF_VERB(VERB_CA),
     .placeholder = "FILE", .help = "Your own CA, PEM: issues the server's certificates, or belongs to --tls-cert"},
    {.flag = "ca-key", .key = "caKey", .group = GROUP_SECURITY, .type = OPTION_TEXT, .offset = AT(ca_key),
     .verbs = OF_VERB(VERB_CA),
     .placeholder = "FILE", .help = "The private key of --ca-cert, PEM"},

    {.flag = "lock-timeout", .key = "cloudToDevice.lockDurationAsIso8601", .group = GROUP_CLOUD_TO_DEVICE,
     .type = OPTION_DURATION, .offset = AT(hub.device.lock), .placeholder = "DURATION", .initial = "PT1M",
     .least = 5 * SECOND, .most = 5 * MINUTE, .can_change = true, .help = "How long a delivered message stays locked"},
    {.flag = "default-ttl", .key = "cloudToDevice.defaultTtlAsIso8601", .group = GROUP_CLOUD_TO_DEVICE,
     .type = OPTION_DURATION, .offset = AT(hub.device.ttl), .placeholder = "DURATION", .initial = "PT1H",
     .least = MINUTE, .most = 2 * DAY, .can_change = true, .help = "Time to live of a message without an expiry of its own"},
    {.flag = "max-delivery-count", .key = "cloudToDevice.maxDeliveryCount", .group = GROUP_CLOUD_TO_DEVICE,
     .type = OPTION_COUNT, .offset = AT(hub.device.max_delivery_count), .placeholder = "N", .initial = "10",
     .least = 1, .most = 100, .can_change = true, .help = "The abandon that reaches it dead-letters the message"},
    {.flag = "queue-depth", .key = "cloudToDevice.queueDepth", .group = GROUP_CLOUD_TO_DEVICE,
     .type = OPTION_COUNT, .offset = AT(hub.device.depth), .placeholder = "N", .initial = "50",
     .least = 1, .most = 50, .can_change = true, .help = "Messages that may wait for one device"},
    {.flag = "feedback-lock-timeout", .key = "cloudToDevice.feedback.lockDurationAsIso8601",
     .group = GROUP_CLOUD_TO_DEVICE, .type = OPTION_DURATION, .offset = AT(hub.feedback.lock),
     .placeholder = "DURATION", .initial = "PT1M", .least = 5 * SECOND, .most = 5 * MINUTE,
     .can_change = true, .help = "How long a delivered feedback batch stays locked"},
    {.flag = "feedback-ttl", .key = "cloudToDevice.feedback.ttlAsIso8601", .group = GROUP_CLOUD_TO_DEVICE,
     .type = OPTION_DURATION, .offset = AT(hub.feedback.ttl), .placeholder = "DURATION", .initial = "PT1H",
     .least = MINUTE, .most = 2 * DAY, .can_change = true, .help = "Time to live of a feedback batch"},
    {.flag = "feedback-max-delivery-count", .key = "cloudToDevice.feedback.maxDeliveryCount",
     .group = GROUP_CLOUD_TO_DEVICE, .type = OPTION_COUNT, .offset = AT(hub.feedback.max_delivery_count),
     .placeholder = "N", .initial = "10", .least = 1, .most = 100,
     .can_change = true, .help = "The abandon that reaches it drops the feedback batch"},
    {.flag = "feedback-batch-size", .key = "cloudToDevice.feedback.batchSize", .group = GROUP_CLOUD_TO_DEVICE,
     .type = OPTION_COUNT, .offset = AT(hub.feedback_batch_size), .placeholder = "N", .initial = "64",
     .least = 1, .most = 64, .can_change = true, .help = "Feedback records in one batch, at most"},
    {.flag = "feedback-batch-interval", .key = "cloudToDevice.feedback.batchIntervalAsIso8601",
     .group = GROUP_CLOUD_TO_DEVICE, .type = OPTION_DURATION, .offset = AT(hub.feedback_batch_interval),
     .placeholder = "DURATION", .initial = "PT15S", .least = SECOND, .most = MINUTE,
     .can_change = true, .help = "A batch leaves this long after its first record, full or not"},
    {.flag = "count-lock-expiry", .key = "cloudToDevice.countLockExpiry", .group = GROUP_CLOUD_TO_DEVICE,
     .type = OPTION_SWITCH, .offset = AT(hub.device.count_lock_expiry), .initial = "false",
     .can_change = true, .help = "A lock that lapses raises the delivery count, as an abandon does"},
    {.flag = "unsafe-ranges", .key = "unsafeRanges", .group = GROUP_CLOUD_TO_DEVICE, .type = OPTION_SWITCH,
     .offset = AT(unsafe_ranges), .initial = "false",
     .help = "Lift the ranges of this group, for tests"},

    {.flag = "amqp-release-locks-on-detach", .key = "amqp.releaseLocksOnDetach", .group = GROUP_BEHAVIOUR,
     .type = OPTION_SWITCH, .offset = AT(amqp_release_locks_on_detach), .initial = "false",
     .help = "A receiver that goes gives its locks up at once"},

    {.flag = "mqtt-reject-before-subscribe", .key = "mqtt.rejectBeforeSubscribe", .group = GROUP_BEHAVIOUR,
     .type = OPTION_SWITCH, .offset = AT(mqtt_reject_before_subscribe), .initial = "true",
     .help = "Messages older than an MQTT subscription are rejected when it starts, as IoT Hub does"},
    {.flag = "mqtt-inflight", .key = "mqtt.inflight", .group = GROUP_BEHAVIOUR,
     .type = OPTION_COUNT, .offset = AT(mqtt_inflight), .placeholder = "N", .initial = "10",
     .least = 1, .most = MQTT_INFLIGHT_MAX, .help = "Messages sent to an MQTT client and not acknowledged, at most"},
    {.flag = "mqtt-redeliver-on-connection", .key = "mqtt.redeliverOnConnection", .group = GROUP_BEHAVIOUR,
     .type = OPTION_SWITCH, .offset = AT(mqtt_redeliver_on_connection), .initial = "true",
     .help = "An MQTT message whose lock lapsed is sent again on the same connection"},
    {.flag = "mqtt-disabled-device-code", .key = "mqtt.disabledDeviceCode", .group = GROUP_BEHAVIOUR,
     .type = OPTION_CHOICE, .offset = AT(mqtt_disabled_device_code), .placeholder = "CODE", .initial = "3",
     .words = disabled_device_words, .help = "CONNACK return code for a disabled device"},
    {.flag = "mqtt-unknown-filter", .key = "mqtt.unknownFilter", .group = GROUP_BEHAVIOUR,
     .type = OPTION_CHOICE, .offset = AT(mqtt_unknown_filter), .placeholder = "WAY", .initial = "close",
     .words = unknown_filter_words, .help = "A SUBSCRIBE to an unknown filter closes the connection, or fails with 0x80"},
    {.flag = "mqtt-token-grace", .key = "mqtt.tokenGrace", .group = GROUP_BEHAVIOUR,
     .type = OPTION_DURATION, .offset = AT(mqtt_token_grace), .placeholder = "DURATION", .initial = "PT10M",
     .least = 0, .most = DAY, .help = "How long an MQTT connection outlives its token"},
    {.flag = "https-lock-time", .key = "https.lockTime", .group = GROUP_BEHAVIOUR,
     .type = OPTION_CHOICE, .offset = AT(https_lock_time), .placeholder = "MODE", .initial = "fixed",
     .words = lock_time_words, .help = "Whether a device may ask for another lock time over HTTPS: fixed, or honour"},
    {.flag = "throttle", .key = "throttle", .group = GROUP_BEHAVIOUR, .type = OPTION_CHOICE, .offset = AT(throttle),
     .placeholder = "PROFILE", .initial = "off", .words = throttle_words, .can_change = true,
     .help = "Rate limits of a hub with one unit of that size; beyond them 429001"},
    {.flag = "faults-from-telemetry", .key = "faults.fromTelemetry", .group = GROUP_BEHAVIOUR,
     .type = OPTION_SWITCH, .offset = AT(faults_from_telemetry), .initial = "false",
     .help = "A device's message with the property AzIoTHub_FaultOperationType makes its connection go wrong"},

    {.flag = "log-level", .key = "log.level", .group = GROUP_LOG, .type = OPTION_CHOICE, .offset = AT(log_level),
     .placeholder = "LEVEL", .initial = "info", .words = level_words, .can_change = true, .help = "What is logged on stderr"},
    {.flag = "log-format", .key = "log.format", .group = GROUP_LOG, .type = OPTION_CHOICE, .offset = AT(log_format),
     .placeholder = "FORMAT", .initial = "text", .words = format_words, .help = "How it is written"},
    {.flag = "trace", .key = "trace", .group = GROUP_LOG, .type = OPTION_CHOICES, .offset = AT(trace),
     .placeholder = "LIST", .words = trace_words,
     .can_change = true, .help = "Protocols whose frames, packets or requests are logged, secrets masked"},

    {.flag = "policy", .group = GROUP_VERB, .verbs = OF_VERB(VERB_CONNECTION_STRING), .type = OPTION_TEXT,
     .offset = AT(policy), .placeholder = "NAME",
     .help = "The policy whose connection string is printed; default iothubowner"},
    {.flag = "ack", .group = GROUP_VERB, .verbs = OF_VERB(VERB_SEND), .type = OPTION_CHOICE, .offset = AT(ack),
     .placeholder = "ACK", .initial = "none", .words = ack_words, .help = "The ends that feedback is wanted of"},
    {.flag = "property", .group = GROUP_VERB, .verbs = OF_VERB(VERB_SEND), .type = OPTION_NAMES,
     .offset = AT(properties), .placeholder = "NAME=VALUE", .help = "An application property; repeatable"},
    {.flag = "message-id", .group = GROUP_VERB, .verbs = OF_VERB(VERB_SEND), .type = OPTION_TEXT,
     .offset = AT(message_id), .placeholder = "ID", .help = "The message's id, by which feedback names it"},
    {.flag = "correlation-id", .group = GROUP_VERB, .verbs = OF_VERB(VERB_SEND), .type = OPTION_TEXT,
     .offset = AT(correlation_id), .placeholder = "ID", .help = "Names what the message belongs to, for who reads it"},
    {.flag = "content-type", .group = GROUP_VERB, .verbs = OF_VERB(VERB_SEND), .type = OPTION_TEXT,
     .offset = AT(content_type), .placeholder = "TYPE", .help = "The media type of the body, as in application/json"},
    {.flag = "ttl", .group = GROUP_VERB, .verbs = OF_VERB(VERB_SEND), .type = OPTION_DURATION, .offset = AT(ttl),
     .placeholder = "DURATION", .least = SECOND, .most = 2 * DAY, .help = "Time to live; without it --default-ttl of the hub"},
    {.flag = "complete", .group = GROUP_VERB, .verbs = OF_VERB(VERB_RECEIVE), .type = OPTION_SWITCH,
     .offset = AT(complete), .initial = "false", .help = "Complete the message once it is printed"},
    {.flag = "reject", .group = GROUP_VERB, .verbs = OF_VERB(VERB_RECEIVE), .type = OPTION_SWITCH,
     .offset = AT(reject), .initial = "false", .help = "Reject it"},
    {.flag = "abandon", .group = GROUP_VERB, .verbs = OF_VERB(VERB_RECEIVE), .type = OPTION_SWITCH,
     .offset = AT(abandon), .initial = "false", .help = "Put it back into its queue; without one of the three it stays locked"},
    {.flag = "json", .group = GROUP_VERB, .verbs = OF_VERB(VERB_RECEIVE) | OF_VERB(VERB_FEEDBACK) | OF_VERB(VERB_WATCH),
     .type = OPTION_SWITCH, .offset = AT(json), .initial = "false",
     .help = "One object of JSON a line, all of it on standard output"},
};
/* clang-format on */

const size_t option_row_count = sizeof option_rows / sizeof option_rows[0];

const struct option_verb option_verbs[] = {
    {"serve", VERB_SERVE, "[SETTING...]", "starts the hub", 0}, /* which is what no verb does */
    {"version", VERB_VERSION, "", "prints the version", 0},
    {"--version", VERB_VERSION, NULL, NULL, 0},
    {"healthcheck", VERB_HEALTHCHECK, "[SETTING...]",
        "exit 0 when the hub on --control-port is ready", 0},
    {"connection-string", VERB_CONNECTION_STRING, "[--device ID | --policy NAME] [SETTING...]",
        "prints a connection string", 0},
    {"ca", VERB_CA, "[SETTING...]", "prints the CA certificate", 0},
    {"send", VERB_SEND, "DEVICE BODY [SETTING...]",
        "sends a message to a device, prints its sequence number; BODY - is standard input", 2},
    {"receive", VERB_RECEIVE, "DEVICE [SETTING...]",
        "receives a message as the device and prints its body; exit 1 when there is none", 1},
    {"feedback", VERB_FEEDBACK, "[SETTING...]",
        "prints the feedback that nobody has taken, and sends what waits", 0},
    {"watch", VERB_WATCH, "[--device ID] [SETTING...]",
        "prints what happens, until the hub or SIGINT ends it", 0},
    {"advance", VERB_ADVANCE, "DURATION [SETTING...]",
        "moves the hub's clock, prints what it shows then", 1},
    {"help", VERB_HELP, "", "prints the settings", 0},
    {"--help", VERB_HELP, NULL, NULL, 0},
    {"-h", VERB_HELP, NULL, NULL, 0},
    {"--help=markdown", VERB_HELP_MARKDOWN, NULL, NULL, 0},
    {"--help=man", VERB_HELP_MAN, NULL, NULL, 0},
    {"--help=bash", VERB_HELP_BASH, NULL, NULL, 0},
    {"--help=environment", VERB_HELP_ENVIRONMENT, NULL, NULL, 0},
};

const size_t option_verb_count = sizeof option_verbs / sizeof option_verbs[0];
