/* The devices that exist at start. */
#include "server/message_codec.h"
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

/* For a device that is new: one that was there has had them. */
static enum hub_code send_messages(
    struct hub *hub, const struct seed_device *seed, struct hub_error *error)
{
    size_t index;
    json_t *object;
    json_array_foreach(seed->messages, index, object)
    {
        uint64_t sequence;
        struct message *message = message_create();
        enum hub_code code = message_codec_read(object, hub_now(hub), message, error);
        if (code == HUB_OK) {
            code = mailbox_send(hub_mailboxes(hub), seed->draft.device_id, message,
                &(struct actor){0}, hub_now(hub), &sequence, error);
        }
        message_release(message);
        if (code != HUB_OK) {
            return code;
        }
    }
    return HUB_OK;
}

/* With its messages, or not at all: left behind, it would not be new to a start that is put right.
 */
static enum hub_code put_new_device(
    struct hub *hub, const struct seed_device *seed, struct hub_error *error)
{
    struct identity_draft draft = merge(seed, NULL);
    struct identity *identity;
    enum hub_code code = hub_put_device(
        hub, &draft, (struct etag_condition){.match = ETAG_CREATE_ONLY}, &identity, error);
    if (code == HUB_OK && (code = send_messages(hub, seed, error)) != HUB_OK) {
        hub_delete_device(hub, draft.device_id, (struct etag_condition){.match = ETAG_ANY}, NULL);
    }
    return code;
}

static enum hub_code put_device(
    struct hub *hub, const struct seed_device *seed, struct hub_error *error)
{
    struct identity *existing = identity_find(hub_identities(hub), seed->draft.device_id);
    if (!existing) {
        return put_new_device(hub, seed, error);
    }
    struct identity_draft draft = merge(seed, existing);
    if (is_same(&draft, &existing->is)) {
        return HUB_OK;
    }
    return hub_put_device(
        hub, &draft, (struct etag_condition){.match = ETAG_ANY}, &existing, error);
}

enum exit_code process_put_devices(struct process *process)
{
    const struct seed_list *list = &process->options->devices;
    for (size_t i = 0; i < list->count; i++) {
        const struct seed_device *seed = &list->items[i];
        struct hub_error error;
        if (put_device(process->hub, seed, &error) != HUB_OK) {
            fprintf(
                stderr, "devicebound: device \"%s\": %s\n", seed->draft.device_id, error.sentence);
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
