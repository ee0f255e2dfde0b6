#include "protocols/amqp/frame_guard.h"

#include "protocols/amqp/value.h"
#include "store/memory.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define HEADER_SIZE 8
#define FRAME_TYPE_AMQP 0
#define FRAME_TYPE_SASL 1
#define DELIVERY_TAG_MAX 32
#define LINK_NAME_MAX 1024

/* Descriptors of the performatives. */
enum performative {
    PERFORMATIVE_OPEN = 0x10,
    PERFORMATIVE_BEGIN,
    PERFORMATIVE_ATTACH,
    PERFORMATIVE_FLOW,
    PERFORMATIVE_TRANSFER,
    PERFORMATIVE_DISPOSITION,
    PERFORMATIVE_DETACH,
    PERFORMATIVE_END,
    PERFORMATIVE_CLOSE,
    PERFORMATIVE_SASL_INIT = 0x41
};

struct guarded_link {
    uint32_t handle;
    bool peer_sends;
    bool in_delivery; /* the last transfer said that more comes */
    uint32_t delivery_id; /* of that one */
    UT_hash_handle hh;
};

struct guarded_session {
    uint16_t channel;
    struct guarded_link *links; /* by the peer's handle */
    UT_hash_handle hh;
};

/* One frame, taken apart. */
struct frame {
    uint16_t channel;
    enum performative performative;
    struct value fields[12];
    const char *mistake; /* the condition, once something is wrong */
    const char *sentence;
};

void frame_guard_init(struct frame_guard *guard)
{
    *guard = (struct frame_guard){.phase = GUARD_HEADER};
}

static void session_free(struct frame_guard *guard, struct guarded_session *session)
{
    struct guarded_link *link, *next;
    HASH_ITER (hh, session->links, link, next) {
        HASH_DEL(session->links, link);
        guard->link_count--;
        free(link);
    }
    HASH_DEL(guard->sessions, session);
    guard->session_count--;
    free(session);
}

void frame_guard_release(struct frame_guard *guard)
{
    struct guarded_session *session, *next;
    HASH_ITER (hh, guard->sessions, session, next) {
        session_free(guard, session);
    }
}

static bool fail(struct frame *frame, const char *condition, const char *sentence)
{
    frame->mistake = condition;
    frame->sentence = sentence;
    return false;
}

static bool malformed(struct frame *frame, const char *sentence)
{
    return fail(frame, "amqp:connection:framing-error", sentence);
}

static bool invalid(struct frame *frame, const char *sentence)
{
    return fail(frame, "amqp:invalid-field", sentence);
}

/* ---- sessions and links ---- */

static struct guarded_session *session_find(struct frame_guard *guard, uint16_t channel)
{
    struct guarded_session *session;
    HASH_FIND(hh, guard->sessions, &channel, sizeof(channel), session);
    return session;
}

static struct guarded_link *link_find(struct guarded_session *session, uint32_t handle)
{
    struct guarded_link *link;
    HASH_FIND(hh, session->links, &handle, sizeof(handle), link);
    return link;
}

static bool field_is_uint(const struct frame *frame, size_t index)
{
    const struct value *field = &frame->fields[index];
    return field->type == VALUE_UNSIGNED &&
           (field->code == 0x70 || field->code == 0x52 || field->code == 0x43);
}

static bool field_is_true(const struct frame *frame, size_t index)
{
    return frame->fields[index].type == VALUE_BOOLEAN && frame->fields[index].is.boolean;
}

static bool field_is_absent(const struct frame *frame, size_t index)
{
    return frame->fields[index].type == VALUE_NULL;
}

static bool judge_begin(struct frame_guard *guard, struct frame *frame)
{
    /* The server begins no session, so there is none to answer. */
    if (!field_is_absent(frame, 0)) {
        return invalid(frame, "begin answers a session that was not begun");
    }
    if (frame->channel > AMQP_CHANNEL_MAX) {
        return malformed(frame, "the channel is above channel-max");
    }
    if (session_find(guard, frame->channel)) {
        return fail(frame, "amqp:not-allowed", "the channel already has a session");
    }
    if (guard->session_count == AMQP_SESSIONS_MAX) {
        return fail(frame, "amqp:resource-limit-exceeded", "too many sessions");
    }
    struct guarded_session *session = memory_allocate(sizeof(*session));
    session->channel = frame->channel;
    HASH_ADD(hh, guard->sessions, channel, sizeof(session->channel), session);
    guard->session_count++;
    return true;
}

