/* Statements 56 to 61 of store/LIFECYCLE.md: purge, delete, disable, create anew. */
#include "tests/store/fixture.h"

#include <string.h>

static struct fixture f;

START_TEST(test_56_a_purge_ends_locked_messages_too)
{
    struct delivery delivery;
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 4);
    fixture_receive(&f, "d1", &delivery);
    ck_assert_uint_eq(fixture_purge(&f, "d1"), 4);
    ck_assert_int_eq(fixture_settle(&f, "d1", delivery.lock_token, SETTLE_COMPLETE),
        HUB_DEVICE_MESSAGE_LOCK_LOST);
    ck_assert(!fixture_receive(&f, "d1", &delivery));
    fixture_close(&f);
}
END_TEST

START_TEST(test_57_an_empty_queue_is_purged_of_nothing)
{
    size_t count;
    fixture_open(&f, false);
    ck_assert_uint_eq(fixture_purge(&f, "d1"), 0);
    ck_assert_int_eq(
        mailbox_purge(hub_mailboxes(f.hub), "nobody", NULL, hub_now(f.hub), &count, &f.error),
        HUB_DEVICE_NOT_FOUND);
    fixture_close(&f);
}
END_TEST

START_TEST(test_58_a_device_created_anew_starts_with_nothing)
{
    struct delivery delivery;
    char generation[24];
    fixture_open(&f, true);
    fixture_send_many(&f, "d1", 3);
    fixture_receive(&f, "d1", &delivery);
    strcpy(generation, identity_find(hub_identities(f.hub), "d1")->generation_id);
    fixture_delete(&f, "d1");
    fixture_create(&f, "d1");
    ck_assert_str_ne(identity_find(hub_identities(f.hub), "d1")->generation_id, generation);
    ck_assert_int_eq(fixture_settle(&f, "d1", delivery.lock_token, SETTLE_COMPLETE),
        HUB_DEVICE_MESSAGE_LOCK_LOST);
    ck_assert(!fixture_receive(&f, "d1", &delivery));
    fixture_send_many(&f, "d1", 1);
    ck_assert_uint_eq(f.sequence, 1);
    fixture_restart(&f, DURATION_SECONDS(1));
    ck_assert_uint_eq(fixture_counts(&f, "d1").enqueued, 1);
    fixture_close(&f);
}
END_TEST

START_TEST(test_59_a_disabled_device_cannot_receive_and_finds_its_messages_later)
{
    struct delivery delivery;
    fixture_open(&f, false);
    fixture_send_many(&f, "d1", 1);
    fixture_enable(&f, "d1", false);
    ck_assert(!fixture_receive(&f, "d1", &delivery));
    ck_assert_int_eq(f.error.code, HUB_DEVICE_NOT_FOUND);
    fixture_enable(&f, "d1", true);
    ck_assert(fixture_receive(&f, "d1", &delivery));
    fixture_close(&f);
}
END_TEST

/* Who was told of which loss. */
static char lost[64];

static void note_lost(void *listener, const char *device_id, bool deleted)
{
    (void)listener;
    strcat(lost, deleted ? "deleted " : "disabled ");
    strcat(lost, device_id);
}

START_TEST(test_60_whoever_speaks_for_a_disabled_device_is_told_after_the_commit)
{
    fixture_open(&f, false);
    hub_listen_devices(f.hub, note_lost, NULL);
    struct identity_draft draft = identity_find(hub_identities(f.hub), "d1")->is;
    struct identity *identity;
    draft.enabled = false;
    hub_put_device(f.hub, &draft, (struct etag_condition){ETAG_ANY, 0}, &identity, &f.error);
    ck_assert_str_eq(lost, "");
    hub_end_turn(f.hub);
    ck_assert_str_eq(lost, "disabled d1");
    fixture_enable(&f, "d1", true);
    ck_assert_str_eq(lost, "disabled d1");
    fixture_delete(&f, "d1");
    ck_assert_str_eq(lost, "disabled d1deleted d1");
    fixture_close(&f);
}
END_TEST

START_TEST(test_61_messages_expire_while_their_device_is_disabled)
{
    fixture_open(&f, false);
    fixture_send(&f, "d1", (struct sending){.ack = "full", .expires_in = DURATION_SECONDS(5)});
    fixture_enable(&f, "d1", false);
    fixture_advance(&f, DURATION_SECONDS(5));
    ck_assert_str_eq(fixture_statuses(&f), "Expired");
    fixture_close(&f);
}
END_TEST

SUITE_MAIN("lifecycle: registry", test_56_a_purge_ends_locked_messages_too,
    test_57_an_empty_queue_is_purged_of_nothing, test_58_a_device_created_anew_starts_with_nothing,
    test_59_a_disabled_device_cannot_receive_and_finds_its_messages_later,
    test_60_whoever_speaks_for_a_disabled_device_is_told_after_the_commit,
    test_61_messages_expire_while_their_device_is_disabled)
