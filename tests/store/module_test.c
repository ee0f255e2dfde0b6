/* Modules: identities under a device, which come and go with it. */
#include "tests/store/fixture.h"

#include <stdio.h>
#include <string.h>

static struct fixture f;

static const struct etag_condition create = {.match = ETAG_CREATE_ONLY}, any = {.match = ETAG_ANY};

static enum hub_code put(const char *device_id, const char *module_id, struct etag_condition match)
{
    struct identity_draft draft = {.enabled = true};
    struct identity *identity;
    snprintf(draft.device_id, sizeof draft.device_id, "%s", device_id);
    snprintf(draft.module_id, sizeof draft.module_id, "%s", module_id);
    enum hub_code code = hub_put_device(f.hub, &draft, match, &identity, &f.error);
    hub_end_turn(f.hub);
    return code;
}

static struct identity *find(const char *device_id, const char *module_id)
{
    return identity_find_module(hub_identities(f.hub), device_id, module_id);
}

START_TEST(test_a_module_has_keys_a_generation_and_an_etag_of_its_own)
{
    fixture_open(&f, false);
    ck_assert_int_eq(put("d1", "m1", create), HUB_OK);
    const struct identity *module = find("d1", "m1");
    const struct identity *device = identity_find(hub_identities(f.hub), "d1");
    ck_assert_str_eq(module->name, "d1/m1");
    ck_assert_ptr_eq(module->device, device);
    ck_assert_uint_eq(module->is.primary.length, 32);
    ck_assert_str_ne(module->generation_id, device->generation_id);
    ck_assert_int_ne(module->row, device->row);
    ck_assert_int_eq(put("d1", "m1", any), HUB_OK);
    ck_assert_uint_eq(module->etag, 1);
    ck_assert_uint_eq(device->etag, 0);
    fixture_close(&f);
}
END_TEST

START_TEST(test_a_module_needs_its_device_and_a_valid_id)
{
    fixture_open(&f, false);
    ck_assert_int_eq(put("none", "m1", create), HUB_DEVICE_NOT_FOUND);
    ck_assert_int_eq(put("d1", "m/1", create), HUB_ARGUMENT_INVALID);
    ck_assert_int_eq(put("d1/m1", "", create), HUB_ARGUMENT_INVALID);
    ck_assert_int_eq(put("d1", "m1", any), HUB_MODULE_NOT_FOUND);
    ck_assert_int_eq(put("d1", "m1", create), HUB_OK);
    ck_assert_int_eq(put("d1", "m1", create), HUB_MODULE_ALREADY_EXISTS_ON_DEVICE);
    ck_assert_int_eq(put("d2", "m1", create), HUB_OK);
    fixture_close(&f);
}
END_TEST

START_TEST(test_a_device_has_at_most_fifty_modules)
{
    char id[32];
    fixture_open(&f, false);
    for (int i = 0; i < MODULES_MAX; i++) {
        snprintf(id, sizeof id, "m%d", i);
        ck_assert_int_eq(put("d1", id, create), HUB_OK);
    }
    ck_assert_int_eq(put("d1", "one-more", create), HUB_TOO_MANY_MODULES_ON_DEVICE);
    ck_assert_int_eq(hub_delete_module(f.hub, "d1", "m7", any, &f.error), HUB_OK);
    ck_assert_int_eq(put("d1", "one-more", create), HUB_OK);
    ck_assert_uint_eq(identity_count(hub_identities(f.hub)), 2);
    fixture_close(&f);
}
END_TEST

START_TEST(test_a_name_with_a_slash_is_no_device)
{
    uint64_t sequence;
    struct message *message = message_create();
    fixture_open(&f, false);
    put("d1", "m1", create);
    ck_assert_ptr_null(identity_find(hub_identities(f.hub), "d1/m1"));
    ck_assert_int_eq(hub_delete_device(f.hub, "d1/m1", any, &f.error), HUB_DEVICE_NOT_FOUND);
    ck_assert_int_eq(mailbox_send(hub_mailboxes(f.hub), "d1/m1", message, NULL, hub_now(f.hub),
                         &sequence, &f.error),
        HUB_DEVICE_NOT_FOUND);
    ck_assert_ptr_nonnull(find("d1", "m1"));
    ck_assert_ptr_nonnull(mailbox_of(hub_mailboxes(f.hub), "d1/m1"));
    message_release(message);
    fixture_close(&f);
}
END_TEST

