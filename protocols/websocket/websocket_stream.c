/*
 * One WebSocket connection, seen by its owner as a stream.
 *
 *            owner closes: send Close 1000
 *      OPEN ------------------------------> CLOSING
 *       |                                      |
 *       | Close, bad frame, lower ended        | Close, bad frame, lower ended, 1 s
 *       v                                      v
 *     ENDING --- told ---> ENDED -----------> GONE
 *       |                  owner closes        ^
 *       +--------------------------------------+
 */
#include "protocols/websocket/websocket_stream.h"

#include "protocols/websocket/input.h"
#include "store/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <wslay/wslay.h>

#define CONTROL_PAYLOAD_MAX 125

enum phase {
    PHASE_OPEN, /* frames go both ways */
    PHASE_ENDING, /* the peer is gone, which the owner has yet to be told */
    PHASE_ENDED, /* told; the owner has yet to close */
    PHASE_CLOSING, /* the owner has closed; the peer may still answer our close frame */
    PHASE_GONE, /* the lower stream is closed; freed as soon as nothing runs in it */
    PHASE_COUNT
};

static const bool phase_may_follow[PHASE_COUNT][PHASE_COUNT] = {
    [PHASE_OPEN] = {[PHASE_ENDING] = true, [PHASE_CLOSING] = true, [PHASE_GONE] = true},
    [PHASE_ENDING] = {[PHASE_ENDED] = true, [PHASE_GONE] = true},
    [PHASE_ENDED] = {[PHASE_GONE] = true},
    [PHASE_CLOSING] = {[PHASE_GONE] = true},
};

struct websocket_stream {
    struct stream base;
    struct stream *lower;
    struct loop_timer *timer; /* to come back from the loop; while closing, the deadline */
    struct websocket_closing *closing;
    LIST_ENTRY(websocket_stream) link; /* of `closing` */
    wslay_frame_context_ptr frames;
    enum phase phase;
    bool hide_certificate;
    bool running; /* within `run`: its caller comes back to free */
    bool input_is_new; /* the owner has not been called since it came */
    bool stalled; /* input was full: the lower stream may hold more */
    bool lower_ended;
    /* the frame that is being read */
    bool in_frame;
    bool in_message; /* the next data frame has to be a continuation */
    uint64_t frame_left;
    uint8_t control[CONTROL_PAYLOAD_MAX];
    size_t control_length;
    struct input input; /* payload that the owner has not consumed */
};

static void enter(struct websocket_stream *websocket, enum phase phase)
{
    if (!phase_may_follow[websocket->phase][phase]) {
        abort();
    }
    websocket->phase = phase;
}

static struct websocket_stream *of(const struct stream *stream)
{
    return (struct websocket_stream *)stream;
}

/* ---- frames out ---- */

static ssize_t send_bytes(const uint8_t *bytes, size_t length, int flags, void *context)
{
    struct websocket_stream *websocket = context;

    (void)flags;
    stream_write(websocket->lower, bytes, length);
    return (ssize_t)length;
}

static void send_frame(
    struct websocket_stream *websocket, uint8_t opcode, const void *payload, size_t length)
{
    struct wslay_frame_iocb frame = {
        .fin = 1,
        .opcode = opcode,
        .payload_length = length,
        .data = payload,
        .data_length = length,
    };

    /* The lower stream takes all there is, so one call sends the whole frame. */
    if (wslay_frame_send(websocket->frames, &frame) != (ssize_t)length) {
        abort();
    }
}

/* `status` 0: without one. */
static void send_close(struct websocket_stream *websocket, unsigned status)
{
    uint8_t payload[2] = {(uint8_t)(status >> 8), (uint8_t)status};

    send_frame(websocket, WSLAY_CONNECTION_CLOSE, payload, status ? 2 : 0);
}

/* ---- ends ---- */

static void free_websocket(struct websocket_stream *websocket)
{
    loop_timer_free(websocket->timer);
    wslay_frame_context_free(websocket->frames);
    input_release(&websocket->input);
    free(websocket);
}

