/*
 * Which links each policy may attach: every address of a service and of a device, and of a module.
 */
#include "tests/protocols/amqp/peer.h"
#include "tests/protocols/auth/token_maker.h"
#include "tests/suite.h"

enum need {
    NEEDS_NOTHING,
    NEEDS_SERVICE_CONNECT,
    NEEDS_DEVICE_CONNECT
};

static const struct {
    enum need need;
    bool receives;
    const char *address;
} links[] = {
    {NEEDS_NOTHING, false, "$cbs"},
    {NEEDS_NOTHING, true, "$cbs"},
    {NEEDS_SERVICE_CONNECT, false, "/messages/devicebound"},
    {NEEDS_SERVICE_CONNECT, false, "/devices/d1/messages/devicebound"},
    {NEEDS_SERVICE_CONNECT, true, "/messages/servicebound/feedback"},
    {NEEDS_SERVICE_CONNECT, true, "/messages/servicebound/filenotifications"},
    {NEEDS_DEVICE_CONNECT, true, "/devices/d1/messages/devicebound"},
    {NEEDS_DEVICE_CONNECT, false, "/devices/d1/messages/events"},
    {NEEDS_DEVICE_CONNECT, false, "/devices/d1/twin"},
    {NEEDS_DEVICE_CONNECT, true, "/devices/d1/twin"},
    {NEEDS_DEVICE_CONNECT, false, "/devices/d1/methods/devicebound"},
    {NEEDS_DEVICE_CONNECT, true, "/devices/d1/methods/devicebound"},
    {NEEDS_DEVICE_CONNECT, true, "/devices/d1/modules/m/messages/devicebound"},
    {NEEDS_DEVICE_CONNECT, false, "/devices/d1/modules/m/messages/events"},
    {NEEDS_DEVICE_CONNECT, true, "/devices/d1/modules/m/messages/events"},
    {NEEDS_DEVICE_CONNECT, true, "/devices/d1/modules/m/twin"},
};

static void open_as(struct peer *peer, struct bench *bench, const char *policy)
{
    peer_connect(peer, bench);
    peer_open(peer);
    peer_begin(peer, 0);
    ck_assert_int_eq(peer_put_token(peer, make_token((struct token_recipe){
                                              .resource = TEST_HOST, .policy = policy})),
        200);
}

static void check(struct peer *peer, size_t row, bool is_allowed)
{
    peer_put_attach(peer, (struct attach){.handle = (uint32_t)(10 + row),
                              .name = links[row].address,
                              .receives = links[row].receives,
                              .source = links[row].receives ? links[row].address : "here",
                              .target = links[row].receives ? "here" : links[row].address});
    if (!is_allowed) {
        peer_expect_refusal(peer, "amqp:unauthorized-access", 401002);
        return;
    }
    const struct frame_seen *attach = peer_expect(peer, FRAME_ATTACH);
    /* A refusal has neither terminus. */
    ck_assert_msg(
        attach->fields[links[row].receives ? 5 : 6].type == VALUE_LIST, "%s", links[row].address);
}

START_TEST(test_each_link_is_for_the_policies_that_have_its_permission)
{
    static const struct {
        const char *policy;
        bool service, device;
    } rows[] = {{"iothubowner", true, true}, {"service", true, false}, {"device", false, true},
        {"registryRead", false, false}, {"registryReadWrite", false, false}};
    struct identity_draft draft = {.device_id = "d1", .module_id = "m", .enabled = true};
    struct identity *identity;
    struct bench bench;
    struct peer peers[sizeof(rows) / sizeof(rows[0])];
    bench_open(&bench);
    hub_put_device(
        bench.hub, &draft, (struct etag_condition){.match = ETAG_CREATE_ONLY}, &identity, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        open_as(&peers[i], &bench, rows[i].policy);
        for (size_t j = 0; j < sizeof(links) / sizeof(links[0]); j++) {
            bool is_allowed =
                links[j].need == NEEDS_NOTHING ||
                (links[j].need == NEEDS_SERVICE_CONNECT ? rows[i].service : rows[i].device);
            check(&peers[i], j, is_allowed);
        }
    }
    bench_close(&bench);
}
END_TEST

SUITE_MAIN("amqp permissions", test_each_link_is_for_the_policies_that_have_its_permission)
