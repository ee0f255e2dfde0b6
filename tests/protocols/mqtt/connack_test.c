/* How CONNECT is answered, and what a connection lives by: keep-alive, token, device. */
#include "tests/protocols/auth/token_maker.h"
#include "tests/protocols/mqtt/mqtt_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_refused(struct mqtt_fixture *f, struct connect_recipe recipe, const char *answer)
{
    struct fake_stream *client = client_dial(f);
    client_connect(f, client, recipe);
    HEARS(f, client, answer);
    HEARS(f, client, "CLOSED");
}

#define D1 "hub.local%2Fdevices%2Fd1"

enum token {
    GOOD,
    NONE,
    BAD_SIGNATURE,
    EXPIRED,
    NO_TOKEN,
    OTHER_DEVICE,
    OTHER_HUB,
    POLICY_DEVICE,
    POLICY_SERVICE,
    POLICY_OWNER,
    POLICY_READ,
    POLICY_READ_WRITE,
    SECONDARY
};

static const char *make(enum token token)
{
    switch (token) {
    case GOOD:
        return token_for(D1);
    case NONE:
        return "";
    case BAD_SIGNATURE:
        return make_token((struct token_recipe){.resource = D1, .key = "AAAAAAAAAAAAAAAAAAAAAA=="});
    case EXPIRED:
        return make_token((struct token_recipe){.resource = D1, .expiry = "1600000000"});
    case NO_TOKEN:
        return "password";
    case OTHER_DEVICE:
        return token_for("hub.local%2Fdevices%2Fd2");
    case OTHER_HUB:
        return token_for("other.net%2Fdevices%2Fd1");
    case POLICY_DEVICE:
        return make_token((struct token_recipe){.resource = "hub.local", .policy = "device"});
    case POLICY_SERVICE:
        return make_token((struct token_recipe){.resource = "hub.local", .policy = "service"});
    case POLICY_OWNER:
        return make_token((struct token_recipe){.resource = "hub.local", .policy = "iothubowner"});
    case POLICY_READ:
        return make_token((struct token_recipe){.resource = "hub.local", .policy = "registryRead"});
    case POLICY_READ_WRITE:
        return make_token(
            (struct token_recipe){.resource = "hub.local", .policy = "registryReadWrite"});
    case SECONDARY:
        return make_token((struct token_recipe){.resource = D1, .key = OTHER_KEY});
    }
    return NULL;
}

static const struct {
    const char *name, *client_id, *user_name;
    enum token token;
    const char *answer;
} rows[] = {
    {"device key", "d1", NULL, GOOD, "CONNACK 0 0"},
    {"secondary key", "d1", NULL, SECONDARY, "CONNACK 0 0"},
    {"policy device", "d1", NULL, POLICY_DEVICE, "CONNACK 0 0"},
    {"policy iothubowner", "d1", NULL, POLICY_OWNER, "CONNACK 0 0"},
    {"another host in the user name", "d1", "other.net/d1/?api-version=2021-04-12", GOOD,
        "CONNACK 0 0"},
    {"any api-version", "d1", "hub.local/d1/?api-version=1999", GOOD, "CONNACK 0 0"},
    {"no api-version", "d1", "hub.local/d1", GOOD, "CONNACK 0 0"},
    {"bad signature", "d1", NULL, BAD_SIGNATURE, "CONNACK 0 5"},
    {"expired token", "d1", NULL, EXPIRED, "CONNACK 0 5"},
    {"malformed password", "d1", NULL, NO_TOKEN, "CONNACK 0 5"},
    {"no credentials", "d1", NULL, NONE, "CONNACK 0 5"},
    {"token of another device", "d1", NULL, OTHER_DEVICE, "CONNACK 0 5"},
    {"token of another hub", "d1", NULL, OTHER_HUB, "CONNACK 0 5"},
    {"policy service", "d1", NULL, POLICY_SERVICE, "CONNACK 0 5"},
    {"policy registryRead", "d1", NULL, POLICY_READ, "CONNACK 0 5"},
    {"policy registryReadWrite", "d1", NULL, POLICY_READ_WRITE, "CONNACK 0 5"},
    {"unknown device", "d3", NULL, POLICY_DEVICE, "CONNACK 0 5"},
    {"unknown module", "d1/m1", NULL, POLICY_DEVICE, "CONNACK 0 5"},
    {"client id is not the user name's", "d1", "hub.local/d2/?api-version=1", GOOD, "CONNACK 0 5"},
    {"client id in another case", "D1", "hub.local/d1/?api-version=1", GOOD, "CONNACK 0 5"},
    {"unparsable user name", "d1", "d1", GOOD, "CONNACK 0 5"},
    {"no user name, no password", "d1", "", NONE, "CONNACK 0 5"},
};

