/*
 * The names and addresses the hub answers to: in its certificates, and in the audience of tokens.
 * Called by server/process and server/verbs.
 */
#ifndef DEVICEBOUND_SERVER_NAMES_H
#define DEVICEBOUND_SERVER_NAMES_H

#include "server/options/options.h"

/* The host name first, then all others, each once, in an order that does not change. Not bound to
 * loopback: the machine's own name and addresses too. Returns owned, NULL-terminated. */
char **names_collect(const struct options *options);
void names_free(char **names);

#endif
