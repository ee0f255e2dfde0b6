/*
 * The verb watch: the journal of a running hub as it grows, in columns on a terminal, else as JSON
 * lines. Called by server/verbs.
 */
#ifndef DEVICEBOUND_SERVER_VERBS_WATCH_H
#define DEVICEBOUND_SERVER_VERBS_WATCH_H

#include "server/exit_code.h"
#include "server/options/options.h"

/* Returns when the hub ends. SIGINT and SIGTERM end the process, which is no failure. */
enum exit_code watch_hub(const struct options *options);

#endif
