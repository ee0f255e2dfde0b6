/*
 * What a client certificate says about its owner; called by auth.c. Pure functions.
 *
 * Source: learn.microsoft.com, "Authenticate identities with X.509 certificates".
 */
#ifndef DEVICEBOUND_PROTOCOLS_AUTH_CERTIFICATE_H
#define DEVICEBOUND_PROTOCOLS_AUTH_CERTIFICATE_H

#include "store/clock.h"

#include <stdbool.h>

struct x509_st;

/* Hashes of the DER form, in upper-case hex. */
struct certificate_thumbprints {
    char sha1[41];
    char sha256[65];
};

struct certificate_thumbprints certificate_hash(const struct x509_st *certificate);

/* Whether one of the hashes is `thumbprint`, in any case. False for "". */
bool certificate_thumbprint_is(
    const struct certificate_thumbprints *thumbprints, const char *thumbprint);

/* Whether the subject has exactly one common name, and it is `name`; case counts. */
bool certificate_common_name_is(const struct x509_st *certificate, const char *name);

/* Whether `now` is within its validity. */
bool certificate_is_valid_at(const struct x509_st *certificate, struct instant now);

#endif
