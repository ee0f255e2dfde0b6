/*
 * The routes of IoT Hub's REST, and the connections they are asked on.
 */
#include "protocols/https/access.h"
#include "protocols/https/fault.h"
#include "protocols/https/handlers.h"
#include "protocols/https/trace.h"
#include "store/log.h"
#include "store/memory.h"

#include <stdlib.h>

#define CONNECTIONS_MAX 10000
#define IDLE_SECONDS 120

#define SETTLE_MAX 1024 /* a settlement's body is nothing, or one byte */
#define IDENTITY_MAX 65536
#define TWIN_MAX 262144 /* desired properties, tags, and reported ones that are not looked at */
#define QUERY_MAX 65536
#define BULK_MAX 1048576
#define TELEMETRY_MAX 262144 /* learn.microsoft.com, "IoT Hub quotas and throttling" */

static const struct http_route routes[] = {
    {"GET", "/devices/{}/messages/devicebound", SETTLE_MAX, device_receive},
    {"DELETE", "/devices/{}/messages/devicebound/{}", SETTLE_MAX, device_settle},
    {"POST", "/devices/{}/messages/devicebound/{}/abandon", SETTLE_MAX, device_abandon},
    {"POST", "/devices/{}/messages/events", TELEMETRY_MAX, telemetry_send},
    {"*", "/devices/{}/twin", TELEMETRY_MAX, device_no_twin},
    {"*", "/devices/{}/methods", TELEMETRY_MAX, device_no_twin},
    {"*", "/devices/{}/methods/{}", TELEMETRY_MAX, device_no_twin},
    {"POST", "/devices/{}/files", SETTLE_MAX, device_no_upload},
    {"POST", "/devices/{}/files/notifications", SETTLE_MAX, device_no_upload_notification},
    {"POST", "/devices/{}/files/notifications/{}", SETTLE_MAX, device_no_upload_notification},

    {"PUT", "/devices/{}", IDENTITY_MAX, registry_put},
    {"GET", "/devices/{}", SETTLE_MAX, registry_get},
    {"DELETE", "/devices/{}", SETTLE_MAX, registry_delete},
    {"GET", "/devices/{}/modules", SETTLE_MAX, registry_list_modules},
    {"PUT", "/devices/{}/modules/{}", IDENTITY_MAX, registry_put},
    {"GET", "/devices/{}/modules/{}", SETTLE_MAX, registry_get},
    {"DELETE", "/devices/{}/modules/{}", SETTLE_MAX, registry_delete},
    {"GET", "/devices", SETTLE_MAX, registry_list},
    {"POST", "/devices", BULK_MAX, bulk_change},
    {"POST", "/devices/query", QUERY_MAX, query_run},
    {"DELETE", "/devices/{}/commands", SETTLE_MAX, registry_purge},
    {"GET", "/twins/{}", SETTLE_MAX, twin_get},
    {"PATCH", "/twins/{}", TWIN_MAX, twin_patch},
    {"PUT", "/twins/{}", TWIN_MAX, twin_put},
    {"POST", "/twins/{}", TWIN_MAX, twin_post},
    {"GET", "/twins/{}/modules/{}", SETTLE_MAX, twin_get},
    {"PATCH", "/twins/{}/modules/{}", TWIN_MAX, twin_patch},
    {"PUT", "/twins/{}/modules/{}", TWIN_MAX, twin_put},
    {"POST", "/twins/{}/modules/{}", TWIN_MAX, twin_post},
    {"GET", "/statistics/devices", SETTLE_MAX, registry_device_statistics},
    {"GET", "/statistics/service", SETTLE_MAX, registry_service_statistics},

    {"GET", "/messages/servicebound/feedback", SETTLE_MAX, feedback_receive},
    {"DELETE", "/messages/servicebound/feedback/{}", SETTLE_MAX, feedback_complete},
    {"POST", "/messages/servicebound/feedback/{}/abandon", SETTLE_MAX, feedback_abandon},

    /* Extensions of ours: the service takes cloud-to-device messages over AMQP alone. */
    {"POST", "/messages/devicebound", HUB_MESSAGE_SIZE_MAX, service_send},
    {"POST", "/devices/{}/messages/devicebound", HUB_MESSAGE_SIZE_MAX, service_send_to_device},
    {NULL, NULL, 0, NULL},
};

/* ---- what reaches no handler ---- */

static void refuse(void *context, struct http_request *request, const struct hub_error *error)
{
    struct hub_error told = *error;
    if (http_request_header(request, "Upgrade")) {
        hub_refuse(&told, HUB_GENERIC_BAD_REQUEST,
            "WebSocket begins with the first request of a connection, in a head of at most 16 "
            "KiB.");
    } else if (told.code == HUB_GENERIC_NOT_FOUND) {
        char target[TRACE_TEXT_SIZE];
        https_mask_target(http_request_target(request), target);
        LOG(LOG_INFO, "HTTPS-ROUTE-UNKNOWN", "no such route",
            {"method", http_request_method(request)}, {"target", target});
    }
    answer_refusal(context, request, &told);
}

/* ---- connections ---- */

static void session_ended(void *owner, enum session_end end)
{
    struct connection *connection = http_connection_client(owner);
    struct https_server *server = http_connection_context(owner);
    https_faults_release(server, connection);
    http_connection_end(owner, end == END_RESET);
}

static void *connected(void *context, struct http_connection *connection)
{
    struct https_server *server = context;
    return connection_open(server->context.sessions, PROTOCOL_HTTPS,
        stream_peer_address(http_connection_stream(connection)), session_ended, connection);
}

static void disconnected(void *context, void *client)
{
    (void)context;
    connection_close(client, NULL);
}

/* ---- life ---- */

struct https_server *https_server_create(
    const struct protocol_context *context, const struct https_options *options)
{
    struct https_server *server = memory_allocate(sizeof *server);
    server->context = *context;
    server->options = *options;
    const struct http_options http = {.routes = routes,
        .context = server,
        .admit = access_admit,
        .refuse = refuse,
        .received = https_trace_received,
        .answered = https_trace_answered,
        .connected = connected,
        .disconnected = disconnected,
        .connections_max = CONNECTIONS_MAX,
        .idle_seconds = IDLE_SECONDS};
    server->http = http_server_create(context->loop, &http);
    if (!server->http) {
        free(server);
        return NULL;
    }
    return server;
}

void https_server_accept(struct https_server *server, struct stream *stream)
{
    http_server_adopt(server->http, stream);
}

void https_server_set_trace(struct https_server *server, bool trace)
{
    server->options.trace = trace;
}

void https_server_free(struct https_server *server)
{
    if (server) {
        https_faults_release(server, NULL);
        http_server_free(server->http);
        free(server);
    }
}
