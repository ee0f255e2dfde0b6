#include "server/certificates/pem_file.h"

#include "store/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX (1 << 20)
#define PATH_SIZE 4096

int pem_file_no_password(char *out, int size, int writing, void *context)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

bool pem_file_read(const char *certificate_path, const char *key_path, struct credential *out)
{
    BIO *certificate = BIO_new_file(certificate_path, "r");
    BIO *key = BIO_new_file(key_path, "r");
    *out = (struct credential){
        certificate ? PEM_read_bio_X509(certificate, NULL, pem_file_no_password, NULL) : NULL,
        key ? PEM_read_bio_PrivateKey(key, NULL, pem_file_no_password, NULL) : NULL};
    BIO_free(certificate);
    BIO_free(key);
    ERR_clear_error();
    if (!out->certificate || !out->key) {
        credential_release(out);
        return false;
    }
    return true;
}

static bool write_all(int descriptor, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(descriptor, bytes, length);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        }
    }
    return true;
}

/* Into a new file that takes the place of the old one once it is on the disk. */
static bool write_file(const char *path, const char *bytes, size_t length, mode_t mode)
{
    char name[PATH_SIZE];
    if (snprintf(name, sizeof name, "%s.new", path) >= PATH_SIZE) {
        errno = ENAMETOOLONG;
        return false;
    }
    int descriptor = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return false;
    }
    bool is_written = write_all(descriptor, bytes, length) && fchmod(descriptor, mode) == 0 &&
                      fsync(descriptor) == 0;
    int failure = errno;
    if (close(descriptor) != 0 && is_written) {
        failure = errno;
        is_written = false;
    }
    if (is_written && rename(name, path) == 0) {
        return true;
    }
    failure = is_written ? errno : failure;
    unlink(name);
    errno = failure;
    return false;
}

static bool write_bio(const char *path, BIO *bio, mode_t mode)
{
    char *bytes;
    long length = BIO_get_mem_data(bio, &bytes);
    return length > 0 && write_file(path, bytes, (size_t)length, mode);
}

bool pem_file_write(
    const char *certificate_path, const char *key_path, const struct credential *credential)
{
    BIO *certificate = BIO_new(BIO_s_mem());
    BIO *key = BIO_new(BIO_s_secmem());
    /* The key first: a certificate without its key would be served by nobody. */
    bool is_written =
        PEM_write_bio_X509(certificate, credential->certificate) == 1 &&
        PEM_write_bio_PrivateKey(key, credential->key, NULL, NULL, 0, NULL, NULL) == 1 &&
        write_bio(key_path, key, 0600) && write_bio(certificate_path, certificate, 0644);
    int failure = errno;
    BIO_free(certificate);
    BIO_free(key);
    errno = failure;
    return is_written;
}

char *pem_file_text(const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        return NULL;
    }
    char *text = memory_allocate(TEXT_MAX + 1);
    size_t length = fread(text, 1, TEXT_MAX + 1, file);
    bool is_read = !ferror(file) && length <= TEXT_MAX;
    fclose(file);
    char *copy = is_read ? memory_copy_bytes(text, length) : NULL;
    free(text);
    return copy;
}

STACK_OF(X509) * pem_file_read_all(const char *path)
{
    BIO *file = BIO_new_file(path, "r");
    STACK_OF(X509) *all = sk_X509_new_null();
    for (X509 *one; file && (one = PEM_read_bio_X509(file, NULL, pem_file_no_password, NULL));) {
        sk_X509_push(all, one);
    }
    BIO_free(file);
    ERR_clear_error();
    if (sk_X509_num(all) == 0) {
        sk_X509_free(all);
        return NULL;
    }
    return all;
}