static bool judge_attach(
    struct frame_guard *guard, struct guarded_session *session, struct frame *frame)
{
    struct text name = value_text(&frame->fields[0]);
    if (!name.bytes || name.length > LINK_NAME_MAX || memchr(name.bytes, 0, name.length) ||
        !field_is_uint(frame, 1) || frame->fields[2].type != VALUE_BOOLEAN) {
        return invalid(frame, "attach lacks a name, a handle or a role");
    }
    uint32_t handle = (uint32_t)frame->fields[1].is.number;
    if (handle > INT32_MAX) {
        return malformed(frame, "the handle is above handle-max");
    }
    if (link_find(session, handle)) {
        return fail(frame, "amqp:session:handle-in-use", "the handle is in use");
    }
    if (guard->link_count == AMQP_LINKS_MAX) {
        return fail(frame, "amqp:resource-limit-exceeded", "too many links");
    }
    struct guarded_link *link = memory_allocate(sizeof(*link));
    link->handle = handle;
    link->peer_sends = !frame->fields[2].is.boolean;
    HASH_ADD(hh, session->links, handle, sizeof(link->handle), link);
    guard->link_count++;
    return true;
}

static struct guarded_link *judge_handle(struct guarded_session *session, struct frame *frame)
{
    struct guarded_link *link =
        field_is_uint(frame, 0) ? link_find(session, (uint32_t)frame->fields[0].is.number) : NULL;
    if (!link) {
        fail(frame, "amqp:session:unattached-handle", "the handle has no link");
    }
    return link;
}

/* A delivery's first transfer carries its id and tag; later ones repeat or omit them. */
static bool judge_transfer(struct guarded_session *session, struct frame *frame)
{
    struct guarded_link *link = judge_handle(session, frame);
    if (!link) {
        return false;
    }
    if (!link->peer_sends) {
        return fail(frame, "amqp:not-allowed", "transfer on a link whose peer receives");
    }
    bool has_id = field_is_uint(frame, 1);
    uint32_t id = (uint32_t)frame->fields[1].is.number;
    const struct value *tag = &frame->fields[2];
    if (!link->in_delivery) {
        if (!has_id || tag->type != VALUE_BINARY || tag->length > DELIVERY_TAG_MAX) {
            return invalid(frame, "the first transfer of a delivery lacks its id or tag");
        }
        link->delivery_id = id;
    } else if ((!field_is_absent(frame, 1) && !has_id) || (has_id && id != link->delivery_id)) {
        return invalid(frame, "a delivery begins before the last one is complete");
    }
    link->in_delivery = field_is_true(frame, 5) && !field_is_true(frame, 9);
    return true;
}

static bool judge_detach(
    struct frame_guard *guard, struct guarded_session *session, struct frame *frame)
{
    struct guarded_link *link = judge_handle(session, frame);
    if (!link) {
        return false;
    }
    HASH_DEL(session->links, link);
    guard->link_count--;
    free(link);
    return true;
}

static bool judge_disposition(struct frame *frame)
{
    if (frame->fields[0].type != VALUE_BOOLEAN || !field_is_uint(frame, 1) ||
        (!field_is_absent(frame, 2) && !field_is_uint(frame, 2))) {
        return invalid(frame, "disposition lacks a role or a first id");
    }
    return true;
}

static bool judge_in_session(struct frame_guard *guard, struct frame *frame)
{
    struct guarded_session *session = session_find(guard, frame->channel);
    if (!session) {
        return fail(frame, "amqp:not-allowed", "the channel has no session");
    }
    switch (frame->performative) {
    case PERFORMATIVE_ATTACH:
        return judge_attach(guard, session, frame);
    case PERFORMATIVE_FLOW:
        return field_is_absent(frame, 4) ||
               (field_is_uint(frame, 4) &&
                   link_find(session, (uint32_t)frame->fields[4].is.number) != NULL) ||
               fail(frame, "amqp:session:unattached-handle", "flow for a handle without link");
    case PERFORMATIVE_TRANSFER:
        return judge_transfer(session, frame);
    case PERFORMATIVE_DISPOSITION:
        return judge_disposition(frame);
    case PERFORMATIVE_DETACH:
        return judge_detach(guard, session, frame);
    case PERFORMATIVE_END:
        session_free(guard, session);
        return true;
    default:
        return malformed(frame, "unknown performative");
    }
}

static bool judge_performative(struct frame_guard *guard, struct frame *frame)
{
    if (guard->phase == GUARD_OPEN) {
        if (frame->performative != PERFORMATIVE_OPEN) {
            return malformed(frame, "the first frame is not open");
        }
        guard->phase = GUARD_FRAMES;
        return true;
    }
    switch (frame->performative) {
    case PERFORMATIVE_OPEN:
        return malformed(frame, "open comes a second time");
    case PERFORMATIVE_BEGIN:
        return judge_begin(guard, frame);
    case PERFORMATIVE_CLOSE:
        guard->phase = GUARD_CLOSED;
        return true;
    default:
        return judge_in_session(guard, frame);
    }
}

/* ---- bytes ---- */

