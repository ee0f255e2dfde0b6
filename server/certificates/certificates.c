#include "server/certificates/certificates.h"

#include "server/certificates/issue.h"
#include "server/certificates/pem_file.h"
#include "server/certificates/tls_context.h"
#include "store/log.h"
#include "store/memory.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 4096

struct certificates {
    struct certificates_options options;
    SSL_CTX *context;
    char *ca_pem, *ca_path;
};

static void path_of(
    const struct certificates *certificates, const char *name, char out[static PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s/%s", certificates->options.directory, name);
}

static enum hub_code refuse_file(struct hub_error *error, const char *flag, const char *path)
{
    return hub_refuse(error, HUB_ARGUMENT_INVALID,
        "%s \"%.120s\" cannot be used: accepted is a readable PEM file that fits the others", flag,
        path);
}

static enum hub_code refuse_write(struct hub_error *error, const char *path)
{
    return hub_refuse(
        error, HUB_SERVER_ERROR, "%.180s cannot be written: %s", path, strerror(errno));
}

static enum hub_code refuse_issue(struct hub_error *error)
{
    const char *reason = ERR_reason_error_string(ERR_get_error());
    ERR_clear_error();
    return hub_refuse(error, HUB_SERVER_ERROR, "no certificate can be made: %s",
        reason ? reason : "unknown reason");
}

/* ---- the CA ---- */

static enum hub_code make_own_ca(const char *certificate_path, const char *key_path,
    struct credential *out, struct hub_error *error)
{
    if (!issue_authority(clock_machine_now(), out)) {
        return refuse_issue(error);
    }
    if (!pem_file_write(certificate_path, key_path, out)) {
        credential_release(out);
        return refuse_write(error, certificate_path);
    }
    LOG(LOG_INFO, "CA-MADE", "a new CA was made: clients have to trust it",
        {"file", certificate_path});
    return HUB_OK;
}

/* The CA of the data directory; `*path` is its certificate. */
static enum hub_code open_own_ca(struct certificates *certificates, struct credential *out,
    char path[static PATH_SIZE], struct hub_error *error)
{
    char key_path[PATH_SIZE];
    path_of(certificates, "ca.pem", path);
    path_of(certificates, "ca.key", key_path);
    if (pem_file_read(path, key_path, out)) {
        if (X509_check_private_key(out->certificate, out->key) == 1 &&
            issue_is_valid_for_long(out->certificate, clock_machine_now())) {
            return HUB_OK;
        }
        credential_release(out);
        ERR_clear_error();
        LOG(LOG_WARN, "CA-OUTDATED", "the CA is at its end or does not fit its key",
            {"file", path});
    } else if (access(path, F_OK) == 0 && access(key_path, F_OK) == 0) {
        /* Clients trust it: it is not replaced for a reason that may pass. */
        return hub_refuse(error, HUB_SERVER_ERROR,
            "%.180s or its key cannot be read; remove both to have a new CA made", path);
    }
    return make_own_ca(path, key_path, out, error);
}

static enum hub_code open_users_ca(
    struct certificates *certificates, struct credential *out, struct hub_error *error)
{
    const struct certificates_options *options = &certificates->options;
    if (!pem_file_read(options->ca_cert, options->ca_key, out)) {
        return refuse_file(error, "--ca-cert or --ca-key", options->ca_cert);
    }
    if (X509_check_private_key(out->certificate, out->key) != 1 ||
        X509_check_ca(out->certificate) != 1) {
        credential_release(out);
        ERR_clear_error();
        return refuse_file(error, "--ca-cert with --ca-key", options->ca_cert);
    }
    return HUB_OK;
}

/* ---- the server's certificates ---- */

static enum hub_code open_server(struct certificates *certificates,
    const struct credential *authority, enum credential_kind kind, struct credential *out,
    struct hub_error *error)
{
    bool is_rsa = kind == CREDENTIAL_RSA;
    const char *const *names = certificates->options.names;
    struct instant now = clock_machine_now();
    char path[PATH_SIZE], key_path[PATH_SIZE];
    path_of(certificates, is_rsa ? "server-rsa.pem" : "server-ecdsa.pem", path);
    path_of(certificates, is_rsa ? "server-rsa.key" : "server-ecdsa.key", key_path);
    if (pem_file_read(path, key_path, out)) {
        if (issue_is_current(out, authority, names, now)) {
            return HUB_OK;
        }
        credential_release(out);
        ERR_clear_error();
    }
    if (!issue_server(authority, kind, names, now, out)) {
        return refuse_issue(error);
    }
    if (!pem_file_write(path, key_path, out)) {
        credential_release(out);
        return refuse_write(error, path);
    }
    LOG(LOG_INFO, "CERTIFICATE-ISSUED", "a server certificate was issued", {"file", path});
    return HUB_OK;
}

static enum hub_code use_issued(struct certificates *certificates, SSL_CTX *context,
    char ca_path[static PATH_SIZE], struct hub_error *error)
{
    struct credential authority = {0};
    bool is_users = certificates->options.ca_cert != NULL;
    if (is_users) {
        snprintf(ca_path, PATH_SIZE, "%s", certificates->options.ca_cert);
    }
    enum hub_code code = is_users ? open_users_ca(certificates, &authority, error)
                                  : open_own_ca(certificates, &authority, ca_path, error);
    for (int kind = CREDENTIAL_ECDSA; code == HUB_OK && kind <= CREDENTIAL_RSA; kind++) {
        struct credential server = {0};
        code = open_server(certificates, &authority, (enum credential_kind)kind, &server, error);
        if (code == HUB_OK && !tls_context_use(context, &server, ca_path)) {
            code = refuse_issue(error);
        }
        credential_release(&server);
    }
    credential_release(&authority);
    return code;
}

static enum hub_code use_users(struct certificates *certificates, SSL_CTX *context,
    char ca_path[static PATH_SIZE], struct hub_error *error)
{
    const struct certificates_options *options = &certificates->options;
    snprintf(ca_path, PATH_SIZE, "%s", options->ca_cert ? options->ca_cert : options->tls_cert);
    if (!tls_context_use_files(context, options->tls_cert, options->tls_key)) {
        return refuse_file(error, "--tls-cert or --tls-key", options->tls_cert);
    }
    return HUB_OK;
}

/* ---- all of it ---- */

static enum hub_code trust_device_cas(
    struct certificates *certificates, SSL_CTX *context, struct hub_error *error)
{
    for (const char *const *path = certificates->options.device_ca; *path; path++) {
        STACK_OF(X509) *all = pem_file_read_all(*path);
        if (!all) {
            return refuse_file(error, "--device-ca", *path);
        }
        tls_context_trust(context, all);
        sk_X509_pop_free(all, X509_free);
    }
    return HUB_OK;
}

enum hub_code certificates_reload(struct certificates *certificates, struct hub_error *error)
{
    char ca_path[PATH_SIZE] = "";
    SSL_CTX *context = tls_context_create();
    enum hub_code code = trust_device_cas(certificates, context, error);
    if (code == HUB_OK) {
        code = certificates->options.tls_cert ? use_users(certificates, context, ca_path, error)
                                              : use_issued(certificates, context, ca_path, error);
    }
    char *ca_pem = code == HUB_OK ? pem_file_text(ca_path) : NULL;
    if (code == HUB_OK && !ca_pem) {
        code = refuse_file(error, "--ca-cert", ca_path);
    }
    if (code != HUB_OK) {
        SSL_CTX_free(context);
        return code;
    }
    SSL_CTX_free(certificates->context);
    free(certificates->ca_pem);
    free(certificates->ca_path);
    certificates->context = context;
    certificates->ca_pem = ca_pem;
    certificates->ca_path = memory_copy_string(ca_path);
    return HUB_OK;
}

enum hub_code certificates_check(
    const struct certificates_options *options, struct hub_error *error)
{
    struct certificates certificates = {.options = *options};
    struct credential authority = {0};
    char ca_path[PATH_SIZE];
    SSL_CTX *context = tls_context_create();
    enum hub_code code = trust_device_cas(&certificates, context, error);
    if (code == HUB_OK && options->tls_cert) {
        code = use_users(&certificates, context, ca_path, error);
    } else if (code == HUB_OK && options->ca_cert) {
        code = open_users_ca(&certificates, &authority, error);
        credential_release(&authority);
    }
    SSL_CTX_free(context);
    return code;
}

enum hub_code certificates_open(
    struct certificates **out, const struct certificates_options *options, struct hub_error *error)
{
    struct certificates *certificates = memory_allocate(sizeof *certificates);
    certificates->options = *options;
    enum hub_code code = certificates_reload(certificates, error);
    if (code != HUB_OK) {
        certificates_free(certificates);
        return code;
    }
    *out = certificates;
    return HUB_OK;
}

void certificates_free(struct certificates *certificates)
{
    if (!certificates) {
        return;
    }
    SSL_CTX_free(certificates->context);
    free(certificates->ca_pem);
    free(certificates->ca_path);
    free(certificates);
}

struct ssl_st *certificates_new_session(struct certificates *certificates)
{
    return tls_context_new_session(certificates->context);
}

const char *certificates_ca_pem(const struct certificates *certificates)
{
    return certificates->ca_pem;
}

const char *certificates_ca_path(const struct certificates *certificates)
{
    return certificates->ca_path;
}
