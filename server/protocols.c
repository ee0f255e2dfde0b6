#include "server/protocols.h"

#include "protocols/https/https.h"
#include "protocols/websocket/websocket.h"
#include "server/certificates/certificates.h"
#include "server/control/control.h"
#include "server/listener/listener.h"
#include "store/memory.h"

#include <stdlib.h>

struct protocols {
    struct process *process;
    struct https_server *https;
    struct websocket_gate *gate; /* of the HTTPS port */
    struct control *control;
};

/* ---- which port leads where ---- */

static void accept_https(void *context, struct stream *stream)
{
    struct protocols *protocols = context;
    websocket_gate_take(protocols->gate, stream);
}

static void accept_control(void *context, struct stream *stream)
{
    struct protocols *protocols = context;
    control_accept(protocols->control, stream);
}

static const struct protocol_port ports[PORT_COUNT] = {
    [PORT_HTTPS] = {"https", false, accept_https},
    [PORT_AMQPS] = {"amqps", false, NULL},
    [PORT_MQTTS] = {"mqtts", false, NULL},
    [PORT_CONTROL] = {"control", true, accept_control},
};

const struct protocol_port *protocols_port(enum port port)
{
    return &ports[port];
}

/* What the first request of an HTTPS connection leads to. */

static void leave_to_http(void *context, struct stream *stream)
{
    struct protocols *protocols = context;
    https_server_accept(protocols->https, stream);
}

static void leave_to_nobody(void *context, struct stream *stream)
{
    (void)context;
    stream_close(stream);
}

static const struct websocket_exits exits = {
    .amqp = leave_to_nobody, .mqtt = leave_to_nobody, .http = leave_to_http};

/* ---- what the control API is told ---- */

static bool tell_ready(void *context)
{
    const struct process *process = context;
    return process->is_ready;
}

static const char *tell_ca(void *context)
{
    const struct process *process = context;
    return certificates_ca_pem(process->certificates);
}

static bool tell_port(void *context, size_t index, const char **name, int *port)
{
    const struct process *process = context;
    if (index >= PORT_COUNT) {
        return false;
    }
    const struct listener *listener = process->listeners[index];
    *name = ports[index].name;
    *port = listener ? listener_port(listener) : -1;
    return true;
}

static bool tell_setting(void *context, size_t index, struct control_setting *setting)
{
    const struct process *process = context;
    struct option_view view;
    if (!options_view_at(process->options, index, &view)) {
        return false;
    }
    *setting = (struct control_setting){view.name, view.value, option_source_name(view.source)};
    return true;
}

static struct control *create_control(struct process *process)
{
    const struct control_options options = {.loop = process->loop,
        .sessions = process->sessions,
        .host_name = process->options->host_name,
        .host_names = (const char *const *)process->host_names,
        .source = {tell_ready, tell_ca, tell_port, tell_setting, process}};
    return control_create(&options);
}

/* ---- life ---- */

enum exit_code process_start_protocols(struct process *process)
{
    struct protocols *protocols = memory_allocate(sizeof *protocols);
    const struct https_options https = {.honour_lock_time = false};
    process->protocols = protocols;
    protocols->process = process;
    protocols->gate = websocket_gate_create(process->loop, &exits, protocols);
    protocols->https = https_server_create(&process->context, &https);
    protocols->control = create_control(process);
    if (!protocols->https || !protocols->control) {
        fputs("devicebound: the HTTP servers did not start\n", stderr);
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

void process_stop_protocols(struct process *process)
{
    struct protocols *protocols = process->protocols;
    if (protocols) {
        control_free(protocols->control);
        https_server_free(protocols->https);
        websocket_gate_free(protocols->gate);
        free(protocols);
    }
}

void protocols_turn_ended(struct protocols *protocols)
{
    control_turn_ended(protocols->control);
}

void protocols_end_all(struct protocols *protocols)
{
    sessions_end_all(protocols->process->sessions, END_SHUTDOWN);
    control_end_all(protocols->control);
}
