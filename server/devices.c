/* The devices that exist at start. */
#include "server/process.h"

#include <string.h>

/* What the device is to be: as it is, with what was given on top. */
static struct identity_draft merge(const struct seed_device *seed, const struct identity *existing)
{
    struct identity_draft draft = seed->draft;
    if (existing) {
        draft = existing->is;
        if (seed->has_status) {
            draft.enabled = seed->draft.enabled;
        }
        if (seed->has_authentication) {
            draft.authentication = seed->draft.authentication;
            memcpy(draft.primary_thumbprint, seed->draft.primary_thumbprint,
                sizeof draft.primary_thumbprint);
            memcpy(draft.secondary_thumbprint, seed->draft.secondary_thumbprint,
                sizeof draft.secondary_thumbprint);
        }
        if (seed->has_key) {
            draft.primary = seed->draft.primary;
            draft.secondary = seed->draft.secondary;
        }
    } else if (draft.authentication == AUTHENTICATION_SAS && !seed->has_key) {
        draft.primary = draft.secondary = key_derive(draft.device_id);
    }
    return draft;
}

static bool is_same_key(const struct key *a, const struct key *b)
{
    return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

/* A write that changes nothing would still raise the ETag. */
static bool is_same(const struct identity_draft *a, const struct identity_draft *b)
{
    return a->enabled == b->enabled && a->authentication == b->authentication &&
           is_same_key(&a->primary, &b->primary) && is_same_key(&a->secondary, &b->secondary) &&
           strcmp(a->primary_thumbprint, b->primary_thumbprint) == 0 &&
           strcmp(a->secondary_thumbprint, b->secondary_thumbprint) == 0;
}

enum exit_code process_put_devices(struct process *process)
{
    const struct seed_list *list = &process->options->devices;
    for (size_t i = 0; i < list->count; i++) {
        const struct seed_device *seed = &list->items[i];
        struct identity *existing =
            identity_find(hub_identities(process->hub), seed->draft.device_id);
        struct identity_draft draft = merge(seed, existing);
        struct hub_error error;
        const struct etag_condition condition = {.match = existing ? ETAG_ANY : ETAG_CREATE_ONLY};
        if ((!existing || !is_same(&draft, &existing->is)) &&
            hub_put_device(process->hub, &draft, condition, &existing, &error) != HUB_OK) {
            fprintf(stderr, "devicebound: device \"%s\": %s\n", draft.device_id, error.sentence);
            return EXIT_BAD_OPTION;
        }
    }
    hub_end_turn(process->hub);
    return EXIT_DONE;
}

enum exit_code process_put_simulators(struct process *process)
{
    const struct seed_list *list = &process->options->devices;
    for (size_t i = 0; i < list->count; i++) {
        const struct seed_device *seed = &list->items[i];
        struct hub_error error;
        if (seed->simulator.count > 0) {
            simulator_put(process->sessions, seed->draft.device_id, &seed->simulator, &error);
        }
    }
    hub_end_turn(process->hub);
    return EXIT_DONE;
}
