/*
 * libmicrohttpd in our loop: no listener, no thread and no TLS of its own. Each adopted stream
 * becomes a connection; each request is routed, handed on, suspended until its answer is there.
 */
#include "protocols/http/connection.h"
#include "protocols/http/request.h"
#include "store/clock.h"
#include "store/log.h"
#include "store/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Per connection, for request and response heads: a message's 64 KB may be properties only, which
 * are response headers. */
#define HEADS_MAX 98304

struct http_server {
    const struct http_route *routes;
    struct http_options options;
    struct MHD_Daemon *daemon;
    struct pump *pump;
    struct loop_watch *watch; /* of libmicrohttpd's epoll instance */
    struct loop_timer *timer;
    struct http_connection *adopting; /* during MHD_add_connection */
    bool is_running, runs_again;
};

/* ---- its turn ---- */

static void arm_timer(struct http_server *server)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    if (MHD_get_timeout(server->daemon, &timeout_ms) == MHD_YES) {
        loop_timer_arm(server->timer, timeout_ms > 3600000 ? 3600000 : (int64_t)timeout_ms);
    } else {
        loop_timer_disarm(server->timer);
    }
}

/* Handlers answer and connections end from within: then once more. */
static void run(void *context)
{
    struct http_server *server = context;
    server->is_running = true;
    server->runs_again = false;
    if (MHD_run(server->daemon) != MHD_YES) {
        LOG(LOG_ERROR, "HTTP-RUN-FAILED", "libmicrohttpd could not run");
    }
    server->is_running = false;
    if (server->runs_again) {
        loop_timer_arm(server->timer, 0);
    } else {
        arm_timer(server);
    }
}

static void run_soon(void *context)
{
    struct http_server *server = context;
    if (server->is_running) {
        server->runs_again = true;
    } else {
        loop_timer_arm(server->timer, 0);
    }
}

void server_run_soon(struct http_server *server)
{
    run_soon(server);
}

/* ---- requests ---- */

static void *target_known(void *context, const char *target, struct MHD_Connection *mhd)
{
    struct http_server *server = context;
    struct http_request *request = request_create(server, target);
    request->mhd = mhd;
    request->connection = *(struct http_connection *const *)MHD_get_connection_info(
        mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return request;
}

static void request_over(
    void *context, struct MHD_Connection *mhd, void **item, enum MHD_RequestTerminationCode code)
{
    (void)context;
    (void)mhd;
    (void)code;
    request_free(*item);
    *item = NULL;
}

/* The stage says already whether an answer has to resume it. */
static void give_to_handler(struct http_server *server, struct http_request *request)
{
    struct hub_error error;
    if (request_check(request, &error) != HUB_OK) {
        server->options.refuse(server->options.context, request, &error);
    } else if (!server->options.admit || server->options.admit(server->options.context, request)) {
        request->route->handler(server->options.context, request);
    }
}

static void hand_on(struct http_server *server, struct http_request *request)
{
    request->stage = REQUEST_HANDED;
    request->handed_ms = clock_monotonic_ms();
    if (server->options.received) {
        server->options.received(server->options.context, request);
    }
    give_to_handler(server, request);
}

void http_request_repeat(struct http_request *request)
{
    give_to_handler(request->server, request);
}

static enum MHD_Result send_answer(struct http_request *request)
{
    struct http_response *response = request->answer;
    request->answer = NULL;
    if (http_response_status(response) == MHD_HTTP_METHOD_NOT_ALLOWED &&
        request->allowed[0] != '\0') {
        http_response_header(response, "Allow", request->allowed);
    }
    return response_send(response, request->mhd);
}

/* The body is complete, or will not be read. */
static enum MHD_Result answer_or_wait(struct http_server *server, struct http_request *request)
{
    if (request->stage == REQUEST_BODY) {
        hand_on(server, request);
    }
    if (request->stage == REQUEST_ANSWERED) {
        return send_answer(request);
    }
    request->stage = REQUEST_WAITING;
    MHD_suspend_connection(request->mhd);
    return MHD_YES;
}

static size_t announced_length(const struct http_request *request)
{
    const char *length = http_request_header(request, "Content-Length");
    return length ? strtoull(length, NULL, 10) : 0;
}

static enum MHD_Result serve(void *context, struct MHD_Connection *mhd, const char *url,
    const char *method, const char *version, const char *upload, size_t *upload_size, void **item)
{
    struct http_server *server = context;
    struct http_request *request = *item;
    (void)mhd;
    (void)url;
    (void)version;
    if (request->stage == REQUEST_LINE) {
        request->stage = REQUEST_BODY;
        request->method = memory_copy_string(method);
        request_route(request, server->routes);
        if (announced_length(request) > HTTP_DRAIN_MAX) { /* hopeless: answered without reading */
            request->body_dropped = announced_length(request);
            return answer_or_wait(server, request);
        }
        return MHD_YES;
    }
    if (*upload_size > 0) {
        request_append_body(request, upload, *upload_size);
        *upload_size = 0;
        return request->body_dropped > HTTP_DRAIN_MAX ? MHD_NO : MHD_YES;
    }
    return answer_or_wait(server, request);
}

static void tell_answered(const struct http_request *request, const struct http_response *response)
{
    const struct http_options *options = &request->server->options;
    if (options->answered) {
        options->answered(options->context, request, response);
    }
}

static void take_answer(struct http_request *request, struct http_response *response)
{
    bool was_waiting = request->stage == REQUEST_WAITING;
    request->answer = response;
    request->stage = REQUEST_ANSWERED;
    if (was_waiting) {
        MHD_resume_connection(request->mhd);
        run_soon(request->server);
    }
}

void http_answer(struct http_request *request, struct http_response *response)
{
    tell_answered(request, response);
    take_answer(request, response);
}

void http_request_abort(struct http_request *request, bool reset)
{
    tell_answered(request, NULL);
    http_connection_cut(request->connection, reset);
    take_answer(request, http_response_create(MHD_HTTP_SERVICE_UNAVAILABLE, NULL, TEXT_ABSENT));
}

/* ---- connections ---- */

static void connection_changed(void *context, struct MHD_Connection *mhd, void **item,
    enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = context;
    (void)mhd;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *item = server->adopting;
    } else if (*item) {
        http_connection_closed_inside(*item);
        *item = NULL;
    }
}

