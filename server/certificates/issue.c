#include "server/certificates/issue.h"

#include "store/random.h"

#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define SERIAL_SIZE 16
#define BACKDATED_SECONDS (60 * 60) /* clocks of containers differ */
#define AUTHORITY_DAYS 3650
#define SERVER_DAYS 397
#define RENEWAL_DAYS 30

void credential_release(struct credential *credential)
{
    X509_free(credential->certificate);
    EVP_PKEY_free(credential->key);
    *credential = (struct credential){0};
}

static time_t seconds_of(struct instant at)
{
    return (time_t)(at.us / 1000000);
}

/* ---- parts of a certificate ---- */

static bool set_serial(X509 *certificate)
{
    unsigned char bytes[SERIAL_SIZE];
    random_fill(bytes, sizeof bytes);
    bytes[0] = (bytes[0] & 0x7f) | 0x40; /* positive, and of full length */
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool is_set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    return is_set;
}

static bool set_validity(X509 *certificate, struct instant now, int days, const X509 *authority)
{
    time_t from = seconds_of(now);
    bool is_set = ASN1_TIME_adj(X509_getm_notBefore(certificate), from, 0, -BACKDATED_SECONDS) &&
                  ASN1_TIME_adj(X509_getm_notAfter(certificate), from, days, -BACKDATED_SECONDS);
    /* Nothing outlives its issuer. */
    if (is_set && authority &&
        ASN1_TIME_compare(X509_get0_notAfter(certificate), X509_get0_notAfter(authority)) > 0) {
        is_set = X509_set1_notAfter(certificate, X509_get0_notAfter(authority));
    }
    return is_set;
}

static bool set_name(X509 *certificate, const char *common_name)
{
    return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
               (const unsigned char *)common_name, -1, -1, 0) == 1;
}

static bool add_extension(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    bool is_added = extension && X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return is_added;
}

static GENERAL_NAME *make_general_name(const char *name)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(name);
    GENERAL_NAME *general = GENERAL_NAME_new();
    if (address) {
        GENERAL_NAME_set0_value(general, GEN_IPADD, address);
        return general;
    }
    ERR_clear_error();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, name, -1);
    GENERAL_NAME_set0_value(general, GEN_DNS, text);
    return general;
}

static GENERAL_NAMES *make_general_names(const char *const *names)
{
    GENERAL_NAMES *all = GENERAL_NAMES_new();
    for (; *names; names++) {
        sk_GENERAL_NAME_push(all, make_general_name(*names));
    }
    return all;
}

static bool add_names(X509 *certificate, const char *const *names)
{
    GENERAL_NAMES *all = make_general_names(names);
    bool is_added =
        X509_add1_ext_i2d(certificate, NID_subject_alt_name, all, 0, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(all);
    return is_added;
}

/* ---- whole ones ---- */

static EVP_PKEY *make_key(enum credential_kind kind)
{
    return kind == CREDENTIAL_RSA ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
}

bool issue_authority(struct instant now, struct credential *out)
{
    char name[64];
    unsigned char tag[4];
    random_fill(tag, sizeof tag); /* two CAs of one name confuse trust stores */
    snprintf(name, sizeof name, "devicebound CA %02x%02x%02x%02x", tag[0], tag[1], tag[2], tag[3]);
    X509 *certificate = X509_new();
    *out = (struct credential){certificate, make_key(CREDENTIAL_RSA)};
    bool is_made =
        certificate && out->key && X509_set_version(certificate, X509_VERSION_3) &&
        set_serial(certificate) && set_validity(certificate, now, AUTHORITY_DAYS, NULL) &&
        set_name(certificate, name) &&
        X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) &&
        X509_set_pubkey(certificate, out->key) &&
        add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE") &&
        add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") &&
        add_extension(certificate, certificate, NID_subject_key_identifier, "hash") &&
        X509_sign(certificate, out->key, EVP_sha256()) > 0;
    if (!is_made) {
        credential_release(out);
    }
    return is_made;
}

bool issue_server(const struct credential *authority, enum credential_kind kind,
    const char *const *names, struct instant now, struct credential *out)
{
    X509 *certificate = X509_new();
    X509 *issuer = authority->certificate;
    *out = (struct credential){certificate, make_key(kind)};
    const char *usage = kind == CREDENTIAL_RSA ? "critical,digitalSignature,keyEncipherment"
                                               : "critical,digitalSignature";
    bool is_made = certificate && out->key && X509_set_version(certificate, X509_VERSION_3) &&
                   set_serial(certificate) && set_validity(certificate, now, SERVER_DAYS, issuer) &&
                   set_name(certificate, "devicebound") &&
                   X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) &&
                   X509_set_pubkey(certificate, out->key) &&
                   add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
                   add_extension(certificate, issuer, NID_key_usage, usage) &&
                   add_extension(certificate, issuer, NID_ext_key_usage, "serverAuth") &&
                   add_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
                   add_extension(certificate, issuer, NID_authority_key_identifier, "keyid") &&
                   add_names(certificate, names) &&
                   X509_sign(certificate, authority->key, EVP_sha256()) > 0;
    if (!is_made) {
        credential_release(out);
    }
    return is_made;
}

/* ---- still good? ---- */

bool issue_is_valid_for_long(const X509 *certificate, struct instant now)
{
    time_t then = seconds_of(instant_add(now, DURATION_DAYS(RENEWAL_DAYS)));
    time_t today = seconds_of(now);
    return X509_cmp_time(X509_get0_notAfter(certificate), &then) > 0 &&
           X509_cmp_time(X509_get0_notBefore(certificate), &today) < 0;
}

static bool has_names(const X509 *certificate, const char *const *names)
{
    GENERAL_NAMES *wanted = make_general_names(names);
    GENERAL_NAMES *held = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int count = held ? sk_GENERAL_NAME_num(held) : 0;
    bool is_same = count == sk_GENERAL_NAME_num(wanted);
    for (int i = 0; is_same && i < count; i++) {
        is_same =
            GENERAL_NAME_cmp(sk_GENERAL_NAME_value(held, i), sk_GENERAL_NAME_value(wanted, i)) == 0;
    }
    GENERAL_NAMES_free(held);
    GENERAL_NAMES_free(wanted);
    return is_same;
}

bool issue_is_current(const struct credential *server, const struct credential *authority,
    const char *const *names, struct instant now)
{
    return X509_check_private_key(server->certificate, server->key) == 1 &&
           X509_verify(server->certificate, X509_get0_pubkey(authority->certificate)) == 1 &&
           X509_check_issued(authority->certificate, server->certificate) == X509_V_OK &&
           has_names(server->certificate, names) &&
           issue_is_valid_for_long(server->certificate, now);
}