/* Ends the lower stream; whoever calls from outside of `run` then frees. */
static void finish(struct websocket_stream *websocket, void (*end)(struct stream *stream))
{
    if (websocket->phase == PHASE_CLOSING) {
        LIST_REMOVE(websocket, link);
    }
    enter(websocket, PHASE_GONE);
    end(websocket->lower);
}

static void finish_and_free(struct websocket_stream *websocket, void (*end)(struct stream *stream))
{
    bool freed_by_run = websocket->running;

    finish(websocket, end);
    if (!freed_by_run) {
        free_websocket(websocket);
    }
}

/* Nothing more comes from the peer. */
static void peer_is_gone(struct websocket_stream *websocket)
{
    if (websocket->phase == PHASE_CLOSING) {
        finish(websocket, stream_close);
    } else if (websocket->phase == PHASE_OPEN) {
        enter(websocket, PHASE_ENDING);
    }
}

static void refuse_frame(struct websocket_stream *websocket, unsigned status)
{
    if (websocket->phase == PHASE_OPEN) {
        send_close(websocket, status);
    }
    peer_is_gone(websocket);
}

/* ---- frames in ---- */

/* The status to answer a close frame with: its own if it is one (RFC 6455 section 7.4), else none;
 * one client sends the digits of 1000 as text. */
static unsigned close_status(const struct websocket_stream *websocket)
{
    unsigned status;

    if (websocket->control_length < 2) {
        return 0;
    }
    status = (unsigned)websocket->control[0] << 8 | websocket->control[1];
    if ((status >= 1000 && status <= 1003) || (status >= 1007 && status <= 1011) ||
        (status >= 3000 && status <= 4999)) {
        return status;
    }
    return 0;
}

static void control_complete(struct websocket_stream *websocket, uint8_t opcode)
{
    if (opcode == WSLAY_CONNECTION_CLOSE) {
        refuse_frame(websocket, close_status(websocket));
    } else if (opcode == WSLAY_PING && websocket->phase == PHASE_OPEN &&
               !stream_output_is_full(websocket->lower)) {
        /* A peer that sends pings and reads nothing gets no more pongs. */
        send_frame(websocket, WSLAY_PONG, websocket->control, websocket->control_length);
    }
}

/* The status to refuse a frame with that begins so; 0: it is good. Wslay has checked lengths and
 * that control frames are whole. */
static unsigned check_frame(
    const struct websocket_stream *websocket, const struct wslay_frame_iocb *frame)
{
    if (frame->rsv != WSLAY_RSV_NONE) {
        return WSLAY_CODE_PROTOCOL_ERROR;
    }
    switch (frame->opcode) {
    case WSLAY_CONNECTION_CLOSE:
    case WSLAY_PING:
    case WSLAY_PONG:
        return 0;
    case WSLAY_CONTINUATION_FRAME:
        return frame->mask && websocket->in_message ? 0 : WSLAY_CODE_PROTOCOL_ERROR;
    case WSLAY_BINARY_FRAME:
        return frame->mask && !websocket->in_message ? 0 : WSLAY_CODE_PROTOCOL_ERROR;
    case WSLAY_TEXT_FRAME:
        return WSLAY_CODE_UNSUPPORTED_DATA;
    default:
        return WSLAY_CODE_PROTOCOL_ERROR;
    }
}

/* A piece of a frame's payload, or an empty frame. */
static void take_piece(struct websocket_stream *websocket, const struct wslay_frame_iocb *frame)
{
    bool is_control = wslay_is_ctrl_frame(frame->opcode);

    if (!websocket->in_frame) {
        unsigned status = check_frame(websocket, frame);

        if (status != 0) {
            refuse_frame(websocket, status);
            return;
        }
        websocket->in_frame = true;
        websocket->frame_left = frame->payload_length;
        websocket->control_length = 0;
    }
    websocket->frame_left -= frame->data_length;
    if (is_control && frame->data_length > 0) {
        memcpy(websocket->control + websocket->control_length, frame->data, frame->data_length);
        websocket->control_length += frame->data_length;
    } else if (!is_control && websocket->phase == PHASE_OPEN) {
        input_append(&websocket->input, frame->data, frame->data_length);
        websocket->input_is_new |= frame->data_length > 0;
    }
    if (websocket->frame_left > 0) {
        return;
    }
    websocket->in_frame = false;
    if (is_control) {
        control_complete(websocket, frame->opcode);
    } else {
        websocket->in_message = !frame->fin;
    }
}

