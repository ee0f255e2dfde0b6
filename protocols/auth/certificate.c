#include "protocols/auth/certificate.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* Leaves `out` empty when the certificate cannot be hashed. */
static void hash_in_hex(const X509 *certificate, const EVP_MD *kind, char *out)
{
    static const char digits[] = "0123456789ABCDEF";
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    if (X509_digest(certificate, kind, hash, &length) == 1) {
        for (unsigned i = 0; i < length; i++) {
            *out++ = digits[hash[i] >> 4];
            *out++ = digits[hash[i] & 15];
        }
    }
    *out = '\0';
}

struct certificate_thumbprints certificate_hash(const X509 *certificate)
{
    struct certificate_thumbprints thumbprints;

    hash_in_hex(certificate, EVP_sha1(), thumbprints.sha1);
    hash_in_hex(certificate, EVP_sha256(), thumbprints.sha256);
    return thumbprints;
}

bool certificate_thumbprint_is(
    const struct certificate_thumbprints *thumbprints, const char *thumbprint)
{
    return thumbprint[0] != '\0' && (strcasecmp(thumbprints->sha1, thumbprint) == 0 ||
                                        strcasecmp(thumbprints->sha256, thumbprint) == 0);
}

bool certificate_common_name_is(const X509 *certificate, const char *name)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    unsigned char *utf8 = NULL;
    int length;
    bool same;

    if (index < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, index) >= 0) {
        return false;
    }
    length =
        ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
    if (length < 0) {
        return false;
    }
    same = (size_t)length == strlen(name) && memcmp(utf8, name, (size_t)length) == 0;
    OPENSSL_free(utf8);
    return same;
}

bool certificate_is_valid_at(const X509 *certificate, struct instant now)
{
    time_t seconds = (time_t)(now.us / 1000000);

    /* Zero is a date that cannot be read: not valid. */
    return X509_cmp_time(X509_get0_notBefore(certificate), &seconds) < 0 &&
           X509_cmp_time(X509_get0_notAfter(certificate), &seconds) > 0;
}
