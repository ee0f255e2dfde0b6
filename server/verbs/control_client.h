/*
 * Asks a running hub over its control port. Called by server/verbs and what belongs to it, in a
 * process of its own: calls block.
 */
#ifndef DEVICEBOUND_SERVER_VERBS_CONTROL_CLIENT_H
#define DEVICEBOUND_SERVER_VERBS_CONTROL_CLIENT_H

#include "server/options/options.h"

/* `json` NULL: no body. Returns the status, with the answer's body in `*body`, owned by the caller;
 * 0 and NULL: no hub answers there. */
int control_client_ask(const struct options *options, const char *method, const char *path,
    const char *json, char **body);

struct control_client_events {
    void (*opened)(void *context); /* the hub listens to us */
    void (*event)(void *context, const char *name, const char *data); /* `name` "": plain */
};

/* GET of Server-Sent Events until the hub ends them: returns 200. Else as control_client_ask. */
int control_client_follow(const struct options *options, const char *path,
    const struct control_client_events *events, void *context, char **body);

/* `head`, the escaped `name`, `tail`. Returns owned. */
char *control_client_path(const char *head, const char *name, const char *tail);

#endif
