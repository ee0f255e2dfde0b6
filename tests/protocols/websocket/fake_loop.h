/*
 * The timers of protocols/stream/loop.h on a clock that the test moves.
 */
#ifndef DEVICEBOUND_TESTS_PROTOCOLS_WEBSOCKET_FAKE_LOOP_H
#define DEVICEBOUND_TESTS_PROTOCOLS_WEBSOCKET_FAKE_LOOP_H

#include "protocols/stream/loop.h"

/* Fires what falls due within `ms` milliseconds, in due order. */
void fake_loop_advance(struct loop *loop, int64_t ms);

/* Timers that were created and not freed. */
int fake_loop_timers(const struct loop *loop);

#endif
