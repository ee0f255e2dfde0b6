#include "protocols/amqp/cbs.h"

#include "protocols/amqp/fault.h"
#include "protocols/amqp/link.h"
#include "protocols/amqp/reply.h"
#include "store/log.h"
#include "store/memory.h"

#include <proton/terminus.h>
#include <stdio.h>
#include <string.h>

/* ---- requests ---- */

static struct text property_text(const struct sections *sections, const char *key)
{
    struct value value;
    return map_find(&sections->application, key, &value) ? value_text(&value) : TEXT_ABSENT;
}

static enum cbs_operation operation_of(struct text name)
{
    if (text_equal_nocase(name, TEXT("put-token"))) {
        return CBS_PUT_TOKEN;
    }
    return text_equal_nocase(name, TEXT("delete-token")) ? CBS_DELETE_TOKEN : CBS_UNKNOWN;
}

static bool type_is_known(struct text type)
{
    static const struct text types[] = {{"servicebus.windows.net:sastoken", 31},
        {"azure-devices.net:sastoken", 26}, {"bearer", 6}, {"jwt", 3}};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (text_equal_nocase(type, types[i])) {
            return true;
        }
    }
    return false;
}

/* The token is the string of the one amqp-value section. */
static struct text token_of(const struct sections *sections)
{
    struct reader bodies = sections->bodies;
    struct value body;
    if (!read_value(&bodies, &body) || body.descriptor != SECTION_VALUE ||
        body.type != VALUE_STRING) {
        return TEXT_ABSENT;
    }
    return value_text(&body);
}

static enum hub_code bad(struct hub_error *error, const char *sentence)
{
    return hub_refuse(error, HUB_GENERIC_BAD_REQUEST, "%s", sentence);
}

enum hub_code cbs_request_read(
    const void *bytes, size_t length, struct cbs_request *request, struct hub_error *error)
{
    struct sections sections;
    *request = (struct cbs_request){0};
    if (!sections_read(bytes, length, &sections)) {
        return bad(error, "The request is not a well-formed AMQP message.");
    }
    request->message_id = sections.properties[PROPERTY_MESSAGE_ID];
    request->reply_to = value_text(&sections.properties[PROPERTY_REPLY_TO]);
    request->name = property_text(&sections, "name");
    request->operation = operation_of(property_text(&sections, "operation"));
    if (request->operation == CBS_UNKNOWN) {
        return bad(error, "The operation is neither put-token nor delete-token.");
    }
    if (request->operation == CBS_DELETE_TOKEN) {
        return HUB_OK;
    }
    if (!type_is_known(property_text(&sections, "type"))) {
        return bad(error, "The token type is not supported.");
    }
    request->token = token_of(&sections);
    return request->token.bytes ? HUB_OK : bad(error, "The body is not a string.");
}

/* A name as the .NET, Node and C clients write it: scheme, port and percent-encoding vary. Decoded
 * once it is a path; an id in it may be encoded once more. */
#define NAME_MAX_LENGTH 1024

static bool name_path(struct text name, char out[NAME_MAX_LENGTH])
{
    if (!name.bytes || !percent_decode(name, out, NAME_MAX_LENGTH)) {
        return false;
    }
    const char *scheme = strstr(out, "://");
    const char *path = strchr(scheme ? scheme + 3 : out, '/');
    memmove(out, path ? path : "", path ? strlen(path) + 1 : 1);
    size_t length = strlen(out);
    if (length > 0 && out[length - 1] == '/') {
        out[length - 1] = '\0';
    }
    return true;
}

/* Copies the segment that `path` begins with. Returns what follows; NULL: it is no id. */
static const char *take_id(const char *path, char *out)
{
    size_t length = strcspn(path, "/");
    if (length == 0 || length > DEVICE_ID_MAX) {
        return NULL;
    }
    memcpy(out, path, length);
    out[length] = '\0';
    return path + length;
}

bool cbs_name_device(struct text name, char *out)
{
    static const char devices[] = "/devices/", modules[] = "/modules/";
    char path[NAME_MAX_LENGTH];
    if (!name_path(name, path) || strncasecmp(path, devices, sizeof(devices) - 1) != 0) {
        return false;
    }
    const char *rest = take_id(path + sizeof(devices) - 1, out);
    if (rest && strncasecmp(rest, modules, sizeof(modules) - 1) == 0) {
        out += strlen(out);
        *out++ = '/';
        rest = take_id(rest + sizeof(modules) - 1, out);
    }
    return rest != NULL;
}

/* ---- replies ---- */

void cbs_reply_write(
    struct writer *writer, const struct value *message_id, int status, const char *description)
{
    write_descriptor(writer, SECTION_PROPERTIES);
    size_t list = write_open(writer, COMPOUND_LIST);
    for (int i = 0; i < PROPERTY_CORRELATION_ID; i++) {
        write_null(writer);
    }
    if (message_id->type != VALUE_NULL) {
        write_raw(writer, message_id->encoded, message_id->encoded_length);
    } else {
        write_null(writer);
    }
    write_close(writer, list, PROPERTY_CORRELATION_ID + 1);

    write_descriptor(writer, SECTION_APPLICATION_PROPERTIES);
    size_t map = write_open(writer, COMPOUND_MAP);
    write_string(writer, TEXT("status-code"));
    write_int(writer, status);
    write_string(writer, TEXT("status-description"));
    write_string(writer, text_of(description));
    write_close(writer, map, 4);

    write_descriptor(writer, SECTION_VALUE);
    write_null(writer);
}

/* ---- the link ---- */

