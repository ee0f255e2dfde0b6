/*
 * The first bytes of every SDK: SASL with each mechanism, and none at all.
 */
#include "protocols/amqp/sasl.h"

#include "tests/protocols/amqp/peer.h"
#include "tests/protocols/auth/token_maker.h"
#include "tests/suite.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

static void begin_sasl(struct peer *peer, struct bench *bench)
{
    peer_connect(peer, bench);
    peer_write_literal(peer, "AMQP\3\1\0\0");
    peer_expect(peer, FRAME_HEADER_SASL);
}

/* The outcome's code; on success AMQP follows on the same stream. */
static int outcome(struct peer *peer)
{
    const struct frame_seen *frame = peer_expect(peer, FRAME_OUTCOME);
    int code = (int)frame->fields[0].is.number;
    if (code == 0) {
        peer_open(peer);
    }
    return code;
}

static int plain(struct bench *bench, const char *user, const char *password)
{
    struct peer peer;
    char response[1024] = "";
    size_t user_length = strlen(user), length = user_length + strlen(password) + 2;
    memcpy(response + 1, user, user_length);
    memcpy(response + 2 + user_length, password, strlen(password));
    begin_sasl(&peer, bench);
    peer_expect(&peer, FRAME_MECHANISMS);
    peer_put_sasl(&peer, "DL[sz]", (uint64_t)FRAME_INIT, "PLAIN", length, response);
    int code = outcome(&peer);
    ck_assert_int_eq(peer.stream.is_closed, code != 0);
    peer_release(&peer);
    bench_run(bench);
    return code;
}

START_TEST(test_pitfall_01_the_mechanisms_of_every_sdk_are_offered_as_an_array)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    begin_sasl(&peer, &bench);
    const struct frame_seen *frame = peer_expect(&peer, FRAME_MECHANISMS);
    const struct value *mechanisms = &frame->fields[0];
    ck_assert_int_eq(mechanisms->type, VALUE_ARRAY);
    ck_assert_uint_eq(mechanisms->count, 3);
    ck_assert(memmem(mechanisms->bytes, mechanisms->length, "MSSBCBS", 7) != NULL);
    ck_assert(memmem(mechanisms->bytes, mechanisms->length, "ANONYMOUS", 9) != NULL);
    ck_assert(memmem(mechanisms->bytes, mechanisms->length, "PLAIN", 5) != NULL);
    bench_close(&bench);
}
END_TEST

START_TEST(test_external_is_offered_and_taken_only_with_a_certificate)
{
    struct bench bench;
    struct peer peer;
    X509 *certificate = X509_new();
    bench_open(&bench);
    begin_sasl(&peer, &bench);
    peer_expect(&peer, FRAME_MECHANISMS);
    peer_put_sasl(&peer, "DL[s]", (uint64_t)FRAME_INIT, "EXTERNAL");
    ck_assert_int_eq(outcome(&peer), 1);
    ck_assert(peer.stream.is_closed);

    struct peer owner = {.bench = &bench};
    memory_stream_init(&owner.stream);
    owner.stream.certificate = certificate;
    peer_accept(&owner);
    peer_write_literal(&owner, "AMQP\3\1\0\0");
    peer_expect(&owner, FRAME_HEADER_SASL);
    const struct frame_seen *frame = peer_expect(&owner, FRAME_MECHANISMS);
    ck_assert_uint_eq(frame->fields[0].count, 4);
    peer_put_sasl(&owner, "DL[sz]", (uint64_t)FRAME_INIT, "EXTERNAL", (size_t)0, "");
    ck_assert_int_eq(outcome(&owner), 0);
    bench_close(&bench);
    X509_free(certificate);
}
END_TEST

