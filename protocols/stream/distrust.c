#include "protocols/stream/distrust.h"

#include "store/clock.h"
#include "store/log.h"
#include "store/memory.h"

#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST_SIZE 80

struct peer {
    char host[HOST_SIZE];
    int64_t told_ms;
    uint64_t untold;
};

struct distrust {
    struct peer peers[DISTRUST_PEERS_MAX];
    size_t peer_count;
    uint64_t counts[DISTRUST_SIGN_COUNT];
};

struct distrust *distrust_create(void)
{
    return memory_allocate(sizeof(struct distrust));
}

void distrust_free(struct distrust *distrust)
{
    free(distrust);
}

static struct peer *find(struct distrust *distrust, const char *host)
{
    for (size_t i = 0; i < distrust->peer_count; i++) {
        if (strcmp(distrust->peers[i].host, host) == 0) {
            return &distrust->peers[i];
        }
    }
    return NULL;
}

/* Room for another, of whom nothing is remembered; NULL: there is none yet. */
static struct peer *make_room(struct distrust *distrust, int64_t now_ms)
{
    struct peer *oldest = &distrust->peers[0];
    if (distrust->peer_count < DISTRUST_PEERS_MAX) {
        return &distrust->peers[distrust->peer_count++];
    }
    for (size_t i = 1; i < DISTRUST_PEERS_MAX; i++) {
        oldest = distrust->peers[i].told_ms < oldest->told_ms ? &distrust->peers[i] : oldest;
    }
    return now_ms - oldest->told_ms < DISTRUST_QUIET_MS ? NULL : oldest;
}

bool distrust_note(struct distrust *distrust, enum distrust_sign sign, const char *address,
    int64_t now_ms, uint64_t *untold)
{
    const char *port = strrchr(address, ':');
    size_t length = port ? (size_t)(port - address) : strlen(address);
    char host[HOST_SIZE] = "";
    memcpy(host, address, length < HOST_SIZE ? length : HOST_SIZE - 1);
    distrust->counts[sign]++;
    struct peer *peer = find(distrust, host);
    if (peer && now_ms - peer->told_ms < DISTRUST_QUIET_MS) {
        peer->untold++;
        return false;
    }
    *untold = peer ? peer->untold : 0;
    peer = peer ? peer : make_room(distrust, now_ms);
    if (peer) {
        memcpy(peer->host, host, sizeof host);
        peer->told_ms = now_ms;
        peer->untold = 0;
    }
    return peer;
}

uint64_t distrust_count(const struct distrust *distrust, enum distrust_sign sign)
{
    return distrust->counts[sign];
}

/* The alerts of a client that does not know the CA, or finds another name in the certificate. */
static bool is_distrust(unsigned long error)
{
    int reason = ERR_GET_REASON(error);
    return ERR_GET_LIB(error) == ERR_LIB_SSL &&
           (reason == SSL_R_TLSV1_ALERT_UNKNOWN_CA || reason == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE ||
               reason == SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN);
}

/* Where OpenSSL has noted nothing, libevent tells SSL_ERROR_SYSCALL, which is of no library. */
static bool is_close(unsigned long error)
{
    return ERR_GET_LIB(error) == 0 || ERR_SYSTEM_ERROR(error) ||
           ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

void distrust_look(
    struct distrust *distrust, const char *address, unsigned long error, bool is_sight)
{
    bool is_alert = is_distrust(error);
    uint64_t untold;
    char more[24];
    if (!is_alert && !(is_sight && is_close(error))) {
        return;
    }
    if (distrust_note(distrust, is_alert ? DISTRUST_ALERT : DISTRUST_CLOSE, address,
            clock_monotonic_ms(), &untold)) {
        snprintf(more, sizeof more, "%" PRIu64, untold);
        LOG(LOG_WARN, "TLS-NOT-TRUSTED",
            is_alert ? "a client does not trust this hub's certificate: have it trust ca.pem"
                     : "a client left before its first byte: if it does not trust this hub's"
                       " certificate, have it trust ca.pem",
            {"address", address},
            {"reason", is_alert ? ERR_reason_error_string(error) : "the peer closed"},
            {"more", untold > 0 ? more : NULL});
    }
}
