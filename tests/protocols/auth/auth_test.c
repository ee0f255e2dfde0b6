#include "protocols/auth/auth.h"

#include "tests/protocols/auth/small_hub.h"
#include "tests/protocols/auth/token_maker.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct small_hub small;

static void open_hub(void)
{
    small_hub_open(&small, false);
    small_hub_add(&small, "dev-1");
    small_hub_add(&small, "dev-2");
    small_hub_add(&small, "dev#1");
    small_hub_add(&small, "a");
    small_hub_add(&small, "ab");
}

static void open_lenient_hub(void)
{
    small_hub_open(&small, true);
    small_hub_add(&small, "dev-1");
}

static void close_hub(void)
{
    small_hub_close(&small);
}

static enum hub_code read_token_for(
    const char *token, const char *addressed, struct auth_grant *grant)
{
    struct hub_error error;

    return auth_read_token(small.auth, text_of(token), addressed, TEST_NOW, grant, &error);
}

/* As a device's request: the token is read, then it has to open the device. */
static enum hub_code device_access(const char *token, const char *device_id)
{
    struct auth_grant grant;
    enum hub_code code = read_token_for(token, device_id, &grant);

    return code == HUB_OK ? auth_authorize_device(small.auth, &grant, device_id, NULL) : code;
}

static enum hub_code service_access(const char *token, enum permission permission, const char *path)
{
    struct auth_grant grant;
    enum hub_code code = read_token_for(token, NULL, &grant);

    return code == HUB_OK ? auth_authorize_service(&grant, permission, path, NULL) : code;
}

static const char *policy_token(const char *policy, const char *resource)
{
    return make_token((struct token_recipe){.resource = resource, .policy = policy});
}

#define UNAUTHORIZED HUB_IOT_HUB_UNAUTHORIZED_ACCESS

/* What each client's code makes for a device; `other` is a device it must not open. */
static const struct {
    struct token_recipe recipe;
    const char *device, *other;
} device_tokens[] = {
    /* Node: encodeURIComponent, then !'()* in lower-case hex */
    {{.resource = "hub.local%2Fdevices%2Fdev-1"}, "dev-1", "dev-2"},
    {{.resource = "hub.local%2Fdevices%2Fdev%231"}, "dev#1", "dev-1"},
    /* .NET: the id is encoded twice */
    {{.resource = "hub.local%2Fdevices%2Fdev-1"}, "dev-1", "dev-2"},
    {{.resource = "hub.local%2Fdevices%2Fdev%25231"}, "dev#1", "dev-1"},
    /* .NET with a policy: the audience is the host */
    {{.resource = "hub.local", .policy = "device"}, "dev-1", "dev-3"},
    /* Java: raw slashes, sig first */
    {{.resource = "hub.local/devices/dev-1", .order = "sig se sr"}, "dev-1", "dev-2"},
    {{.resource = "hub.local/devices/dev%231", .order = "sig se sr"}, "dev#1", "dev-1"},
    /* Python */
    {{.resource = "hub.local%2Fdevices%2Fdev-1", .policy = "device"}, "dev-1", "dev-2"},
    {{.resource = "hub.local%2Fdevices%2Fdev-1"}, "dev-1", "dev-2"},
    /* C over HTTP: raw slashes, an empty policy at the end */
    {{.resource = "hub.local/devices/dev%231", .policy = ""}, "dev#1", "dev-1"},
    /* C over AMQP: nothing encoded */
    {{.resource = "hub.local/devices/dev#1", .policy = ""}, "dev#1", "dev-1"},
    /* Go over MQTT: the host, signed by the device */
    {{.resource = "hub.local", .key = TEST_KEY}, "dev-1", "dev-3"},
    /* the documentation's samples: lower-case hex */
    {{.resource = "hub.local%2fdevices%2fdev-1"}, "dev-1", "dev-2"},
    {{.resource = "hub.local%2fdevices%2fdev-1", .policy = "iothubowner"}, "dev-1", "dev-2"},
    /* a suffix and a trailing slash that documents show */
    {{.resource = "hub.local/devices/dev-1/api-version=2016-11-14"}, "dev-1", "dev-2"},
    {{.resource = "hub.local%2Fdevices%2Fdev-1%2F"}, "dev-1", "dev-2"},
    {{.resource = "hub.local/devices/dev-1/"}, "dev-1", "dev-2"},
};

