/*
 * The last moment of a socket: everything was sent and its sending side is shut; what the peer
 * still sends is read and dropped until it closes too, so that no reset destroys bytes it has not
 * read yet (RFC 1122 section 4.2.2.13). Private to protocols/stream.
 */
#ifndef DEVICEBOUND_PROTOCOLS_STREAM_FAREWELL_H
#define DEVICEBOUND_PROTOCOLS_STREAM_FAREWELL_H

#include "protocols/stream/loop.h"

struct farewell;

/* Takes `descriptor`. `done` runs once, from the loop, when it is closed and the farewell is gone.
 * Returns borrowed until then. */
struct farewell *farewell_start(struct loop *loop, int descriptor, int64_t limit_ms,
    void (*done)(void *context), void *context);

/* Closes now; `done` does not run. */
void farewell_cancel(struct farewell *farewell);

#endif
