#include "server/verbs/watch.h"

#include "server/verbs/control_client.h"
#include "server/verbs/terminal.h"
#include "server/verbs/verbs.h"

#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct watch {
    const struct options *options;
    bool is_json, is_plain;
};

/* ---- an entry in columns ---- */

#define GREEN "\033[32m"
#define RED "\033[31m"
#define YELLOW "\033[33m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"

/* Good ends, bad ends, what comes back; the rest is as it is. */
static const char *colour_of(const char *event)
{
    static const struct {
        const char *event, *colour;
    } colours[] = {{"completed", GREEN}, {"rejected", RED}, {"expired", RED},
        {"deliveryCountExceeded", RED}, {"sendRefused", RED}, {"settleRefused", RED},
        {"authenticationFailed", RED}, {"faultInjected", RED}, {"abandoned", YELLOW},
        {"lockExpired", YELLOW}, {"purged", YELLOW}, {"connected", DIM}, {"disconnected", DIM},
        {"subscribed", DIM}, {"unsubscribed", DIM}};
    for (size_t i = 0; i < sizeof colours / sizeof colours[0]; i++) {
        if (strcmp(colours[i].event, event) == 0) {
            return colours[i].colour;
        }
    }
    return "";
}

static void print_column(const json_t *entry, const char *name)
{
    const char *text = json_string_value(json_object_get(entry, name));
    if (text) {
        fputs("  ", stdout);
        terminal_print(stdout, text);
    }
}

static void print_columns(const json_t *entry, bool is_plain)
{
    const char *time = json_string_value(json_object_get(entry, "time"));
    const char *event = json_string_value(json_object_get(entry, "event"));
    const json_t *sequence = json_object_get(entry, "sequenceNumber");
    const char *colour = event && !is_plain ? colour_of(event) : "";
    terminal_print(stdout, time ? time : "");
    printf("  %s%-21s%s", colour, event ? event : "", colour[0] ? PLAIN : "");
    print_column(entry, "device");
    if (sequence) {
        printf("  #%lld", (long long)json_integer_value(sequence));
    }
    print_column(entry, "messageId");
    print_column(entry, "protocol");
    print_column(entry, "reason");
    putchar('\n');
}

/* ---- what comes ---- */

/* On standard error, so that a script knows from when on it misses nothing. */
static void opened(void *context)
{
    const struct options *options = ((struct watch *)context)->options;
    fprintf(stderr, "watching the hub on control port %d of %s\n", options->control_port,
        options->bind);
}

static void take_event(void *context, const char *name, const char *data)
{
    const struct watch *watch = context;
    json_t *entry = watch->is_json ? NULL : json_loads(data, 0, NULL);
    if (watch->is_json) {
        puts(data);
    } else if (strcmp(name, "missed") == 0) {
        printf("%lld entries were dropped before they were read\n",
            (long long)json_integer_value(json_object_get(entry, "missed")));
    } else {
        print_columns(entry, watch->is_plain);
    }
    json_decref(entry);
    fflush(stdout); /* line by line, whoever reads */
}

static void end_well(int number)
{
    (void)number;
    _exit(EXIT_DONE);
}

enum exit_code watch_hub(const struct options *options)
{
    static const struct control_client_events events = {opened, take_event};
    const struct sigaction end = {.sa_handler = end_well};
    const struct seed_device *device = options_named_device(options);
    if (device && options->devices.count > 1) {
        return verb_refuse(EXIT_BAD_OPTION, "--device: watch takes one, or none for all");
    }
    struct watch watch = {.options = options,
        .is_json = options->json || !isatty(STDOUT_FILENO),
        .is_plain = !terminal_wants_colour()};
    char *path =
        device ? control_client_path("/control/v1/events?device=", device->draft.device_id, "")
               : control_client_path("/control/v1/events", "", "");
    sigaction(SIGINT, &end, NULL);
    sigaction(SIGTERM, &end, NULL);
    char *body;
    int status = control_client_follow(options, path, &events, &watch, &body);
    free(path);
    enum exit_code code = status == 200 ? EXIT_DONE : verb_refuse_answer(options, status, body);
    free(body);
    return code;
}