START_TEST(test_a_token_of_each_device_client_opens_its_device_and_no_other)
{
    const char *token = make_token(device_tokens[_i].recipe);

    ck_assert_msg(device_access(token, device_tokens[_i].device) == HUB_OK, "%s", token);
    ck_assert_msg(device_access(token, device_tokens[_i].other) != HUB_OK, "%s", token);
}
END_TEST

START_TEST(test_a_device_token_for_another_device_is_unauthorized)
{
    static const char *const resources[] = {
        "hub.local%2Fdevices%2Fdev-1", "hub.local/devices/dev-1", "hub.local%2fdevices%2fdev-1"};

    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(device_access(token_for(resources[i]), "dev-2"), UNAUTHORIZED);
        /* even if that one is not registered */
        ck_assert_int_eq(device_access(token_for(resources[i]), "dev-3"), UNAUTHORIZED);
    }
    /* an audience that names nobody is no reason to tell so */
    ck_assert_int_eq(device_access(token_for("hub.local/devices/ghost"), "dev-1"), UNAUTHORIZED);
    /* the host as audience, but another device's key */
    ck_assert_int_eq(device_access(make_token((struct token_recipe){.resource = "hub.local",
                                       .key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}),
                         "dev-1"),
        UNAUTHORIZED);
}
END_TEST

/* What each client's code makes for a service. */
static const struct token_recipe service_tokens[] = {
    {.resource = "hub.local", .order = "sr sig skn se", .policy = "service"},
    {.resource = "hub.local", .order = "sr sig se skn", .policy = "service"},
    {.resource = "hub.local", .policy = "service", .raw_in_signature = "/"},
    {.resource = "HUB.LOCAL", .policy = "service"},
    {.resource = "hub.local%3A5671", .policy = "service"},
    {.resource = "hub.local:443", .policy = "service"},
    {.resource = "hub.local", .policy = "Service"},
    {.resource = "hub.local", .policy = "iothubowner"},
};

START_TEST(test_a_token_of_each_service_client_opens_the_service)
{
    const char *token = make_token(service_tokens[_i]);

    ck_assert_msg(
        service_access(token, PERMISSION_SERVICE_CONNECT, "/messages/devicebound") == HUB_OK, "%s",
        token);
}
END_TEST

