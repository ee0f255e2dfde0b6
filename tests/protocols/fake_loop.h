/*
 * A loop for tests: its timers fire when the test says so, on a clock of its own that only moves
 * then. Defines the functions of protocols/stream/loop.h that the room under test calls.
 */
#ifndef DEVICEBOUND_TESTS_PROTOCOLS_FAKE_LOOP_H
#define DEVICEBOUND_TESTS_PROTOCOLS_FAKE_LOOP_H

#include "protocols/stream/loop.h"

/* Fires one timer that is due now. False: none is. */
bool fake_loop_run(struct loop *loop);

/* Fires what falls due within `ms` milliseconds, in due order, and what that arms so. */
void fake_loop_advance(struct loop *loop, int64_t ms);

/* Fires as many as are armed, however far away. */
void fake_loop_fire_all(struct loop *loop);

/* How far away the next one is, in milliseconds; -1: none is armed. */
int64_t fake_loop_next_delay(struct loop *loop);

/* Timers that were created and not freed. */
int fake_loop_timers(const struct loop *loop);

#endif
