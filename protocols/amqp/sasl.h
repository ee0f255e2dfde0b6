/*
 * SASL as IoT Hub offers it: MSSBCBS and ANONYMOUS let everybody in without an identity, PLAIN
 * carries a SAS token as its password, EXTERNAL stands for a TLS client certificate. Replaces
 * Proton's own implementation, which knows neither MSSBCBS nor PLAIN. Called by connection.c.
 *
 * Sources: OASIS AMQP 1.0 part 5, section 5.3; RFC 4422, RFC 4616; learn.microsoft.com,
 * "Communicate with your IoT hub by using the AMQP Protocol".
 */
#ifndef DEVICEBOUND_PROTOCOLS_AMQP_SASL_H
#define DEVICEBOUND_PROTOCOLS_AMQP_SASL_H

#include "store/message.h"

#include <proton/types.h>

/* Who asks, for one connection. */
struct sasl_host {
    bool has_certificate; /* offers EXTERNAL */
    /* Whether user and password (a SAS token) let the peer in; keeps what it was granted. */
    bool (*plain)(void *owner, struct text user, struct text password);
    void *owner;
};

/* Puts this implementation on a transport that is a server's; `host` is borrowed for its life. */
void sasl_install(pn_transport_t *transport, const struct sasl_host *host);

/* What a user name of PLAIN stands for. */
struct sasl_user {
    struct text policy; /* "policy@sas.root.hub" */
    struct text device; /* "device@sas.hub", "device@hub" */
    struct text module; /* "device/modules/module@sas.hub" */
    struct text hub;
};

/* False: none of these forms. Texts are borrowed from `user`. */
bool sasl_user_parse(struct text user, struct sasl_user *out);

/* authzid NUL user NUL password; false: not that form. */
bool sasl_plain_split(struct text response, struct text *user, struct text *password);

#endif