static ssize_t receive_bytes(uint8_t *buffer, size_t size, int flags, void *context)
{
    struct websocket_stream *websocket = context;
    size_t length = 0;
    const uint8_t *bytes = stream_peek(websocket->lower, &length);

    (void)flags;
    if (length == 0) {
        return -1;
    }
    if (length > size) {
        length = size;
    }
    memcpy(buffer, bytes, length);
    stream_consume(websocket->lower, length);
    return (ssize_t)length;
}

static bool reads_frames(const struct websocket_stream *websocket)
{
    return websocket->phase == PHASE_OPEN || websocket->phase == PHASE_CLOSING;
}

/* Moves payload from the lower stream to the input. When the lower stream has ended, what it still
 * holds is all that comes, so the bound may be passed by that much. */
static void pump(struct websocket_stream *websocket)
{
    websocket->stalled = false;
    while (reads_frames(websocket)) {
        struct wslay_frame_iocb frame;
        ssize_t length;

        if (input_length(&websocket->input) >= STREAM_INPUT_MAX && !websocket->lower_ended) {
            websocket->stalled = true;
            return;
        }
        length = wslay_frame_recv(websocket->frames, &frame);
        if (length >= 0) {
            take_piece(websocket, &frame);
        } else if (length == WSLAY_ERR_WANT_READ) {
            if (websocket->lower_ended) {
                peer_is_gone(websocket);
            }
            return;
        } else {
            refuse_frame(websocket, WSLAY_CODE_PROTOCOL_ERROR);
        }
    }
}

static bool has_owner(const struct websocket_stream *websocket)
{
    return websocket->base.events && websocket->phase != PHASE_CLOSING &&
           websocket->phase != PHASE_GONE;
}

/* From the loop only: moves input and tells the owner, who may close at any call. */
static void run(struct websocket_stream *websocket)
{
    websocket->running = true;
    do {
        pump(websocket);
        if (has_owner(websocket) && websocket->input_is_new) {
            websocket->input_is_new = false;
            websocket->base.events->readable(websocket->base.owner);
        }
    } while (websocket->stalled && input_length(&websocket->input) < STREAM_INPUT_MAX);
    if (has_owner(websocket) && websocket->phase == PHASE_ENDING) {
        enter(websocket, PHASE_ENDED);
        websocket->base.events->ended(websocket->base.owner);
    }
    websocket->running = false;
    if (websocket->phase == PHASE_GONE) {
        free_websocket(websocket);
    }
}

/* ---- what the lower stream and the loop tell ---- */

static void lower_readable(void *owner)
{
    run(owner);
}

static void lower_writable(void *owner)
{
    struct websocket_stream *websocket = owner;

    if (has_owner(websocket) && websocket->base.events->writable) {
        websocket->base.events->writable(websocket->base.owner);
    }
}

static void lower_ended(void *owner)
{
    struct websocket_stream *websocket = owner;

    websocket->lower_ended = true;
    run(websocket);
}

static const struct stream_events lower_events = {
    .readable = lower_readable,
    .writable = lower_writable,
    .ended = lower_ended,
};

static void timer_fired(void *context)
{
    struct websocket_stream *websocket = context;

    if (websocket->phase == PHASE_CLOSING) {
        finish_and_free(websocket, stream_close);
    } else {
        run(websocket);
    }
}

/* ---- what the owner calls ---- */

static const uint8_t *websocket_peek(struct stream *stream, size_t *length)
{
    *length = input_length(&of(stream)->input);
    return input_bytes(&of(stream)->input);
}

