/* Snapshots of a hub on disk, across versions and mishaps. */
#include "store/hub.h"

#include "tests/folder.h"
#include "tests/suite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

static char folder[FOLDER_SIZE];
static const char *path, *file;
static struct clock *clock_of_hub;
static struct hub *hub;

static void open_hub(void)
{
    const struct hub_options options = {
        .path = path, .clock = clock_of_hub, .settings = hub_settings_default()};
    struct hub_error error;
    ck_assert_int_eq(hub_open(&hub, &options, &error), HUB_OK);
}

static void set_up(void)
{
    folder_make(folder);
    path = folder_file(folder, "hub.db");
    file = folder_file(folder, "hub.db-snapshots/s.db");
    clock_of_hub = clock_create_frozen((struct instant){1700000000LL * 1000000});
    open_hub();
}

static void tear_down(void)
{
    hub_close(hub);
    clock_free(clock_of_hub);
    folder_remove(folder);
}

static void add(const char *device_id)
{
    struct identity_draft draft = {.enabled = true};
    const struct etag_condition create = {.match = ETAG_CREATE_ONLY};
    struct identity *identity;
    snprintf(draft.device_id, sizeof draft.device_id, "%s", device_id);
    ck_assert_int_eq(hub_put_device(hub, &draft, create, &identity, NULL), HUB_OK);
    hub_end_turn(hub);
}

static bool is_there(const char *device_id)
{
    return identity_find(hub_identities(hub), device_id) != NULL;
}

static enum hub_code restore(void)
{
    struct hub_error error;
    return hub_restore(hub, "s", &error);
}

START_TEST(test_a_snapshot_outlives_the_hub_that_made_it)
{
    set_up();
    add("d1");
    ck_assert_int_eq(hub_save(hub, "s", NULL), HUB_OK);
    ck_assert(file_exists(file));
    add("d2");
    hub_close(hub);
    open_hub();
    ck_assert_int_eq(restore(), HUB_OK);
    ck_assert(is_there("d1") && !is_there("d2"));
    add("d3");
    hub_close(hub);
    open_hub(); /* what was restored is what is in the file */
    ck_assert(is_there("d1") && !is_there("d2") && is_there("d3"));
    tear_down();
}
END_TEST

START_TEST(test_a_damaged_snapshot_changes_nothing)
{
    static const char *const mishaps[] = {"PRAGMA user_version = 9999", "PRAGMA application_id = 1",
        "DELETE FROM clock", "DROP TABLE clock"};
    set_up();
    add("d1");
    for (size_t i = 0; i < sizeof mishaps / sizeof mishaps[0]; i++) {
        sqlite3 *handle;
        ck_assert_int_eq(hub_save(hub, "s", NULL), HUB_OK);
        ck_assert_int_eq(sqlite3_open(file, &handle), SQLITE_OK);
        ck_assert_int_eq(sqlite3_exec(handle, mishaps[i], NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(handle);
        ck_assert_msg(restore() == HUB_SERVER_ERROR, "%s", mishaps[i]);
        ck_assert(is_there("d1"));
    }
    file_write(file, "no database", 11);
    ck_assert_int_eq(restore(), HUB_SERVER_ERROR);
    ck_assert_int_eq(unlink(file), 0);
    ck_assert_int_eq(restore(), HUB_GENERIC_NOT_FOUND);
    ck_assert(is_there("d1"));
    tear_down();
}
END_TEST

START_TEST(test_a_snapshot_that_cannot_be_written_is_refused)
{
    set_up();
    file_write(folder_file(folder, "hub.db-snapshots"), "", 0); /* a file is in its place */
    ck_assert_int_eq(hub_save(hub, "s", NULL), HUB_SERVER_ERROR);
    tear_down();
}
END_TEST

SUITE_MAIN("snapshot", test_a_snapshot_outlives_the_hub_that_made_it,
    test_a_damaged_snapshot_changes_nothing, test_a_snapshot_that_cannot_be_written_is_refused)
