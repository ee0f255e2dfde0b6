#include "protocols/address/address.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
    const char *text;
    enum address_kind kind;
    const char *device;
    const char *module;
};

static void check_row(const struct row *row)
{
    struct address address = address_parse(text_of(row->text));
    const char *device = row->device ? row->device : "";
    const char *module = row->module ? row->module : "";

    ck_assert_msg(address.kind == row->kind, "%s: kind %d", row->text, address.kind);
    ck_assert_msg(strcmp(address.device.raw, device) == 0, "%s: %s", row->text, address.device.raw);
    ck_assert_msg(strcmp(address.module.raw, module) == 0, "%s: %s", row->text, address.module.raw);
}

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_row(&rows[i]);
    }
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

START_TEST(test_each_template_is_known_in_the_form_each_client_writes)
{
    static const struct row rows[] = {
        {"$cbs", ADDRESS_CBS, 0, 0},
        {"/$cbs", ADDRESS_CBS, 0, 0},
        {"amqps://hub.local/$cbs", ADDRESS_CBS, 0, 0},
        {"/messages/devicebound", ADDRESS_SERVICE_SEND, 0, 0},
        {"messages/devicebound", ADDRESS_SERVICE_SEND, 0, 0},
        {"amqps://hub.local/messages/devicebound", ADDRESS_SERVICE_SEND, 0, 0},
        {"amqps://hub.local:5671/messages/deviceBound", ADDRESS_SERVICE_SEND, 0, 0},
        {"amqps://hub.local/messages/deviceBound", ADDRESS_SERVICE_SEND, 0, 0},
        {"/messages/serviceBound/feedback", ADDRESS_SERVICE_FEEDBACK, 0, 0},
        {"amqps://hub.local:5671/messages/serviceBound/feedback", ADDRESS_SERVICE_FEEDBACK, 0, 0},
        {"/messages/servicebound/feedback", ADDRESS_SERVICE_FEEDBACK, 0, 0},
        {"/messages/serviceBound/filenotifications", ADDRESS_SERVICE_FILES, 0, 0},
        {"amqps://h:5671/messages/servicebound/fileNotifications", ADDRESS_SERVICE_FILES, 0, 0},
        {"/messages/events", ADDRESS_SERVICE_TELEMETRY, 0, 0},
        {"/messages/events/ConsumerGroups/$Default/Partitions/0", ADDRESS_SERVICE_TELEMETRY, 0, 0},
        {"/devices/dev1/messages/devicebound", ADDRESS_DEVICE_BOUND, "dev1", 0},
        {"amqps://hub.local:5671/devices/dev1/messages/deviceBound", ADDRESS_DEVICE_BOUND, "dev1",
            0},
        {"/devices/d/modules/m/messages/devicebound", ADDRESS_DEVICE_BOUND, "d", "m"},
        {"/devices/d/modules/m/messages/events", ADDRESS_DEVICE_EVENTS, "d", "m"},
        {"/devices/dev1/messages/events", ADDRESS_DEVICE_EVENTS, "dev1", 0},
        {"devices/dev1/messages/events/a=b&c=d", ADDRESS_DEVICE_EVENTS, "dev1", 0},
        {"amqps://hub.local/devices/dev1/twin", ADDRESS_DEVICE_TWIN, "dev1", 0},
        {"/devices/d/modules/m/twin", ADDRESS_DEVICE_TWIN, "d", "m"},
        {"/devices/dev1/methods/deviceBound", ADDRESS_DEVICE_METHODS, "dev1", 0},
        {"/devices/d/modules/m/methods/devicebound", ADDRESS_DEVICE_METHODS, "d", "m"},
    };

    CHECK_ROWS(rows);
}
END_TEST

START_TEST(test_authority_of_an_absolute_address_is_dropped)
{
    static const struct row rows[] = {
        {"amqp://hub/messages/devicebound", ADDRESS_SERVICE_SEND, 0, 0},
        {"AMQPS://hub/messages/devicebound", ADDRESS_SERVICE_SEND, 0, 0},
        {"amqps://owner%40sas.root.hub:secret@hub.local:5671/messages/devicebound",
            ADDRESS_SERVICE_SEND, 0, 0},
        {"amqps://another.host/devices/d/twin", ADDRESS_DEVICE_TWIN, "d", 0},
        {"amqps://[::1]:5671/devices/d/twin", ADDRESS_DEVICE_TWIN, "d", 0},
        {"amqps:///devices/d/twin", ADDRESS_DEVICE_TWIN, "d", 0},
        {"amqps://hub.local:5671", ADDRESS_UNKNOWN, 0, 0},
        {"amqps://hub.local:5671/", ADDRESS_UNKNOWN, 0, 0},
        {"amqps://messages/devicebound", ADDRESS_UNKNOWN, 0, 0},
        {"https://hub.local/devices/d/twin", ADDRESS_UNKNOWN, 0, 0},
    };

    CHECK_ROWS(rows);
}
END_TEST

