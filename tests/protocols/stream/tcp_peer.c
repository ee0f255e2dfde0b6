#include "tests/protocols/stream/tcp_peer.h"

#include "store/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ADDRESS "127.0.30.2"
#define KERNEL_BUFFER 32768
#define RETRY_MS 1

struct bytes {
    uint8_t *data;
    size_t length;
};

struct tcp_peer {
    struct loop *loop;
    int descriptor;
    SSL *ssl; /* NULL: plain */
    struct loop_watch *watch; /* NULL: stalled */
    struct loop_timer *retry; /* of output the kernel did not take */
    struct bytes received, pending;
    size_t first_piece;
    bool is_greeted;
    enum tcp_end end;
};

/* ---- certificates ---- */

struct pair {
    EVP_PKEY *key;
    X509 *certificate;
};

static struct pair authority, server, device, stranger;

static struct pair issue(const char *name, const struct pair *issuer)
{
    struct pair made = {EVP_EC_gen("P-256"), X509_new()};
    X509 *from = issuer ? issuer->certificate : made.certificate;
    EVP_PKEY *by = issuer ? issuer->key : made.key;
    X509_set_version(made.certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.certificate), (long)strlen(name));
    X509_gmtime_adj(X509_getm_notBefore(made.certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made.certificate), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.certificate), "CN", MBSTRING_ASC,
        (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(made.certificate, X509_get_subject_name(from));
    X509_set_pubkey(made.certificate, made.key);
    if (!issuer) {
        X509_EXTENSION *is_ca =
            X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
        X509_add_ext(made.certificate, is_ca, -1);
        X509_EXTENSION_free(is_ca);
    }
    ck_assert_int_gt(X509_sign(made.certificate, by, EVP_sha256()), 0);
    return made;
}

static void issue_all(void)
{
    if (!authority.key) {
        authority = issue("ca", NULL);
        server = issue("server", &authority);
        device = issue("a device", &authority);
        stranger = issue("stranger", NULL);
    }
}

static void limit(SSL_CTX *context, enum tcp_kind kind)
{
    int version = kind == TCP_TLS_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.certificate);
}

static int accept_any(int is_valid, X509_STORE_CTX *context)
{
    (void)is_valid;
    (void)context;
    return 1;
}

struct ssl_st *tcp_server_session(enum tcp_kind kind)
{
    if (kind == TCP_PLAIN) {
        return NULL;
    }
    issue_all();
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    limit(context, kind);
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_use_certificate(context, server.certificate);
    SSL_CTX_use_PrivateKey(context, server.key);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, accept_any);
    SSL *session = SSL_new(context);
    SSL_CTX_free(context);
    return session;
}

/* ---- reading and writing ---- */

static void append(struct bytes *bytes, const void *data, size_t length)
{
    bytes->data = memory_grow(bytes->data, bytes->length + length + 1, 1);
    memcpy(bytes->data + bytes->length, data, length);
    bytes->length += length;
}

static ssize_t read_piece(struct tcp_peer *peer, uint8_t *out, size_t size)
{
    if (!peer->ssl) {
        return recv(peer->descriptor, out, size, 0);
    }
    ERR_clear_error();
    errno = 0;
    int got = SSL_read(peer->ssl, out, (int)size);
    if (got > 0) {
        return got;
    }
    switch (SSL_get_error(peer->ssl, got)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        errno = errno ? errno : EPIPE; /* an end without its alert */
        return -1;
    }
}

static void note_end(struct tcp_peer *peer, ssize_t got)
{
    if (got == 0) {
        peer->end = TCP_CLOSED;
    } else {
        peer->end = errno == ECONNRESET ? TCP_RESET : TCP_CUT;
    }
    loop_watch_free(peer->watch);
    peer->watch = NULL;
}

static void read_all(struct tcp_peer *peer)
{
    uint8_t piece[65536];
    while (peer->watch && peer->end == TCP_OPEN) {
        ssize_t got = read_piece(peer, piece, sizeof piece);
        if (got > 0) {
            peer->first_piece = peer->first_piece ? peer->first_piece : (size_t)got;
            append(&peer->received, piece, (size_t)got);
        } else if (got == 0 || errno != EAGAIN) {
            note_end(peer, got);
        } else {
            return;
        }
    }
}

static ssize_t write_piece(struct tcp_peer *peer)
{
    const struct bytes *pending = &peer->pending;
    if (!peer->ssl) {
        return send(peer->descriptor, pending->data, pending->length, MSG_NOSIGNAL);
    }
    ERR_clear_error();
    return SSL_write(peer->ssl, pending->data, (int)pending->length);
}

static void write_all(struct tcp_peer *peer)
{
    while (peer->pending.length > 0 && peer->end == TCP_OPEN) {
        ssize_t sent = write_piece(peer);
        if (sent <= 0) {
            loop_timer_arm(peer->retry, RETRY_MS);
            return;
        }
        peer->pending.length -= (size_t)sent;
        memmove(peer->pending.data, peer->pending.data + sent, peer->pending.length);
    }
}

