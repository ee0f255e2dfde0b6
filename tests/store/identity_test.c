#include "store/identity.h"

#include "tests/folder.h"
#include "tests/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOON ((struct instant){1772366400000000}) /* 2026-03-01T12:00:00Z */
#define KEY "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define SHA1 "0123456789abcdef0123456789ABCDEF01234567"

static struct database *database;
static struct identity_registry *registry;
static struct hub_error error;

static void open_registry(const char *path)
{
    ck_assert_int_eq(database_open(&database, path, DURABILITY_PROCESS, &error), HUB_OK);
    registry = identity_registry_open(database);
}

static void close_registry(void)
{
    database_commit(database);
    identity_registry_free(registry);
    database_close(database);
}

static struct identity_draft draft_of(const char *id)
{
    struct identity_draft draft = {.enabled = true};
    snprintf(draft.device_id, sizeof draft.device_id, "%s", id);
    return draft;
}

static const struct etag_condition create_only = {ETAG_CREATE_ONLY, 0};
static const struct etag_condition any = {ETAG_ANY, 0};

static struct identity *create(const char *id)
{
    struct identity_draft draft = draft_of(id);
    struct identity *made;
    ck_assert_int_eq(identity_put(registry, &draft, create_only, NOON, &made, &error), HUB_OK);
    return made;
}

/* ---- keys ---- */

START_TEST(test_a_key_is_base64_of_16_to_64_bytes)
{
    static const char *const good[] = {KEY, "MDEyMzQ1Njc4OWFiY2RlZg==", "MDEyMzQ1Njc4OWFiY2RlZmdo",
        "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg=="};
    static const char *const bad[] = {"", "MDEy", "MDEyMzQ1Njc4OWFiY2RlZg",
        "MDEyMzQ1Njc4OWFiY2RlZg=", "MDEyMzQ1Njc4OWFiY2Rl", "no base64 at all!!!!!!!!",
        "MDEyMzQ1Njc4OWFiY2RlZg== ",
        "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZmc="};
    struct key key;
    char text[KEY_TEXT_SIZE];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_msg(key_parse(good[i], &key), "%s", good[i]);
        key_format(&key, text);
        ck_assert_str_eq(text, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!key_parse(bad[i], &key), "%s", bad[i]);
    }
}
END_TEST

START_TEST(test_keys_are_random_or_derived_from_the_id)
{
    struct key one = key_generate(), other = key_generate();
    char text[KEY_TEXT_SIZE];
    ck_assert_uint_eq(one.length, 32);
    ck_assert(memcmp(one.bytes, other.bytes, 32) != 0);
    struct key derived = key_derive("d1"), again = key_derive("d1"), of_other = key_derive("d2");
    ck_assert_mem_eq(derived.bytes, again.bytes, 32);
    ck_assert(memcmp(derived.bytes, of_other.bytes, 32) != 0);
    key_format(&derived, text); /* it is in people's scripts: the same for ever */
    ck_assert_str_eq(text, "O2NDRuhUW4DeaemsDkHZpx90YjpY6iHtz7560zrnsN4=");
}
END_TEST

/* ---- ids ---- */

START_TEST(test_an_id_has_the_characters_that_are_allowed)
{
    char id[DEVICE_ID_MAX + 2] = "";
    for (int c = 1; c < 256; c++) {
        id[0] = (char)c;
        bool is_good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       strchr("-:.+%_#*?!(),=@;$'", c);
        ck_assert_msg(identity_id_is_valid(id) == is_good, "byte %d", c);
    }
    ck_assert(!identity_id_is_valid(""));
    memset(id, 'a', DEVICE_ID_MAX);
    ck_assert(identity_id_is_valid(id));
    id[DEVICE_ID_MAX] = 'a';
    ck_assert(!identity_id_is_valid(id));
}
END_TEST

START_TEST(test_ids_differ_by_case)
{
    open_registry(NULL);
    create("Device");
    ck_assert_ptr_null(identity_find(registry, "device"));
    create("device");
    ck_assert_uint_eq(identity_count(registry), 2);
    close_registry();
}
END_TEST

/* ---- creating, replacing, deleting ---- */

START_TEST(test_a_new_device_has_keys_and_a_generation)
{
    open_registry(NULL);
    const struct identity *one = create("d1"), *other = create("d2");
    ck_assert_uint_eq(one->is.primary.length, 32);
    ck_assert(memcmp(one->is.primary.bytes, one->is.secondary.bytes, 32) != 0);
    ck_assert_str_eq(one->generation_id, "639079632000000000");
    ck_assert_str_eq(other->generation_id, "639079632000000001"); /* of the same instant */
    ck_assert_uint_eq(one->etag, 0);
    ck_assert_int_eq(one->created.us, NOON.us);
    ck_assert_int_eq(one->status_updated.us, 0);
    close_registry();
}
END_TEST

