/*
 * Looks at each frame of a peer before Proton does, and stops what Proton's engine takes on trust:
 * it aborts the process on some of it (a first transfer without a delivery id), and corrupts its
 * own tables on other (a channel or handle used twice, a transfer on a link whose peer receives).
 * It also counts sessions and links. Called by connection.c; one guard for each connection.
 *
 * Source: OASIS AMQP 1.0 part 2, sections 2.3 (framing), 2.5 (sessions), 2.6 (links), 2.7.
 */
#ifndef DEVICEBOUND_PROTOCOLS_AMQP_FRAME_GUARD_H
#define DEVICEBOUND_PROTOCOLS_AMQP_FRAME_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AMQP_FRAME_MAX 65536 /* advertised as max-frame-size */
#define AMQP_CHANNEL_MAX 8191 /* advertised as channel-max */
#define AMQP_SESSIONS_MAX 2048 /* of one connection */
#define AMQP_LINKS_MAX 8192 /* of one connection */

enum guard_phase {
    GUARD_HEADER, /* the first eight bytes */
    GUARD_SASL, /* one sasl-init, then the AMQP header */
    GUARD_OPEN, /* the open frame */
    GUARD_FRAMES,
    GUARD_CLOSED /* the peer has said close: nothing may follow */
};

struct guarded_session;

struct frame_guard {
    enum guard_phase phase;
    bool sasl_init_seen;
    struct guarded_session *sessions; /* by the peer's channel */
    size_t session_count, link_count;
};

enum guard_verdict {
    GUARD_PASS, /* `*length` bytes are whole and may go to Proton */
    GUARD_WAIT, /* the frame is not complete */
    GUARD_REFUSE /* `*mistake` says why: end the connection */
};

/* What is wrong with a frame. Static texts. */
struct guard_mistake {
    const char *condition;
    const char *sentence;
};

void frame_guard_init(struct frame_guard *guard);
void frame_guard_release(struct frame_guard *guard);

/* Judges what stands at the beginning of `bytes`: a protocol header or one frame. */
enum guard_verdict frame_guard_judge(struct frame_guard *guard, const uint8_t *bytes,
    size_t available, size_t *length, struct guard_mistake *mistake);

#endif
