/*
 * What every protocol is given: the rooms it works with. All borrowed for the life of the process.
 */
#ifndef DEVICEBOUND_PROTOCOLS_CONTEXT_H
#define DEVICEBOUND_PROTOCOLS_CONTEXT_H

#include "protocols/auth/auth.h"
#include "protocols/session/session.h"
#include "protocols/stream/loop.h"
#include "store/hub.h"

struct protocol_context {
    struct loop *loop;
    struct hub *hub;
    struct sessions *sessions;
    struct auth *auth;
    const char *host_name; /* the hub's, as in connection strings */
};

#endif
