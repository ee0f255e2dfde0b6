/* CONNECT with a client certificate: when it counts, and for whom. */
#include "protocols/auth/certificate.h"

#include "tests/protocols/auth/certificate_maker.h"
#include "tests/protocols/auth/token_maker.h"
#include "tests/protocols/mqtt/mqtt_fixture.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#define CONNECT_FLAGS 9 /* where they are in a packet of less than 128 bytes */
#define FLAG_PASSWORD 0x40

static struct mqtt_fixture f;
static X509 *certificate; /* its common name: chained */

static void put_device(
    const char *device_id, enum identity_authentication type, const char *thumbprint)
{
    struct identity_draft draft = {.enabled = true, .authentication = type};
    struct identity *identity;
    snprintf(draft.device_id, sizeof draft.device_id, "%s", device_id);
    snprintf(draft.primary_thumbprint, sizeof draft.primary_thumbprint, "%s", thumbprint);
    ck_assert_int_eq(hub_put_device(f.store.hub, &draft,
                         (struct etag_condition){.match = ETAG_CREATE_ONLY}, &identity, NULL),
        HUB_OK);
    hub_end_turn(f.store.hub);
}

static void open_all(void)
{
    mqtt_fixture_open(&f, false);
    certificate = make_device_certificate("chained");
    put_device("pinned", AUTHENTICATION_SELF_SIGNED, certificate_hash(certificate).sha256);
    put_device("other", AUTHENTICATION_SELF_SIGNED, "0123456789012345678901234567890123456789");
    put_device("chained", AUTHENTICATION_CA, "");
}

static void close_all(void)
{
    X509_free(certificate);
    mqtt_fixture_close(&f);
}

static struct fake_stream *dial_with_certificate(bool chain_is_trusted)
{
    struct fake_stream *client = client_dial(&f);
    client->certificate = certificate;
    client->chain_is_trusted = chain_is_trusted;
    return client;
}

static const struct {
    const char *name, *device, *password; /* NULL: a token that is good for d1 */
    bool chain_is_trusted;
    const char *answer;
} rows[] = {
    {"the thumbprint", "pinned", "", false, "CONNACK 0 0"},
    {"another thumbprint", "other", "", true, "CONNACK 0 5"},
    {"a chain, and the common name is the device", "chained", "", true, "CONNACK 0 0"},
    {"a chain to nowhere", "chained", "", false, "CONNACK 0 5"},
    {"a device with a key", "d1", "", true, "CONNACK 0 5"},
    {"a device with a key, and its token", "d1", NULL, false, "CONNACK 0 0"},
    {"a device with a key, and a password that is none", "d1", "password", true, "CONNACK 0 5"},
    {"the thumbprint, beside a token", "pinned", NULL, false, "CONNACK 0 5"},
    {"a device that is not there", "nobody", "", true, "CONNACK 0 5"},
};

START_TEST(test_certificate_counts_where_there_is_no_password)
{
    struct fake_stream *client = dial_with_certificate(rows[_i].chain_is_trusted);
    client_connect(&f, client,
        (struct connect_recipe){.client_id = rows[_i].device, .password = rows[_i].password});
    const char *answer = client_hear(&f, client);
    ck_assert_msg(strcmp(answer, rows[_i].answer) == 0, "[%s] %s", rows[_i].name, answer);
    bool accepted = strcmp(answer, "CONNACK 0 0") == 0;
    HEARS(&f, client, accepted ? "" : "CLOSED");
    ck_assert_uint_eq(count_events(&f, JOURNAL_AUTHENTICATION_FAILED), !accepted);
}
END_TEST

/* Some clients send a password of no bytes. */
START_TEST(test_empty_password_is_none)
{
    struct connect_recipe recipe = {.client_id = "pinned", .password = ""};
    uint8_t packet[4096];
    size_t length = make_connect(&recipe, packet);
    ck_assert_uint_lt(packet[1], 126);
    packet[1] += 2;
    packet[CONNECT_FLAGS] |= FLAG_PASSWORD;
    packet[length] = packet[length + 1] = 0;
    struct fake_stream *client = dial_with_certificate(false);
    client_send(&f, client, packet, length + 2);
    HEARS(&f, client, "CONNACK 0 0");
    HEARS(&f, client, "");
}
END_TEST

START_TEST(test_refused_certificate_leaves_the_older_connection_alone)
{
    struct fake_stream *first = dial_with_certificate(true);
    client_connect(&f, first, (struct connect_recipe){.client_id = "chained", .password = ""});
    HEARS(&f, first, "CONNACK 0 0");
    struct fake_stream *second = dial_with_certificate(false);
    client_connect(&f, second, (struct connect_recipe){.client_id = "chained", .password = ""});
    HEARS(&f, second, "CONNACK 0 5");
    SEND(&f, first, "\xc0\x00");
    HEARS(&f, first, "PINGRESP");
}
END_TEST

START_TEST(test_device_that_is_disabled_is_cut_and_answered_so)
{
    struct connect_recipe recipe = {.client_id = "pinned", .password = ""};
    struct fake_stream *client = dial_with_certificate(false);
    client_connect(&f, client, recipe);
    HEARS(&f, client, "CONNACK 0 0");
    fixture_enable(&f.store, "pinned", false);
    settle_turns(&f);
    HEARS(&f, client, "CLOSED");
    client = dial_with_certificate(false);
    client_connect(&f, client, recipe);
    HEARS(&f, client, "CONNACK 0 3");
}
END_TEST

/* A certificate has no end of its own: the connection outlives every token. */
START_TEST(test_connection_by_certificate_is_not_ended_by_time)
{
    struct fake_stream *client = dial_with_certificate(false);
    client_connect(&f, client,
        (struct connect_recipe){.client_id = "pinned", .password = "", .keep_alive = -1});
    HEARS(&f, client, "CONNACK 0 0");
    for (int hour = 0; hour < 48; hour++) {
        advance_machine(&f, 25 * 60 * 1000);
        SEND(&f, client, "\xc0\x00");
        HEARS(&f, client, "PINGRESP");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mqtt certificate");
    TCase *tests = tcase_create("certificate");
    tcase_add_checked_fixture(tests, open_all, close_all);
    tcase_add_loop_test(
        tests, test_certificate_counts_where_there_is_no_password, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tests, test_empty_password_is_none);
    tcase_add_test(tests, test_refused_certificate_leaves_the_older_connection_alone);
    tcase_add_test(tests, test_device_that_is_disabled_is_cut_and_answered_so);
    tcase_add_test(tests, test_connection_by_certificate_is_not_ended_by_time);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
