#include "server/verbs/verbs.h"

#include "server/certificates/certificates.h"
#include "server/connection_string.h"
#include "server/process.h"
#include "server/verbs/companions.h"
#include "server/verbs/control_client.h"
#include "server/verbs/terminal.h"
#include "server/verbs/watch.h"
#include "store/log.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 4096
#define SENTENCE_SIZE 1024

enum exit_code verb_refuse(enum exit_code code, const char *format, ...)
{
    char sentence[SENTENCE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    fputs("devicebound: ", stderr);
    terminal_print(stderr, sentence);
    fputc('\n', stderr);
    return code;
}

enum exit_code verb_refuse_answer(const struct options *options, int status, const char *body)
{
    json_t *problem = body ? json_loads(body, 0, NULL) : NULL;
    const char *name = json_string_value(json_object_get(problem, "errorName"));
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    if (status == 0 && options->control_port <= 0) {
        verb_refuse(EXIT_FAILED, "no hub answers: --control-port does not name its port");
    } else if (status == 0) {
        verb_refuse(EXIT_FAILED, "no hub answers on control port %d of %s", options->control_port,
            options->bind);
    } else if (detail) {
        verb_refuse(EXIT_FAILED, "%s%s%s", name ? name : "", name ? ": " : "", detail);
    } else {
        verb_refuse(EXIT_FAILED, "the hub answers with status %d", status);
    }
    json_decref(problem);
    return EXIT_FAILED;
}

static enum exit_code print_version(const struct options *options)
{
    (void)options;
    puts("devicebound " DEVICEBOUND_VERSION);
    return EXIT_DONE;
}

static enum exit_code print_settings(const struct options *options)
{
    static void (*const printers[])(FILE * out) = {
        [VERB_HELP] = options_print_help,
        [VERB_HELP_MARKDOWN] = options_print_markdown,
        [VERB_HELP_MAN] = options_print_man,
        [VERB_HELP_BASH] = options_print_bash,
        [VERB_HELP_ENVIRONMENT] = options_print_environment,
    };
    printers[options->verb](stdout);
    return EXIT_DONE;
}

static enum exit_code check_health(const struct options *options)
{
    char *body;
    int status = control_client_ask(options, "GET", "/readyz", NULL, &body);
    enum exit_code code = status == 200 ? EXIT_DONE : verb_refuse_answer(options, status, body);
    free(body);
    return code;
}

/* ---- ca ---- */

static enum exit_code print_ca(const struct options *options)
{
    log_set_level(LOG_WARN);
    struct process process = {.options = options};
    enum exit_code code = process_collect_names(&process);
    if (code == EXIT_DONE) {
        code = process_check_certificates(&process);
    }
    if (code == EXIT_DONE) {
        code = process_open_data_directory(&process);
    }
    if (code == EXIT_DONE) {
        code = process_open_certificates(&process);
    }
    if (code == EXIT_DONE) {
        fputs(certificates_ca_pem(process.certificates), stdout);
    }
    process_free_certificates(&process);
    process_free_names(&process);
    return code;
}

/* ---- connection-string ---- */

static enum exit_code print_policy(const struct options *options, const char *name)
{
    static const char *const names[] = {
        "iothubowner", "service", "device", "registryRead", "registryReadWrite"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0) {
            char text[CONNECTION_STRING_SIZE];
            connection_string_of_policy(
                options->host_name, name, &options->shared_access_key, text);
            puts(text);
            return EXIT_DONE;
        }
    }
    return verb_refuse(EXIT_BAD_OPTION,
        "--policy \"%.100s\": accepted is iothubowner, service, device, registryRead or "
        "registryReadWrite",
        name);
}

/* A running hub holds the database; it is asked first. False: none runs, or it does not say. Its
 * own name counts less than one that is asked for. */
static bool ask_hub(const struct options *options, const char *id, char *text)
{
    char *body, *path = control_client_path("/control/v1/devices/", id, "");
    int status = control_client_ask(options, "GET", path, NULL, &body);
    free(path);
    json_t *device = status == 200 ? json_loads(body, 0, NULL) : NULL;
    const char *found = json_string_value(json_object_get(device, "connectionString"));
    const char *rest = found ? strchr(found, ';') : NULL;
    if (rest && options_names_host(options)) {
        snprintf(text, CONNECTION_STRING_SIZE, "HostName=%s%s", options->host_name, rest);
    } else {
        snprintf(text, CONNECTION_STRING_SIZE, "%s", found ? found : "");
    }
    json_decref(device);
    free(body);
    return text[0] != '\0';
}

/* From the file of a hub that does not run. */
static enum exit_code read_file(const struct options *options, const char *id, char *text)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/hub.db", options->data_directory);
    if (access(path, F_OK) != 0) {
        return verb_refuse(
            EXIT_FAILED, "there is no hub in %s, and none runs", options->data_directory);
    }
    struct process process = {.options = options};
    process.clock = clock_create();
    enum exit_code code = process_open_hub(&process);
    if (code == EXIT_DONE) {
        const struct identity *device = identity_find(hub_identities(process.hub), id);
        if (device) {
            connection_string_of_device(options->host_name, &device->is, false, text);
        } else {
            code = verb_refuse(EXIT_FAILED, "no device \"%s\" is registered", id);
        }
    }
    process_close_hub(&process);
    clock_free(process.clock);
    return code;
}

static enum exit_code print_connection_string(const struct options *options)
{
    log_set_level(LOG_WARN);
    const struct seed_list *list = &options->devices;
    if (options->policy || list->count == 0) {
        return print_policy(options, options->policy ? options->policy : "iothubowner");
    }
    char text[CONNECTION_STRING_SIZE];
    const struct seed_device *seed = &list->items[list->count - 1];
    enum exit_code code = EXIT_DONE;
    if (seed->has_key) {
        connection_string_of_device(options->host_name, &seed->draft, false, text);
    } else if (!ask_hub(options, seed->draft.device_id, text)) {
        code = read_file(options, seed->draft.device_id, text);
    }
    if (code == EXIT_DONE) {
        puts(text);
    }
    return code;
}

/* ---- all of them ---- */

enum exit_code verb_run(const struct options *options)
{
    static enum exit_code (*const verbs[])(const struct options *options) = {
        [VERB_VERSION] = print_version,
        [VERB_HEALTHCHECK] = check_health,
        [VERB_CONNECTION_STRING] = print_connection_string,
        [VERB_CA] = print_ca,
        [VERB_SEND] = companion_send,
        [VERB_RECEIVE] = companion_receive,
        [VERB_FEEDBACK] = companion_feedback,
        [VERB_WATCH] = watch_hub,
        [VERB_ADVANCE] = companion_advance,
        [VERB_HELP] = print_settings,
        [VERB_HELP_MARKDOWN] = print_settings,
        [VERB_HELP_MAN] = print_settings,
        [VERB_HELP_BASH] = print_settings,
        [VERB_HELP_ENVIRONMENT] = print_settings,
    };
    return verbs[options->verb](options);
}
