/*
 * Attaching: addresses, rights, what is echoed, how a link is refused and how it ends.
 */
#include "protocols/amqp/link.h"
#include "protocols/auth/certificate.h"

#include "tests/protocols/amqp/peer.h"
#include "tests/protocols/auth/certificate_maker.h"
#include "tests/protocols/auth/token_maker.h"
#include "tests/suite.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

/* Everything may be attached: a policy with both permissions. */
static void open_owner(struct peer *peer, struct bench *bench)
{
    peer_connect(peer, bench);
    peer_open(peer);
    peer_begin(peer, 0);
    ck_assert_int_eq(peer_put_token(peer, make_token((struct token_recipe){
                                              .resource = TEST_HOST, .policy = "iothubowner"})),
        200);
}

static void put(struct peer *peer, uint32_t handle, bool receives, const char *address)
{
    char name[32];
    snprintf(name, sizeof(name), "link-%u", handle);
    peer_put_attach(peer, (struct attach){.handle = handle,
                              .name = name,
                              .receives = receives,
                              .snd_mode = 2,
                              .source = receives ? address : NULL,
                              .target = receives ? NULL : address});
}

START_TEST(test_every_address_of_the_sdks_is_attached)
{
    static const struct {
        bool receives;
        const char *address;
    } rows[] = {
        {false, "/messages/devicebound"},
        {false, "amqps://hub.local/messages/devicebound"},
        {false, "amqps://hub.local:5671/messages/deviceBound"},
        {false, "messages/devicebound"},
        {false, "/devices/d1/messages/devicebound"},
        {false, NULL},
        {true, "/messages/serviceBound/feedback"},
        {true, "amqps://hub.local:5671/messages/serviceBound/feedback"},
        {true, "amqps://hub.local/messages/servicebound/feedback"},
        {true, "/messages/serviceBound/filenotifications"},
        {true, "/devices/d1/messages/devicebound"},
        {true, "amqps://hub.local:5671/devices/d1/messages/deviceBound"},
        {true, "amqps://hub.local/devices/d%253/messages/devicebound"},
        {true, "/devices/d%3/messages/devicebound"},
        {true, "/devices/d1/messages/events"},
        {false, "/devices/d1/messages/events"},
        {false, "amqps://hub.local:5671/devices/d1/messages/events"},
        {false, "/devices/d1/twin"},
        {true, "/devices/d1/twin"},
        {false, "/devices/d1/methods/devicebound"},
        {true, "amqps://hub.local/devices/d1/methods/deviceBound"},
        {false, "amqps://hub.local/$cbs"},
    };
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_owner(&peer, &bench);
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        put(&peer, 10 + i, rows[i].receives, rows[i].address);
        const struct frame_seen *attach = peer_next(&peer);
        while (attach && attach->code != FRAME_ATTACH) {
            attach = peer_next(&peer);
        }
        ck_assert_ptr_nonnull(attach);
        ck_assert_msg(attach->fields[rows[i].receives ? 5 : 6].type == VALUE_LIST, "%s is refused",
            rows[i].address);
    }
    bench_close(&bench);
}
END_TEST

START_TEST(test_addresses_that_lead_nowhere_are_refused)
{
    static const struct {
        bool receives;
        const char *address, *condition;
        int code;
    } rows[] = {
        {true, "/messages/devicebound", "amqp:not-found", 404006},
        {false, "/messages/servicebound/feedback", "amqp:not-found", 404006},
        {true, "/nowhere", "amqp:not-found", 404006},
        {true, "", "amqp:not-found", 404006},
        {true, NULL, "amqp:not-found", 404006},
        {false, "/devices/d1/streams", "amqp:not-found", 404006},
        {false, "$management", "amqp:not-found", 404006},
        {true, "/messages/events/ConsumerGroups/$Default/Partitions/0", "amqp:not-implemented",
            400003},
        {true, "/devices/ghost/messages/devicebound", "amqp:not-found", 404001},
        {true, "/devices/D1/messages/devicebound", "amqp:not-found", 404001},
        {true, "/devices/off/messages/devicebound", "amqp:not-found", 404001},
        {true, "/devices/d1/modules/m/messages/devicebound", "amqp:not-found", 404010},
        {false, "/devices/ghost/messages/events", "amqp:not-found", 404001},
    };
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_owner(&peer, &bench);
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        put(&peer, 10 + i, rows[i].receives, rows[i].address);
        peer_expect_refusal(&peer, rows[i].condition, rows[i].code);
    }
    peer_expect_silence(&peer);
    ck_assert(!peer.stream.is_closed);
    bench_close(&bench);
}
END_TEST