static void connection_gone(void *owner, struct http_connection *connection)
{
    struct http_server *server = owner;
    if (server->options.disconnected) {
        server->options.disconnected(server->options.context, http_connection_client(connection));
    }
}

static const struct pump_events pump_events = {run_soon, connection_gone};

/* libmicrohttpd wants an address; a socketpair's says that it is no IP address. */
static bool give_to_daemon(struct http_server *server, int socket)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    return MHD_add_connection(server->daemon, socket, (struct sockaddr *)&address,
               sizeof address.sun_family) == MHD_YES;
}

void http_server_adopt(struct http_server *server, struct stream *stream)
{
    if (pump_count(server->pump) >= server->options.connections_max) {
        LOG(LOG_WARN, "HTTP-CONNECTION-REFUSED", "too many connections",
            {"peer", stream_peer_address(stream)});
        stream_close(stream);
        return;
    }
    int other;
    struct http_connection *connection = http_connection_adopt(server->pump, stream, &other);
    if (!connection) {
        return;
    }
    if (server->options.connected) {
        http_connection_set_client(
            connection, server->options.connected(server->options.context, connection));
    }
    server->adopting = connection;
    bool is_taken = give_to_daemon(server, other);
    server->adopting = NULL;
    if (!is_taken) {
        LOG(LOG_WARN, "HTTP-CONNECTION-REFUSED", "libmicrohttpd does not take the connection",
            {"peer", stream_peer_address(stream)});
        http_connection_closed_inside(connection);
        http_connection_end(connection, true);
        return;
    }
    http_connection_start(connection);
    run_soon(server);
}

void http_server_end_all(struct http_server *server)
{
    pump_end_all(server->pump);
}

void *http_connection_context(const struct http_connection *connection)
{
    const struct http_server *server = http_connection_owner(connection);
    return server->options.context;
}

size_t http_server_count(const struct http_server *server)
{
    return pump_count(server->pump);
}

/* ---- life ---- */

/* Targets are decoded by us, segment by segment. */
static size_t keep_escapes(void *context, struct MHD_Connection *mhd, char *text)
{
    (void)context;
    (void)mhd;
    return strlen(text);
}

__attribute__((format(printf, 2, 0))) static void log_line(
    void *context, const char *format, va_list arguments)
{
    char line[256];
    (void)context;
    vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\r\n")] = '\0';
    LOG(LOG_DEBUG, "HTTP-LIBRARY", line);
}

static struct MHD_Daemon *start_daemon(struct http_server *server)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
        NULL, NULL, serve, server, MHD_OPTION_EXTERNAL_LOGGER, log_line, NULL,
        MHD_OPTION_NOTIFY_CONNECTION, connection_changed, server, MHD_OPTION_NOTIFY_COMPLETED,
        request_over, server, MHD_OPTION_URI_LOG_CALLBACK, target_known, server,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, server, MHD_OPTION_CONNECTION_LIMIT,
        2 * server->options.connections_max, MHD_OPTION_CONNECTION_TIMEOUT,
        server->options.idle_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADS_MAX,
        MHD_OPTION_END);
}

static int epoll_of(struct MHD_Daemon *daemon)
{
    return MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

struct http_server *http_server_create(struct loop *loop, const struct http_options *options)
{
    struct http_server *server = memory_allocate(sizeof *server);
    server->routes = options->routes;
    server->options = *options;
    server->pump = pump_create(loop, &pump_events, server);
    server->daemon = server->pump ? start_daemon(server) : NULL;
    if (!server->daemon) {
        pump_free(server->pump);
        free(server);
        return NULL;
    }
    server->timer = loop_timer_create(loop, run, server);
    server->watch = loop_watch_create(loop, epoll_of(server->daemon), run, server);
    return server;
}

void http_server_free(struct http_server *server)
{
    if (!server) {
        return;
    }
    server->is_running = true; /* for the last time */
    loop_watch_free(server->watch);
    MHD_stop_daemon(server->daemon);
    pump_free(server->pump);
    loop_timer_free(server->timer);
    free(server);
}