START_TEST(test_given_keys_are_kept_and_certificates_need_none)
{
    open_registry(NULL);
    struct identity_draft draft = draft_of("d1");
    struct identity *made;
    ck_assert(key_parse(KEY, &draft.primary) && key_parse(KEY, &draft.secondary));
    identity_put(registry, &draft, create_only, NOON, &made, &error);
    ck_assert_mem_eq(made->is.primary.bytes, "0123456789abcdef", 16);
    draft = draft_of("d2");
    draft.authentication = AUTHENTICATION_SELF_SIGNED;
    snprintf(draft.primary_thumbprint, sizeof draft.primary_thumbprint, "%s", SHA1);
    identity_put(registry, &draft, create_only, NOON, &made, &error);
    ck_assert_uint_eq(made->is.primary.length, 0);
    ck_assert_str_eq(made->is.primary_thumbprint, SHA1);
    close_registry();
}
END_TEST

START_TEST(test_a_draft_that_cannot_be_is_refused)
{
    struct identity_draft drafts[5];
    struct identity *made = NULL;
    open_registry(NULL);
    for (size_t i = 0; i < 5; i++) {
        drafts[i] = draft_of("d1");
    }
    strcpy(drafts[0].device_id, "d 1");
    strcpy(drafts[1].device_id, "");
    ck_assert(key_parse(KEY, &drafts[2].primary));
    strcpy(drafts[3].primary_thumbprint, "0123");
    strcpy(drafts[4].secondary_thumbprint, "01:3456789abcdef0123456789ABCDEF01234567");
    for (size_t i = 0; i < 5; i++) {
        ck_assert_int_eq(identity_put(registry, &drafts[i], create_only, NOON, &made, &error),
            HUB_ARGUMENT_INVALID);
    }
    ck_assert_uint_eq(identity_count(registry), 0);
    close_registry();
}
END_TEST

START_TEST(test_creating_and_replacing_go_by_the_condition)
{
    struct identity *made;
    struct identity_draft draft = draft_of("d1");
    open_registry(NULL);
    ck_assert_int_eq(
        identity_put(registry, &draft, any, NOON, &made, &error), HUB_DEVICE_NOT_FOUND);
    create("d1");
    ck_assert_int_eq(identity_put(registry, &draft, create_only, NOON, &made, &error),
        HUB_DEVICE_ALREADY_EXISTS);
    ck_assert_int_eq(identity_put(registry, &draft, any, NOON, &made, &error), HUB_OK);
    ck_assert_uint_eq(made->etag, 1);
    const struct etag_condition exact = {ETAG_EXACT, 1}, stale = {ETAG_EXACT, 0};
    ck_assert_int_eq(
        identity_put(registry, &draft, stale, NOON, &made, &error), HUB_PRECONDITION_FAILED);
    ck_assert_int_eq(identity_put(registry, &draft, exact, NOON, &made, &error), HUB_OK);
    ck_assert_uint_eq(made->etag, 2);
    close_registry();
}
END_TEST

START_TEST(test_a_change_of_status_has_its_time)
{
    struct instant later = instant_add(NOON, DURATION_HOURS(1));
    struct identity *made;
    open_registry(NULL);
    struct identity_draft draft = create("d1")->is;
    identity_put(registry, &draft, any, later, &made, &error);
    ck_assert_int_eq(made->status_updated.us, 0);
    draft.enabled = false;
    strcpy(draft.status_reason, "lost");
    identity_put(registry, &draft, any, later, &made, &error);
    ck_assert_int_eq(made->status_updated.us, later.us);
    ck_assert_str_eq(made->is.status_reason, "lost");
    close_registry();
}
END_TEST

START_TEST(test_deleting_goes_by_the_condition)
{
    open_registry(NULL);
    create("d1");
    ck_assert_int_eq(identity_delete(registry, "d1", create_only, &error), HUB_PRECONDITION_FAILED);
    ck_assert_int_eq(
        identity_delete(registry, "d1", (struct etag_condition){ETAG_EXACT, 7}, &error),
        HUB_PRECONDITION_FAILED);
    ck_assert_int_eq(identity_delete(registry, "d2", any, &error), HUB_DEVICE_NOT_FOUND);
    ck_assert_int_eq(identity_delete(registry, "d1", any, &error), HUB_OK);
    ck_assert_ptr_null(identity_find(registry, "d1"));
    close_registry();
}
END_TEST

START_TEST(test_a_device_created_anew_is_another)
{
    open_registry(NULL);
    char generation[24];
    const struct identity *first = create("d1");
    int64_t row = first->row;
    strcpy(generation, first->generation_id);
    identity_delete(registry, "d1", any, &error);
    const struct identity *second = create("d1");
    ck_assert_int_ne(second->row, row);
    ck_assert_str_ne(second->generation_id, generation);
    ck_assert_uint_eq(second->etag, 0);
    close_registry();
}
END_TEST

