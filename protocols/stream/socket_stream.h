/*
 * Streams over sockets: TLS over TCP, or plain TCP. Called by server/listener with connected
 * descriptors; the protocols see a struct stream only. Belongs to the loop's thread.
 *
 * Small writes of one pass of the loop are gathered and leave together. A peer that does not read
 * is not read either once its output is full, so that it costs bounded memory and no time.
 *
 * Sources: RFC 8446 section 6 and RFC 5246 section 7.2 (alerts), tcp(7), socket(7).
 */
#ifndef DEVICEBOUND_PROTOCOLS_STREAM_SOCKET_STREAM_H
#define DEVICEBOUND_PROTOCOLS_STREAM_SOCKET_STREAM_H

#include "protocols/stream/distrust.h"
#include "protocols/stream/loop.h"
#include "protocols/stream/stream.h"

struct ssl_st; /* OpenSSL's SSL */
struct socket_streams;

/* How long a peer may take, in milliseconds. */
struct socket_deadlines {
    int64_t handshake; /* of TLS: 10,000 */
    int64_t flush; /* to read the last output of a stream that was closed: 2,000 */
    int64_t farewell; /* to end too once our own end was sent: 1,000 */
};

/* All socket streams of one loop. Borrows the loop, copies `deadlines`; NULL: those above. Returns
 * owned. */
struct socket_streams *socket_streams_create(
    struct loop *loop, const struct socket_deadlines *deadlines);

/* Resets what is left; no owner hears of it. */
void socket_streams_free(struct socket_streams *streams);

/* Takes the stream. */
typedef void socket_stream_accepted(void *context, struct stream *stream);

/* Takes `descriptor`, a connected TCP socket, and `ssl`, a session in accept state without a
 * BIO; NULL for plain TCP. `accepted` gets the stream once the handshake is done: from the loop
 * with TLS, within this call without. A handshake that fails or takes too long ends in silence, but
 * for clients that do not trust the certificate: the log warns of them. */
void socket_streams_add(struct socket_streams *streams, int descriptor, struct ssl_st *ssl,
    socket_stream_accepted *accepted, void *context);

/* Those in handshake and those that still close included. */
size_t socket_streams_count(const struct socket_streams *streams);

/* How many clients gave that sign of not trusting the certificate. */
uint64_t socket_streams_distrusts(const struct socket_streams *streams, enum distrust_sign sign);

/* The process stops: handshakes are cut. */
void socket_streams_end_handshakes(struct socket_streams *streams);

/* And when that was not enough: the owners of all open streams are told `ended`. */
void socket_streams_end_all(struct socket_streams *streams);

#endif