START_TEST(test_mssbcbs_without_an_initial_response_lets_everybody_in)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    begin_sasl(&peer, &bench);
    peer_expect(&peer, FRAME_MECHANISMS);
    peer_put_sasl(&peer, "DL[s]", (uint64_t)FRAME_INIT, "MSSBCBS");
    ck_assert_int_eq(outcome(&peer), 0);
    bench_close(&bench);
}
END_TEST

START_TEST(test_anonymous_lets_everybody_in)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    begin_sasl(&peer, &bench);
    peer_expect(&peer, FRAME_MECHANISMS);
    peer_put_sasl(&peer, "DL[szS]", (uint64_t)FRAME_INIT, "ANONYMOUS", (size_t)0, "", TEST_HOST);
    ck_assert_int_eq(outcome(&peer), 0);
    bench_close(&bench);
}
END_TEST

START_TEST(test_plain_takes_a_token_of_the_policy_or_device_it_names)
{
    struct bench bench;
    bench_open(&bench);
    const char *service =
        make_token((struct token_recipe){.resource = TEST_HOST, .policy = "service"});
    const char *device = token_for(TEST_HOST "/devices/d1");
    ck_assert_int_eq(plain(&bench, "service@sas.root.hub", service), 0);
    ck_assert_int_eq(plain(&bench, "Service@sas.root.HUB.local", service), 0);
    ck_assert_int_eq(plain(&bench, "d1@sas.hub", device), 0);
    ck_assert_int_eq(plain(&bench, "d1@hub", device), 0);
    ck_assert_int_eq(plain(&bench, "iothubowner@sas.root.hub", service), 1);
    ck_assert_int_eq(plain(&bench, "d2@sas.hub", device), 1);
    ck_assert_int_eq(plain(&bench, "off@sas.hub", token_for(TEST_HOST "/devices/off")), 1);
    ck_assert_int_eq(plain(&bench, "d1/modules/m@sas.hub", device), 1);
    ck_assert_int_eq(plain(&bench, "service", service), 1);
    ck_assert_int_eq(plain(&bench, "service@sas.root.hub", "no token"), 1);
    bench_close(&bench);
}
END_TEST

START_TEST(test_what_plain_was_granted_opens_links_without_cbs)
{
    struct bench bench;
    struct peer peer;
    char response[1024];
    bench_open(&bench);
    begin_sasl(&peer, &bench);
    peer_expect(&peer, FRAME_MECHANISMS);
    int length = snprintf(response, sizeof(response), "%cservice@sas.root.hub%c%s", 0, 0,
        make_token((struct token_recipe){.resource = TEST_HOST, .policy = "service"}));
    peer_put_sasl(&peer, "DL[sz]", (uint64_t)FRAME_INIT, "PLAIN", (size_t)length, response);
    ck_assert_int_eq(outcome(&peer), 0);
    peer_begin(&peer, 0);
    peer_attach_sender(&peer, 0, 0, "sender-link", "amqps://hub.local/messages/deviceBound");
    peer_attach_receiver(
        &peer, 0, 1, "receiver-link", "amqps://hub.local/messages/servicebound/feedback");
    bench_close(&bench);
}
END_TEST