START_TEST(test_rights_are_checked_at_attach)
{
    struct bench bench;
    struct peer none, service, device;
    bench_open(&bench);
    peer_connect(&none, &bench);
    peer_open(&none);
    peer_begin(&none, 0);
    put(&none, 0, false, "/messages/devicebound");
    peer_expect_refusal(&none, "amqp:unauthorized-access", 401002);
    put(&none, 1, true, "/devices/d1/messages/devicebound");
    peer_expect_refusal(&none, "amqp:unauthorized-access", 401002);
    put(&none, 2, true, "/devices/ghost/messages/devicebound");
    peer_expect_refusal(&none, "amqp:unauthorized-access", 401002);

    peer_open_service(&service, &bench);
    put(&service, 2, true, "/devices/d1/messages/devicebound");
    peer_expect_refusal(&service, "amqp:unauthorized-access", 401002);
    put(&service, 3, true, "/messages/serviceBound/feedback");
    ck_assert_int_eq(peer_expect(&service, FRAME_ATTACH)->fields[5].type, VALUE_LIST);

    peer_open_device(&device, &bench, "d1");
    put(&device, 2, false, "/messages/devicebound");
    peer_expect_refusal(&device, "amqp:unauthorized-access", 401002);
    put(&device, 3, true, "/messages/serviceBound/feedback");
    peer_expect_refusal(&device, "amqp:unauthorized-access", 401002);
    put(&device, 4, false, "/devices/d2/messages/events");
    peer_expect_refusal(&device, "amqp:unauthorized-access", 401002);
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_11_termini_settle_modes_and_size_are_in_the_answer)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_owner(&peer, &bench);
    for (int mode = 0; mode <= 2; mode++) {
        for (int rcv = 0; rcv <= 1; rcv++) {
            uint32_t handle = (uint32_t)(10 + 2 * mode + rcv);
            char name[16];
            snprintf(name, sizeof(name), "n%u", handle);
            peer_put_attach(&peer, (struct attach){.handle = handle,
                                       .name = name,
                                       .snd_mode = mode,
                                       .rcv_mode = rcv,
                                       .source = "my source",
                                       .target = "/messages/deviceBound"});
            const struct frame_seen *attach = peer_expect(&peer, FRAME_ATTACH);
            struct reader source = reader_of_elements(&attach->fields[5]);
            struct reader target = reader_of_elements(&attach->fields[6]);
            struct value address;
            ck_assert(text_equal(value_text(&attach->fields[0]), text_of(name)));
            ck_assert(attach->fields[2].is.boolean);
            ck_assert_uint_eq(attach->fields[3].is.number, mode);
            ck_assert_uint_eq(attach->fields[4].is.number, rcv);
            ck_assert(read_value(&source, &address));
            ck_assert(text_equal(value_text(&address), TEXT("my source")));
            ck_assert(read_value(&target, &address));
            ck_assert(text_equal(value_text(&address), TEXT("/messages/deviceBound")));
            ck_assert_uint_eq(attach->fields[10].is.number, 1048576);
            ck_assert_uint_eq(attach->fields[10].code, 0x80);
        }
    }
    put(&peer, 30, true, "/devices/d1/messages/devicebound");
    const struct frame_seen *attach = peer_expect(&peer, FRAME_ATTACH);
    ck_assert(!attach->fields[2].is.boolean);
    ck_assert_int_eq(attach->fields[9].type, VALUE_UNSIGNED);
    ck_assert_uint_eq(attach->fields[9].is.number, 0);
    ck_assert_uint_eq(attach->fields[10].is.number, 1048576);
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_12_a_refusal_has_null_termini_and_a_closing_detach)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_owner(&peer, &bench);
    put(&peer, 5, true, "/nowhere");
    peer_expect_refusal(&peer, "amqp:not-found", 404006);
    ck_assert(strstr(frame_description(&peer.frame), "'/nowhere'") != NULL);
    /* Nothing follows the peer's own detach, and the name is free again. */
    peer_expect_silence(&peer);
    put(&peer, 5, true, "/devices/d1/messages/devicebound");
    peer_expect(&peer, FRAME_ATTACH);
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_13_the_same_name_is_free_in_another_session_and_after_a_detach)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_owner(&peer, &bench);
    peer_begin(&peer, 1);
    peer_attach_receiver(&peer, 0, 5, "TelemetryReceiverLink", "/devices/d1/messages/devicebound");
    peer_attach_receiver(&peer, 1, 5, "TelemetryReceiverLink", "/devices/d2/messages/devicebound");
    for (int i = 0; i < 3; i++) {
        peer_put(&peer, 0, "DL[Io]", (uint64_t)FRAME_DETACH, 5, true);
        ck_assert(peer_expect(&peer, FRAME_DETACH)->fields[1].is.boolean);
        peer_attach_receiver(
            &peer, 0, 5, "TelemetryReceiverLink", "/devices/d1/messages/devicebound");
    }
    /* While both live, it is the peer's mistake. */
    put(&peer, 6, true, "/devices/d1/messages/devicebound");
    peer_expect(&peer, FRAME_ATTACH);
    peer_put_attach(&peer, (struct attach){.handle = 7,
                               .name = "link-6",
                               .receives = true,
                               .source = "/devices/d1/messages/devicebound"});
    const struct frame_seen *frame = peer_next(&peer);
    while (frame && frame->code != FRAME_CLOSE) {
        frame = peer_next(&peer);
    }
    ck_assert_ptr_nonnull(frame);
    ck_assert_str_eq(frame_condition(frame), "amqp:invalid-field");
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_15_a_flow_before_the_answer_counts)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    bench_send(&bench, "d1", "m1", "body");
    open_owner(&peer, &bench);
    put(&peer, 5, true, "/devices/d1/messages/devicebound");
    peer_flow(&peer, 0, 5, 0, 1);
    peer_expect(&peer, FRAME_ATTACH);
    peer_expect(&peer, FRAME_TRANSFER);
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_16_termini_without_an_address_do_no_harm)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_owner(&peer, &bench);
    peer_put(&peer, 0, "DL[SIonnnn]", (uint64_t)FRAME_ATTACH, "a", 5, true);
    peer_expect(&peer, FRAME_ATTACH);
    peer_expect_detach(&peer, "amqp:not-found", 404006);
    peer_put(&peer, 0, "DL[Io]", (uint64_t)FRAME_DETACH, 5, true);
    peer_put(&peer, 0, "DL[SIonnDL[]DL[]]", (uint64_t)FRAME_ATTACH, "b", 6, false, (uint64_t)0x28,
        (uint64_t)0x29);
    ck_assert_int_eq(peer_expect(&peer, FRAME_ATTACH)->fields[6].type, VALUE_LIST);
    /* The transaction coordinator is not there. */
    peer_put(&peer, 0, "DL[SIonnDL[]DL[]]", (uint64_t)FRAME_ATTACH, "c", 7, false, (uint64_t)0x28,
        (uint64_t)0x30);
    const struct frame_seen *attach = peer_expect(&peer, FRAME_ATTACH);
    ck_assert_int_eq(attach->fields[6].type, VALUE_NULL);
    peer_expect_detach(&peer, "amqp:not-implemented", 400003);
    bench_close(&bench);
}
END_TEST