START_TEST(test_fixed_segments_ignore_case_and_ids_keep_it)
{
    static const struct row rows[] = {
        {"/Devices/DeV1/Messages/DEVICEBOUND", ADDRESS_DEVICE_BOUND, "DeV1", 0},
        {"/DEVICES/A/MODULES/B/TWIN", ADDRESS_DEVICE_TWIN, "A", "B"},
        {"/devices/messages/messages/devicebound", ADDRESS_DEVICE_BOUND, "messages", 0},
        {"/devices/devices/modules/modules/twin", ADDRESS_DEVICE_TWIN, "devices", "modules"},
        {"$CBS", ADDRESS_UNKNOWN, 0, 0},
    };

    CHECK_ROWS(rows);
}
END_TEST

START_TEST(test_what_fits_no_template_is_unknown_and_has_no_ids)
{
    static const struct row rows[] = {
        {"", ADDRESS_UNKNOWN, 0, 0},
        {"/", ADDRESS_UNKNOWN, 0, 0},
        {"//", ADDRESS_UNKNOWN, 0, 0},
        {"//messages/devicebound", ADDRESS_UNKNOWN, 0, 0},
        {"/messages/devicebound/", ADDRESS_UNKNOWN, 0, 0},
        {"/messages/devicebound/more", ADDRESS_UNKNOWN, 0, 0},
        {"/messages", ADDRESS_UNKNOWN, 0, 0},
        {"/messages/servicebound", ADDRESS_UNKNOWN, 0, 0},
        {"/messages/eventsx", ADDRESS_UNKNOWN, 0, 0},
        {"/devices//messages/devicebound", ADDRESS_UNKNOWN, 0, 0},
        {"/devices/d/modules//messages/devicebound", ADDRESS_UNKNOWN, 0, 0},
        {"/devices/d", ADDRESS_UNKNOWN, 0, 0},
        {"/devices/d/streams", ADDRESS_UNKNOWN, 0, 0},
        {"/devices/d/twin/more", ADDRESS_UNKNOWN, 0, 0},
        {"/devices/d/modules/m/twin/more", ADDRESS_UNKNOWN, 0, 0},
        {"/devices/d/modules/m/messages/devicebound/more", ADDRESS_UNKNOWN, 0, 0},
        {"$management", ADDRESS_UNKNOWN, 0, 0},
        {"$cbs/", ADDRESS_UNKNOWN, 0, 0},
        {"\xff\xfe\x01", ADDRESS_UNKNOWN, 0, 0},
        {"/a/b/c/d/e/f/g/h/i/j/k/l", ADDRESS_UNKNOWN, 0, 0},
    };

    CHECK_ROWS(rows);
    ck_assert_int_eq(address_parse(TEXT_ABSENT).kind, ADDRESS_UNKNOWN);
    ck_assert_int_eq(address_parse(TEXT("/devices/a\0b/twin")).kind, ADDRESS_UNKNOWN);
}
END_TEST

START_TEST(test_ids_are_given_as_they_stand_and_decoded_once)
{
    static const struct {
        const char *raw, *decoded;
    } ids[] = {
        {"dev%231", "dev#1"},
        {"dev#1", "dev#1"},
        {"a+b", "a+b"},
        {"a%2Bb", "a+b"},
        {"a%2bb", "a+b"},
        {"a%2523b", "a%23b"},
        {"100%", "100%"},
        {"a%2", "a%2"},
        {"a%zz", "a%zz"},
        {"a%00b", "a%00b"},
        {"%41", "A"},
        {"what?", "what?"},
    };

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        char text[256];
        struct address address;

        snprintf(text, sizeof(text), "/devices/%s/modules/%s/twin", ids[i].raw, ids[i].raw);
        address = address_parse(text_of(text));
        ck_assert_int_eq(address.kind, ADDRESS_DEVICE_TWIN);
        ck_assert_str_eq(address.device.raw, ids[i].raw);
        ck_assert_str_eq(address.device.decoded, ids[i].decoded);
        ck_assert_str_eq(address.module.raw, ids[i].raw);
        ck_assert_str_eq(address.module.decoded, ids[i].decoded);
    }
}
END_TEST

