/*
 * The requests and replies of $cbs, as bytes; used by cbs.c and its tests.
 *
 * Source: OASIS AMQP Claims-based Security 1.0 (working draft), section 3; the request forms are
 * those of the SDKs, the reply is the service's (Azure/azure-uamqp-c, cbs.c and amqp_management.c).
 */
#ifndef DEVICEBOUND_PROTOCOLS_AMQP_CBS_H
#define DEVICEBOUND_PROTOCOLS_AMQP_CBS_H

#include "protocols/amqp/message_codec.h"

enum cbs_operation {
    CBS_UNKNOWN,
    CBS_PUT_TOKEN,
    CBS_DELETE_TOKEN
};

/* All texts are borrowed from the message. */
struct cbs_request {
    enum cbs_operation operation;
    struct value message_id; /* VALUE_NULL: none */
    struct text reply_to; /* of the properties */
    struct text name; /* whom the token is said to be for: advisory */
    struct text token;
};

/* Errors: GENERIC_BAD_REQUEST with what is wrong; `message_id` and `reply_to` are filled whenever
 * the message could be read at all. */
enum hub_code cbs_request_read(
    const void *bytes, size_t length, struct cbs_request *request, struct hub_error *error);

/* The device or module a name such as "host/devices/d1/modules/m1", encoded or not, is about, as
 * the registry names it; false: the hub, or nobody. `out` has IDENTITY_NAME_MAX + 1 bytes. */
bool cbs_name_device(struct text name, char *out);

/* The reply: the message id as correlation id, byte for byte; status-code as int. */
void cbs_reply_write(
    struct writer *writer, const struct value *message_id, int status, const char *description);

#endif
