/*
 * CONNECT: who is it, may it, and with what session.
 *
 * The newer of two connections of a device wins, but only once it has shown who it is: a CONNECT
 * that is refused disturbs nobody.
 */
#include "protocols/mqtt/connect.h"
#include "protocols/mqtt/connection.h"
#include "protocols/mqtt/user_name.h"

#include "store/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Without a packet for one and a half of the client's keep-alive; IoT Hub caps that at 29.45
 * minutes, and takes 0 for the cap. */
#define SILENCE_MAX_MS 1767000

/* Two clients with one id end each other for ever: the first few are told, then every hundredth. */
#define DISPLACED_TOLD 5
#define DISPLACED_EVERY 100

/* ---- refusing ---- */

static void note_failure(
    struct mqtt_connection *connection, const char *device_id, const char *reason)
{
    struct hub *hub = mqtt_connection_hub(connection);
    struct actor actor = connection_actor(connection->connection);
    journal_note(hub_journal(hub), &(struct journal_entry){.at = hub_now(hub),
                                       .event = JOURNAL_AUTHENTICATION_FAILED,
                                       .device = device_id,
                                       .protocol = actor.protocol,
                                       .connection = actor.connection,
                                       .reason = reason});
    LOG(LOG_DEBUG, "MQTT-CONNECT-REFUSED", "CONNECT is refused",
        {"address", stream_peer_address(connection->stream)}, {"device", device_id},
        {"reason", reason});
}

static void refuse(struct mqtt_connection *connection, enum connack_code code, const char *reason)
{
    uint8_t answer[PACKET_SHORT_SIZE];
    packet_write_connack(answer, false, (uint8_t)code);
    mqtt_connection_write(connection, answer, sizeof answer);
    mqtt_connection_end(connection, MQTT_END_CLOSE, reason);
}

/* ---- who ---- */

/* Name of the device or module that CONNECT speaks for, into `device_id`. HUB_OK, or why it is
 * nobody. */
static enum hub_code identify(struct mqtt_connection *connection, const struct connect *connect,
    char device_id[IDENTITY_NAME_MAX + 1], struct hub_error *error)
{
    struct user_name name;
    if (!user_name_parse(connect->user_name, connect->client_id, &name)) {
        return hub_refuse(
            error, HUB_IOT_HUB_UNAUTHORIZED_ACCESS, "the user name has none of the known forms");
    }
    if (!user_name_matches(&name, connect->client_id)) {
        return hub_refuse(error, HUB_IOT_HUB_UNAUTHORIZED_ACCESS, "user name and client id differ");
    }
    if (name.module.length > DEVICE_ID_MAX || name.device.length > DEVICE_ID_MAX) {
        return hub_refuse(error, HUB_DEVICE_NOT_FOUND, "there is no such identity");
    }
    snprintf(device_id, IDENTITY_NAME_MAX + 1, "%.*s%s%.*s", (int)name.device.length,
        name.device.bytes, name.module.bytes ? "/" : "", (int)name.module.length,
        name.module.bytes ? name.module.bytes : "");
    if (!auth_knows_host(connection->server->context->auth, name.host)) {
        LOG(LOG_DEBUG, "MQTT-HOST", "the user name has the host name of another hub",
            {"device", device_id});
    }
    if (name.client_type[0]) {
        connection_set_client_version(connection->connection, name.client_type);
    }
    return HUB_OK;
}

static enum hub_code authenticate(struct mqtt_connection *connection, const struct connect *connect,
    const char *device_id, struct auth_grant *grant, struct hub_error *error)
{
    struct auth *auth = connection->server->context->auth;
    struct instant now = mqtt_connection_token_now(connection);
    struct x509_st *certificate = stream_peer_certificate(connection->stream);
    enum hub_code code;
    if (connect->password.length > 0) {
        code = auth_read_token(auth, connect->password, device_id, now, grant, error);
    } else if (certificate) {
        code = auth_read_certificate(auth, certificate,
            stream_peer_chain_is_trusted(connection->stream), device_id, now, grant, error);
    } else {
        return hub_refuse(
            error, HUB_IOT_HUB_UNAUTHORIZED_ACCESS, "neither a password nor a client certificate");
    }
    return code == HUB_OK ? auth_authorize_device(auth, grant, device_id, error) : code;
}

