/* A module on MQTT: a connection, topics and a twin of its own. */
#include "tests/protocols/auth/token_maker.h"
#include "tests/protocols/mqtt/mqtt_fixture.h"

#include <string.h>

static struct mqtt_fixture f;

static void open_hub(void)
{
    struct identity_draft draft = {.device_id = "d1", .module_id = "m", .enabled = true};
    struct identity *identity;
    mqtt_fixture_open(&f, false);
    key_parse(MODULE_KEY, &draft.primary);
    key_parse(MODULE_KEY, &draft.secondary);
    ck_assert_int_eq(hub_put_device(f.store.hub, &draft,
                         (struct etag_condition){.match = ETAG_CREATE_ONLY}, &identity, NULL),
        HUB_OK);
    settle_turns(&f);
}

static struct fake_stream *connect_as(const char *client_id, const char *key)
{
    struct fake_stream *client = client_dial(&f);
    client_connect(&f, client,
        (struct connect_recipe){.client_id = client_id,
            .clean = true,
            .password = make_token((struct token_recipe){
                .resource = "hub.local%2Fdevices%2Fd1%2Fmodules%2Fm", .key = key})});
    return client;
}

START_TEST(test_a_module_connects_beside_its_device)
{
    open_hub();
    struct fake_stream *device = client_open(&f, "d1", true);
    struct fake_stream *module = connect_as("d1/m", MODULE_KEY);
    HEARS(&f, module, "CONNACK 0 0");
    HEARS(&f, device, "");
    struct identity_registry *registry = hub_identities(f.store.hub);
    ck_assert_uint_eq(identity_find_module(registry, "d1", "m")->connections, 1);
    ck_assert_uint_eq(identity_find(registry, "d1")->connections, 1);
    struct fake_stream *newer = connect_as("d1/m", MODULE_KEY);
    HEARS(&f, newer, "CONNACK 0 0");
    HEARS(&f, module, "CLOSED");
    HEARS(&f, device, "");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_a_module_needs_its_own_key)
{
    open_hub();
    HEARS(&f, connect_as("d1/m", TEST_KEY), "CONNACK 0 5");
    HEARS(&f, connect_as("d1", MODULE_KEY), "CONNACK 0 5");
    HEARS(&f, connect_as("d1/n", MODULE_KEY), "CONNACK 0 5");
    HEARS(&f, connect_as("d2/m", MODULE_KEY), "CONNACK 0 5");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_a_module_has_the_topics_of_its_own)
{
    static const struct {
        const char *filter, *answer;
    } rows[] = {{"devices/d1/modules/m/messages/devicebound/#", "SUBACK 5 1"},
        {"devices/d1/modules/m/#", "SUBACK 5 1"}, {"devices/d1/modules/m/inputs/#", "SUBACK 5 1"},
        {"$iothub/twin/res/#", "SUBACK 5 1"}, {"devices/d1/messages/devicebound/#", "CLOSED"},
        {"devices/d1/modules/n/#", "CLOSED"}, {"devices/d1/modules/m/outputs/#", "CLOSED"}};
    open_hub();
    send_body(&f, "d1", "for the device");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fake_stream *client = connect_as("d1/m", MODULE_KEY);
        HEARS(&f, client, "CONNACK 0 0");
        client_subscribe(&f, client, rows[i].filter, 1);
        HEARS(&f, client, rows[i].answer);
    }
    ck_assert_uint_eq(fixture_counts(&f.store, "d1").enqueued, 1);
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_a_module_reports_to_its_own_twin)
{
    open_hub();
    struct fake_stream *client = connect_as("d1/m", MODULE_KEY);
    HEARS(&f, client, "CONNACK 0 0");
    client_subscribe(&f, client, "$iothub/twin/res/#", 0);
    HEARS(&f, client, "SUBACK 5 0");
    client_publish(&f, client, "$iothub/twin/PATCH/properties/reported/?$rid=1", 0, 0, "{\"a\":1}");
    HEARS(&f, client, "PUBLISH d0 q0 i0 $iothub/twin/res/204/?$rid=1&$version=2: ");
    client_publish(&f, client, "devices/d1/modules/m/messages/events/", 1, 9, "x");
    HEARS(&f, client, "PUBACK 9");
    struct fake_stream *device = client_open(&f, "d1", true);
    client_subscribe(&f, device, "$iothub/twin/res/#", 0);
    HEARS(&f, device, "SUBACK 5 0");
    client_publish(&f, device, "$iothub/twin/GET/?$rid=1", 0, 0, "");
    HEARS(&f, device,
        "PUBLISH d0 q0 i0 $iothub/twin/res/200/?$rid=1: "
        "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_a_module_is_cut_when_it_or_its_device_goes)
{
    open_hub();
    struct fake_stream *client = connect_as("d1/m", MODULE_KEY);
    HEARS(&f, client, "CONNACK 0 0");
    fixture_enable(&f.store, "d1", false);
    HEARS(&f, client, "CLOSED");
    HEARS(&f, connect_as("d1/m", MODULE_KEY), "CONNACK 0 3");
    fixture_enable(&f.store, "d1", true);
    client = connect_as("d1/m", MODULE_KEY);
    HEARS(&f, client, "CONNACK 0 0");
    hub_delete_module(f.store.hub, "d1", "m", (struct etag_condition){.match = ETAG_ANY}, NULL);
    settle_turns(&f);
    HEARS(&f, client, "CLOSED");
    mqtt_fixture_close(&f);
}
END_TEST

SUITE_MAIN("mqtt modules", test_a_module_connects_beside_its_device,
    test_a_module_needs_its_own_key, test_a_module_has_the_topics_of_its_own,
    test_a_module_reports_to_its_own_twin, test_a_module_is_cut_when_it_or_its_device_goes)
