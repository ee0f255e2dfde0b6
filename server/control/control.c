/*
 * The routes of the control API, and who may ask.
 */
#include "server/control/control.h"

#include "server/control/internal.h"
#include "store/memory.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONNECTIONS_MAX 1000
#define IDLE_SECONDS 120
#define BODY_MAX 4096
#define IDENTITY_MAX 65536
#define MESSAGE_MAX 1048576 /* 64 KB in base64 or JSON's escapes, with properties */

const struct http_route control_routes[] = {
    {"GET", "/", 0, control_dashboard},
    {"GET", "/dashboard.css", 0, control_dashboard_style},
    {"GET", "/dashboard.js", 0, control_dashboard_script},
    {"GET", "/control/v1/openapi.json", 0, control_openapi},
    {"GET", "/healthz", 0, control_healthz},
    {"GET", "/readyz", 0, control_readyz},
    {"GET", "/metrics", 0, control_metrics},
    {"GET", "/ca.pem", 0, control_ca},
    {"GET", "/control/v1/hub", 0, control_hub},
    {"PATCH", "/control/v1/hub", BODY_MAX, control_change_hub},
    {"POST", "/control/v1/reset", BODY_MAX, control_reset},
    {"GET", "/control/v1/clock", 0, control_clock},
    {"PATCH", "/control/v1/clock", BODY_MAX, control_change_clock},
    {"POST", "/control/v1/clock/advance", BODY_MAX, control_clock_advance},
    {"POST", "/control/v1/clock/set", BODY_MAX, control_clock_set},
    {"POST", "/control/v1/clock/freeze", BODY_MAX, control_clock_freeze},
    {"POST", "/control/v1/clock/resume", BODY_MAX, control_clock_resume},
    {"GET", "/control/v1/feedback", 0, control_feedback},
    {"POST", "/control/v1/feedback/flush", BODY_MAX, control_flush},
    {"GET", "/control/v1/devices", 0, control_devices},
    {"PUT", "/control/v1/devices/{}", IDENTITY_MAX, control_put_device},
    {"GET", "/control/v1/devices/{}", 0, control_get_device},
    {"DELETE", "/control/v1/devices/{}", 0, control_delete_device},
    {"GET", "/control/v1/devices/{}/messages", 0, control_messages},
    {"POST", "/control/v1/devices/{}/messages", MESSAGE_MAX, control_send},
    {"DELETE", "/control/v1/devices/{}/messages", 0, control_purge},
    {"POST", "/control/v1/devices/{}/receive", BODY_MAX, control_receive},
    {"PUT", "/control/v1/devices/{}/simulator", BODY_MAX, control_put_simulator},
    {"GET", "/control/v1/devices/{}/simulator", 0, control_get_simulator},
    {"DELETE", "/control/v1/devices/{}/simulator", 0, control_delete_simulator},
    {"GET", "/control/v1/devices/{}/telemetry", 0, control_telemetry},
    {"POST", "/control/v1/messages/{}/{}", BODY_MAX, control_settle},
    {"GET", "/control/v1/journal", 0, control_journal},
    {"GET", "/control/v1/events", 0, control_events},
    {"GET", "/control/v1/wait", 0, control_wait},
    {"GET", "/control/v1/connections", 0, control_connections},
    {"DELETE", "/control/v1/connections/{}", 0, control_drop_connection},
    {"GET", "/control/v1/faults", 0, control_faults},
    {"POST", "/control/v1/faults", BODY_MAX, control_add_fault},
    {"DELETE", "/control/v1/faults/{}", 0, control_delete_fault},
    {"GET", "/control/v1/snapshots", 0, control_snapshots},
    {"GET", "/control/v1/snapshots/{}", 0, control_get_snapshot},
    {"POST", "/control/v1/snapshots/{}", BODY_MAX, control_save},
    {"POST", "/control/v1/snapshots/{}/restore", BODY_MAX, control_restore},
    {"DELETE", "/control/v1/snapshots/{}", 0, control_delete_snapshot},
    {NULL, NULL, 0, NULL},
};

/* ---- who may ask ---- */

/* Without port and brackets. False: longer than any name. */
static bool read_host(const char *header, char out[HUB_NAME_MAX + 1])
{
    const char *begin = header;
    const char *end;
    if (*begin == '[') {
        begin++;
        end = begin + strcspn(begin, "]");
    } else {
        end = begin + strcspn(begin, ":");
    }
    if (end - begin > HUB_NAME_MAX) {
        return false;
    }
    memcpy(out, begin, (size_t)(end - begin));
    out[end - begin] = '\0';
    return true;
}

static bool is_address(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* A page that has its name point here (DNS rebinding) still asks by its own name. */
static bool is_own_host(const struct control *control, const char *header)
{
    char host[HUB_NAME_MAX + 1];
    if (!read_host(header, host)) {
        return false;
    }
    if (is_address(host) || strcasecmp(host, "localhost") == 0) {
        return true;
    }
    for (const char *const *name = control->options.host_names; *name; name++) {
        if (strcasecmp(*name, host) == 0) {
            return true;
        }
    }
    return false;
}

/* Browsers name the origin of the page that asks: only our own pages may. */
static bool is_own_origin(const char *origin, const char *host)
{
    static const char scheme[] = "http://";
    return host && strncasecmp(origin, scheme, sizeof scheme - 1) == 0 &&
           strcasecmp(origin + sizeof scheme - 1, host) == 0;
}

static bool admit(void *context, struct http_request *request)
{
    const char *host = http_request_header(request, "Host");
    const char *origin = http_request_header(request, "Origin");
    if (host && !is_own_host(context, host)) {
        http_answer(request, http_problem(403, "The Host header names neither an address, nor "
                                               "localhost, nor this hub."));
        return false;
    }
    if (origin && !is_own_origin(origin, host)) {
        http_answer(request, http_problem(403, "Pages of another origin may not ask."));
        return false;
    }
    return true;
}

static void refuse(void *context, struct http_request *request, const struct hub_error *error)
{
    if (admit(context, request)) {
        control_refuse(request, error);
    }
}

/* ---- life ---- */

struct control *control_create(const struct control_options *options)
{
    struct control *control = memory_allocate(sizeof *control);
    control->options = *options;
    control->hub = sessions_hub(options->sessions);
    const struct http_options http = {.routes = control_routes,
        .context = control,
        .admit = admit,
        .refuse = refuse,
        .connections_max = CONNECTIONS_MAX,
        .idle_seconds = IDLE_SECONDS};
    control->http = http_server_create(options->loop, &http);
    if (!control->http) {
        free(control);
        return NULL;
    }
    return control;
}

void control_accept(struct control *control, struct stream *stream)
{
    http_server_adopt(control->http, stream);
}

void control_turn_ended(struct control *control)
{
    waiters_look(control);
    listeners_wake(control);
}

void control_end_all(struct control *control)
{
    waiters_dismiss(control);
    listeners_dismiss(control);
    upheaval_free(control);
    http_server_end_all(control->http);
}

void control_free(struct control *control)
{
    if (control) {
        waiters_dismiss(control);
        listeners_dismiss(control);
        upheaval_free(control);
        http_server_free(control->http);
        free(control);
    }
}