static enum connack_code code_of_failure(
    const struct mqtt_connection *connection, const char *device_id, enum hub_code code)
{
    const struct identity *identity =
        identity_find_name(hub_identities(mqtt_connection_hub(connection)), device_id);
    if (code == HUB_DEVICE_NOT_FOUND && identity && !identity_is_enabled(identity)) {
        return (enum connack_code)connection->server->options.disabled_device_code;
    }
    int status = hub_code_http_status(code);
    bool is_ours = status >= 500 || status == 429 || code == HUB_IOT_HUB_QUOTA_EXCEEDED ||
                   code == HUB_IOT_HUB_SUSPENDED;
    return is_ours ? CONNACK_UNAVAILABLE : CONNACK_NOT_AUTHORIZED;
}

/* ---- with what session ---- */

static void displace(struct mqtt_connection *connection, const char *device_id)
{
    struct mqtt_server *server = connection->server;
    struct mqtt_connection *older;
    HASH_FIND(by_device, server->by_device, device_id, strlen(device_id), older);
    if (!older) {
        return;
    }
    if (server->displaced_count++ < DISPLACED_TOLD ||
        server->displaced_count % DISPLACED_EVERY == 0) {
        char count[24];
        snprintf(count, sizeof count, "%" PRIu64, server->displaced_count);
        LOG(LOG_WARN, "MQTT-DISPLACED", "a newer connection of the same device ends an older one",
            {"device", device_id}, {"so_far", count});
    }
    mqtt_connection_end(older, MQTT_END_CLOSE, session_end_name(END_DISPLACED));
}

static void open_session(struct mqtt_connection *connection)
{
    struct subscriptions *stored = hub_subscriptions(mqtt_connection_hub(connection));
    connection->subscription_count =
        subscriptions_read(stored, connection->device, connection->subscriptions);
    delivery_load(connection);
    if (connection->is_clean) {
        if (connection->subscription_count > 0 || connection->window.count > 0) {
            subscriptions_forget(stored, connection->device);
        }
        connection->subscription_count = 0;
        window_release(&connection->window);
    }
    connection->session_present = connection->subscription_count > 0;
    subscription_reject_older(connection);
}

void token_check(struct mqtt_connection *connection)
{
    struct duration left =
        instant_since(connection->token_end, mqtt_connection_token_now(connection));
    if (left.us <= 0) {
        mqtt_connection_end(connection, MQTT_END_CLOSE, "token expired");
    } else {
        loop_timer_arm(connection->token, left.us / 1000 + 1);
    }
}

/* The machine's clock has run as far as the timer; the hub's may have stood still. */
static void token_is_due(void *context)
{
    struct mqtt_connection *connection = context;
    if (clock_tokens_follow(hub_clock(mqtt_connection_hub(connection)))) {
        token_check(connection);
    } else {
        mqtt_connection_end(connection, MQTT_END_CLOSE, "token expired");
    }
}

static void watch_token(struct mqtt_connection *connection, const struct auth_grant *grant)
{
    if (instant_is_never(grant->expires)) {
        return;
    }
    connection->token_end = instant_add(grant->expires, connection->server->options.token_grace);
    connection->token =
        loop_timer_create(connection->server->context->loop, token_is_due, connection);
    int64_t left_us =
        instant_since(connection->token_end, mqtt_connection_token_now(connection)).us;
    loop_timer_arm(connection->token, left_us > 0 ? left_us / 1000 + 1 : 0);
}

static void attendance_ended(void *owner, enum session_end end)
{
    struct mqtt_connection *connection = owner;
    connection->attendance = NULL;
    mqtt_connection_end(connection, MQTT_END_CLOSE, session_end_name(end));
}

