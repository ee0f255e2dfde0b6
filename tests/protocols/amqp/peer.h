/*
 * A hub in memory with an AMQP server, and peers that speak to it in single frames, as the SDKs do:
 * each test writes the frames of one and reads what comes back in its order.
 */
#ifndef DEVICEBOUND_TESTS_PROTOCOLS_AMQP_PEER_H
#define DEVICEBOUND_TESTS_PROTOCOLS_AMQP_PEER_H

#include "protocols/amqp/amqp.h"
#include "protocols/amqp/message_codec.h"
#include "tests/protocols/amqp/memory_stream.h"

#define TEST_HOST "hub.local"
#define TEST_NOW ((struct instant){1700000000LL * 1000000})

struct bench {
    struct clock *clock;
    struct hub *hub;
    struct sessions *sessions;
    struct auth *auth;
    struct loop *loop;
    struct amqp_server *server;
    struct peer *peers;
};

/* Devices d1 and d2, d%3 and one that is disabled ("off"), all with TEST_KEY, as every policy. */
void bench_open(struct bench *bench);
void bench_open_with(struct bench *bench, const struct amqp_options *options);
void bench_close(struct bench *bench);

/* Takes another `auth` for connections from now on. */
void bench_use_auth(struct bench *bench, struct auth *auth);

/* Runs streams, timers and commits until nothing happens any more. */
void bench_run(struct bench *bench);

/* Moves the hub's clock and runs. */
void bench_advance(struct bench *bench, struct duration by);

/* How many messages a device has that are waiting, and that are locked. */
struct queue_counts bench_counts(struct bench *bench, const char *device_id);

/* The operator disables the device. */
void bench_disable(struct bench *bench, const char *device_id);

/* From now on every commit fails, or succeeds again. */
void bench_break_commits(struct bench *bench, bool broken);

/* Enqueues a message as another protocol would. Full feedback is asked for. */
void bench_send(
    struct bench *bench, const char *device_id, const char *message_id, const char *body);

/* ---- peers ---- */

enum frame_code {
    FRAME_EMPTY = 0,
    FRAME_HEADER_AMQP = 1, /* protocol headers count as frames here */
    FRAME_HEADER_SASL = 2,
    FRAME_OPEN = 0x10,
    FRAME_BEGIN,
    FRAME_ATTACH,
    FRAME_FLOW,
    FRAME_TRANSFER,
    FRAME_DISPOSITION,
    FRAME_DETACH,
    FRAME_END,
    FRAME_CLOSE,
    FRAME_MECHANISMS = 0x40,
    FRAME_INIT,
    FRAME_OUTCOME = 0x44
};

/* A frame from the server; valid until the next one is read. */
struct frame_seen {
    enum frame_code code;
    uint16_t channel;
    struct value fields[14];
    struct text payload;
};

struct peer {
    struct bench *bench;
    struct memory_stream stream;
    struct frame_seen frame;
    uint32_t next_id; /* of deliveries it sends, on any channel */
    uint16_t attached_channel; /* of the last peer_put_attach */
    uint32_t attached_handle;
    struct peer *prev, *next;
};

/* Connects; nothing is sent. */
void peer_connect(struct peer *peer, struct bench *bench);
/* The same for a peer whose bench and stream are prepared, with a certificate for example. */
void peer_accept(struct peer *peer);
void peer_release(struct peer *peer);

void peer_write(struct peer *peer, const void *bytes, size_t length);
#define peer_write_literal(peer, literal) peer_write(peer, literal, sizeof(literal) - 1)

/* Puts one frame into the flight; the format is that of Proton's pn_data_fill. */
void peer_put(struct peer *peer, uint16_t channel, const char *format, ...);
void peer_put_sasl(struct peer *peer, const char *format, ...);

/* Puts a transfer with `payload` behind it. Returns its delivery id. */
struct transfer {
    uint16_t channel;
    uint32_t handle;
    bool settled, more, is_continuation, aborted;
};
uint32_t peer_put_transfer(struct peer *peer, struct transfer transfer, struct text payload);

/* Runs the bench, then reads the next frame, which has to be of that kind (flow frames are skipped
 * unless asked for). */
const struct frame_seen *peer_expect(struct peer *peer, enum frame_code code);
/* Any frame; NULL when there is none. */
const struct frame_seen *peer_next(struct peer *peer);
/* The connection's close, with whatever it closes before that: links and sessions. */
const struct frame_seen *peer_expect_close(struct peer *peer);
/* Runs, and fails unless nothing but flow frames came. */
void peer_expect_silence(struct peer *peer);

/* ---- what most tests begin with ---- */

/* AMQP header and open, both ways. */
void peer_open(struct peer *peer);
void peer_begin(struct peer *peer, uint16_t channel);

/* Attach; fails unless it is answered in kind. Handle and link name are given by the caller. */
void peer_attach_sender(
    struct peer *peer, uint16_t channel, uint32_t handle, const char *name, const char *target);
void peer_attach_receiver(
    struct peer *peer, uint16_t channel, uint32_t handle, const char *name, const char *source);
/* The same with settle modes: sender's, receiver's. */
void peer_attach_receiver_with(struct peer *peer, uint16_t channel, uint32_t handle,
    const char *name, const char *source, int snd_mode, int rcv_mode);
/* Only puts the attach; `source` and `target` NULL: without address. */
struct attach {
    uint16_t channel;
    uint32_t handle;
    const char *name;
    bool receives;
    int snd_mode, rcv_mode;
    const char *source, *target;
    const char *channel_id; /* property com.microsoft:channel-correlation-id; NULL: none */
};
void peer_put_attach(struct peer *peer, struct attach attach);
/* An attach with both termini null, then detach, closed, with that condition and error code; the
 * peer's own detach is put too. */
void peer_expect_refusal(struct peer *peer, const char *condition, int code);
/* The link ends from here: detach, closed, with that condition and code. */
void peer_expect_detach(struct peer *peer, const char *condition, int code);
void peer_flow(
    struct peer *peer, uint16_t channel, uint32_t handle, uint32_t delivery_count, uint32_t credit);

/* Attaches $cbs on channel 0 (handles 0 and 1) and puts a token; returns the status. */
int peer_put_token(struct peer *peer, const char *token);

/* Connected and with a token: of the policy "service", of the device. Session 0 is begun. */
void peer_open_service(struct peer *peer, struct bench *bench);
void peer_open_device(struct peer *peer, struct bench *bench, const char *device_id);

/* A put-token request as Node writes it. `message_id` is encoded; NULL: none. */
void write_put_token(
    struct writer *writer, const struct writer *message_id, const char *name, const char *token);

/* A message to a device; `to` NULL: none. */
void write_message(struct writer *writer, const char *to, const char *message_id, const char *ack,
    const char *body);

/* A disposition of the peer: role receiver, outcome by descriptor. */
void peer_put_outcome(struct peer *peer, uint16_t channel, uint32_t first, uint32_t last,
    bool settled, uint64_t outcome);

/* The condition of the error in a detach, end or close frame, or of a rejected disposition; "" when
 * there is none. Returned borrowed until the next call. */
const char *frame_condition(const struct frame_seen *frame);
/* Its description. */
const char *frame_description(const struct frame_seen *frame);
/* The outcome of a disposition; 0: none. */
uint64_t frame_outcome(const struct frame_seen *frame);

/* The number after "errorCode": of its description; 0: none. */
int frame_error_code(const struct frame_seen *frame);

struct text writer_text(const struct writer *writer);

#endif
