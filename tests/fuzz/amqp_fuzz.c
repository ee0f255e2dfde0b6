/*
 * What a peer sends to an AMQP connection: raw bytes, or frames whose sizes are right, before or
 * after it was let in as a service and as a device. Nothing it sends may end the process.
 *
 * The first byte of an input: bit 0, the peer has opened, begun a session and been granted
 * everything; bit 1, what follows are frame bodies, each behind two bytes: its length, its channel;
 * bit 2, it comes in pieces of 7 bytes.
 */
#include "protocols/amqp/connection.h"
#include "store/log.h"
#include "tests/fuzz/fuzz.h"
#include "tests/protocols/amqp/peer.h"
#include "tests/protocols/fake_loop.h"

#include <string.h>

enum mode {
    MODE_ADMITTED = 1,
    MODE_FRAMES = 2,
    MODE_PIECES = 4
};

static void admit(struct peer *peer)
{
    struct auth_grant grant = {
        .permissions = PERMISSION_SERVICE_CONNECT | PERMISSION_DEVICE_CONNECT,
        .expires = INSTANT_NEVER};
    tokens_put(&peer->bench->server->connections->tokens, &grant, NULL);
    peer_write_literal(peer, "AMQP\0\1\0\0");
    peer_put(peer, 0, "DL[S]", (uint64_t)FRAME_OPEN, "fuzz");
    peer_put(peer, 0, "DL[nIII]", (uint64_t)FRAME_BEGIN, 0, 100, 100);
    peer_put(peer, 0, "DL[SIoBBDL[S]DL[S]]", (uint64_t)FRAME_ATTACH, "c2d", 9, true, 0, 1,
        (uint64_t)0x28, "/devices/d1/messages/devicebound", (uint64_t)0x29, "t");
    peer_put(peer, 0, "DL[IIIIIII]", (uint64_t)FRAME_FLOW, 0, 100, 0, 100, 9, 0, 2);
}

/* A body of the input as a frame: two bytes in front are its length and its channel. */
static size_t feed_body(struct peer *peer, const uint8_t *bytes, size_t length)
{
    size_t body = bytes[0] < length - 2 ? bytes[0] : length - 2;
    uint8_t header[8] = {0, 0, (uint8_t)((body + 8) >> 8), (uint8_t)(body + 8), 2, 0, 0, bytes[1]};
    peer_write(peer, header, sizeof(header));
    peer_write(peer, bytes + 2, body);
    return 2 + body;
}

static size_t feed(struct peer *peer, uint8_t mode, const uint8_t *bytes, size_t length)
{
    size_t used = mode & MODE_PIECES && length > 7 ? 7 : length;
    if (mode & MODE_FRAMES) {
        return length < 2 ? length : feed_body(peer, bytes, length);
    }
    peer_write(peer, bytes, used);
    return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static struct bench bench;
    struct peer peer;
    uint8_t mode = length > 0 ? bytes[0] : 0;
    if (!bench.hub) {
        log_set_level(LOG_ERROR);
        bench_open(&bench);
    }
    bench_send(&bench, "d1", "m", "body");
    peer_connect(&peer, &bench);
    if (mode & MODE_ADMITTED) {
        admit(&peer);
    }
    for (size_t at = 1; at < length && !peer.stream.is_closed;) {
        at += feed(&peer, mode, bytes + at, length - at);
        bench_run(&bench);
    }
    while (peer_next(&peer)) {
    }
    peer_release(&peer);
    bench_run(&bench);
    size_t count;
    mailbox_purge(hub_mailboxes(bench.hub), "d1", NULL, hub_now(bench.hub), &count, NULL);
    mailbox_purge(hub_mailboxes(bench.hub), "d2", NULL, hub_now(bench.hub), &count, NULL);
    bench_run(&bench);
    return 0;
}
