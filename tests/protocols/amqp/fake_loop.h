/*
 * A loop for tests: timers fire when the test says so. Defines the functions of
 * protocols/stream/loop.h that the room under test calls.
 */
#ifndef DEVICEBOUND_TESTS_PROTOCOLS_AMQP_FAKE_LOOP_H
#define DEVICEBOUND_TESTS_PROTOCOLS_AMQP_FAKE_LOOP_H

#include "protocols/stream/loop.h"

/* Fires what was armed with a delay of 0. True: something was. */
bool fake_loop_run(struct loop *loop);

/* Fires everything that is armed, however far away. */
void fake_loop_fire_all(struct loop *loop);

/* Fires what was armed with a delay of up to `delay_ms`, and what that arms so. */
void fake_loop_fire_within(struct loop *loop, int64_t delay_ms);

/* The shortest delay that is armed; -1: none. */
int64_t fake_loop_next_delay(const struct loop *loop);

#endif
