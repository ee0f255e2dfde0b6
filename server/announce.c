/* What the user sees when the hub is ready. */
#include "server/certificates/certificates.h"
#include "server/connection_string.h"
#include "server/listener/listener.h"
#include "server/notify.h"
#include "server/process.h"
#include "server/protocols.h"

#include <string.h>

/* Nothing else ever goes to stdout: scripts wait for this line. */
static void print_ready(const struct process *process)
{
    fputs("devicebound ready", stdout);
    for (int i = 0; i < PORT_COUNT; i++) {
        const char *name = protocols_port((enum port)i)->name;
        if (process->listeners[i]) {
            printf(" %s=%u", name, (unsigned)listener_port(process->listeners[i]));
        } else {
            printf(" %s=off", name);
        }
    }
    printf(" hostname=%s\n", process->options->host_name);
    fflush(stdout);
}

/* A key that anyone can derive or look up needs no mask. */
static bool is_known(const struct key *key, const struct key *known)
{
    return key->length == known->length && memcmp(key->bytes, known->bytes, key->length) == 0;
}

static void print_service(const struct process *process)
{
    struct key known;
    char text[CONNECTION_STRING_SIZE];
    const struct key *key = &process->options->shared_access_key;
    bool is_public = key_parse(DEFAULT_SHARED_ACCESS_KEY, &known) && is_known(key, &known);
    connection_string_of_policy(
        process->options->host_name, "iothubowner", is_public ? key : NULL, text);
    fprintf(stderr, "service: %s\n", text);
}

static void print_devices(const struct process *process)
{
    const struct seed_list *list = &process->options->devices;
    for (size_t i = 0; i < list->count; i++) {
        const char *id = list->items[i].draft.device_id;
        const struct identity *device = identity_find(hub_identities(process->hub), id);
        if (device) {
            char text[CONNECTION_STRING_SIZE];
            struct key derived = key_derive(id);
            connection_string_of_device(process->options->host_name, &device->is,
                !is_known(&device->is.primary, &derived), text);
            fprintf(stderr, "device:  %s\n", text);
        }
    }
}

enum exit_code process_announce(struct process *process)
{
    print_ready(process);
    print_service(process);
    print_devices(process);
    fprintf(stderr, "CA:      %s\n", certificates_ca_path(process->certificates));
    process->is_ready = true;
    notify_manager(process->environment, "READY=1");
    return EXIT_DONE;
}
