/*
 * How the hub speaks TLS: versions, client certificates, application protocols. Private to
 * server/certificates.
 */
#ifndef DEVICEBOUND_SERVER_CERTIFICATES_TLS_CONTEXT_H
#define DEVICEBOUND_SERVER_CERTIFICATES_TLS_CONTEXT_H

#include "server/certificates/issue.h"

#include <openssl/ssl.h>

/* TLS 1.2 and 1.3, without a certificate yet. Returns owned; aborts when OpenSSL cannot. */
SSL_CTX *tls_context_create(void);

/* Adds a certificate with its key; the intermediate CAs of `authority_path` go into its chain, the
 * root does not. */
bool tls_context_use(SSL_CTX *context, const struct credential *server, const char *authority_path);

/* The same with the user's files: a chain and its key. */
bool tls_context_use_files(SSL_CTX *context, const char *chain_path, const char *key_path);

/* CAs whose devices are believed; each counts as a root, as IoT Hub lets intermediates be
 * registered. */
void tls_context_trust(SSL_CTX *context, STACK_OF(X509) * authorities);

/* Returns owned; aborts when out of memory. */
SSL *tls_context_new_session(SSL_CTX *context);

#endif