START_TEST(test_a_changed_signature_is_unauthorized_and_says_so)
{
    const char *token = make_token((struct token_recipe){.resource = "hub.local%2Fdevices%2Fdev-1",
        .key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="});
    struct auth_grant grant;
    struct hub_error error;

    ck_assert_int_eq(auth_read_token(small.auth, text_of(token), "dev-1", TEST_NOW, &grant, &error),
        UNAUTHORIZED);
    ck_assert_str_eq(error.sentence, "The specified SAS token has an invalid signature. It does "
                                     "not match either the primary or secondary key.");
    ck_assert_uint_eq(grant.permissions, 0);
    ck_assert_str_eq(grant.device_id, "");
}
END_TEST

START_TEST(test_the_secondary_key_signs_too)
{
    const char *token = make_token(
        (struct token_recipe){.resource = "hub.local%2Fdevices%2Fdev-1", .key = OTHER_KEY});

    ck_assert_int_eq(device_access(token, "dev-1"), HUB_OK);
}
END_TEST

START_TEST(test_after_a_change_of_keys_an_old_token_fails)
{
    const char *token = token_for("hub.local%2Fdevices%2Fdev-1");
    struct identity *device = identity_find(hub_identities(small.hub), "dev-1");
    struct identity_draft draft = device->is;

    ck_assert_int_eq(device_access(token, "dev-1"), HUB_OK);
    draft.primary = key_generate();
    ck_assert_int_eq(hub_put_device(small.hub, &draft, (struct etag_condition){.match = ETAG_ANY},
                         &device, NULL),
        HUB_OK);
    ck_assert_int_eq(device_access(token, "dev-1"), UNAUTHORIZED);
}
END_TEST

START_TEST(test_expiry_has_five_minutes_of_grace)
{
    static const struct {
        const char *expiry;
        enum hub_code code;
    } rows[] = {
        {"1700000001", HUB_OK},
        {"1699999701", HUB_OK}, /* 299 s ago */
        {"1699999700", HUB_OK},
        {"1699999699", UNAUTHORIZED}, /* 301 s ago */
        {"0", UNAUTHORIZED},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *token = make_token((struct token_recipe){
            .resource = "hub.local%2Fdevices%2Fdev-1", .expiry = rows[i].expiry});

        ck_assert_int_eq(device_access(token, "dev-1"), rows[i].code);
    }
}
END_TEST

START_TEST(test_a_grant_is_over_after_its_grace)
{
    struct auth_grant grant;
    struct instant end = {4102444800LL * 1000000};

    ck_assert_int_eq(read_token_for(token_for("hub.local"), "dev-1", &grant), HUB_OK);
    ck_assert_int_eq(grant.expires.us, end.us);
    ck_assert(!auth_grant_is_over(&grant, end));
    ck_assert(!auth_grant_is_over(&grant, instant_add(end, DURATION_SECONDS(300))));
    ck_assert(auth_grant_is_over(&grant, instant_add(end, DURATION_SECONDS(301))));
    grant.expires = INSTANT_NEVER;
    ck_assert(!auth_grant_is_over(&grant, INSTANT_NEVER));
}
END_TEST

START_TEST(test_the_device_policy_opens_what_lies_below_its_audience)
{
    static const struct {
        const char *resource, *device;
        enum hub_code code;
    } rows[] = {
        {"hub.local", "a", HUB_OK},
        {"hub.local%2Fdevices", "a", HUB_OK},
        {"hub.local/devices/", "ab", HUB_OK},
        {"hub.local%2Fdevices%2Fa", "a", HUB_OK},
        {"hub.local%2FDEVICES%2FA", "a", HUB_OK},
        {"hub.local%2Fdevices%2Fa", "dev-1", UNAUTHORIZED},
        {"hub.local%2Fdevices%2Fa", "ab", UNAUTHORIZED},
        {"hub.local%2Fdevices%2Fab", "a", UNAUTHORIZED},
        {"hub.local%2Fdevices%2Fa%2Fmodules%2Fm", "a", UNAUTHORIZED},
        {"hub.local%2Fdev", "a", UNAUTHORIZED},
        {"hub.local%2Fmessages%2Fdevicebound", "a", UNAUTHORIZED},
        {"hub.local%2F%2Fdevices", "a", UNAUTHORIZED},
        {"hub.local/1/2/3/4/5/6/7", "a", UNAUTHORIZED},
        {"hub.local", "missing", HUB_DEVICE_NOT_FOUND},
        {"hub.local%2Fdevices%2Fmissing", "missing", HUB_DEVICE_NOT_FOUND},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum hub_code code =
            device_access(policy_token("device", rows[i].resource), rows[i].device);

        ck_assert_msg(code == rows[i].code, "%s on %s: %d", rows[i].resource, rows[i].device, code);
    }
}
END_TEST

/* The same where no device is addressed when the token is read, as over AMQP. */
START_TEST(test_a_grant_read_without_a_request_opens_its_scope_only)
{
    struct auth_grant grant;

    ck_assert_int_eq(
        read_token_for(policy_token("device", "hub.local%2Fdevices%2Fa"), NULL, &grant), HUB_OK);
    ck_assert_str_eq(grant.policy, "device");
    ck_assert_str_eq(grant.scope, "/devices/a");
    ck_assert_str_eq(grant.device_id, "");
    ck_assert_int_eq(auth_authorize_device(small.auth, &grant, "a", NULL), HUB_OK);
    ck_assert_int_eq(auth_authorize_device(small.auth, &grant, "ab", NULL), UNAUTHORIZED);

    ck_assert_int_eq(
        read_token_for(token_for("hub.local%2Fdevices%2Fdev%25231"), NULL, &grant), HUB_OK);
    ck_assert_str_eq(grant.device_id, "dev#1");
    ck_assert_str_eq(grant.scope, "/devices/dev#1");
    ck_assert_int_eq(auth_authorize_device(small.auth, &grant, "dev#1", NULL), HUB_OK);
    ck_assert_int_eq(auth_authorize_device(small.auth, &grant, "dev-1", NULL), UNAUTHORIZED);

    ck_assert_int_eq(read_token_for(token_for("hub.local"), NULL, &grant), UNAUTHORIZED);
}
END_TEST

/* '%' and '+' are legal in ids: each reading opens the device it was made for. */
START_TEST(test_ids_with_percent_and_plus_are_opened_in_each_encoding)
{
    static const struct {
        const char *id;
        const char *resources[3];
    } rows[] = {
        {"100%", {"hub.local/devices/100%", "hub.local%2Fdevices%2F100%25",
                     "hub.local%2Fdevices%2F100%2525"}},
        {"x%41y", {"hub.local/devices/x%41y", "hub.local%2Fdevices%2Fx%2541y",
                      "hub.local%2Fdevices%2Fx%252541y"}},
        {"a+b", {"hub.local/devices/a+b", "hub.local%2Fdevices%2Fa%2Bb",
                    "hub.local%2Fdevices%2Fa%252Bb"}},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        small_hub_add(&small, rows[i].id);
        for (size_t j = 0; j < 3; j++) {
            struct auth_grant grant;
            const char *token = token_for(rows[i].resources[j]);

            ck_assert_msg(device_access(token, rows[i].id) == HUB_OK, "%s", token);
            ck_assert_int_eq(device_access(token, "dev-1"), UNAUTHORIZED);
            ck_assert_int_eq(read_token_for(token, NULL, &grant), HUB_OK);
            ck_assert_str_eq(grant.device_id, rows[i].id);
        }
    }
}
END_TEST

START_TEST(test_host_forms)
{
    static const struct {
        const char *resource;
        enum hub_code code;
    } rows[] = {
        {"hub.local", HUB_OK},
        {"HUB.Local", HUB_OK},
        {"hub.local:5671", HUB_OK},
        {"hub.local%3a5671", HUB_OK},
        {"other.example", HUB_OK},
        {"127.0.11.1", HUB_OK},
        {"127.0.11.1%3A8883", HUB_OK},
        {"foreign.example", UNAUTHORIZED},
        {"hub.local.example", UNAUTHORIZED},
        {"hub", UNAUTHORIZED},
        {"127.0.0.1", UNAUTHORIZED},
        {"%2Fdevices%2Fa", UNAUTHORIZED},
        {"hub.local%zz", UNAUTHORIZED},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum hub_code code = service_access(policy_token("service", rows[i].resource),
            PERMISSION_SERVICE_CONNECT, "/messages/devicebound");

        ck_assert_msg(code == rows[i].code, "%s: %d", rows[i].resource, code);
    }
}
END_TEST

START_TEST(test_known_hosts_are_compared_without_port_and_case)
{
    static const char *const names[] = {"[::1]", "hub.local:8443", NULL};
    struct auth_options options = {.host_names = names};
    struct auth *auth = auth_create(small.hub, &options);

    ck_assert(auth_knows_host(auth, TEXT("::1")));
    ck_assert(auth_knows_host(auth, TEXT("[::1]")));
    ck_assert(auth_knows_host(auth, TEXT("[::1]:443")));
    ck_assert(auth_knows_host(auth, TEXT("HUB.local:1")));
    ck_assert(auth_knows_host(auth, TEXT("hub.local:")));
    ck_assert(!auth_knows_host(auth, TEXT("hub.local.")));
    ck_assert(!auth_knows_host(auth, TEXT("")));
    ck_assert(!auth_knows_host(auth, TEXT("[")));
    ck_assert(!auth_knows_host(auth, TEXT_ABSENT));
    auth_free(auth);
}
END_TEST

/* Rows: policies; columns: permissions an operation needs. */
START_TEST(test_each_policy_opens_what_its_permissions_say)
{
    static const struct {
        const char *policy;
        bool read, write, service, device;
    } rows[] = {
        {"iothubowner", true, true, true, true},
        {"service", false, false, true, false},
        {"device", false, false, false, true},
        {"registryRead", true, false, false, false},
        {"registryReadWrite", true, true, false, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *token = policy_token(rows[i].policy, "hub.local");
        bool read = service_access(token, PERMISSION_REGISTRY_READ, "/devices/a") == HUB_OK;
        bool write = service_access(token, PERMISSION_REGISTRY_WRITE, "/devices/a") == HUB_OK;
        bool service = service_access(token, PERMISSION_SERVICE_CONNECT, "/twins/a") == HUB_OK;
        bool device = device_access(token, "a") == HUB_OK;

        ck_assert_msg(read == rows[i].read, "%s", rows[i].policy);
        ck_assert_msg(write == rows[i].write, "%s", rows[i].policy);
        ck_assert_msg(service == rows[i].service, "%s", rows[i].policy);
        ck_assert_msg(device == rows[i].device, "%s", rows[i].policy);
    }
}
END_TEST

START_TEST(test_the_right_to_write_the_registry_includes_reading_it)
{
    struct auth_grant writer = {.permissions = PERMISSION_REGISTRY_WRITE};
    struct auth_grant reader = {.permissions = PERMISSION_REGISTRY_READ};

    ck_assert_int_eq(
        auth_authorize_service(&writer, PERMISSION_REGISTRY_READ, "/devices", NULL), HUB_OK);
    ck_assert_int_eq(
        auth_authorize_service(&reader, PERMISSION_REGISTRY_WRITE, "/devices", NULL), UNAUTHORIZED);
}
END_TEST

START_TEST(test_service_audiences_open_by_segment)
{
    const char *narrow = policy_token("service", "hub.local%2Fmessages%2Fdevicebound");

    ck_assert_int_eq(
        service_access(narrow, PERMISSION_SERVICE_CONNECT, "/messages/devicebound"), HUB_OK);
    ck_assert_int_eq(
        service_access(narrow, PERMISSION_SERVICE_CONNECT, "/Messages/deviceBound/"), HUB_OK);
    ck_assert_int_eq(service_access(narrow, PERMISSION_SERVICE_CONNECT, "/messages"), UNAUTHORIZED);
    ck_assert_int_eq(service_access(narrow, PERMISSION_SERVICE_CONNECT, ""), UNAUTHORIZED);
    ck_assert_int_eq(service_access(policy_token("registryRead", "hub.local/devices/dev%25231"),
                         PERMISSION_REGISTRY_READ, "/devices/dev#1"),
        HUB_OK);
    ck_assert_int_eq(service_access(policy_token("registryRead", "hub.local/devices/none%25231"),
                         PERMISSION_REGISTRY_READ, "/devices/none#1"),
        HUB_OK);
}
END_TEST

START_TEST(test_a_device_key_does_not_open_the_service)
{
    ck_assert_int_eq(service_access(token_for("hub.local%2Fdevices%2Fa"), PERMISSION_REGISTRY_READ,
                         "/devices/a"),
        UNAUTHORIZED);
    ck_assert_int_eq(service_access(token_for("hub.local%2Fdevices%2Fa"), PERMISSION_DEVICE_CONNECT,
                         "/devices/a"),
        UNAUTHORIZED);
}
END_TEST

START_TEST(test_unknown_policies_and_missing_credentials_are_unauthorized)
{
    ck_assert_int_eq(device_access(policy_token("nobody", "hub.local"), "a"), UNAUTHORIZED);
    ck_assert_int_eq(device_access("", "a"), UNAUTHORIZED);
    ck_assert_int_eq(device_access(NULL, "a"), UNAUTHORIZED);
    ck_assert_int_eq(device_access("Bearer eyJ0eXAiOiJKV1QifQ.e30.c2ln", "a"), UNAUTHORIZED);
    ck_assert_int_eq(device_access("bearer x", "a"), UNAUTHORIZED);
    ck_assert_int_eq(device_access("Basic YTpi", "a"), UNAUTHORIZED);
}
END_TEST

START_TEST(test_a_device_that_is_not_registered_is_named)
{
    struct auth_grant grant;
    struct hub_error error;

    ck_assert_int_eq(auth_read_token(small.auth, text_of(token_for("hub.local/devices/ghost")),
                         NULL, TEST_NOW, &grant, &error),
        HUB_DEVICE_NOT_FOUND);
    ck_assert_str_eq(error.sentence, "Device ghost at IotHub devicebound not registered.");
    /* what cannot be an id is not repeated */
    ck_assert_int_eq(auth_read_token(small.auth, text_of(token_for("hub.local/devices/%0a%1b[31m")),
                         NULL, TEST_NOW, &grant, &error),
        HUB_DEVICE_NOT_FOUND);
    ck_assert_ptr_null(strchr(error.sentence, '\x1b'));
    /* ids are case-sensitive when no request says which one is meant */
    ck_assert_int_eq(
        read_token_for(token_for("hub.local/devices/DEV-1"), NULL, &grant), HUB_DEVICE_NOT_FOUND);
    ck_assert_int_eq(device_access(token_for("hub.local/devices/DEV-1"), "dev-1"), HUB_OK);
}
END_TEST

START_TEST(test_a_disabled_device_is_not_found_whoever_signed)
{
    struct identity_draft draft = {.device_id = "off", .authentication = AUTHENTICATION_SAS};

    ck_assert(key_parse(TEST_KEY, &draft.primary) && key_parse(OTHER_KEY, &draft.secondary));
    small_hub_put(&small, &draft);
    ck_assert_int_eq(
        device_access(token_for("hub.local/devices/off"), "off"), HUB_DEVICE_NOT_FOUND);
    ck_assert_int_eq(
        device_access(policy_token("device", "hub.local"), "off"), HUB_DEVICE_NOT_FOUND);
}
END_TEST

START_TEST(test_a_module_that_is_not_registered_is_named)
{
    struct auth_grant grant;
    const char *resource = "hub.local/devices/a/modules/m";

    ck_assert_int_eq(read_token_for(token_for(resource), "a", &grant), UNAUTHORIZED);
    ck_assert_int_eq(read_token_for(token_for(resource), "a/m", &grant), HUB_MODULE_NOT_FOUND);
    ck_assert_int_eq(read_token_for(token_for(resource), NULL, &grant), HUB_MODULE_NOT_FOUND);
    ck_assert_int_eq(
        device_access(policy_token("device", "hub.local"), "a/m"), HUB_MODULE_NOT_FOUND);
    ck_assert_int_eq(
        device_access(policy_token("device", "hub.local"), "missing/m"), HUB_DEVICE_NOT_FOUND);
}
END_TEST

static const char *module_token(const char *resource)
{
    return make_token((struct token_recipe){.resource = resource, .key = MODULE_KEY});
}

START_TEST(test_a_module_is_opened_by_its_own_key_in_each_encoding)
{
    static const char *const resources[] = {"hub.local", "hub.local/devices",
        "hub.local/devices/a/modules/m", "hub.local%2Fdevices%2Fa%2Fmodules%2Fm",
        "HUB.local%2fDevices%2fA%2fModules%2fM"};

    small_hub_add_module(&small, "a", "m");
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
        ck_assert_int_eq(device_access(module_token(resources[i]), "a/m"), HUB_OK);
        ck_assert_int_eq(device_access(module_token(resources[i]), "a"), UNAUTHORIZED);
    }
    small_hub_add_module(&small, "dev#1", "m#2");
    ck_assert_int_eq(
        device_access(
            module_token("hub.local%2Fdevices%2Fdev%25231%2Fmodules%2Fm%25232"), "dev#1/m#2"),
        HUB_OK);
}
END_TEST

START_TEST(test_a_device_key_does_not_open_its_modules_nor_they_each_other)
{
    small_hub_add_module(&small, "a", "m");
    small_hub_add_module(&small, "a", "mm");
    ck_assert_int_eq(device_access(token_for("hub.local/devices/a"), "a/m"), UNAUTHORIZED);
    ck_assert_int_eq(
        device_access(token_for("hub.local/devices/a/modules/m"), "a/m"), UNAUTHORIZED);
    ck_assert_int_eq(device_access(token_for("hub.local"), "a/m"), UNAUTHORIZED);
    ck_assert_int_eq(
        device_access(module_token("hub.local/devices/a/modules/m"), "a/mm"), UNAUTHORIZED);
    ck_assert_int_eq(
        device_access(module_token("hub.local/devices/a/modules/m"), "ab/m"), UNAUTHORIZED);
    ck_assert_int_eq(service_access(module_token("hub.local/devices/a/modules/m"),
                         PERMISSION_SERVICE_CONNECT, "/messages/devicebound"),
        UNAUTHORIZED);
}
END_TEST

START_TEST(test_a_policy_opens_the_modules_below_its_audience)
{
    static const struct {
        const char *resource, *name;
        enum hub_code code;
    } rows[] = {{"hub.local", "a/m", HUB_OK}, {"hub.local/devices", "a/m", HUB_OK},
        {"hub.local/devices/a", "a/m", HUB_OK}, {"hub.local/devices/a/modules/m", "a/m", HUB_OK},
        {"hub.local/devices/a/modules", "a/m", HUB_OK},
        {"hub.local/devices/a/modules/n", "a/m", UNAUTHORIZED},
        {"hub.local/devices/ab", "a/m", UNAUTHORIZED},
        {"hub.local/devices/a/modules/m", "a", UNAUTHORIZED}};

    small_hub_add_module(&small, "a", "m");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(
            device_access(policy_token("device", rows[i].resource), rows[i].name) == rows[i].code,
            "%s for %s", rows[i].resource, rows[i].name);
    }
    ck_assert_int_eq(device_access(policy_token("service", "hub.local"), "a/m"), UNAUTHORIZED);
}
END_TEST

START_TEST(test_a_module_of_a_disabled_device_is_not_found)
{
    struct identity_draft draft = {.device_id = "off", .enabled = true};
    struct identity *identity;

    small_hub_put(&small, &draft);
    small_hub_add_module(&small, "off", "m");
    draft.enabled = false;
    hub_put_device(small.hub, &draft, (struct etag_condition){ETAG_ANY, 0}, &identity, NULL);
    ck_assert_int_eq(device_access(module_token("hub.local/devices/off/modules/m"), "off/m"),
        HUB_DEVICE_NOT_FOUND);
}
END_TEST

START_TEST(test_a_device_with_a_certificate_is_not_opened_by_its_own_token)
{
    struct identity_draft draft = {
        .device_id = "x509", .enabled = true, .authentication = AUTHENTICATION_SELF_SIGNED};

    memset(draft.primary_thumbprint, 'A', 40);
    small_hub_put(&small, &draft);
    ck_assert_int_eq(device_access(token_for("hub.local/devices/x509"), "x509"), UNAUTHORIZED);
    ck_assert_int_eq(device_access(token_for("hub.local"), "x509"), UNAUTHORIZED);
    ck_assert_int_eq(device_access(policy_token("device", "hub.local"), "x509"), HUB_OK);
}
END_TEST

START_TEST(test_no_sentence_repeats_a_part_of_the_token)
{
    const char *tokens[] = {
        make_token((struct token_recipe){.resource = "hub.local", .policy = "SECRET"}),
        make_token((struct token_recipe){.resource = "SECRET", .policy = "service"}),
        "SharedAccessSignature sr=hub.local&sig=SECRET&se=4102444800&skn=service",
        "SharedAccessSignature sr=hub.local&sig=SECRET&se=SECRET",
        "SECRET",
        "Bearer SECRET",
    };

    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        struct auth_grant grant;
        struct hub_error error;

        ck_assert_int_eq(
            auth_read_token(small.auth, text_of(tokens[i]), "a", TEST_NOW, &grant, &error),
            UNAUTHORIZED);
        ck_assert_ptr_null(strstr(error.sentence, "SECRET"));
    }
}
END_TEST