static void set_silence(struct mqtt_connection *connection, uint16_t keep_alive)
{
    int64_t wanted_ms = (int64_t)keep_alive * 1500;
    connection->silence_ms =
        wanted_ms == 0 || wanted_ms > SILENCE_MAX_MS ? SILENCE_MAX_MS : wanted_ms;
    mqtt_connection_rest(connection);
}

/* The session is there for good: CONNACK is out. */
static void open(struct mqtt_connection *connection)
{
    mqtt_connection_move(connection, MQTT_OPEN);
    delivery_follow_subscription(connection);
    mqtt_connection_read(connection);
}

static void accept(struct mqtt_connection *connection, const struct connect *connect,
    const char *device_id, const struct auth_grant *grant)
{
    struct hub *hub = mqtt_connection_hub(connection);
    displace(connection, device_id);
    snprintf(connection->device_id, sizeof connection->device_id, "%s", device_id);
    connection->device = identity_find_name(hub_identities(hub), device_id)->row;
    HASH_ADD(by_device, connection->server->by_device, device_id[0], strlen(connection->device_id),
        connection);
    connection_set_identity(connection->connection, device_id);
    connection->attendance =
        attendance_open(connection->connection, device_id, attendance_ended, connection);
    connection->reader.limit = PACKET_MAX;
    connection->is_clean = connect->clean_session;
    open_session(connection);
    watch_token(connection, grant);
    set_silence(connection, connect->keep_alive);
    mqtt_connection_move(connection, MQTT_AUTHENTICATED);
    uint8_t answer[PACKET_SHORT_SIZE];
    packet_write_connack(answer, connection->session_present, CONNACK_ACCEPTED);
    mqtt_connection_say(connection, answer, sizeof answer, open);
}

/* ---- all of it ---- */

/* Only the device's own telemetry topic can be a will's. */
static bool take_will(
    struct mqtt_connection *connection, const struct connect *connect, const char *device_id)
{
    struct topic topic = topic_parse(connect->will_topic, device_id);
    if (topic.kind == TOPIC_TELEMETRY) {
        connection->will =
            publish_read_event(topic.bag, connect->will_message, connect->will_retain);
    }
    return connection->will != NULL;
}

bool login_handle(
    struct mqtt_connection *connection, const struct packet *packet, const char **clause)
{
    struct connect connect;
    enum connack_code answer;
    switch (connect_parse(packet, &connect, &answer, clause)) {
    case CONNECT_TAKEN:
        break;
    case CONNECT_ANSWERED:
        refuse(connection, answer, *clause);
        return true;
    case CONNECT_MALFORMED:
        return false;
    }
    char device_id[IDENTITY_NAME_MAX + 1] = "";
    struct hub_error error;
    struct auth_grant grant = {0};
    enum hub_code code = identify(connection, &connect, device_id, &error);
    const char *named = code == HUB_OK ? device_id : NULL;
    struct fault fault;
    if (!mqtt_fault_passes(connection, FAULT_CONNECT, named, packet, &fault) ||
        (fault.action == FAULT_NONE &&
            !mqtt_fault_passes(connection, FAULT_AUTHENTICATE, named, packet, &fault))) {
        return true;
    }
    if (code == HUB_OK && fault.action == FAULT_ERROR) {
        code = fault.error.code;
        error = fault.error;
    }
    if (code == HUB_OK && connect.has_will && !take_will(connection, &connect, device_id)) {
        *clause = "will topic";
        return false;
    }
    if (code == HUB_OK) {
        code = authenticate(connection, &connect, device_id, &grant, &error);
    }
    if (code == HUB_OK) {
        code = mqtt_connection_take(connection, THROTTLE_CONNECT, &error);
    }
    if (code != HUB_OK) {
        hub_count_refusal(code);
        note_failure(connection, device_id[0] ? device_id : NULL, error.sentence);
        refuse(connection, code_of_failure(connection, device_id, code), "authentication failed");
        return true;
    }
    accept(connection, &connect, device_id, &grant);
    return true;
}
