#include "server/protocols.h"

#include "protocols/amqp/amqp.h"
#include "protocols/https/https.h"
#include "protocols/mqtt/mqtt.h"
#include "protocols/session/throttle.h"
#include "protocols/websocket/websocket.h"
#include "server/certificates/certificates.h"
#include "server/control/control.h"
#include "server/listener/listener.h"
#include "store/memory.h"

#include <stdlib.h>

struct protocols {
    struct process *process;
    struct amqp_server *amqp;
    struct mqtt_server *mqtt;
    struct https_server *https;
    struct websocket_gate *gate; /* of the HTTPS port */
    struct control *control;
};

/* ---- which port leads where ---- */

static void accept_amqp(void *context, struct stream *stream)
{
    struct protocols *protocols = context;
    amqp_server_accept(protocols->amqp, stream);
}

static void accept_mqtt(void *context, struct stream *stream)
{
    struct protocols *protocols = context;
    mqtt_server_accept(protocols->mqtt, stream);
}

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
    [PORT_AMQPS] = {"amqps", false, accept_amqp},
    [PORT_MQTTS] = {"mqtts", false, accept_mqtt},
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

static const struct websocket_exits exits = {
    .amqp = accept_amqp, .mqtt = accept_mqtt, .http = leave_to_http};

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

static uint64_t tell_distrusts(void *context, enum distrust_sign sign)
{
    const struct process *process = context;
    return socket_streams_distrusts(process->streams, sign);
}

static void apply_settings(struct process *process)
{
    const struct options *options = process->options;
    *hub_settings(process->hub) = options->hub;
    throttle_set_profile(process->sessions, (enum throttle_profile)options->throttle);
    log_set_level((enum log_level)options->log_level);
    amqp_server_set_trace(process->protocols->amqp, options->trace & TRACE_AMQP);
    mqtt_server_set_trace(process->protocols->mqtt, options->trace & TRACE_MQTT);
    https_server_set_trace(process->protocols->https, options->trace & TRACE_HTTPS);
}

static bool change_settings(void *context, const struct json_t *object, char mistake[static 512])
{
    struct process *process = context;
    struct options *options = process->changing_options;
    if (!options_change(options, object, mistake)) {
        return false;
    }
    apply_settings(process);
    return true;
}

static void undo_settings(void *context)
{
    struct process *process = context;
    options_undo_changes(process->changing_options);
    apply_settings(process);
}

static bool seed(void *context)
{
    return process_put_devices(context) == EXIT_DONE &&
           process_put_simulators(context) == EXIT_DONE;
}

static struct control *create_control(struct process *process)
{
    const struct control_options options = {.loop = process->loop,
        .sessions = process->sessions,
        .host_name = process->options->host_name,
        .host_names = (const char *const *)process->host_names,
        .source = {.is_ready = tell_ready,
            .ca_pem = tell_ca,
            .port = tell_port,
            .setting = tell_setting,
            .distrusts = tell_distrusts,
            .change_settings = change_settings,
            .undo_settings = undo_settings,
            .seed = seed,
            .context = process}};
    return control_create(&options);
}

/* ---- life ---- */

static struct amqp_server *create_amqp(const struct process *process)
{
    const struct options *options = process->options;
    return amqp_server_create(&process->context,
        &(struct amqp_options){.release_locks_on_detach = options->amqp_release_locks_on_detach,
            .trace = options->trace & TRACE_AMQP});
}

static struct mqtt_server *create_mqtt(const struct process *process)
{
    const struct options *options = process->options;
    return mqtt_server_create(&process->context,
        &(struct mqtt_options){.reject_before_subscribe = options->mqtt_reject_before_subscribe,
            .inflight = options->mqtt_inflight,
            .redeliver_on_connection = options->mqtt_redeliver_on_connection,
            .disabled_device_code = (uint8_t)options->mqtt_disabled_device_code,
            .unknown_filter = (enum mqtt_unknown_filter)options->mqtt_unknown_filter,
            .token_grace = options->mqtt_token_grace,
            .trace = options->trace & TRACE_MQTT});
}

static struct https_server *create_https(const struct process *process)
{
    const struct options *options = process->options;
    return https_server_create(&process->context,
        &(struct https_options){.honour_lock_time = options->https_lock_time == LOCK_TIME_HONOUR,
            .trace = options->trace & TRACE_HTTPS});
}

enum exit_code process_start_protocols(struct process *process)
{
    struct protocols *protocols = memory_allocate(sizeof *protocols);
    process->protocols = protocols;
    protocols->process = process;
    protocols->amqp = create_amqp(process);
    protocols->mqtt = create_mqtt(process);
    protocols->https = create_https(process);
    protocols->gate = websocket_gate_create(process->loop, &exits, protocols);
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
        websocket_gate_free(protocols->gate);
        https_server_free(protocols->https);
        mqtt_server_free(protocols->mqtt);
        amqp_server_free(protocols->amqp);
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
    websocket_gate_end_all(protocols->gate);
    control_end_all(protocols->control);
}