START_TEST(test_connect_is_answered_with_the_code)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = client_dial(&f);
    client_connect(&f, client,
        (struct connect_recipe){.client_id = rows[_i].client_id,
            .user_name = rows[_i].user_name,
            .password = make(rows[_i].token)});
    const char *answer = client_hear(&f, client);
    ck_assert_msg(strcmp(answer, rows[_i].answer) == 0, "[%s] %s", rows[_i].name, answer);
    bool accepted = strcmp(answer, "CONNACK 0 0") == 0;
    HEARS(&f, client, accepted ? "" : "CLOSED");
    ck_assert_uint_eq(count_events(&f, JOURNAL_AUTHENTICATION_FAILED), !accepted);
    ck_assert_uint_eq(sessions_count(f.sessions), accepted);
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_disabled_device_is_answered_with_the_code_that_is_set)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    fixture_enable(&f.store, "d1", false);
    struct connect_recipe recipe = {
        .password = make_token((struct token_recipe){.resource = "hub.local", .policy = "device"})};
    assert_refused(&f, recipe, "CONNACK 0 3");
    struct mqtt_options options = mqtt_options_default();
    options.disabled_device_code = 5;
    mqtt_fixture_set(&f, options);
    assert_refused(&f, recipe, "CONNACK 0 5");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_failed_connect_leaves_the_older_connection_alone)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = client_open(&f, "d1", false);
    assert_refused(&f, (struct connect_recipe){.password = make(BAD_SIGNATURE)}, "CONNACK 0 5");
    SEND(&f, client, "\xc0\x00");
    HEARS(&f, client, "PINGRESP");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_newer_connection_ends_the_older_without_a_packet)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *first = client_open(&f, "d1", false), *other = client_open(&f, "d2", false);
    struct fake_stream *second = client_open(&f, "d1", false);
    HEARS(&f, first, "CLOSED");
    ck_assert_str_eq(last_reason(&f, JOURNAL_DISCONNECTED), "displaced");
    SEND(&f, second, "\xc0\x00");
    HEARS(&f, second, "PINGRESP");
    HEARS(&f, other, "");
    ck_assert_uint_eq(identity_find(hub_identities(f.store.hub), "d1")->connections, 1);
    mqtt_fixture_close(&f);
}
END_TEST

/* ---- will ---- */

static const struct {
    const char *topic;
    bool is_taken;
} wills[] = {
    {"devices/d1/messages/events/", true},
    {"devices/d1/messages/events/a=1", true},
    {"devices/d1/messages/events/a=%zz", false},
    {"devices/d2/messages/events/", false},
    {"devices/d1/messages/devicebound/", false},
    {"wherever", false},
};

START_TEST(test_will_is_the_devices_own_telemetry_or_refused_without_a_packet)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = client_dial(&f);
    client_connect(&f, client, (struct connect_recipe){.will_topic = wills[_i].topic});
    HEARS(&f, client, wills[_i].is_taken ? "CONNACK 0 0" : "CLOSED");
    mqtt_fixture_close(&f);
}
END_TEST

static struct fake_stream *open_with_will(struct mqtt_fixture *f)
{
    struct fake_stream *client = client_dial(f);
    client_connect(f, client,
        (struct connect_recipe){.will_topic = "devices/d1/messages/events/%24.mid=w1",
            .will_qos = 2,
            .will_retain = true});
    HEARS(f, client, "CONNACK 0 0");
    return client;
}

START_TEST(test_will_is_discarded_at_disconnect)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = open_with_will(&f);
    SEND(&f, client, "\xe0\x00");
    HEARS(&f, client, "CLOSED");
    ck_assert_uint_eq(count_events(&f, JOURNAL_TELEMETRY), 0);
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_will_is_sent_at_every_other_end)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = open_with_will(&f);
    fake_stream_hang_up(client);
    settle_turns(&f);
    ck_assert_uint_eq(count_events(&f, JOURNAL_TELEMETRY), 1);
    client = open_with_will(&f);
    SEND(&f, client, "\xf0\x00"); /* refused */
    ck_assert_uint_eq(count_events(&f, JOURNAL_TELEMETRY), 2);
    client = open_with_will(&f);
    advance_machine(&f, 90000); /* silent */
    ck_assert_uint_eq(count_events(&f, JOURNAL_TELEMETRY), 3);
    client = open_with_will(&f);
    client_open(&f, "d1", false); /* displaced */
    ck_assert_uint_eq(count_events(&f, JOURNAL_TELEMETRY), 4);
    ck_assert_str_eq(last_reason(&f, JOURNAL_TELEMETRY), "will");
    const struct telemetry_item *will = telemetry_next(hub_telemetry(f.store.hub), "d1", 3);
    ck_assert(text_equal(telemetry_event_body(will->event), TEXT("gone")));
    ck_assert_uint_eq(telemetry_count(hub_telemetry(f.store.hub)), 4);
    HEARS(&f, client, "CLOSED");
    mqtt_fixture_close(&f);
}
END_TEST

