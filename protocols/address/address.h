/*
 * Link addresses, message targets and topic-like paths of IoT Hub, as one parsed value. Called by
 * protocols/amqp and protocols/https. Pure functions.
 *
 * Scheme, user, authority and port of an absolute address are dropped, one leading slash is
 * optional, the fixed segments compare without case, ids keep theirs. Ids are given as they stand
 * (`raw`) and percent-decoded once (`decoded`): look the raw one up first.
 */
#ifndef DEVICEBOUND_PROTOCOLS_ADDRESS_ADDRESS_H
#define DEVICEBOUND_PROTOCOLS_ADDRESS_ADDRESS_H

#include "store/identity.h"
#include "store/message.h"

enum address_kind {
    ADDRESS_UNKNOWN, /* fits no template */
    ADDRESS_CBS, /* $cbs */
    ADDRESS_SERVICE_SEND, /* /messages/devicebound */
    ADDRESS_SERVICE_FEEDBACK, /* /messages/servicebound/feedback */
    ADDRESS_SERVICE_FILES, /* /messages/servicebound/filenotifications */
    ADDRESS_SERVICE_TELEMETRY, /* /messages/events[/…] */
    ADDRESS_DEVICE_BOUND, /* /devices/{d}[/modules/{m}]/messages/devicebound */
    ADDRESS_DEVICE_EVENTS, /* /devices/{d}[/modules/{m}]/messages/events[/…] */
    ADDRESS_DEVICE_TWIN, /* /devices/{d}[/modules/{m}]/twin */
    ADDRESS_DEVICE_METHODS /* /devices/{d}[/modules/{m}]/methods/devicebound */
};

#define ADDRESS_ID_MAX ((size_t)3 * DEVICE_ID_MAX) /* every character percent-encoded */

struct address_id {
    char raw[ADDRESS_ID_MAX + 1];
    char decoded[ADDRESS_ID_MAX + 1];
};

struct address {
    enum address_kind kind;
    struct address_id device; /* "" where the kind has none */
    struct address_id module; /* "" for a device */
};

/* Never fails: what fits nothing is ADDRESS_UNKNOWN. */
struct address address_parse(struct text text);

/* The registered device of that id, raw first; NULL when there is none. Returns borrowed as
 * identity_find. */
struct identity *address_find_device(
    struct identity_registry *registry, const struct address_id *id);

/* Percent-decodes once; `+` stays. False: `out` (with its zero) is too small, or a bad escape. */
bool percent_decode(struct text encoded, char *out, size_t out_size);

#endif
