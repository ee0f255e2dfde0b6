/*
 * Makes keys and X.509 certificates, and tells whether one still fits. Private to
 * server/certificates. The time is an argument.
 */
#ifndef DEVICEBOUND_SERVER_CERTIFICATES_ISSUE_H
#define DEVICEBOUND_SERVER_CERTIFICATES_ISSUE_H

#include "store/clock.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

/* A certificate and its key. */
struct credential {
    X509 *certificate;
    EVP_PKEY *key;
};
void credential_release(struct credential *credential);

enum credential_kind {
    CREDENTIAL_ECDSA, /* P-256 */
    CREDENTIAL_RSA /* 2048 bits */
};

/* Both return false when OpenSSL cannot; its error queue says why. */
bool issue_authority(struct instant now, struct credential *out);
bool issue_server(const struct credential *authority, enum credential_kind kind,
    const char *const *names, struct instant now, struct credential *out);

/* Issued by that CA, for exactly these names, with its key, and good for another month. */
bool issue_is_current(const struct credential *server, const struct credential *authority,
    const char *const *names, struct instant now);

/* Whether a certificate is good for another month. */
bool issue_is_valid_for_long(const X509 *certificate, struct instant now);

#endif