START_TEST(test_an_id_longer_than_any_encoded_one_is_unknown)
{
    char text[ADDRESS_ID_MAX + 64];

    for (size_t extra = 0; extra <= 1; extra++) {
        size_t length = ADDRESS_ID_MAX + extra;
        struct address address;

        memcpy(text, "/devices/", 9);
        memset(text + 9, 'x', length);
        strcpy(text + 9 + length, "/twin");
        address = address_parse(text_of(text));
        ck_assert_int_eq(address.kind, extra ? ADDRESS_UNKNOWN : ADDRESS_DEVICE_TWIN);
        ck_assert_uint_eq(strlen(address.device.raw), extra ? 0 : length);
    }
}
END_TEST

static void put_device(struct identity_registry *registry, const char *id)
{
    struct identity_draft draft = {.enabled = true};
    struct etag_condition create = {.match = ETAG_CREATE_ONLY};
    struct identity *identity;
    struct hub_error error;

    strcpy(draft.device_id, id);
    ck_assert_int_eq(
        identity_put(registry, &draft, create, (struct instant){1}, &identity, &error), HUB_OK);
}

static const char *found(struct identity_registry *registry, const char *id)
{
    char text[1024];
    struct address address;
    struct identity *identity;

    snprintf(text, sizeof(text), "/devices/%s/twin", id);
    address = address_parse(text_of(text));
    identity = address_find_device(registry, &address.device);
    return identity ? identity->is.device_id : "none";
}

START_TEST(test_a_device_is_looked_up_as_it_stands_and_then_decoded)
{
    struct database *database;
    struct identity_registry *registry;

    ck_assert_int_eq(database_open(&database, NULL, DURABILITY_PROCESS, NULL), HUB_OK);
    registry = identity_registry_open(database);
    put_device(registry, "dev#1");
    ck_assert_str_eq(found(registry, "dev#1"), "dev#1");
    ck_assert_str_eq(found(registry, "dev%231"), "dev#1");
    ck_assert_str_eq(found(registry, "dev%25231"), "none");
    put_device(registry, "dev%231");
    ck_assert_str_eq(found(registry, "dev%231"), "dev%231");
    ck_assert_str_eq(found(registry, "dev%25231"), "dev%231");
    ck_assert_str_eq(found(registry, "DEV#1"), "none");
    put_device(registry, "100%+");
    ck_assert_str_eq(found(registry, "100%+"), "100%+");
    ck_assert_str_eq(found(registry, "100%25%2B"), "100%+");
    identity_registry_free(registry);
    database_close(database);
}
END_TEST

START_TEST(test_percent_decode_refuses_bad_escapes_and_small_buffers)
{
    char out[4];

    ck_assert(percent_decode(TEXT("%41b+"), out, sizeof(out)));
    ck_assert_str_eq(out, "Ab+");
    ck_assert(percent_decode(TEXT(""), out, sizeof(out)));
    ck_assert_str_eq(out, "");
    ck_assert(!percent_decode(TEXT("abcd"), out, sizeof(out)));
    ck_assert(!percent_decode(TEXT(""), out, 0));
    ck_assert(!percent_decode(TEXT("%"), out, sizeof(out)));
    ck_assert(!percent_decode(TEXT("%4"), out, sizeof(out)));
    ck_assert(!percent_decode(TEXT("%4g"), out, sizeof(out)));
    ck_assert(!percent_decode(TEXT("%00"), out, sizeof(out)));
    ck_assert(!percent_decode(TEXT("a\0b"), out, sizeof(out)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("address");
    TCase *addresses = tcase_create("addresses");
    SRunner *runner;
    int failed;

    tcase_add_test(addresses, test_each_template_is_known_in_the_form_each_client_writes);
    tcase_add_test(addresses, test_authority_of_an_absolute_address_is_dropped);
    tcase_add_test(addresses, test_fixed_segments_ignore_case_and_ids_keep_it);
    tcase_add_test(addresses, test_what_fits_no_template_is_unknown_and_has_no_ids);
    tcase_add_test(addresses, test_ids_are_given_as_they_stand_and_decoded_once);
    tcase_add_test(addresses, test_an_id_longer_than_any_encoded_one_is_unknown);
    tcase_add_test(addresses, test_a_device_is_looked_up_as_it_stands_and_then_decoded);
    tcase_add_test(addresses, test_percent_decode_refuses_bad_escapes_and_small_buffers);
    suite_add_tcase(suite, addresses);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
