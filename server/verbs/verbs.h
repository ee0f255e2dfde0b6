/*
 * The verbs beside serve. Called by server/main.
 */
#ifndef DEVICEBOUND_SERVER_VERBS_VERBS_H
#define DEVICEBOUND_SERVER_VERBS_VERBS_H

#include "server/exit_code.h"
#include "server/options/options.h"

enum exit_code verb_run(const struct options *options);

/* One line on standard error. Returns `code`. */
enum exit_code verb_refuse(enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same for an answer of the hub that is no success, by the name the hub gives it; status 0: no
 * hub answers. Returns EXIT_FAILED. */
enum exit_code verb_refuse_answer(const struct options *options, int status, const char *body);

#endif
