/*
 * A client over TCP, with TLS or without, that lives in the loop of the streams it talks to: the
 * other end of a socket stream. What it does not take stays in the kernel.
 */
#ifndef DEVICEBOUND_TESTS_PROTOCOLS_STREAM_TCP_PEER_H
#define DEVICEBOUND_TESTS_PROTOCOLS_STREAM_TCP_PEER_H

#include "protocols/stream/socket_stream.h"
#include "tests/suite.h"

enum tcp_kind {
    TCP_PLAIN,
    TCP_TLS_1_2,
    TCP_TLS_1_3,
    TCP_KIND_COUNT
};

struct tcp_peer;

/* Two connected sockets; `*accepted` is the server's, with small buffers. */
struct tcp_peer *tcp_peer_create(struct loop *loop, enum tcp_kind kind, int *accepted);
void tcp_peer_free(struct tcp_peer *peer);

/* The session that goes with the kind; NULL: plain. Its certificate is signed by the test's CA,
 * which it trusts for clients as well. Returns owned. */
struct ssl_st *tcp_server_session(enum tcp_kind kind);

/* Before the handshake: shows a certificate, of that CA or its own. */
void tcp_peer_certify(struct tcp_peer *peer, bool by_ca);

/* Before the handshake: trusts nobody. */
void tcp_peer_distrust(struct tcp_peer *peer);

/* Sends its hello and stalls; whether the answer is there. */
void tcp_peer_hello(struct tcp_peer *peer);
bool tcp_peer_is_answered(const struct tcp_peer *peer);

/* Copies; goes out as the other side takes it. */
void tcp_peer_send(struct tcp_peer *peer, const void *bytes, size_t length);
bool tcp_peer_has_sent(const struct tcp_peer *peer); /* all of it, to the kernel */

/* Past TLS: for half a handshake, and other nonsense. */
void tcp_peer_send_raw(struct tcp_peer *peer, const void *bytes, size_t length);

/* Neither reads nor writes, until told to again. */
void tcp_peer_stall(struct tcp_peer *peer, bool stalled);

/* What came so far, and the size of the first piece as one read gave it. */
const uint8_t *tcp_peer_received(const struct tcp_peer *peer, size_t *length);
size_t tcp_peer_first_piece(const struct tcp_peer *peer);

enum tcp_end {
    TCP_OPEN,
    TCP_CLOSED, /* in order: FIN, with TLS after its alert */
    TCP_CUT, /* FIN without the alert */
    TCP_RESET
};
enum tcp_end tcp_peer_end(const struct tcp_peer *peer); /* how the other side ended */

void tcp_peer_close(struct tcp_peer *peer); /* alert and FIN; goes on reading */
void tcp_peer_shut(struct tcp_peer *peer); /* FIN alone */
void tcp_peer_reset(struct tcp_peer *peer);

#endif