START_TEST(test_senders_get_100_credits_at_once)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_owner(&peer, &bench);
    static const char *const targets[] = {"$cbs", "/messages/devicebound",
        "/devices/d1/messages/events", "/devices/d1/methods/devicebound", "/devices/d1/twin"};
    for (uint32_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        put(&peer, 10 + i, false, targets[i]);
        const struct frame_seen *attach = peer_expect(&peer, FRAME_ATTACH);
        uint64_t handle = attach->fields[1].is.number;
        const struct frame_seen *flow = peer_expect(&peer, FRAME_FLOW);
        ck_assert_uint_eq(flow->fields[4].is.number, handle);
        ck_assert_uint_eq(flow->fields[6].is.number, 100);
    }
    bench_close(&bench);
}
END_TEST

START_TEST(test_the_client_version_is_shown_with_the_connection)
{
    struct bench bench;
    struct peer peer;
    struct connection_view view;
    bench_open(&bench);
    open_owner(&peer, &bench);
    peer_put(&peer, 0, "DL[SIoBBDL[S]DL[S]nnInnn{sdsSsS}]", (uint64_t)FRAME_ATTACH, "v", 5, false,
        0, 0, (uint64_t)0x28, "x", (uint64_t)0x29, "/messages/devicebound", 0,
        "com.microsoft:timeout", 60000.0, "com.microsoft:client-version", "azure-iothub/1.2.3",
        "com.microsoft:api-version", "2021-04-12");
    peer_expect(&peer, FRAME_ATTACH);
    ck_assert(sessions_next_connection(bench.sessions, 0, &view));
    ck_assert_str_eq(view.client_version, "azure-iothub/1.2.3");
    ck_assert_str_eq(view.identity, "iothubowner");
    ck_assert_int_eq(view.protocol, PROTOCOL_AMQP);
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_29_detach_end_and_close_are_answered_in_kind)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_owner(&peer, &bench);
    peer_attach_sender(&peer, 0, 5, "s", "/messages/devicebound");
    peer_attach_receiver(&peer, 0, 6, "r", "/devices/d1/messages/devicebound");
    peer_put(&peer, 0, "DL[Io]", (uint64_t)FRAME_DETACH, 5, true);
    peer_expect(&peer, FRAME_DETACH);
    peer_put(&peer, 0, "DL[]", (uint64_t)FRAME_END);
    peer_expect(&peer, FRAME_END);
    peer_put(&peer, 0, "DL[]", (uint64_t)FRAME_CLOSE);
    const struct frame_seen *close = peer_expect_close(&peer);
    ck_assert_str_eq(frame_condition(close), "");
    ck_assert(peer.stream.is_closed);
    ck_assert_uint_eq(sessions_count(bench.sessions), 0);
    bench_close(&bench);
}
END_TEST