static void work(void *context)
{
    struct tcp_peer *peer = context;
    if (!peer->watch) {
        return;
    }
    if (peer->ssl && !peer->is_greeted) {
        ERR_clear_error();
        int done = SSL_do_handshake(peer->ssl);
        if (done != 1) {
            if (SSL_get_error(peer->ssl, done) != SSL_ERROR_WANT_READ) {
                note_end(peer, -1);
            }
            return;
        }
        peer->is_greeted = true;
    }
    read_all(peer);
    write_all(peer);
}

/* ---- life ---- */

static int shrink(int descriptor)
{
    const int size = KERNEL_BUFFER;
    setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return descriptor;
}

static int connect_pair(int *accepted)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int listener = shrink(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    int connected = shrink(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    inet_pton(AF_INET, ADDRESS, &address.sin_addr);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    ck_assert_int_eq(connect(connected, (struct sockaddr *)&address, sizeof address), 0);
    *accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    ck_assert_int_ge(*accepted, 0);
    ck_assert_int_eq(fcntl(connected, F_SETFL, O_NONBLOCK), 0);
    close(listener);
    return connected;
}

struct tcp_peer *tcp_peer_create(struct loop *loop, enum tcp_kind kind, int *accepted)
{
    struct tcp_peer *peer = memory_allocate(sizeof *peer);
    peer->loop = loop;
    peer->descriptor = connect_pair(accepted);
    peer->retry = loop_timer_create(loop, work, peer);
    if (kind != TCP_PLAIN) {
        issue_all();
        SSL_CTX *context = SSL_CTX_new(TLS_client_method());
        limit(context, kind);
        SSL_CTX_set_mode(
            context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        peer->ssl = SSL_new(context);
        SSL_set_verify(peer->ssl, SSL_VERIFY_PEER, NULL);
        SSL_set_fd(peer->ssl, peer->descriptor);
        SSL_set_connect_state(peer->ssl);
        SSL_CTX_free(context);
    }
    tcp_peer_stall(peer, false);
    return peer;
}

static void close_descriptor(struct tcp_peer *peer)
{
    loop_watch_free(peer->watch);
    peer->watch = NULL;
    if (peer->descriptor >= 0) {
        close(peer->descriptor);
        peer->descriptor = -1;
    }
}

void tcp_peer_free(struct tcp_peer *peer)
{
    close_descriptor(peer);
    loop_timer_free(peer->retry);
    SSL_free(peer->ssl);
    free(peer->received.data);
    free(peer->pending.data);
    free(peer);
}

void tcp_peer_certify(struct tcp_peer *peer, bool by_ca)
{
    const struct pair *pair = by_ca ? &device : &stranger;
    ck_assert_int_eq(SSL_use_certificate(peer->ssl, pair->certificate), 1);
    ck_assert_int_eq(SSL_use_PrivateKey(peer->ssl, pair->key), 1);
}

void tcp_peer_distrust(struct tcp_peer *peer)
{
    X509_STORE *nobody = X509_STORE_new();
    ck_assert_int_eq(SSL_set1_verify_cert_store(peer->ssl, nobody), 1);
    X509_STORE_free(nobody);
}

void tcp_peer_hello(struct tcp_peer *peer)
{
    tcp_peer_stall(peer, true);
    ck_assert_int_eq(SSL_get_error(peer->ssl, SSL_do_handshake(peer->ssl)), SSL_ERROR_WANT_READ);
}

bool tcp_peer_is_answered(const struct tcp_peer *peer)
{
    char byte;
    return recv(peer->descriptor, &byte, 1, MSG_PEEK) == 1;
}

/* ---- acts ---- */

void tcp_peer_send(struct tcp_peer *peer, const void *bytes, size_t length)
{
    append(&peer->pending, bytes, length);
    loop_timer_arm(peer->retry, 0);
}

bool tcp_peer_has_sent(const struct tcp_peer *peer)
{
    return peer->pending.length == 0;
}

void tcp_peer_send_raw(struct tcp_peer *peer, const void *bytes, size_t length)
{
    ck_assert_int_eq((int)send(peer->descriptor, bytes, length, MSG_NOSIGNAL), (int)length);
}

void tcp_peer_stall(struct tcp_peer *peer, bool stalled)
{
    loop_watch_free(peer->watch);
    peer->watch = stalled ? NULL : loop_watch_create(peer->loop, peer->descriptor, work, peer);
    if (stalled) {
        loop_timer_disarm(peer->retry);
    } else {
        loop_timer_arm(peer->retry, 0);
    }
}

const uint8_t *tcp_peer_received(const struct tcp_peer *peer, size_t *length)
{
    *length = peer->received.length;
    return peer->received.data;
}

size_t tcp_peer_first_piece(const struct tcp_peer *peer)
{
    return peer->first_piece;
}

enum tcp_end tcp_peer_end(const struct tcp_peer *peer)
{
    return peer->end;
}

void tcp_peer_close(struct tcp_peer *peer)
{
    if (peer->ssl) {
        SSL_shutdown(peer->ssl);
        ERR_clear_error();
    }
    tcp_peer_shut(peer);
}

void tcp_peer_shut(struct tcp_peer *peer)
{
    ck_assert_int_eq(shutdown(peer->descriptor, SHUT_WR), 0);
}

void tcp_peer_reset(struct tcp_peer *peer)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(peer->descriptor, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close_descriptor(peer);
}
