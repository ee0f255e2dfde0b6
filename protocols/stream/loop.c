#include "protocols/stream/loop.h"

#include "store/memory.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

struct loop {
    struct event_base *base;
    bool is_stopped;
    unsigned callbacks; /* of this turn */
};

struct loop_timer {
    struct event *event;
    void (*fire)(void *context);
    void *context;
};

struct loop_watch {
    struct event *event;
    void (*ready)(void *context);
    void *context;
};

/* libevent refuses only for want of memory or of a system interface. */
static void *require(void *made)
{
    if (!made) {
        fputs("devicebound: the event loop could not be made\n", stderr);
        abort();
    }
    return made;
}

struct loop *loop_create(void)
{
    struct loop *loop = memory_allocate(sizeof *loop);
    loop->base = require(event_base_new());
    return loop;
}

void loop_free(struct loop *loop)
{
    if (loop) {
        event_base_free(loop->base);
        free(loop);
    }
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

/* ---- turns ---- */

void loop_run(struct loop *loop, bool (*end_turn)(void *context), void *context)
{
    loop->is_stopped = false;
    /* The first turn does not wait: what was begun before the loop ran has its commit at once. */
    bool again = true;
    while (!loop->is_stopped) {
        int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY | (again ? EVLOOP_NONBLOCK : 0);
        loop->callbacks = 0;
        if (event_base_loop(loop->base, flags) < 0) {
            fputs("devicebound: the event loop failed\n", stderr);
            abort();
        }
        again = end_turn && end_turn(context);
    }
}

void loop_count(struct loop *loop)
{
    if (++loop->callbacks == LOOP_CALLBACKS_MAX) {
        event_base_loopbreak(loop->base);
    }
}

void loop_stop(struct loop *loop)
{
    loop->is_stopped = true;
}

/* ---- timers ---- */

static void on_timer(evutil_socket_t descriptor, short what, void *context)
{
    (void)descriptor;
    (void)what;
    struct loop_timer *timer = context;
    timer->fire(timer->context);
}

struct loop_timer *loop_timer_create(struct loop *loop, void (*fire)(void *context), void *context)
{
    struct loop_timer *timer = memory_allocate(sizeof *timer);
    timer->fire = fire;
    timer->context = context;
    timer->event = require(evtimer_new(loop->base, on_timer, timer));
    return timer;
}

void loop_timer_free(struct loop_timer *timer)
{
    if (timer) {
        event_free(timer->event);
        free(timer);
    }
}

void loop_timer_arm(struct loop_timer *timer, int64_t delay_ms)
{
    const struct timeval delay = {
        .tv_sec = (time_t)(delay_ms / 1000), .tv_usec = (suseconds_t)(delay_ms % 1000 * 1000)};
    if (evtimer_add(timer->event, &delay) != 0) {
        require(NULL);
    }
}

void loop_timer_disarm(struct loop_timer *timer)
{
    evtimer_del(timer->event);
}

/* ---- descriptors and signals ---- */

static void on_ready(evutil_socket_t descriptor, short what, void *context)
{
    (void)descriptor;
    (void)what;
    struct loop_watch *watch = context;
    watch->ready(watch->context);
}

static struct loop_watch *watch_create(
    struct loop *loop, int number, short what, void (*ready)(void *context), void *context)
{
    struct loop_watch *watch = memory_allocate(sizeof *watch);
    watch->ready = ready;
    watch->context = context;
    watch->event = require(event_new(loop->base, number, what | EV_PERSIST, on_ready, watch));
    if (event_add(watch->event, NULL) != 0) {
        require(NULL);
    }
    return watch;
}

struct loop_watch *loop_watch_create(
    struct loop *loop, int descriptor, void (*ready)(void *context), void *context)
{
    return watch_create(loop, descriptor, EV_READ, ready, context);
}

struct loop_watch *loop_signal_create(
    struct loop *loop, int signal_number, void (*raised)(void *context), void *context)
{
    return watch_create(loop, signal_number, EV_SIGNAL, raised, context);
}

void loop_watch_free(struct loop_watch *watch)
{
    if (watch) {
        event_free(watch->event);
        free(watch);
    }
}