START_TEST(test_other_mechanisms_are_refused)
{
    static const char *const mechanisms[] = {"mssbcbs", "CRAM-MD5", "EXTERNAL", "XOAUTH2"};
    struct bench bench;
    bench_open(&bench);
    for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++) {
        struct peer peer;
        begin_sasl(&peer, &bench);
        peer_expect(&peer, FRAME_MECHANISMS);
        peer_put_sasl(&peer, "DL[s]", (uint64_t)FRAME_INIT, mechanisms[i]);
        ck_assert_int_eq(outcome(&peer), 1);
        ck_assert(peer.stream.is_closed);
        peer_release(&peer);
    }
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_02_a_raw_amqp_header_needs_no_sasl)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_connect(&peer, &bench);
    peer_open(&peer);
    peer_begin(&peer, 0);
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_03_nothing_is_written_before_the_peers_header)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_connect(&peer, &bench);
    peer_expect_silence(&peer);
    peer_write_literal(&peer, "AMQP\0\1");
    peer_expect_silence(&peer);
    ck_assert_uint_eq(peer.stream.out.length, 0);
    peer_write_literal(&peer, "\0\0");
    peer_expect(&peer, FRAME_HEADER_AMQP);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_failed_token_is_in_the_journal_without_the_token)
{
    struct bench bench;
    const struct journal_entry *entry;
    bool is_found = false;
    bench_open(&bench);
    plain(&bench, "d1@sas.hub", "SharedAccessSignature sr=hub.local&sig=secret&se=4102444800");
    for (uint64_t id = 0; (entry = journal_next(hub_journal(bench.hub), id)); id = entry->id) {
        if (entry->event == JOURNAL_AUTHENTICATION_FAILED) {
            is_found = true;
            ck_assert_str_eq(entry->device, "d1");
            ck_assert(!entry->reason || !strstr(entry->reason, "secret"));
        }
    }
    ck_assert(is_found);
    bench_close(&bench);
}
END_TEST

START_TEST(test_user_names_are_taken_apart)
{
    struct sasl_user user;
    ck_assert(sasl_user_parse(TEXT("service@sas.root.hub"), &user));
    ck_assert(text_equal(user.policy, TEXT("service")) && text_equal(user.hub, TEXT("hub")));
    ck_assert(sasl_user_parse(TEXT("a@b@sas.hub.azure-devices.net"), &user));
    ck_assert(text_equal(user.device, TEXT("a@b")));
    ck_assert(text_equal(user.hub, TEXT("hub.azure-devices.net")));
    ck_assert(sasl_user_parse(TEXT("d/modules/m@sas.hub"), &user));
    ck_assert(text_equal(user.device, TEXT("d")) && text_equal(user.module, TEXT("m")));
    ck_assert(sasl_user_parse(TEXT("d@hub"), &user));
    ck_assert(!sasl_user_parse(TEXT("d"), &user));
    ck_assert(!sasl_user_parse(TEXT("@sas.hub"), &user));
    ck_assert(!sasl_user_parse(TEXT("d@"), &user));
    ck_assert(!sasl_user_parse(TEXT("d/m@sas.hub"), &user));
    ck_assert(!sasl_user_parse(TEXT_ABSENT, &user));
}
END_TEST

START_TEST(test_a_plain_response_has_three_parts)
{
    struct text user, password;
    ck_assert(sasl_plain_split((struct text){"z\0u\0p", 5}, &user, &password));
    ck_assert(text_equal(user, TEXT("u")) && text_equal(password, TEXT("p")));
    ck_assert(!sasl_plain_split((struct text){"\0u", 2}, &user, &password));
    ck_assert(!sasl_plain_split((struct text){"\0\0p", 3}, &user, &password));
    ck_assert(!sasl_plain_split((struct text){"\0u\0", 3}, &user, &password));
    ck_assert(!sasl_plain_split((struct text){"\0u\0p\0", 5}, &user, &password));
    ck_assert(!sasl_plain_split(TEXT_ABSENT, &user, &password));
}
END_TEST

SUITE_MAIN("amqp sasl", test_pitfall_01_the_mechanisms_of_every_sdk_are_offered_as_an_array,
    test_external_is_offered_and_taken_only_with_a_certificate,
    test_mssbcbs_without_an_initial_response_lets_everybody_in, test_anonymous_lets_everybody_in,
    test_plain_takes_a_token_of_the_policy_or_device_it_names,
    test_what_plain_was_granted_opens_links_without_cbs, test_other_mechanisms_are_refused,
    test_pitfall_02_a_raw_amqp_header_needs_no_sasl,
    test_pitfall_03_nothing_is_written_before_the_peers_header,
    test_a_failed_token_is_in_the_journal_without_the_token, test_user_names_are_taken_apart,
    test_a_plain_response_has_three_parts)