/* The ids in order. Static. */
static const char *listed(void)
{
    static char text[256];
    const struct identity *identity = NULL;
    text[0] = '\0';
    while ((identity = identity_next(registry, identity))) {
        strcat(text, identity->is.device_id);
    }
    return text;
}

START_TEST(test_devices_are_listed_in_the_order_of_their_creation)
{
    open_registry(NULL);
    create("c");
    create("a");
    create("b");
    ck_assert_str_eq(listed(), "cab");
    identity_delete(registry, "a", any, &error);
    create("a");
    ck_assert_str_eq(listed(), "cba");
    close_registry();
}
END_TEST

START_TEST(test_devices_are_read_back_as_they_were)
{
    char folder[FOLDER_SIZE];
    folder_make(folder);
    open_registry(folder_file(folder, "hub.db"));
    struct identity_draft draft = draft_of("d1");
    struct identity *made;
    draft.authentication = AUTHENTICATION_CA;
    draft.enabled = false;
    draft.iot_edge = true;
    strcpy(draft.status_reason, "why");
    strcpy(draft.secondary_thumbprint, SHA1);
    create("c");
    identity_put(registry, &draft, create_only, NOON, &made, &error);
    identity_put(registry, &draft, any, NOON, &made, &error);
    struct identity before = *made;
    create("a");
    close_registry();
    open_registry(folder_file(folder, "hub.db"));
    const struct identity *after = identity_find(registry, "d1");
    ck_assert_str_eq(listed(), "cd1a");
    ck_assert_int_eq(after->row, before.row);
    ck_assert_uint_eq(after->etag, 1);
    ck_assert_str_eq(after->generation_id, before.generation_id);
    ck_assert_int_eq(after->created.us, NOON.us);
    ck_assert_mem_eq(&after->is.primary, &before.is.primary, sizeof before.is.primary);
    ck_assert(!after->is.enabled && after->is.iot_edge);
    ck_assert_int_eq(after->is.authentication, AUTHENTICATION_CA);
    ck_assert_str_eq(after->is.status_reason, "why");
    ck_assert_str_eq(after->is.secondary_thumbprint, SHA1);
    create("e");
    ck_assert_str_eq(
        identity_find(registry, "e")->generation_id, "639079632000000003"); /* rises on */
    close_registry();
    folder_remove(folder);
}
END_TEST

/* ---- policies ---- */

START_TEST(test_policies_have_the_services_names_and_permissions)
{
    static const struct {
        const char *name;
        unsigned permissions;
    } expected[POLICY_COUNT] = {{"iothubowner", 15}, {"service", 4}, {"device", 8},
        {"registryRead", 1}, {"registryReadWrite", 3}};
    open_registry(NULL);
    for (size_t i = 0; i < POLICY_COUNT; i++) {
        const struct policy *policy = identity_policy_at(registry, i);
        ck_assert_str_eq(policy->name, expected[i].name);
        ck_assert_uint_eq(policy->permissions, expected[i].permissions);
        ck_assert_ptr_eq(identity_policy_find(registry, expected[i].name), policy);
    }
    ck_assert_ptr_null(identity_policy_at(registry, POLICY_COUNT));
    ck_assert_ptr_nonnull(identity_policy_find(registry, "IOTHUBOWNER"));
    ck_assert_ptr_null(identity_policy_find(registry, "owner"));
    close_registry();
}
END_TEST

START_TEST(test_the_operators_key_is_that_of_all_policies)
{
    struct key key = {0};
    open_registry(NULL);
    ck_assert_uint_eq(identity_policy_at(registry, 0)->primary.length, 32); /* nobody's guess */
    ck_assert(key_parse(KEY, &key));
    identity_set_policy_key(registry, &key);
    for (size_t i = 0; i < POLICY_COUNT; i++) {
        ck_assert_mem_eq(&identity_policy_at(registry, i)->primary, &key, sizeof key);
        ck_assert_mem_eq(&identity_policy_at(registry, i)->secondary, &key, sizeof key);
    }
    close_registry();
}
END_TEST

SUITE_MAIN("identity", test_a_key_is_base64_of_16_to_64_bytes,
    test_keys_are_random_or_derived_from_the_id, test_an_id_has_the_characters_that_are_allowed,
    test_ids_differ_by_case, test_a_new_device_has_keys_and_a_generation,
    test_given_keys_are_kept_and_certificates_need_none, test_a_draft_that_cannot_be_is_refused,
    test_creating_and_replacing_go_by_the_condition, test_a_change_of_status_has_its_time,
    test_deleting_goes_by_the_condition, test_a_device_created_anew_is_another,
    test_devices_are_listed_in_the_order_of_their_creation, test_devices_are_read_back_as_they_were,
    test_policies_have_the_services_names_and_permissions,
    test_the_operators_key_is_that_of_all_policies)
