/*
 * Clients that do not trust the hub's certificate, as far as can be seen: who of them is worth a
 * line in the log. SDKs try again in silence, so the hub has to say it, but not each time. Called
 * by socket_stream.
 *
 * The first time for an address is told, then no more than once in DISTRUST_QUIET_MS with how many
 * there were in between. While DISTRUST_PEERS_MAX addresses were told within that time, others are
 * only counted.
 *
 * Sources: RFC 8446 section 6.2 and RFC 5246 section 7.2.2 (bad_certificate, certificate_unknown,
 * unknown_ca).
 */
#ifndef DEVICEBOUND_PROTOCOLS_STREAM_DISTRUST_H
#define DEVICEBOUND_PROTOCOLS_STREAM_DISTRUST_H

#include <stdbool.h>
#include <stdint.h>

#define DISTRUST_PEERS_MAX 16
#define DISTRUST_QUIET_MS 60000

enum distrust_sign {
    DISTRUST_ALERT, /* the client said so */
    DISTRUST_CLOSE, /* it saw the certificate and left without a word */
    DISTRUST_SIGN_COUNT
};

struct distrust;

/* Returns owned. */
struct distrust *distrust_create(void);
void distrust_free(struct distrust *distrust);

/* Counts one of `address`, host and port, of which the host matters. `now_ms` is monotonic. True:
 * it is to be told, as is `*untold`, how many of that host were not. */
bool distrust_note(struct distrust *distrust, enum distrust_sign sign, const char *address,
    int64_t now_ms, uint64_t *untold);

/* A TLS peer has ended its connection; `error` is OpenSSL's, 0: none; `is_sight`: the certificate
 * was the last thing it saw. Notes it if that is a sign, and logs what is to be told. */
void distrust_look(
    struct distrust *distrust, const char *address, unsigned long error, bool is_sight);

uint64_t distrust_count(const struct distrust *distrust, enum distrust_sign sign);

#endif