START_TEST(test_pitfall_28_nothing_follows_a_detach_of_ours_on_its_handle)
{
    struct bench bench;
    struct peer first, second;
    bench_open(&bench);
    peer_open_device(&first, &bench, "d1");
    peer_attach_receiver(&first, 0, 5, "r", "/devices/d1/messages/devicebound");
    peer_flow(&first, 0, 5, 0, 1000);
    bench_send(&bench, "d1", "m1", "one");
    peer_expect(&first, FRAME_TRANSFER);
    peer_open_device(&second, &bench, "d1");
    peer_attach_receiver(&second, 0, 5, "r", "/devices/d1/messages/devicebound");
    peer_expect_detach(&first, "amqp:internal-error", 409002);
    bench_send(&bench, "d1", "m2", "two");
    peer_put_outcome(&first, 0, 1, 1, true, 0x24);
    peer_put(&first, 0, "DL[Io]", (uint64_t)FRAME_DETACH, 5, true);
    peer_expect_silence(&first);
    bench_close(&bench);
}
END_TEST

START_TEST(test_transfers_on_a_refused_link_are_dropped)
{
    struct bench bench;
    struct peer peer;
    struct writer message = {0};
    bench_open(&bench);
    open_owner(&peer, &bench);
    write_message(&message, "/devices/d1/messages/devicebound", "m", NULL, "x");
    put(&peer, 5, false, "/nowhere");
    for (int i = 0; i < 5; i++) {
        peer_put_transfer(&peer, (struct transfer){.handle = 5}, writer_text(&message));
    }
    peer_expect_refusal(&peer, "amqp:not-found", 404006);
    peer_expect_silence(&peer);
    for (int i = 0; i < 1000; i++) {
        peer_put_transfer(&peer, (struct transfer){.handle = 5}, writer_text(&message));
    }
    peer_release(&peer);
    bench_run(&bench);
    ck_assert_uint_eq(bench_counts(&bench, "d1").enqueued, 0);
    writer_free(&message);
    bench_close(&bench);
}
END_TEST

START_TEST(test_links_with_deliveries_in_flight_end_without_dispositions_of_ours)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_open_device(&peer, &bench, "d1");
    peer_attach_receiver(&peer, 0, 5, "r", "/devices/d1/messages/devicebound");
    peer_flow(&peer, 0, 5, 0, 10);
    bench_send(&bench, "d1", "m1", "one");
    peer_expect(&peer, FRAME_TRANSFER);
    peer_put(&peer, 0, "DL[Io]", (uint64_t)FRAME_DETACH, 5, true);
    peer_expect(&peer, FRAME_DETACH);
    peer_expect_silence(&peer);
    peer_put(&peer, 0, "DL[]", (uint64_t)FRAME_END);
    peer_expect(&peer, FRAME_END);
    peer_expect_silence(&peer);
    /* The session ends with a link that lives. */
    peer_begin(&peer, 0);
    peer_attach_receiver(&peer, 0, 5, "r", "/devices/d1/messages/devicebound");
    peer_flow(&peer, 0, 5, 0, 10);
    bench_send(&bench, "d1", "m2", "two");
    peer_expect(&peer, FRAME_TRANSFER);
    peer_put(&peer, 0, "DL[]", (uint64_t)FRAME_END);
    peer_expect(&peer, FRAME_END);
    peer_expect_silence(&peer);
    bench_close(&bench);
}
END_TEST

