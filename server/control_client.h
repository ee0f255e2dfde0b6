/*
 * Asks a running hub over its control port. Called by server/verbs, in a process of its own: calls
 * block, for some seconds at most.
 */
#ifndef DEVICEBOUND_SERVER_CONTROL_CLIENT_H
#define DEVICEBOUND_SERVER_CONTROL_CLIENT_H

#include "server/options/options.h"

/* GET `path`. Returns the status, with the body in `*body`, owned by the caller; 0 and NULL: no hub
 * answers there. */
int control_client_get(const struct options *options, const char *path, char **body);

#endif
