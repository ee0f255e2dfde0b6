/*
 * Makes certificates of devices for tests.
 */
#ifndef DEVICEBOUND_TESTS_PROTOCOLS_AUTH_CERTIFICATE_MAKER_H
#define DEVICEBOUND_TESTS_PROTOCOLS_AUTH_CERTIFICATE_MAKER_H

#include "store/clock.h"

struct x509_st;

/* Self-signed; valid from `from_s` to `until_s` seconds around `now`. `names`: common names,
 * NULL-terminated. Returns owned. */
struct x509_st *make_certificate(
    const char *const *names, struct instant now, long from_s, long until_s);

/* With that common name, valid by the machine's clock. Returns owned. */
struct x509_st *make_device_certificate(const char *name);

#endif
