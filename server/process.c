#include "server/process.h"

#include "protocols/session/fault_order.h"
#include "protocols/session/throttle.h"
#include "protocols/stream/socket_stream.h"
#include "server/certificates/certificates.h"
#include "server/listener/listener.h"
#include "server/names.h"
#include "server/notify.h"
#include "server/protocols.h"
#include "server/signals.h"
#include "store/log.h"
#include "store/memory.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATH_SIZE 4096
#define STOP_MS 4000 /* for the polite end of all connections; 5 s are promised */

/* The last line before an exit code other than 0. */
static enum exit_code fail(enum exit_code code, const char *sentence)
{
    fprintf(stderr, "devicebound: %s\n", sentence);
    return code;
}

/* ---- process and loop ---- */

/* The image's program is permitted to bind ports below 1024 without being root (a file capability),
 * but to be permitted is not to do so. Where it is not, bind says what is wrong. */
static void raise_bind_capability(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, sets) == 0) {
        sets[0].effective |= sets[0].permitted & (1U << CAP_NET_BIND_SERVICE);
        syscall(SYS_capset, &header, sets);
    }
}

enum exit_code process_raise_limits(struct process *process)
{
    (void)process;
    raise_bind_capability();
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    umask(077); /* the database holds keys */
    return EXIT_DONE;
}

static bool end_turn(void *context)
{
    struct process *process = context;
    hub_now(process->hub); /* what fell due belongs to this turn, also when nobody acted */
    bool again = hub_end_turn(process->hub);
    protocols_turn_ended(process->protocols);
    if (again) {
        return true;
    }
    struct instant due = hub_next_due(process->hub);
    if (instant_is_never(due) || clock_is_frozen(process->clock)) {
        loop_timer_disarm(process->due);
        return false;
    }
    int64_t us = instant_since(due, clock_now(process->clock)).us;
    loop_timer_arm(process->due, us > 0 ? us / 1000 + 1 : 0);
    return false;
}

/* The turn itself does the work. */
static void on_due(void *context)
{
    (void)context;
}

static void on_stop(void *owner)
{
    struct process *process = owner;
    LOG(LOG_INFO, "HUB-STOPPING", "asked to stop");
    notify_manager(process->environment, "STOPPING=1");
    loop_stop(process->loop);
}

static void reload_level(const struct process *process)
{
    struct options options;
    char mistake[512];
    if (options_read(
            &options, process->argument_count, process->arguments, process->environment, mistake)) {
        log_set_level((enum log_level)options.log_level);
    } else {
        LOG(LOG_ERROR, "RELOAD-REFUSED", "the settings were not read again", {"reason", mistake});
    }
    options_release(&options);
}

static void on_reload(void *owner)
{
    struct process *process = owner;
    struct hub_error error;
    reload_level(process);
    if (process->certificates && certificates_reload(process->certificates, &error) != HUB_OK) {
        LOG(LOG_ERROR, "RELOAD-REFUSED", "the certificates stay as they are",
            {"reason", error.sentence});
        return;
    }
    LOG(LOG_INFO, "RELOADED", "certificates and log level were read again");
}

static const struct signals_events signals_events = {.stop = on_stop, .reload = on_reload};

enum exit_code process_start_loop(struct process *process)
{
    process->loop = loop_create();
    process->due = loop_timer_create(process->loop, on_due, NULL);
    process->signals = signals_create(process->loop, &signals_events, process);
    process->clock = clock_create();
    process->streams = socket_streams_create(process->loop, NULL);
    return EXIT_DONE;
}

void process_stop_loop(struct process *process)
{
    socket_streams_free(process->streams);
    clock_free(process->clock);
    signals_free(process->signals);
    loop_timer_free(process->due);
    loop_free(process->loop);
}

/* ---- the hub ---- */

static bool make_directories(const char *path)
{
    char part[PATH_SIZE];
    if (snprintf(part, sizeof part, "%s", path) >= PATH_SIZE) {
        errno = ENAMETOOLONG;
        return false;
    }
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST) {
            return false;
        }
        *slash = '/';
    }
    return mkdir(part, 0755) == 0 || errno == EEXIST;
}

static bool is_writable_directory(const char *path)
{
    struct stat found;
    if (stat(path, &found) != 0) {
        return false;
    }
    if (!S_ISDIR(found.st_mode)) {
        errno = ENOTDIR;
        return false;
    }
    return access(path, R_OK | W_OK | X_OK) == 0;
}

enum exit_code process_open_data_directory(struct process *process)
{
    const char *path = process->options->data_directory;
    mode_t mask = umask(022); /* others may read the CA in it; keys are files of their own */
    bool is_open = make_directories(path) && is_writable_directory(path);
    umask(mask);
    if (!is_open) {
        char sentence[PATH_SIZE + 256];
        snprintf(sentence, sizeof sentence,
            "the data directory %s cannot be used: %s; give another with --data-dir", path,
            strerror(errno));
        return fail(EXIT_DATA, sentence);
    }
    return EXIT_DONE;
}

enum exit_code process_open_hub(struct process *process)
{
    const struct options *options = process->options;
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/hub.db", options->data_directory);
    const struct hub_options hub_options = {.path = options->in_memory ? NULL : path,
        .durability = (enum durability)options->durability,
        .clock = process->clock,
        .settings = options->hub};
    struct hub_error error;
    if (hub_open(&process->hub, &hub_options, &error) != HUB_OK) {
        return fail(EXIT_DATA, error.sentence);
    }
    identity_set_policy_key(hub_identities(process->hub), &options->shared_access_key);
    return EXIT_DONE;
}

