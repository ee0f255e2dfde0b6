/*
 * The server's certificates: a CA made on first start, two certificates under it (ECDSA P-256 and
 * RSA 2048) that are issued again when the hub's names change or their end is near, or the user's
 * own files instead. Gives out TLS sessions. Called by server/main, server/listener and
 * server/control.
 *
 * Sources: RFC 5280 (profile), Apple support page 103769 (validity of at most 397 days), RFC 8446.
 */
#ifndef DEVICEBOUND_SERVER_CERTIFICATES_CERTIFICATES_H
#define DEVICEBOUND_SERVER_CERTIFICATES_CERTIFICATES_H

#include "store/error.h"

struct certificates;
struct ssl_st; /* OpenSSL's SSL */

/* All borrowed by certificates_open for its own life. */
struct certificates_options {
    const char *directory; /* exists and can be written: ca.pem, ca.key, server-*.pem, .key */
    const char *const *names; /* DNS names and IP addresses; NULL-terminated */
    const char *const *device_ca; /* PEM files; NULL-terminated */
    const char *tls_cert, *tls_key, *ca_cert, *ca_key; /* PEM files; NULL: none */
};

/* Whether the files of the user can be used. Needs no directory and writes nothing. Errors:
 * ARGUMENT_INVALID, as below. */
enum hub_code certificates_check(
    const struct certificates_options *options, struct hub_error *error);

/* Makes what is missing or outdated. Returns owned in `*out`. Errors: ARGUMENT_INVALID when a file
 * of the user cannot be used, SERVER_ERROR when the directory cannot; the sentence is one line for
 * the operator. */
enum hub_code certificates_open(
    struct certificates **out, const struct certificates_options *options, struct hub_error *error);
void certificates_free(struct certificates *certificates);

/* Reads the files again, for the connections to come. On refusal everything stays as it is. */
enum hub_code certificates_reload(struct certificates *certificates, struct hub_error *error);

/* A session in accept state, that asks for a client certificate and takes any. Returns owned. */
struct ssl_st *certificates_new_session(struct certificates *certificates);

/* What a client has to trust, as PEM, and the file it is in. Borrowed until the next reload. */
const char *certificates_ca_pem(const struct certificates *certificates);
const char *certificates_ca_path(const struct certificates *certificates);

#endif