static uint32_t frame_size(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The performative and its first fields; a transfer's payload lies behind them. */
static bool take_apart(struct frame *frame, const uint8_t *body, size_t length)
{
    struct reader reader = reader_of(body, length);
    struct value performative;
    if (!read_value(&reader, &performative) || !performative.is_described ||
        performative.type != VALUE_LIST) {
        return malformed(frame, "the frame holds no performative");
    }
    frame->performative = (enum performative)performative.descriptor;
    struct reader fields = reader_of_elements(&performative);
    for (uint32_t i = 0; i < performative.count; i++) {
        struct value field;
        if (!read_value(&fields, &field)) {
            return malformed(frame, "a field of the performative is malformed");
        }
        if (i < sizeof(frame->fields) / sizeof(frame->fields[0])) {
            frame->fields[i] = field;
        }
    }
    return true;
}

static bool judge_frame(struct frame_guard *guard, const uint8_t *bytes, struct frame *frame)
{
    uint32_t size = frame_size(bytes);
    size_t offset = 4 * (size_t)bytes[4];
    uint8_t type = bytes[5];
    frame->channel = (uint16_t)(bytes[6] << 8 | bytes[7]);
    if (offset < HEADER_SIZE || offset > size) {
        return malformed(frame, "the data offset lies outside the frame");
    }
    if (type != (guard->phase == GUARD_SASL ? FRAME_TYPE_SASL : FRAME_TYPE_AMQP)) {
        return malformed(frame, "a frame of another type than this phase has");
    }
    if (guard->phase == GUARD_CLOSED) {
        return malformed(frame, "a frame comes after close");
    }
    if (offset == size && guard->phase != GUARD_SASL) {
        return true;
    }
    if (!take_apart(frame, bytes + offset, size - offset)) {
        return false;
    }
    if (guard->phase != GUARD_SASL) {
        return judge_performative(guard, frame);
    }
    /* None of the mechanisms challenges, so a peer has one thing to say. */
    if (frame->performative != PERFORMATIVE_SASL_INIT || guard->sasl_init_seen ||
        frame->fields[0].type != VALUE_SYMBOL || frame->fields[0].length == 0 ||
        frame->fields[0].length > 64) {
        return malformed(frame, "something else than one sasl-init");
    }
    guard->sasl_init_seen = true;
    return true;
}

/* `AMQP 3 1 0 0` begins SASL, `AMQP 0 1 0 0` the protocol itself; after SASL only the latter. */
static enum guard_verdict judge_header(struct frame_guard *guard, const uint8_t *bytes,
    size_t available, size_t *length, struct guard_mistake *mistake)
{
    static const uint8_t amqp[HEADER_SIZE] = {'A', 'M', 'Q', 'P', 0, 1, 0, 0};
    static const uint8_t sasl[HEADER_SIZE] = {'A', 'M', 'Q', 'P', 3, 1, 0, 0};
    size_t known = available < HEADER_SIZE ? available : HEADER_SIZE;
    bool may_be_amqp = memcmp(bytes, amqp, known) == 0;
    bool may_be_sasl = guard->phase == GUARD_HEADER && memcmp(bytes, sasl, known) == 0;
    if (!may_be_amqp && !may_be_sasl) {
        *mistake = (struct guard_mistake){
            "amqp:connection:framing-error", "the protocol header is not that of AMQP 1.0"};
        return GUARD_REFUSE;
    }
    if (available < HEADER_SIZE) {
        return GUARD_WAIT;
    }
    guard->phase = may_be_amqp ? GUARD_OPEN : GUARD_SASL;
    *length = HEADER_SIZE;
    return GUARD_PASS;
}

enum guard_verdict frame_guard_judge(struct frame_guard *guard, const uint8_t *bytes,
    size_t available, size_t *length, struct guard_mistake *mistake)
{
    if (available == 0) {
        return GUARD_WAIT;
    }
    if (guard->phase == GUARD_HEADER || (guard->phase == GUARD_SASL && bytes[0] == 'A')) {
        return judge_header(guard, bytes, available, length, mistake);
    }
    if (available < HEADER_SIZE) {
        return GUARD_WAIT;
    }
    uint32_t size = frame_size(bytes);
    if (size < HEADER_SIZE || size > AMQP_FRAME_MAX) {
        *mistake = (struct guard_mistake){
            "amqp:connection:framing-error", "the frame is smaller or larger than allowed"};
        return GUARD_REFUSE;
    }
    if (available < size) {
        return GUARD_WAIT;
    }
    struct frame frame = {0};
    if (!judge_frame(guard, bytes, &frame)) {
        *mistake = (struct guard_mistake){frame.mistake, frame.sentence};
        return GUARD_REFUSE;
    }
    *length = size;
    return GUARD_PASS;
}