/* ---- certificates ---- */

START_TEST(test_a_certificate_opens_the_links_of_its_device_without_sasl_or_cbs)
{
    struct bench bench;
    struct peer peer = {.bench = &bench};
    struct identity *identity;
    struct identity_draft draft = {
        .device_id = "x509", .enabled = true, .authentication = AUTHENTICATION_SELF_SIGNED};
    X509 *certificate = make_device_certificate("x509");
    struct certificate_thumbprints thumbprints = certificate_hash(certificate);
    strcpy(draft.primary_thumbprint, thumbprints.sha256);
    bench_open(&bench);
    ck_assert_int_eq(hub_put_device(bench.hub, &draft,
                         (struct etag_condition){.match = ETAG_CREATE_ONLY}, &identity, NULL),
        HUB_OK);
    memory_stream_init(&peer.stream);
    peer.stream.certificate = certificate;
    peer_accept(&peer);
    peer_open(&peer);
    peer_begin(&peer, 0);
    peer_attach_sender(&peer, 0, 0, "s", "/devices/x509/messages/events");
    peer_attach_receiver(&peer, 0, 1, "r", "/devices/x509/messages/devicebound");
    peer_flow(&peer, 0, 1, 0, 10);
    put(&peer, 2, true, "/devices/d1/messages/devicebound");
    peer_expect_refusal(&peer, "amqp:unauthorized-access", 401002);
    put(&peer, 3, false, "/messages/devicebound");
    peer_expect_refusal(&peer, "amqp:unauthorized-access", 401002);
    bench_send(&bench, "x509", "m", "x");
    peer_expect(&peer, FRAME_TRANSFER);
    bench_disable(&bench, "x509");
    peer_expect_detach(&peer, "amqp:not-found", 404001);
    peer_expect_detach(&peer, "amqp:not-found", 404001);
    peer_expect_close(&peer);
    bench_close(&bench);
    X509_free(certificate);
}
END_TEST

START_TEST(test_receivers_are_in_the_journal_with_their_device)
{
    struct bench bench;
    struct peer peer;
    const struct journal_entry *entry;
    int subscribed = 0, unsubscribed = 0;
    bench_open(&bench);
    peer_open_device(&peer, &bench, "d1");
    peer_attach_receiver(&peer, 0, 5, "r", "/devices/d1/messages/devicebound");
    peer_put(&peer, 0, "DL[Io]", (uint64_t)FRAME_DETACH, 5, true);
    peer_expect(&peer, FRAME_DETACH);
    for (uint64_t id = 0; (entry = journal_next(hub_journal(bench.hub), id)); id = entry->id) {
        subscribed += entry->event == JOURNAL_SUBSCRIBED && strcmp(entry->device, "d1") == 0;
        unsubscribed += entry->event == JOURNAL_UNSUBSCRIBED && strcmp(entry->device, "d1") == 0;
    }
    ck_assert_int_eq(subscribed, 1);
    ck_assert_int_eq(unsubscribed, 1);
    bench_close(&bench);
}
END_TEST

SUITE_MAIN("amqp links", test_a_certificate_opens_the_links_of_its_device_without_sasl_or_cbs,
    test_receivers_are_in_the_journal_with_their_device, test_every_address_of_the_sdks_is_attached,
    test_addresses_that_lead_nowhere_are_refused, test_rights_are_checked_at_attach,
    test_pitfall_11_termini_settle_modes_and_size_are_in_the_answer,
    test_pitfall_12_a_refusal_has_null_termini_and_a_closing_detach,
    test_pitfall_13_the_same_name_is_free_in_another_session_and_after_a_detach,
    test_pitfall_15_a_flow_before_the_answer_counts,
    test_pitfall_16_termini_without_an_address_do_no_harm, test_senders_get_100_credits_at_once,
    test_the_client_version_is_shown_with_the_connection,
    test_pitfall_29_detach_end_and_close_are_answered_in_kind,
    test_pitfall_28_nothing_follows_a_detach_of_ours_on_its_handle,
    test_transfers_on_a_refused_link_are_dropped,
    test_links_with_deliveries_in_flight_end_without_dispositions_of_ours)
