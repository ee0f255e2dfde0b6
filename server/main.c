/* devicebound: a local IoT Hub for testing cloud-to-device messages. */
#include "server/process.h"
#include "server/verbs/verbs.h"
#include "store/log.h"

extern char **environ;

/* Started in this order, stopped in reverse. */
static const struct process_step steps[] = {
    {process_raise_limits, NULL},
    {process_start_loop, process_stop_loop},
    {process_collect_names, process_free_names},
    {process_check_certificates, process_free_certificates},
    {process_open_data_directory, NULL},
    {process_open_certificates, NULL},
    {process_open_hub, process_close_hub},
    {process_put_devices, NULL},
    {process_open_sessions, process_close_sessions},
    {process_put_simulators, NULL},
    {process_create_auth, process_free_auth},
    {process_start_protocols, process_stop_protocols},
    {process_bind_listeners, process_close_listeners},
    {process_announce, NULL},
};

#define STEP_COUNT (sizeof steps / sizeof steps[0])

static enum exit_code serve(struct process *process)
{
    enum exit_code code = EXIT_DONE;
    size_t started = 0;
    while (started < STEP_COUNT && code == EXIT_DONE) {
        code = steps[started++].start(process);
    }
    if (code == EXIT_DONE) {
        process_run(process);
    }
    while (started-- > 0) {
        if (steps[started].stop) {
            steps[started].stop(process);
        }
    }
    return code;
}

int main(int argument_count, char **arguments)
{
    struct options options;
    char mistake[512];
    enum exit_code code = EXIT_BAD_OPTION;
    if (!options_read(&options, argument_count, arguments, environ, mistake)) {
        fprintf(stderr, "devicebound: %s\n", mistake);
    } else if (options.verb == VERB_SERVE) {
        log_set_level((enum log_level)options.log_level);
        log_set_format((enum log_format)options.log_format);
        struct process process = {.argument_count = argument_count,
            .arguments = arguments,
            .environment = environ,
            .options = &options,
            .changing_options = &options};
        code = serve(&process);
    } else {
        code = verb_run(&options);
    }
    options_release(&options);
    return code;
}