START_TEST(test_lenient_mode_does_not_check_signatures)
{
    const char *token = "SharedAccessSignature sr=hub.local%2Fdevices%2Fdev-1&sig=x&se=4102444800";

    ck_assert_int_eq(device_access(token, "dev-1"), HUB_OK);
    ck_assert_int_eq(device_access(token, "dev-2"), UNAUTHORIZED);
    ck_assert_int_eq(
        service_access("SharedAccessSignature sr=any.host&sig=x&se=4102444800&skn=service",
            PERMISSION_SERVICE_CONNECT, "/messages/devicebound"),
        HUB_OK);
    ck_assert_int_eq(
        service_access("SharedAccessSignature sr=any.host&sig=x&se=4102444800&skn=device",
            PERMISSION_SERVICE_CONNECT, "/messages/devicebound"),
        UNAUTHORIZED);
    ck_assert_int_eq(device_access("SharedAccessSignature sr=h&sig=x&se=1", "dev-1"), UNAUTHORIZED);
    ck_assert_int_eq(device_access("SharedAccessSignature sr=h&sig=x", "dev-1"), UNAUTHORIZED);
    /* Go over HTTP */
    ck_assert_int_eq(
        device_access("SharedAccessSignature sr=hub.local%2Fdev-1&sig=x&se=4102444800", "dev-1"),
        HUB_OK);
}
END_TEST

