/* A file that an older version has made is brought up to date with what is in it. */
#include "store/schema.h"
#include "tests/folder.h"
#include "tests/store/fixture.h"

#include <sqlite3.h>
#include <stdio.h>

/* As the version that knew the first `last` schema files has left it. */
static sqlite3 *make_file(const char *path, int last)
{
    sqlite3 *handle;
    char pragma[80];
    ck_assert_int_eq(sqlite3_open(path, &handle), SQLITE_OK);
    for (int i = 0; i < last; i++) {
        ck_assert_int_eq(sqlite3_exec(handle, schema_files[i].sql, NULL, NULL, NULL), SQLITE_OK);
    }
    snprintf(pragma, sizeof pragma, "PRAGMA application_id = 0x64766263; PRAGMA user_version = %d",
        last);
    ck_assert_int_eq(sqlite3_exec(handle, pragma, NULL, NULL, NULL), SQLITE_OK);
    return handle;
}

START_TEST(test_the_devices_and_twins_of_an_older_file_are_kept_and_no_row_comes_again)
{
    char folder[FOLDER_SIZE];
    folder_make(folder);
    const char *path = folder_file(folder, "hub.db");
    sqlite3 *handle = make_file(path, 3);
    ck_assert_int_eq(
        sqlite3_exec(handle,
            "INSERT INTO device VALUES (5, 'old', '636183314847877850', 7, 1, '', 0, 1, 0,"
            " zeroblob(32), zeroblob(32), '', '', 0);"
            "INSERT INTO device SELECT 9, 'gone', generation_id, etag, enabled, status_reason,"
            " status_updated, created, authentication, primary_key, secondary_key,"
            " primary_thumbprint, secondary_thumbprint, iot_edge FROM device;"
            "DELETE FROM device WHERE row = 9;"
            "INSERT INTO twin VALUES (5, '{\"a\":1}', 2)",
            NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(handle);

    struct clock *clock = clock_create_frozen(START);
    const struct hub_options options = {
        .path = path, .clock = clock, .settings = hub_settings_default()};
    struct identity_draft draft = {.enabled = true, .device_id = "old", .module_id = "m"};
    struct identity *module;
    struct hub *hub;
    struct hub_error error;
    ck_assert_msg(hub_open(&hub, &options, &error) == HUB_OK, "%s", error.sentence);
    const struct identity *device = identity_find(hub_identities(hub), "old");
    ck_assert_int_eq(device->row, 5);
    ck_assert_uint_eq(device->etag, 7);
    ck_assert_uint_eq(device->is.primary.length, 32);
    ck_assert_int_eq(
        hub_put_device(hub, &draft, (struct etag_condition){ETAG_CREATE_ONLY, 0}, &module, &error),
        HUB_OK);
    ck_assert_int_eq(module->row, 10);
    struct twin twin = twins_load(hub_twins(hub), 5);
    ck_assert_uint_eq(twin.reported.version, 2);
    ck_assert_uint_eq(twin.version, 3);
    ck_assert_int_eq(json_integer_value(json_object_get(twin.reported.values, "a")), 1);
    twin_release(&twin);
    hub_close(hub);
    clock_free(clock);
    folder_remove(folder);
}
END_TEST

SUITE_MAIN("schema", test_the_devices_and_twins_of_an_older_file_are_kept_and_no_row_comes_again)
