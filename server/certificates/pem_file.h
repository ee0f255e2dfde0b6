/*
 * Keys and certificates as PEM files. Private to server/certificates.
 */
#ifndef DEVICEBOUND_SERVER_CERTIFICATES_PEM_FILE_H
#define DEVICEBOUND_SERVER_CERTIFICATES_PEM_FILE_H

#include "server/certificates/issue.h"

#include <sys/types.h>

/* For OpenSSL, in place of its own way, which asks on the terminal: a file that wants a password
 * cannot be used. */
int pem_file_no_password(char *out, int size, int writing, void *context);

/* Reads both. False: one is missing, unreadable, or no PEM; `out` is empty then. */
bool pem_file_read(const char *certificate_path, const char *key_path, struct credential *out);

/* Writes both, each as a whole or not at all; the key is the owner's only. False: errno. */
bool pem_file_write(
    const char *certificate_path, const char *key_path, const struct credential *credential);

/* The whole file as text. Returns owned; NULL: it cannot be read, or is larger than 1 MiB. */
char *pem_file_text(const char *path);

/* All certificates of a file, in order. Returns owned; NULL: none, or it cannot be read. */
STACK_OF(X509) * pem_file_read_all(const char *path);

#endif