START_TEST(test_lenient_mode_registers_a_device_on_first_contact)
{
    struct identity_registry *registry = hub_identities(small.hub);

    ck_assert_ptr_null(identity_find(registry, "new-1"));
    ck_assert_int_eq(device_access(token_for("hub.local/devices/new-1"), "new-1"), HUB_OK);
    ck_assert_ptr_nonnull(identity_find(registry, "new-1"));
    ck_assert_int_eq(device_access(policy_token("device", "hub.local"), "new-2"), HUB_OK);
    ck_assert_ptr_nonnull(identity_find(registry, "new-2"));
    ck_assert_int_eq(identity_count(registry), 3);
    ck_assert_int_eq(
        device_access(token_for("hub.local/devices/no%20id"), "no id"), HUB_DEVICE_NOT_FOUND);
    ck_assert_int_eq(device_access(policy_token("service", "hub.local"), "new-3"), UNAUTHORIZED);
    ck_assert_int_eq(identity_count(registry), 3);
}
END_TEST

START_TEST(test_lenient_mode_takes_any_bearer_token_that_is_not_empty)
{
    ck_assert_int_eq(
        service_access("Bearer x", PERMISSION_SERVICE_CONNECT, "/messages/devicebound"), HUB_OK);
    ck_assert_int_eq(service_access("Bearer x", PERMISSION_REGISTRY_WRITE, "/devices/a"), HUB_OK);
    ck_assert_int_eq(device_access("bearer x", "dev-1"), HUB_OK);
    ck_assert_int_eq(device_access("Bearer  ", "dev-1"), UNAUTHORIZED);
    ck_assert_int_eq(device_access("Bearer", "dev-1"), UNAUTHORIZED);
}
END_TEST