/* ---- time ---- */

static const struct {
    int keep_alive;
    int64_t silence_ms;
} silences[] = {{10, 15000}, {1177, 1765500}, {1178, 1767000}, {65535, 1767000}, {-1, 1767000}};

START_TEST(test_silence_of_one_and_a_half_keep_alives_ends_the_connection)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = client_dial(&f);
    client_connect(&f, client, (struct connect_recipe){.keep_alive = silences[_i].keep_alive});
    HEARS(&f, client, "CONNACK 0 0");
    advance_machine(&f, silences[_i].silence_ms - 1);
    HEARS(&f, client, "");
    SEND(&f, client, "\xc0\x00");
    HEARS(&f, client, "PINGRESP");
    advance_machine(&f, silences[_i].silence_ms - 1);
    HEARS(&f, client, "");
    SEND(&f, client, "\xc0"); /* a part of a packet is none */
    advance_machine(&f, 1);
    HEARS(&f, client, "CLOSED");
    ck_assert_str_eq(last_reason(&f, JOURNAL_DISCONNECTED), "keep-alive");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_message_to_the_client_counts_as_activity)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = client_open(&f, "d1", false);
    client_subscribe(&f, client, DEVICE_BOUND, 1);
    HEARS(&f, client, "SUBACK 5 1");
    advance_machine(&f, 80000);
    send_body(&f, "d1", "x");
    HEARS_SHORT(&f, client, "PUBLISH d0 q1 i1 x");
    advance_machine(&f, 80000);
    HEARS(&f, client, "");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_connection_without_connect_ends_after_a_minute)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = client_dial(&f);
    SEND(&f, client, "\x10\x20");
    advance_machine(&f, 59999);
    HEARS(&f, client, "");
    advance_machine(&f, 1);
    HEARS(&f, client, "CLOSED");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_token_outlived_by_its_grace_ends_the_connection)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    char expiry[24];
    snprintf(expiry, sizeof expiry, "%lld", (long long)(clock_machine_now().us / 1000000) + 100);
    struct fake_stream *client = client_dial(&f);
    client_connect(&f, client,
        (struct connect_recipe){.keep_alive = -1,
            .password = make_token((struct token_recipe){.resource = D1, .expiry = expiry})});
    HEARS(&f, client, "CONNACK 0 0");
    advance_machine(&f, 700000);
    HEARS(&f, client, "");
    advance_machine(&f, 1);
    HEARS(&f, client, "CLOSED");
    ck_assert_str_eq(last_reason(&f, JOURNAL_DISCONNECTED), "token expired");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_token_follows_the_hubs_clock_when_told)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct clock *clock = hub_clock(f.context.hub);
    char expiry[24];
    clock_let_tokens_follow(clock, true);
    snprintf(expiry, sizeof expiry, "%lld", (long long)(clock_now(clock).us / 1000000) + 100);
    struct fake_stream *client = client_dial(&f);
    client_connect(&f, client,
        (struct connect_recipe){.keep_alive = -1,
            .password = make_token((struct token_recipe){.resource = D1, .expiry = expiry})});
    HEARS(&f, client, "CONNACK 0 0");
    advance_machine(&f, 701000);
    HEARS(&f, client, "");
    advance_hub(&f, DURATION_SECONDS(699));
    sessions_tell_clock(f.sessions);
    HEARS(&f, client, "");
    advance_hub(&f, DURATION_SECONDS(1));
    sessions_tell_clock(f.sessions);
    HEARS(&f, client, "CLOSED");
    settle_turns(&f);
    ck_assert_str_eq(last_reason(&f, JOURNAL_DISCONNECTED), "token expired");
    mqtt_fixture_close(&f);
}
END_TEST

/* ---- the device ---- */