/* The client that names a device means its key where the token's audience names none; but a name
 * is advice only, and a token may be for more than it says. */
static enum hub_code read_token(struct amqp_connection *connection,
    const struct cbs_request *request, struct auth_grant *grant, struct hub_error *error)
{
    struct auth *auth = connection->server->context.auth;
    struct instant now = amqp_connection_token_now(connection);
    char device[IDENTITY_NAME_MAX + 1];
    bool is_named = cbs_name_device(request->name, device);
    enum hub_code code =
        auth_read_token(auth, request->token, is_named ? device : NULL, now, grant, error);
    if (code == HUB_IOT_HUB_UNAUTHORIZED_ACCESS && is_named &&
        auth_read_token(auth, request->token, NULL, now, grant, NULL) == HUB_OK) {
        return HUB_OK;
    }
    return code;
}

/* A device's own token opens nothing while the device is disabled. */
static enum hub_code check_device(
    struct amqp_connection *connection, const struct auth_grant *grant, struct hub_error *error)
{
    const struct identity *identity =
        identity_find_name(hub_identities(connection->server->context.hub), grant->device_id);
    if (identity && !identity_is_enabled(identity)) {
        return hub_refuse(
            error, HUB_IOT_HUB_UNAUTHORIZED_ACCESS, "Device %s is disabled.", grant->device_id);
    }
    return HUB_OK;
}

static enum hub_code put_token(
    struct amqp_connection *connection, const struct cbs_request *request, struct hub_error *error)
{
    struct auth_grant grant;
    char device[IDENTITY_NAME_MAX + 1];
    enum hub_code code = read_token(connection, request, &grant, error);
    if (code == HUB_OK) {
        code = check_device(connection, &grant, error);
    }
    if (code == HUB_OK) {
        code = tokens_put(&connection->tokens, &grant, error);
    }
    if (code != HUB_OK) {
        return code;
    }
    grant_device(&grant, device);
    if (grant.device_id[0]) {
        amqp_connection_attend(connection, device);
    } else {
        connection_set_identity(connection->session, device[0] ? device : grant.policy);
    }
    amqp_connection_arm(connection);
    return HUB_OK;
}

static void delete_token(struct amqp_connection *connection, const struct cbs_request *request)
{
    char path[NAME_MAX_LENGTH];
    struct hub_error error;
    if (name_path(request->name, path) && tokens_delete(&connection->tokens, path)) {
        hub_refuse(&error, HUB_IOT_HUB_UNAUTHORIZED, "The token was deleted.");
        amqp_connection_check_rights(connection, &error);
    }
}

static void note_failure(struct amqp_connection *connection, const struct cbs_request *request,
    const struct hub_error *error)
{
    char device[IDENTITY_NAME_MAX + 1];
    bool is_named = cbs_name_device(request->name, device);
    LOG(LOG_DEBUG, "AMQP-TOKEN-REFUSED", error->sentence,
        {"peer", stream_peer_address(connection->stream)}, {"device", is_named ? device : NULL});
    hub_count_refusal(error->code);
    amqp_connection_note(connection, JOURNAL_AUTHENTICATION_FAILED, is_named ? device : NULL,
        hub_code_name(error->code));
}

/* A bad token is answered, not punished: the request is accepted, the status says what is wrong. */
static void receive(
    struct amqp_link *link, pn_delivery_t *delivery, const uint8_t *bytes, size_t length)
{
    struct amqp_connection *connection = link->connection;
    struct cbs_request request;
    struct hub_error error;
    enum hub_code code = cbs_request_read(bytes, length, &request, &error);
    if (code == HUB_OK && request.operation == CBS_PUT_TOKEN) {
        const struct amqp_held work = {HELD_RECEIVE, NULL, link, delivery, bytes, length};
        char device[IDENTITY_NAME_MAX + 1];
        struct fault fault;
        if (!amqp_fault_passes(connection, FAULT_AUTHENTICATE,
                cbs_name_device(request.name, device) ? device : NULL, &work, &fault)) {
            return;
        }
        error = fault.error;
        code = fault.action == FAULT_ERROR ? error.code : put_token(connection, &request, &error);
    }
    if (code != HUB_OK) {
        note_failure(connection, &request, &error);
    }
    struct reply *reply = reply_create(delivery, &cbs_reply_kind);
    reply->address = request.reply_to.bytes
                         ? memory_copy_bytes(request.reply_to.bytes, request.reply_to.length)
                         : NULL;
    cbs_reply_write(&reply->message, &request.message_id, hub_code_http_status(code),
        code == HUB_OK ? "OK" : error.sentence);
    reply_await(link, reply);
    if (code == HUB_OK && request.operation == CBS_DELETE_TOKEN) {
        delete_token(connection, &request);
    }
}

/* The reply goes to the receiver whose target the request names. */
static enum hub_code open_reply(struct amqp_link *link, struct hub_error *error)
{
    (void)error;
    link->reply_address =
        memory_copy_string(pn_terminus_get_address(pn_link_remote_target(link->wire)));
    return HUB_OK;
}

static void flow(struct amqp_link *link)
{
    replies_flush(link->connection);
}

const struct amqp_link_kind cbs_request_kind = {
    .name = "$cbs requests",
    .right = LINK_FOR_ALL,
    .message_max = AMQP_REQUEST_MAX,
    .receive = receive,
};

const struct amqp_link_kind cbs_reply_kind = {
    .name = "$cbs replies",
    .right = LINK_FOR_ALL,
    .open = open_reply,
    .flow = flow,
};
