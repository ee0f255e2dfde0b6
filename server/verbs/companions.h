/*
 * Verbs that act on a running hub, for people and for scripts: each asks its control API once or
 * twice and prints the answer. Called by server/verbs.
 */
#ifndef DEVICEBOUND_SERVER_VERBS_COMPANIONS_H
#define DEVICEBOUND_SERVER_VERBS_COMPANIONS_H

#include "server/exit_code.h"
#include "server/options/options.h"

enum exit_code companion_send(const struct options *options);
enum exit_code companion_receive(const struct options *options);
enum exit_code companion_feedback(const struct options *options);
enum exit_code companion_advance(const struct options *options);

#endif
