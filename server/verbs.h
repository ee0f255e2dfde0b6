/*
 * The verbs beside serve: each prints one thing and ends. Called by server/main.
 */
#ifndef DEVICEBOUND_SERVER_VERBS_H
#define DEVICEBOUND_SERVER_VERBS_H

#include "server/exit_code.h"
#include "server/options/options.h"

enum exit_code verb_run(const struct options *options);

#endif
