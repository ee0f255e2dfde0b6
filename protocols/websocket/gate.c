/*
 * The gate: one visitor per connection whose first head is not complete.
 */
#include "protocols/websocket/handshake.h"
#include "protocols/websocket/websocket.h"
#include "protocols/websocket/websocket_stream.h"
#include "store/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct websocket_gate {
    struct loop *loop;
    struct websocket_exits exits;
    void *context;
    LIST_HEAD(, visitor) visitors;
    struct websocket_closing closing;
};

struct visitor {
    struct websocket_gate *gate;
    struct stream *stream;
    struct loop_timer *deadline;
    struct handshake handshake;
    LIST_ENTRY(visitor) link; /* of `visitors` */
};

/* Returns the visitor's stream; the visitor is gone. */
static struct stream *dismiss(struct visitor *visitor)
{
    struct stream *stream = visitor->stream;

    LIST_REMOVE(visitor, link);
    loop_timer_free(visitor->deadline);
    free(visitor);
    return stream;
}

static void turn_away(void *owner)
{
    stream_close(dismiss(owner));
}

static void refuse(struct visitor *visitor)
{
    stream_write(visitor->stream, visitor->handshake.answer, strlen(visitor->handshake.answer));
    turn_away(visitor);
}

static void upgrade(struct visitor *visitor)
{
    struct websocket_gate *gate = visitor->gate;
    struct handshake handshake = visitor->handshake;
    struct stream *stream = dismiss(visitor);

    stream_consume(stream, handshake.head_length);
    stream_write(stream, handshake.answer, strlen(handshake.answer));
    stream = websocket_stream_create(
        gate->loop, stream, handshake.no_client_certificate, &gate->closing);
    if (handshake.subprotocol == WEBSOCKET_AMQP) {
        gate->exits.amqp(gate->context, stream);
    } else {
        gate->exits.mqtt(gate->context, stream);
    }
}

static void visitor_readable(void *owner)
{
    struct visitor *visitor = owner;
    struct websocket_gate *gate = visitor->gate;
    size_t length = 0;
    const uint8_t *bytes = stream_peek(visitor->stream, &length);

    switch (
        length > 0 ? handshake_read(&visitor->handshake, bytes, length) : HANDSHAKE_INCOMPLETE) {
    case HANDSHAKE_INCOMPLETE:
        break;
    case HANDSHAKE_PLAIN:
        gate->exits.http(gate->context, dismiss(visitor));
        break;
    case HANDSHAKE_REFUSED:
        refuse(visitor);
        break;
    case HANDSHAKE_UPGRADED:
        upgrade(visitor);
        break;
    }
}

static const struct stream_events visitor_events = {
    .readable = visitor_readable,
    .ended = turn_away,
};

struct websocket_gate *websocket_gate_create(
    struct loop *loop, const struct websocket_exits *exits, void *context)
{
    struct websocket_gate *gate = memory_allocate(sizeof(*gate));

    gate->loop = loop;
    gate->exits = *exits;
    gate->context = context;
    return gate;
}

void websocket_gate_take(struct websocket_gate *gate, struct stream *stream)
{
    struct visitor *visitor = memory_allocate(sizeof(*visitor));

    visitor->gate = gate;
    visitor->stream = stream;
    visitor->deadline = loop_timer_create(gate->loop, turn_away, visitor);
    loop_timer_arm(visitor->deadline, WEBSOCKET_HEAD_WAIT_MS);
    LIST_INSERT_HEAD(&gate->visitors, visitor, link);
    stream_set_owner(stream, &visitor_events, visitor);
}

void websocket_gate_end_all(struct websocket_gate *gate)
{
    struct visitor *visitor = LIST_FIRST(&gate->visitors);

    while (visitor) {
        struct visitor *next = LIST_NEXT(visitor, link);

        turn_away(visitor);
        visitor = next;
    }
}

void websocket_gate_free(struct websocket_gate *gate)
{
    struct visitor *visitor;

    if (!gate) {
        return;
    }
    visitor = LIST_FIRST(&gate->visitors);
    while (visitor) {
        struct visitor *next = LIST_NEXT(visitor, link);

        stream_reset(dismiss(visitor));
        visitor = next;
    }
    websocket_closing_reset(&gate->closing);
    free(gate);
}
