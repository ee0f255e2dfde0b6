#include "server/certificates/tls_context.h"

#include "server/certificates/pem_file.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *require(void *made)
{
    if (!made) {
        fputs("devicebound: OpenSSL cannot be used\n", stderr);
        abort();
    }
    return made;
}

/* A device's certificate may be self-signed, known by its thumbprint alone: protocols/auth judges.
 * What the chain amounts to stays readable in SSL_get_verify_result. */
static int accept_any_certificate(int is_valid, X509_STORE_CTX *context)
{
    (void)is_valid;
    (void)context;
    return 1;
}

/* The client's first choice that is ours; nothing is better than a refusal (RFC 7301 allows it). */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length,
    const unsigned char *offered, unsigned offered_length, void *context)
{
    static const char *const ours[] = {"http/1.1", "mqtt"};
    (void)ssl;
    (void)context;
    for (unsigned at = 0; at < offered_length; at += 1u + offered[at]) {
        const unsigned char *name = &offered[at + 1];
        for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
            if (strlen(ours[i]) == offered[at] && memcmp(ours[i], name, offered[at]) == 0) {
                *out = name;
                *out_length = offered[at];
                return SSL_TLSEXT_ERR_OK;
            }
        }
    }
    return SSL_TLSEXT_ERR_NOACK;
}

SSL_CTX *tls_context_create(void)
{
    static const unsigned char session_context[] = "devicebound";
    SSL_CTX *context = require(SSL_CTX_new(TLS_server_method()));
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_session_id_context(context, session_context, sizeof session_context - 1) != 1) {
        require(NULL);
    }
    /* Many clients close without a close-notify; renegotiation is only a way to spend our time. */
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 1);
    /* No list of CAs is sent: with one, some clients would keep a self-signed certificate back. */
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, accept_any_certificate);
    X509_STORE_set_flags(SSL_CTX_get_cert_store(context), X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    SSL_CTX_set_default_passwd_cb(context, pem_file_no_password);
    return context;
}

bool tls_context_use(SSL_CTX *context, const struct credential *server, const char *authority_path)
{
    bool is_used = SSL_CTX_use_certificate(context, server->certificate) == 1 &&
                   SSL_CTX_use_PrivateKey(context, server->key) == 1;
    STACK_OF(X509) *authorities = pem_file_read_all(authority_path);
    for (int i = 0; is_used && authorities && i < sk_X509_num(authorities); i++) {
        X509 *authority = sk_X509_value(authorities, i);
        bool is_root = X509_check_issued(authority, authority) == X509_V_OK;
        is_used = is_root || SSL_CTX_add1_chain_cert(context, authority) == 1;
    }
    sk_X509_pop_free(authorities, X509_free);
    return is_used;
}

bool tls_context_use_files(SSL_CTX *context, const char *chain_path, const char *key_path)
{
    bool is_used = SSL_CTX_use_certificate_chain_file(context, chain_path) == 1 &&
                   SSL_CTX_use_PrivateKey_file(context, key_path, SSL_FILETYPE_PEM) == 1 &&
                   SSL_CTX_check_private_key(context) == 1;
    ERR_clear_error();
    return is_used;
}

void tls_context_trust(SSL_CTX *context, STACK_OF(X509) * authorities)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    for (int i = 0; i < sk_X509_num(authorities); i++) {
        if (X509_STORE_add_cert(store, sk_X509_value(authorities, i)) != 1) {
            require(NULL);
        }
    }
}

SSL *tls_context_new_session(SSL_CTX *context)
{
    return require(SSL_new(context));
}
