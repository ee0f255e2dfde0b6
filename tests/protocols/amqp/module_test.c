/*
 * A module on AMQP: a token and links of its own, and a mailbox that stays empty.
 */
#include "tests/protocols/amqp/peer.h"
#include "tests/protocols/auth/token_maker.h"
#include "tests/suite.h"

#include <stdio.h>

#define MODULE "/devices/d1/modules/m"

static void open_bench(struct bench *bench)
{
    struct identity_draft draft = {.device_id = "d1", .module_id = "m", .enabled = true};
    struct identity *identity;
    bench_open(bench);
    key_parse(MODULE_KEY, &draft.primary);
    key_parse(MODULE_KEY, &draft.secondary);
    ck_assert_int_eq(hub_put_device(bench->hub, &draft,
                         (struct etag_condition){.match = ETAG_CREATE_ONLY}, &identity, NULL),
        HUB_OK);
}

static void open_with(struct peer *peer, struct bench *bench, const char *token)
{
    peer_connect(peer, bench);
    peer_open(peer);
    peer_begin(peer, 0);
    ck_assert_int_eq(peer_put_token(peer, token), 200);
}

static const char *own_token(void)
{
    return make_token((struct token_recipe){.resource = TEST_HOST MODULE, .key = MODULE_KEY});
}

static const struct identity *module_of(struct bench *bench)
{
    return identity_find_module(hub_identities(bench->hub), "d1", "m");
}

static void put_receiver(struct peer *peer, uint32_t handle, const char *source)
{
    peer_put_attach(peer,
        (struct attach){.handle = handle, .name = source, .receives = true, .source = source});
}

START_TEST(test_a_module_attaches_and_gets_nothing_of_its_device)
{
    struct bench bench;
    struct peer peer;
    open_bench(&bench);
    open_with(&peer, &bench, own_token());
    ck_assert_uint_eq(module_of(&bench)->connections, 1);
    ck_assert_uint_eq(identity_find(hub_identities(bench.hub), "d1")->connections, 0);
    peer_attach_receiver(&peer, 0, 2, "c2d", "amqps://hub.local" MODULE "/messages/deviceBound");
    peer_attach_receiver(&peer, 0, 3, "inputs", MODULE "/messages/events");
    peer_attach_sender(&peer, 0, 4, "telemetry", MODULE "/messages/events");
    peer_flow(&peer, 0, 2, 0, 10);
    bench_send(&bench, "d1", "1", "for the device");
    peer_expect_silence(&peer);
    ck_assert_uint_eq(bench_counts(&bench, "d1").enqueued, 1);
    peer_put_transfer(&peer, (struct transfer){.handle = 4}, TEXT("\0Su\xa0\001x"));
    ck_assert_uint_eq(frame_outcome(peer_expect(&peer, FRAME_DISPOSITION)), 0x24);
    bench_close(&bench);
}
END_TEST

START_TEST(test_neither_a_module_nor_its_device_opens_the_others_links)
{
    struct bench bench;
    struct peer module, device, service;
    open_bench(&bench);
    open_with(&module, &bench, own_token());
    put_receiver(&module, 2, "/devices/d1/messages/devicebound");
    peer_expect_refusal(&module, "amqp:unauthorized-access", 401002);
    put_receiver(&module, 3, "/devices/d1/modules/n/messages/devicebound");
    peer_expect_refusal(&module, "amqp:unauthorized-access", 401002);
    peer_open_device(&device, &bench, "d1");
    put_receiver(&device, 2, MODULE "/messages/devicebound");
    peer_expect_refusal(&device, "amqp:unauthorized-access", 401002);
    open_with(&service, &bench,
        make_token((struct token_recipe){.resource = TEST_HOST, .policy = "iothubowner"}));
    peer_attach_receiver(&service, 0, 2, "policy", MODULE "/messages/devicebound");
    put_receiver(&service, 3, "/devices/d1/modules/n/messages/devicebound");
    peer_expect_refusal(&service, "amqp:not-found", 404010);
    bench_close(&bench);
}
END_TEST

START_TEST(test_no_message_is_sent_to_a_module_that_is_registered)
{
    struct bench bench;
    struct peer peer;
    struct writer message = {0};
    open_bench(&bench);
    peer_open_service(&peer, &bench);
    peer_attach_sender(&peer, 0, 2, "c2d", "/messages/devicebound");
    write_message(&message, MODULE "/messages/devicebound", NULL, NULL, "x");
    peer_put_transfer(&peer, (struct transfer){.handle = 2}, writer_text(&message));
    const struct frame_seen *frame = peer_expect(&peer, FRAME_DISPOSITION);
    ck_assert_str_eq(frame_condition(frame), "amqp:not-found");
    ck_assert_int_eq(frame_error_code(frame), 404010);
    peer_put_attach(&peer,
        (struct attach){.handle = 3, .name = "to", .target = MODULE "/messages/devicebound"});
    peer_expect_refusal(&peer, "amqp:not-found", 404010);
    ck_assert_uint_eq(bench_counts(&bench, "d1/m").enqueued, 0);
    writer_free(&message);
    bench_close(&bench);
}
END_TEST

START_TEST(test_links_of_a_module_end_when_it_is_deleted)
{
    struct bench bench;
    struct peer peer;
    open_bench(&bench);
    open_with(&peer, &bench, own_token());
    peer_attach_receiver(&peer, 0, 2, "c2d", MODULE "/messages/devicebound");
    hub_delete_module(bench.hub, "d1", "m", (struct etag_condition){.match = ETAG_ANY}, NULL);
    peer_expect_detach(&peer, "amqp:not-found", 404001);
    ck_assert_str_eq(frame_condition(peer_expect_close(&peer)), "amqp:not-found");
    bench_close(&bench);
}
END_TEST

START_TEST(test_links_of_a_module_end_when_its_device_is_disabled)
{
    struct bench bench;
    struct peer peer;
    open_bench(&bench);
    open_with(&peer, &bench, own_token());
    peer_attach_receiver(&peer, 0, 2, "c2d", MODULE "/messages/devicebound");
    bench_disable(&bench, "d1");
    peer_expect_detach(&peer, "amqp:not-found", 404001);
    bench_close(&bench);
}
END_TEST

SUITE_MAIN("amqp modules", test_a_module_attaches_and_gets_nothing_of_its_device,
    test_neither_a_module_nor_its_device_opens_the_others_links,
    test_no_message_is_sent_to_a_module_that_is_registered,
    test_links_of_a_module_end_when_it_is_deleted,
    test_links_of_a_module_end_when_its_device_is_disabled)