START_TEST(test_lenient_mode_registers_a_module_with_its_device)
{
    ck_assert_int_eq(device_access(token_for("hub.local/devices/new/modules/m"), "new/m"), HUB_OK);
    ck_assert_ptr_nonnull(identity_find_module(hub_identities(small.hub), "new", "m"));
}
END_TEST

static void add_enforcing_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, open_hub, close_hub);
    tcase_add_loop_test(tests, test_a_token_of_each_device_client_opens_its_device_and_no_other, 0,
        sizeof(device_tokens) / sizeof(device_tokens[0]));
    tcase_add_test(tests, test_a_device_token_for_another_device_is_unauthorized);
    tcase_add_loop_test(tests, test_a_token_of_each_service_client_opens_the_service, 0,
        sizeof(service_tokens) / sizeof(service_tokens[0]));
    tcase_add_test(tests, test_a_changed_signature_is_unauthorized_and_says_so);
    tcase_add_test(tests, test_the_secondary_key_signs_too);
    tcase_add_test(tests, test_after_a_change_of_keys_an_old_token_fails);
    tcase_add_test(tests, test_expiry_has_five_minutes_of_grace);
    tcase_add_test(tests, test_a_grant_is_over_after_its_grace);
    tcase_add_test(tests, test_the_device_policy_opens_what_lies_below_its_audience);
    tcase_add_test(tests, test_a_grant_read_without_a_request_opens_its_scope_only);
    tcase_add_test(tests, test_ids_with_percent_and_plus_are_opened_in_each_encoding);
    tcase_add_test(tests, test_host_forms);
    tcase_add_test(tests, test_known_hosts_are_compared_without_port_and_case);
    tcase_add_test(tests, test_each_policy_opens_what_its_permissions_say);
    tcase_add_test(tests, test_the_right_to_write_the_registry_includes_reading_it);
    tcase_add_test(tests, test_service_audiences_open_by_segment);
    tcase_add_test(tests, test_a_device_key_does_not_open_the_service);
    tcase_add_test(tests, test_unknown_policies_and_missing_credentials_are_unauthorized);
    tcase_add_test(tests, test_a_device_that_is_not_registered_is_named);
    tcase_add_test(tests, test_a_disabled_device_is_not_found_whoever_signed);
    tcase_add_test(tests, test_a_module_that_is_not_registered_is_named);
    tcase_add_test(tests, test_a_module_is_opened_by_its_own_key_in_each_encoding);
    tcase_add_test(tests, test_a_device_key_does_not_open_its_modules_nor_they_each_other);
    tcase_add_test(tests, test_a_policy_opens_the_modules_below_its_audience);
    tcase_add_test(tests, test_a_module_of_a_disabled_device_is_not_found);
    tcase_add_test(tests, test_a_device_with_a_certificate_is_not_opened_by_its_own_token);
    tcase_add_test(tests, test_no_sentence_repeats_a_part_of_the_token);
}

int main(void)
{
    Suite *suite = suite_create("auth");
    TCase *enforcing = tcase_create("enforcing");
    TCase *lenient = tcase_create("lenient");
    SRunner *runner;
    int failed;

    add_enforcing_tests(enforcing);
    suite_add_tcase(suite, enforcing);
    tcase_add_checked_fixture(lenient, open_lenient_hub, close_hub);
    tcase_add_test(lenient, test_lenient_mode_does_not_check_signatures);
    tcase_add_test(lenient, test_lenient_mode_registers_a_device_on_first_contact);
    tcase_add_test(lenient, test_lenient_mode_registers_a_module_with_its_device);
    tcase_add_test(lenient, test_lenient_mode_takes_any_bearer_token_that_is_not_empty);
    suite_add_tcase(suite, lenient);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
