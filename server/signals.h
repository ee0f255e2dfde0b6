/*
 * What signals do to the process: SIGTERM and SIGINT ask it to stop, the second time it ends at
 * once; SIGHUP reloads; SIGPIPE is nothing; as PID 1 it reaps what a container leaves to it. Called
 * by server/process.
 */
#ifndef DEVICEBOUND_SERVER_SIGNALS_H
#define DEVICEBOUND_SERVER_SIGNALS_H

#include "protocols/stream/loop.h"

struct signals;

struct signals_events {
    void (*stop)(void *owner); /* once */
    void (*reload)(void *owner);
};

/* Borrows the loop; the callbacks come from it. Returns owned. */
struct signals *signals_create(struct loop *loop, const struct signals_events *events, void *owner);
void signals_free(struct signals *signals); /* NULL is nothing */

#endif