START_TEST(test_device_that_is_disabled_or_deleted_loses_its_connection)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *first = client_open(&f, "d1", false),
                       *second = client_open(&f, "d2", false);
    client_subscribe(&f, first, DEVICE_BOUND, 1);
    client_subscribe(&f, second, "devices/d2/messages/devicebound/#", 1);
    HEARS(&f, first, "SUBACK 5 1");
    HEARS(&f, second, "SUBACK 5 1");
    send_body(&f, "d2", "x");
    HEARS_SHORT(&f, second, "PUBLISH d0 q1 i1 x");
    fixture_enable(&f.store, "d1", false);
    settle_turns(&f);
    HEARS(&f, first, "CLOSED");
    HEARS(&f, second, "");
    fixture_delete(&f.store, "d2");
    settle_turns(&f);
    HEARS(&f, second, "CLOSED");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_operator_ends_a_connection_politely_or_by_reset)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *first = client_open(&f, "d1", false),
                       *second = client_open(&f, "d2", false);
    struct connection_view view;
    ck_assert(sessions_next_connection(f.sessions, 0, &view));
    ck_assert_str_eq(view.identity, "d1");
    sessions_end_connection(f.sessions, view.id, END_DROPPED);
    ck_assert(sessions_next_connection(f.sessions, 0, &view));
    sessions_end_connection(f.sessions, view.id, END_RESET);
    settle_turns(&f);
    HEARS(&f, first, "CLOSED");
    HEARS(&f, second, "RESET");
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_connection_is_listed_with_its_protocol_and_software)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = fake_stream_create();
    client->is_websocket = true;
    mqtt_server_accept(f.server, &client->stream);
    client_connect(&f, client,
        (struct connect_recipe){.user_name = "hub.local/d1/?DeviceClientType=paho%2F1"});
    struct connection_view view;
    ck_assert(sessions_next_connection(f.sessions, 0, &view));
    ck_assert_int_eq(view.protocol, PROTOCOL_MQTT_WS);
    ck_assert_str_eq(view.client_version, "paho/1");
    fake_stream_hang_up(client);
    settle_turns(&f);
    fake_stream_free(client);
    mqtt_fixture_close(&f);
}
END_TEST

START_TEST(test_peer_that_asks_without_reading_is_cut_off)
{
    struct mqtt_fixture f;
    mqtt_fixture_open(&f, false);
    struct fake_stream *client = client_open(&f, "d1", true);
    client_subscribe(&f, client, "$iothub/twin/res/#", 0);
    HEARS(&f, client, "SUBACK 5 0");
    client->is_stalled = true;
    static const char get[] = "\x30\x1a\x00\x18$iothub/twin/GET/?$rid=1";
    char many[100 * (sizeof get - 1)];
    for (size_t i = 0; i < 100; i++) {
        memcpy(many + i * (sizeof get - 1), get, sizeof get - 1);
    }
    for (int i = 0; client->state == FAKE_OPEN && i < 1000; i++) {
        client_send(&f, client, many, sizeof many);
    }
    ck_assert_int_eq(client->state, FAKE_CLOSED);
    ck_assert_uint_lt(client->output.length, 4000000);
    mqtt_fixture_close(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mqtt connack");
    TCase *tests = tcase_create("connack");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(
        tests, test_connect_is_answered_with_the_code, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tests, test_disabled_device_is_answered_with_the_code_that_is_set);
    tcase_add_test(tests, test_failed_connect_leaves_the_older_connection_alone);
    tcase_add_test(tests, test_newer_connection_ends_the_older_without_a_packet);
    tcase_add_loop_test(tests, test_will_is_the_devices_own_telemetry_or_refused_without_a_packet,
        0, sizeof wills / sizeof *wills);
    tcase_add_test(tests, test_will_is_discarded_at_disconnect);
    tcase_add_test(tests, test_will_is_sent_at_every_other_end);
    tcase_add_loop_test(tests, test_silence_of_one_and_a_half_keep_alives_ends_the_connection, 0,
        sizeof silences / sizeof *silences);
    tcase_add_test(tests, test_message_to_the_client_counts_as_activity);
    tcase_add_test(tests, test_connection_without_connect_ends_after_a_minute);
    tcase_add_test(tests, test_token_outlived_by_its_grace_ends_the_connection);
    tcase_add_test(tests, test_token_follows_the_hubs_clock_when_told);
    tcase_add_test(tests, test_device_that_is_disabled_or_deleted_loses_its_connection);
    tcase_add_test(tests, test_operator_ends_a_connection_politely_or_by_reset);
    tcase_add_test(tests, test_connection_is_listed_with_its_protocol_and_software);
    tcase_add_test(tests, test_peer_that_asks_without_reading_is_cut_off);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
