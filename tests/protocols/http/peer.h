/*
 * A client made of bytes, for the tests of whatever speaks HTTP: a stream in memory, the loop it
 * lives in, and the answers as they stood on the wire.
 */
#ifndef DEVICEBOUND_TESTS_PROTOCOLS_HTTP_PEER_H
#define DEVICEBOUND_TESTS_PROTOCOLS_HTTP_PEER_H

#include "protocols/stream/loop.h"
#include "protocols/stream/stream.h"
#include "tests/suite.h"

#include <stdarg.h>

/* ---- the loop ---- */

struct bench {
    struct loop *loop;
    bool (*end_turn)(void *context); /* NULL: nothing to commit */
    void *context;
};

/* Runs turns until `done`; fails the test after ten seconds. */
void bench_run_until(struct bench *bench, bool (*done)(void *context), void *context);

/* Runs turns for so long. */
void bench_run_for(struct bench *bench, int64_t delay_ms);

/* ---- the client ---- */

struct peer;

/* Hand peer_stream to the server under test, once. Returns owned. */
struct peer *peer_create(struct bench *bench);
struct stream *peer_stream(struct peer *peer);
void peer_free(struct peer *peer);

void peer_set_certificate(struct peer *peer, struct x509_st *certificate, bool chain_is_trusted);

void peer_send(struct peer *peer, const void *bytes, size_t length);
void peer_print(struct peer *peer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sends no more; or is gone altogether. Both are `ended` to the stream's owner. */
void peer_end(struct peer *peer);

/* Takes nothing of what is written to it, until told to again. */
void peer_stall(struct peer *peer, bool stalled);

bool peer_is_closed(const struct peer *peer); /* by the other side */
bool peer_is_reset(const struct peer *peer);

/* Everything received so far. Borrowed. */
const char *peer_received(const struct peer *peer, size_t *length);

/* ---- answers ---- */

struct answer {
    int status;
    char *head; /* status line and headers, with their line ends */
    char *body;
    size_t body_length;
};

/* Waits for the next complete answer of this peer. Valid until the peer's next answer. */
struct answer *peer_answer(struct peer *peer);

/* Sends the formatted text and waits for its answer. */
struct answer *peer_ask(struct peer *peer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The value of a header spelled exactly so; NULL: there is none. Valid until the next call. */
const char *answer_header(const struct answer *answer, const char *name);

/* ck_assert, with the whole answer in the failure. */
void answer_check_status(const struct answer *answer, int status);

#endif