void process_close_hub(struct process *process)
{
    hub_close(process->hub);
}

enum exit_code process_open_sessions(struct process *process)
{
    process->sessions = sessions_open(process->hub);
    throttle_set_profile(process->sessions, (enum throttle_profile)process->options->throttle);
    fault_orders_take(process->sessions, process->options->faults_from_telemetry);
    return EXIT_DONE;
}

void process_close_sessions(struct process *process)
{
    sessions_close(process->sessions);
}

enum exit_code process_create_auth(struct process *process)
{
    const struct auth_options options = {.host_names = (const char *const *)process->host_names,
        .lenient = process->options->auth == AUTH_LENIENT};
    process->context = (struct protocol_context){.loop = process->loop,
        .hub = process->hub,
        .sessions = process->sessions,
        .host_name = process->options->host_name};
    process->auth = process->context.auth = auth_create(process->hub, &options);
    return EXIT_DONE;
}

void process_free_auth(struct process *process)
{
    auth_free(process->auth);
}

/* ---- names and certificates ---- */

enum exit_code process_collect_names(struct process *process)
{
    process->host_names = names_collect(process->options);
    return EXIT_DONE;
}

void process_free_names(struct process *process)
{
    names_free(process->host_names);
}

static struct certificates_options certificates_options(const struct process *process)
{
    const struct options *options = process->options;
    return (struct certificates_options){.directory = options->data_directory,
        .names = (const char *const *)process->host_names,
        .device_ca = (const char *const *)process->device_ca,
        .tls_cert = options->tls_cert,
        .tls_key = options->tls_key,
        .ca_cert = options->ca_cert,
        .ca_key = options->ca_key};
}

static enum exit_code certificates_exit_code(enum hub_code code, const struct hub_error *error)
{
    if (code == HUB_OK) {
        return EXIT_DONE;
    }
    return fail(code == HUB_ARGUMENT_INVALID ? EXIT_BAD_OPTION : EXIT_DATA, error->sentence);
}

enum exit_code process_check_certificates(struct process *process)
{
    const struct text_list *list = &process->options->device_ca;
    process->device_ca = memory_allocate_array(list->count + 1, sizeof *process->device_ca);
    for (size_t i = 0; i < list->count; i++) {
        process->device_ca[i] = list->items[i];
    }
    const struct certificates_options options = certificates_options(process);
    struct hub_error error;
    return certificates_exit_code(certificates_check(&options, &error), &error);
}

enum exit_code process_open_certificates(struct process *process)
{
    const struct certificates_options options = certificates_options(process);
    struct hub_error error;
    return certificates_exit_code(
        certificates_open(&process->certificates, &options, &error), &error);
}

void process_free_certificates(struct process *process)
{
    certificates_free(process->certificates);
    free(process->device_ca);
}

/* ---- listeners ---- */

enum exit_code process_bind_listeners(struct process *process)
{
    const struct options *options = process->options;
    const int ports[PORT_COUNT] = {[PORT_HTTPS] = options->https_port,
        [PORT_AMQPS] = options->amqps_port,
        [PORT_MQTTS] = options->mqtts_port,
        [PORT_CONTROL] = options->control_port};
    for (int i = 0; i < PORT_COUNT; i++) {
        const struct protocol_port *port = protocols_port((enum port)i);
        if (ports[i] == PORT_OFF || !port->accepted) {
            continue;
        }
        const struct listener_options listener = {.name = port->name,
            .address = options->bind,
            .port = (uint16_t)ports[i],
            .certificates = port->is_plain ? NULL : process->certificates,
            .accepted = port->accepted,
            .context = process->protocols};
        struct hub_error error;
        if (listener_open(&process->listeners[i], process->loop, process->streams, &listener,
                &error) != HUB_OK) {
            return fail(EXIT_PORT, error.sentence);
        }
    }
    for (int i = 0; i < PORT_COUNT; i++) {
        if (process->listeners[i]) {
            listener_start(process->listeners[i]);
        }
    }
    return EXIT_DONE;
}

void process_close_listeners(struct process *process)
{
    for (int i = 0; i < PORT_COUNT; i++) {
        listener_close(process->listeners[i]);
        process->listeners[i] = NULL;
    }
}

/* ---- running ---- */

static void on_stop_deadline(void *context)
{
    struct process *process = context;
    LOG(LOG_WARN, "HUB-STOP-LATE", "connections that do not end are cut");
    loop_stop(process->loop);
}

static bool end_last_turn(void *context)
{
    struct process *process = context;
    bool again = end_turn(context);
    if (!again && socket_streams_count(process->streams) == 0) {
        loop_stop(process->loop);
    }
    return again;
}

/* A few turns without waiting, in which owners hear that their streams are gone. */
static bool end_cut_turn(void *context)
{
    struct process *process = context;
    end_turn(context);
    if (socket_streams_count(process->streams) == 0 || process->turns_left-- == 0) {
        loop_stop(process->loop);
    }
    return true;
}

void process_run(struct process *process)
{
    loop_run(process->loop, end_turn, process);
    process_close_listeners(process);
    socket_streams_end_handshakes(process->streams);
    protocols_end_all(process->protocols);
    struct loop_timer *deadline = loop_timer_create(process->loop, on_stop_deadline, process);
    loop_timer_arm(deadline, STOP_MS);
    loop_run(process->loop, end_last_turn, process);
    loop_timer_free(deadline);
    socket_streams_end_all(process->streams);
    process->turns_left = 10;
    loop_run(process->loop, end_cut_turn, process);
    LOG(LOG_INFO, "HUB-STOPPED", "stopped");
}
