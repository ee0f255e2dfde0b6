#include "tests/protocols/auth/small_hub.h"

#include "tests/protocols/auth/token_maker.h"

#include <check.h>
#include <stdio.h>

void small_hub_open(struct small_hub *small, bool lenient)
{
    static const char *const names[] = {"hub.local", "Other.Example", "127.0.11.1", NULL};
    struct auth_options options = {.host_names = names, .lenient = lenient};
    struct hub_options hub_options = {.settings = hub_settings_default()};
    struct key key;

    small->clock = clock_create_frozen(TEST_NOW);
    hub_options.clock = small->clock;
    ck_assert_int_eq(hub_open(&small->hub, &hub_options, NULL), HUB_OK);
    ck_assert(key_parse(TEST_KEY, &key));
    identity_set_policy_key(hub_identities(small->hub), &key);
    small->auth = auth_create(small->hub, &options);
}

void small_hub_close(struct small_hub *small)
{
    auth_free(small->auth);
    hub_close(small->hub);
    clock_free(small->clock);
}

void small_hub_put(struct small_hub *small, const struct identity_draft *draft)
{
    struct etag_condition create = {.match = ETAG_CREATE_ONLY};
    struct identity *identity;
    struct hub_error error = {0};

    ck_assert_msg(hub_put_device(small->hub, draft, create, &identity, &error) == HUB_OK, "%s: %s",
        draft->device_id, error.sentence);
}

void small_hub_add(struct small_hub *small, const char *device_id)
{
    struct identity_draft draft = {.enabled = true, .authentication = AUTHENTICATION_SAS};

    snprintf(draft.device_id, sizeof(draft.device_id), "%s", device_id);
    ck_assert(key_parse(TEST_KEY, &draft.primary) && key_parse(OTHER_KEY, &draft.secondary));
    small_hub_put(small, &draft);
}

void small_hub_add_module(struct small_hub *small, const char *device_id, const char *module_id)
{
    struct identity_draft draft = {.enabled = true, .authentication = AUTHENTICATION_SAS};

    snprintf(draft.device_id, sizeof(draft.device_id), "%s", device_id);
    snprintf(draft.module_id, sizeof(draft.module_id), "%s", module_id);
    ck_assert(key_parse(MODULE_KEY, &draft.primary) && key_parse(MODULE_KEY, &draft.secondary));
    small_hub_put(small, &draft);
}
