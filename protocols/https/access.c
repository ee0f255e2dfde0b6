#include "protocols/https/access.h"

#include "protocols/http/uri.h"
#include "protocols/https/fault.h"

#include <ctype.h>
#include <string.h>

/* ---- every request ---- */

/* YYYY-MM-DD from 2015-08-15 on, or that with "-preview". */
static bool is_known_version(const char *version)
{
    static const char form[] = "dddd-dd-dd";
    for (size_t i = 0; i < sizeof form - 1; i++) {
        if (form[i] == 'd' ? !isdigit((unsigned char)version[i]) : version[i] != form[i]) {
            return false;
        }
    }
    const char *rest = version + sizeof form - 1;
    return strncmp(version, "2015-08-15", 10) >= 0 &&
           (*rest == '\0' || strcmp(rest, "-preview") == 0);
}

bool access_admit(void *context, struct http_request *request)
{
    struct https_server *server = context;
    struct hub_error error;
    char version[32];
    const char *host = http_request_header(request, "Host");
    if (host && !auth_knows_host(server->context.auth, text_of(host))) {
        hub_refuse(&error, HUB_IOT_HUB_NOT_FOUND, NULL);
    } else if (!http_request_query(request, "api-version", version, sizeof version) ||
               !is_known_version(version)) {
        hub_refuse(&error, HUB_INVALID_PROTOCOL_VERSION, NULL);
    } else {
        return https_fault_passes(server, request, FAULT_CONNECT, NULL);
    }
    answer_refusal(server, request, &error);
    return false;
}

/* ---- who asks ---- */

struct actor access_actor(const struct http_request *request)
{
    return connection_actor(http_request_client(request));
}

static bool refuse(struct https_server *server, struct http_request *request,
    const struct hub_error *error, const char *device_id)
{
    struct hub *hub = server->context.hub;
    struct actor actor = access_actor(request);
    /* What a stranger calls a device goes into the journal only if one may be called so. */
    if (device_id && !identity_id_is_valid(device_id)) {
        device_id = NULL;
    }
    if (hub_code_http_status(error->code) == 401) {
        journal_note(hub_journal(hub), &(struct journal_entry){.at = hub_now(hub),
                                           .event = JOURNAL_AUTHENTICATION_FAILED,
                                           .device = device_id,
                                           .protocol = actor.protocol,
                                           .connection = actor.connection,
                                           .reason = error->sentence});
    }
    answer_refusal(server, request, error);
    return false;
}

/* Each segment decoded once. One that cannot be, or would become two, stays as it came: it names
 * nothing that there is. */
static void write_path(const struct http_request *request, char out[static HTTP_TARGET_MAX + 1])
{
    struct uri uri;
    size_t used = 0;
    uri_parse(text_of(http_request_target(request)), &uri); /* it has led here */
    for (size_t i = 0; i < uri.segment_count; i++) {
        struct text raw = uri.segments[i];
        out[used++] = '/';
        long length = uri_decode(raw, out + used, HTTP_TARGET_MAX + 1 - used);
        if (length < 0 || memchr(out + used, '/', (size_t)length)) {
            memcpy(out + used, raw.bytes, raw.length);
            length = (long)raw.length;
        }
        used += (size_t)length;
    }
    out[used] = '\0';
}

static struct instant token_now(const struct https_server *server)
{
    return clock_token_now(hub_clock(server->context.hub));
}

static enum hub_code read_service(struct https_server *server, const struct http_request *request,
    enum permission permission, struct auth_grant *grant, struct hub_error *error)
{
    char path[HTTP_TARGET_MAX + 1];
    const char *token = http_request_header(request, "Authorization");
    if (!token) {
        return hub_refuse(
            error, HUB_IOT_HUB_UNAUTHORIZED_ACCESS, "There is no Authorization header.");
    }
    write_path(request, path);
    enum hub_code code = auth_read_token(
        server->context.auth, text_of(token), NULL, token_now(server), grant, error);
    return code == HUB_OK ? auth_authorize_service(grant, permission, path, error) : code;
}

/* A token of a device that is not there opens no service route: that is all a service is told. */
static void hide_device(struct hub_error *error)
{
    if (error->code == HUB_DEVICE_NOT_FOUND || error->code == HUB_MODULE_NOT_FOUND) {
        error->code = HUB_IOT_HUB_UNAUTHORIZED_ACCESS;
    }
}

bool access_service(
    struct https_server *server, struct http_request *request, enum permission permission)
{
    struct auth_grant grant;
    struct hub_error error;
    if (!https_fault_passes(server, request, FAULT_AUTHENTICATE, NULL)) {
        return false;
    }
    if (read_service(server, request, permission, &grant, &error) != HUB_OK) {
        hide_device(&error);
        return refuse(server, request, &error, NULL);
    }
    connection_set_identity(http_request_client(request), grant.policy);
    return true;
}

/* With both at hand, the registered type decides. */
static bool certificate_counts(
    struct https_server *server, const char *token, const char *device_id)
{
    const struct identity *identity = identity_find(hub_identities(server->context.hub), device_id);
    return !token || (identity && identity->is.authentication != AUTHENTICATION_SAS);
}

static enum hub_code read_device(struct https_server *server, const struct http_request *request,
    const char *device_id, struct hub_error *error)
{
    struct auth_grant grant;
    enum hub_code code;
    if (strchr(device_id, '/')) { /* the name of a module, which has no route here */
        return hub_refuse(error, HUB_DEVICE_NOT_FOUND, "%s", device_id);
    }
    const char *token = http_request_header(request, "Authorization");
    const struct stream *stream = http_request_stream(request);
    struct x509_st *certificate = stream ? stream_peer_certificate(stream) : NULL;
    if (certificate && certificate_counts(server, token, device_id)) {
        code = auth_read_certificate(server->context.auth, certificate,
            stream_peer_chain_is_trusted(stream), device_id, token_now(server), &grant, error);
    } else if (token) {
        code = auth_read_token(
            server->context.auth, text_of(token), device_id, token_now(server), &grant, error);
    } else {
        return hub_refuse(error, HUB_IOT_HUB_UNAUTHORIZED_ACCESS,
            "There is neither an Authorization header nor a client certificate.");
    }
    return code == HUB_OK ? auth_authorize_device(server->context.auth, &grant, device_id, error)
                          : code;
}

bool access_device(struct https_server *server, struct http_request *request)
{
    struct hub_error error;
    const char *device_id = http_request_parameter(request, 0);
    if (!https_fault_passes(server, request, FAULT_AUTHENTICATE, device_id)) {
        return false;
    }
    if (read_device(server, request, device_id, &error) != HUB_OK) {
        return refuse(server, request, &error, device_id);
    }
    connection_set_identity(http_request_client(request), device_id);
    return true;
}

bool access_rate(
    struct https_server *server, struct http_request *request, enum throttle_operation operation)
{
    struct hub_error error;
    struct instant now = hub_now(server->context.hub);
    if (throttle_take(server->context.sessions, operation, now, &error) == HUB_OK) {
        return true;
    }
    answer_refusal(server, request, &error);
    return false;
}