static void websocket_consume(struct stream *stream, size_t length)
{
    struct websocket_stream *websocket = of(stream);

    input_consume(&websocket->input, length);
    if (websocket->stalled && !websocket->running) {
        loop_timer_arm(websocket->timer, 0);
    }
}

static void websocket_write(struct stream *stream, const void *bytes, size_t length)
{
    if (of(stream)->phase == PHASE_OPEN && length > 0) {
        send_frame(of(stream), WSLAY_BINARY_FRAME, bytes, length);
    }
}

static size_t websocket_output_pending(const struct stream *stream)
{
    /* The question also makes the lower stream tell when it is writable again. */
    (void)stream_output_is_full(of(stream)->lower);
    return stream_output_pending(of(stream)->lower);
}

static void websocket_set_owner(struct stream *stream)
{
    struct websocket_stream *websocket = of(stream);

    websocket->input_is_new = input_length(&websocket->input) > 0;
    if (websocket->input_is_new || websocket->phase == PHASE_ENDING) {
        loop_timer_arm(websocket->timer, 0);
    }
}

static void websocket_close(struct stream *stream)
{
    struct websocket_stream *websocket = of(stream);

    websocket->base.events = NULL;
    if (websocket->phase != PHASE_OPEN) {
        finish_and_free(websocket, stream_close);
        return;
    }
    send_close(websocket, WSLAY_CODE_NORMAL_CLOSURE);
    enter(websocket, PHASE_CLOSING);
    LIST_INSERT_HEAD(websocket->closing, websocket, link);
    input_consume(&websocket->input, input_length(&websocket->input));
    loop_timer_arm(websocket->timer, WEBSOCKET_CLOSE_WAIT_MS);
    if (!websocket->running) {
        /* The close frame may have been waiting behind a full input. */
        run(websocket);
    }
}

static void websocket_reset(struct stream *stream)
{
    of(stream)->base.events = NULL;
    finish_and_free(of(stream), stream_reset);
}

static const char *websocket_peer_address(const struct stream *stream)
{
    return stream_peer_address(of(stream)->lower);
}

static struct x509_st *websocket_peer_certificate(const struct stream *stream)
{
    return of(stream)->hide_certificate ? NULL : stream_peer_certificate(of(stream)->lower);
}

static bool websocket_peer_chain_is_trusted(const struct stream *stream)
{
    return !of(stream)->hide_certificate && stream_peer_chain_is_trusted(of(stream)->lower);
}

static bool websocket_is_websocket(const struct stream *stream)
{
    (void)stream;
    return true;
}

static const struct stream_operations operations = {
    .peek = websocket_peek,
    .consume = websocket_consume,
    .write = websocket_write,
    .output_pending = websocket_output_pending,
    .set_owner = websocket_set_owner,
    .close = websocket_close,
    .reset = websocket_reset,
    .peer_address = websocket_peer_address,
    .peer_certificate = websocket_peer_certificate,
    .peer_chain_is_trusted = websocket_peer_chain_is_trusted,
    .is_websocket = websocket_is_websocket,
};

struct stream *websocket_stream_create(struct loop *loop, struct stream *lower,
    bool hide_certificate, struct websocket_closing *closing)
{
    static const struct wslay_frame_callbacks callbacks = {
        .send_callback = send_bytes, .recv_callback = receive_bytes};
    struct websocket_stream *websocket = memory_allocate(sizeof(*websocket));

    websocket->base.operations = &operations;
    websocket->lower = lower;
    websocket->closing = closing;
    websocket->hide_certificate = hide_certificate;
    websocket->timer = loop_timer_create(loop, timer_fired, websocket);
    if (wslay_frame_context_init(&websocket->frames, &callbacks, websocket) != 0) {
        abort();
    }
    stream_set_owner(lower, &lower_events, websocket);
    return &websocket->base;
}

void websocket_closing_reset(struct websocket_closing *closing)
{
    struct websocket_stream *websocket = LIST_FIRST(closing);

    while (websocket) {
        struct websocket_stream *next = LIST_NEXT(websocket, link);

        finish_and_free(websocket, stream_reset);
        websocket = next;
    }
}
