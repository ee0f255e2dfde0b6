/*
 * The event loop, as the protocols see it: timers on the machine's monotonic clock and watched
 * descriptors, nothing of libevent. One loop, one thread; every call belongs to it.
 *
 * One turn: wait, run whatever is ready, then the end-of-turn hook (the hub's commit).
 */
#ifndef DEVICEBOUND_PROTOCOLS_STREAM_LOOP_H
#define DEVICEBOUND_PROTOCOLS_STREAM_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_timer;
struct loop_watch;
struct event_base; /* for protocols/stream and server/listener only */

/* Returns owned; aborts when the system has no event mechanism. */
struct loop *loop_create(void);
void loop_free(struct loop *loop);
struct event_base *loop_base(struct loop *loop);

/* Runs turns until loop_stop. `end_turn` runs after each; true: run another turn without waiting.
 */
void loop_run(struct loop *loop, bool (*end_turn)(void *context), void *context);
void loop_stop(struct loop *loop);

/* For protocols/stream: a callback of its own begins. A turn ends after so many, so that there is a
 * commit however busy the peers are; the rest has the next turn. */
#define LOOP_CALLBACKS_MAX 512
void loop_count(struct loop *loop);

/* A timer that is not armed. `fire` runs once per arming. Returns owned. */
struct loop_timer *loop_timer_create(struct loop *loop, void (*fire)(void *context), void *context);
void loop_timer_free(struct loop_timer *timer); /* NULL is nothing */

/* In `delay_ms` milliseconds (0: this or the next turn), instead of any earlier arming. */
void loop_timer_arm(struct loop_timer *timer, int64_t delay_ms);
void loop_timer_disarm(struct loop_timer *timer);

/* Calls `ready` whenever the descriptor is readable. Returns owned; the descriptor stays the
 * caller's. */
struct loop_watch *loop_watch_create(
    struct loop *loop, int descriptor, void (*ready)(void *context), void *context);
void loop_watch_free(struct loop_watch *watch);

/* Calls `raised` from the loop (not from the signal) each time the signal arrives. Returns owned.
 */
struct loop_watch *loop_signal_create(
    struct loop *loop, int signal_number, void (*raised)(void *context), void *context);

#endif
