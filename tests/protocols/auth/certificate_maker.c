#include "tests/protocols/auth/certificate_maker.h"

#include <check.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

X509 *make_certificate(const char *const *names, struct instant now, long from_s, long until_s)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_NAME_new();
    time_t seconds = (time_t)(now.us / 1000000);

    ck_assert(key && certificate && subject);
    ck_assert(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7));
    ck_assert_ptr_nonnull(ASN1_TIME_set(X509_getm_notBefore(certificate), seconds + from_s));
    ck_assert_ptr_nonnull(ASN1_TIME_set(X509_getm_notAfter(certificate), seconds + until_s));
    for (; *names; names++) {
        ck_assert(X509_NAME_add_entry_by_NID(
            subject, NID_commonName, MBSTRING_UTF8, (const unsigned char *)*names, -1, -1, 0));
    }
    ck_assert(X509_set_subject_name(certificate, subject));
    ck_assert(X509_set_issuer_name(certificate, subject));
    ck_assert(X509_set_pubkey(certificate, key));
    ck_assert(X509_sign(certificate, key, EVP_sha256()) > 0);
    X509_NAME_free(subject);
    EVP_PKEY_free(key);
    return certificate;
}

X509 *make_device_certificate(const char *name)
{
    const char *names[] = {name, NULL};

    return make_certificate(names, clock_machine_now(), -3600, 3600);
}