/* Who was told of which loss. */
static char lost[128];

static void note_lost(void *listener, const char *name, bool deleted)
{
    (void)listener;
    strcat(strcat(strcat(lost, deleted ? "-" : "!"), name), " ");
}

START_TEST(test_modules_are_disabled_and_deleted_with_their_device)
{
    uint64_t version;
    fixture_open(&f, true);
    hub_listen_devices(f.hub, note_lost, NULL);
    put("d1", "m1", create);
    put("d1", "m2", create);
    put("d2", "m1", create);
    int64_t row = find("d1", "m1")->row;
    twins_report(hub_twins(f.hub), row, TEXT("{\"a\":1}"), START, &version, &f.error);
    fixture_enable(&f, "d1", false);
    ck_assert(!identity_is_enabled(find("d1", "m1")) && identity_is_enabled(find("d2", "m1")));
    fixture_enable(&f, "d1", true);
    fixture_delete(&f, "d1");
    ck_assert_str_eq(lost, "!d1 !d1/m1 !d1/m2 -d1 -d1/m1 -d1/m2 ");
    ck_assert_ptr_null(find("d1", "m1"));
    fixture_create(&f, "d1");
    ck_assert_ptr_null(find("d1", "m1"));
    fixture_restart(&f, DURATION_SECONDS(1));
    ck_assert_ptr_null(find("d1", "m2"));
    ck_assert_ptr_nonnull(find("d2", "m1"));
    fixture_close(&f);
}
END_TEST

START_TEST(test_a_module_that_is_deleted_leaves_the_others)
{
    fixture_open(&f, false);
    put("d1", "m1", create);
    put("d1", "m2", create);
    ck_assert_int_eq(
        hub_delete_module(f.hub, "d1", "m1", create, &f.error), HUB_PRECONDITION_FAILED);
    ck_assert_int_eq(hub_delete_module(f.hub, "d1", "m1", any, &f.error), HUB_OK);
    ck_assert_int_eq(hub_delete_module(f.hub, "d1", "m1", any, &f.error), HUB_MODULE_NOT_FOUND);
    const struct identity *device = identity_find(hub_identities(f.hub), "d1");
    const struct identity *left = identity_next_module(device, NULL);
    ck_assert_str_eq(left->is.module_id, "m2");
    ck_assert_ptr_null(identity_next_module(device, left));
    fixture_close(&f);
}
END_TEST

/* The commit of what was begun fails: the disk is full. */
static void undo(void)
{
    struct database *database = hub_database(f.hub);
    database_run(database,
        database_prepare(database, "INSERT INTO queue (number, last_sequence) VALUES (1, NULL)"));
    hub_end_turn(f.hub);
}

START_TEST(test_what_was_not_committed_has_not_happened_to_modules)
{
    struct identity_draft draft = {.enabled = true, .device_id = "d1", .module_id = "m2"};
    struct identity *identity;
    fixture_open(&f, false);
    put("d1", "m1", create);
    ck_assert_int_eq(hub_put_device(f.hub, &draft, create, &identity, &f.error), HUB_OK);
    undo();
    ck_assert_ptr_null(find("d1", "m2"));
    ck_assert_int_eq(hub_delete_device(f.hub, "d1", any, &f.error), HUB_OK);
    ck_assert_ptr_null(find("d1", "m1"));
    undo();
    ck_assert_str_eq(find("d1", "m1")->device->is.device_id, "d1");
    /* Back in its place, too. */
    ck_assert_str_eq(identity_next(hub_identities(f.hub), NULL)->is.device_id, "d1");
    fixture_close(&f);
}
END_TEST

SUITE_MAIN("modules", test_a_module_has_keys_a_generation_and_an_etag_of_its_own,
    test_a_module_needs_its_device_and_a_valid_id, test_a_device_has_at_most_fifty_modules,
    test_a_name_with_a_slash_is_no_device, test_modules_are_disabled_and_deleted_with_their_device,
    test_a_module_that_is_deleted_leaves_the_others,
    test_what_was_not_committed_has_not_happened_to_modules)
