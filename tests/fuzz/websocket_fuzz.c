/*
 * The HTTPS port's first bytes: head, handshake and frames. The first byte of an input says how
 * the rest is split; the owner reads slowly or at once, and what it writes comes out framed.
 */
#include "protocols/websocket/websocket.h"
#include "tests/fuzz/fuzz.h"
#include "tests/protocols/fake_loop.h"
#include "tests/protocols/websocket/memory_stream.h"

#include <stdlib.h>

/* The owner of whatever comes out of the gate. */
struct visit {
    struct stream *stream;
    bool slow;
    bool is_http;
    int ended;
};

static void take_input(struct visit *visit)
{
    size_t length;

    (void)stream_peek(visit->stream, &length);
    if (length > STREAM_INPUT_MAX + 4096 && visit->ended == 0) {
        abort();
    }
    stream_consume(visit->stream, visit->slow ? length / 2 : length);
    stream_write(visit->stream, "answer", length % 7);
}

static void readable(void *owner)
{
    struct visit *visit = owner;

    if (visit->ended) {
        abort();
    }
    take_input(visit);
}

static void ended(void *owner)
{
    struct visit *visit = owner;

    if (visit->ended++) {
        abort();
    }
}

static const struct stream_events events = {.readable = readable, .ended = ended};

static void take(void *context, struct stream *stream)
{
    struct visit *visit = context;

    visit->stream = stream;
    stream_set_owner(stream, &events, visit);
}

static void take_http(void *context, struct stream *stream)
{
    struct visit *visit = context;

    visit->is_http = true;
    take(context, stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static const struct websocket_exits exits = {take, take, take_http};
    struct memory_stream peer;
    struct visit visit = {0};
    struct loop *loop = loop_create();
    struct websocket_gate *gate = websocket_gate_create(loop, &exits, &visit);
    size_t step;

    memory_stream_init(&peer);
    websocket_gate_take(gate, &peer.base);
    step = length > 0 && bytes[0] > 0 ? bytes[0] : length;
    visit.slow = step % 2 == 1;
    for (size_t at = 1; at < length && !visit.is_http; at += step) {
        memory_stream_feed(&peer, bytes + at, length - at < step ? length - at : step);
        fake_loop_advance(loop, 0);
    }
    if (!visit.is_http) {
        memory_stream_end(&peer);
    }
    if (visit.stream) {
        stream_close(visit.stream);
    }
    fake_loop_advance(loop, 1000);
    websocket_gate_free(gate);
    if (fake_loop_timers(loop) != 0 || peer.closed + peer.reset != 1) {
        abort();
    }
    memory_stream_release(&peer);
    loop_free(loop);
    return 0;
}
