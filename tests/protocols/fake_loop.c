#include "tests/protocols/fake_loop.h"

#include "store/memory.h"

#include <stdlib.h>
#include <utlist.h>

struct loop_timer {
    struct loop *loop;
    void (*fire)(void *context);
    void *context;
    int64_t due; /* -1: not armed */
    struct loop_timer *prev, *next;
};

struct loop {
    int64_t now;
    struct loop_timer *timers;
};

struct loop *loop_create(void)
{
    return memory_allocate(sizeof(struct loop));
}

void loop_free(struct loop *loop)
{
    free(loop);
}

struct loop_timer *loop_timer_create(struct loop *loop, void (*fire)(void *context), void *context)
{
    struct loop_timer *timer = memory_allocate(sizeof(*timer));

    timer->loop = loop;
    timer->fire = fire;
    timer->context = context;
    timer->due = -1;
    DL_APPEND(loop->timers, timer);
    return timer;
}

void loop_timer_free(struct loop_timer *timer)
{
    if (timer) {
        DL_DELETE(timer->loop->timers, timer);
        free(timer);
    }
}

void loop_timer_arm(struct loop_timer *timer, int64_t delay_ms)
{
    timer->due = timer->loop->now + delay_ms;
}

void loop_timer_disarm(struct loop_timer *timer)
{
    timer->due = -1;
}

static struct loop_timer *earliest(struct loop *loop)
{
    struct loop_timer *best = NULL;
    struct loop_timer *timer;

    DL_FOREACH (loop->timers, timer) {
        if (timer->due >= 0 && (!best || timer->due < best->due)) {
            best = timer;
        }
    }
    return best;
}

static void fire(struct loop *loop, struct loop_timer *timer)
{
    loop->now = timer->due > loop->now ? timer->due : loop->now;
    timer->due = -1;
    timer->fire(timer->context);
}

bool fake_loop_run(struct loop *loop)
{
    struct loop_timer *timer = earliest(loop);
    if (!timer || timer->due > loop->now) {
        return false;
    }
    fire(loop, timer);
    return true;
}

void fake_loop_advance(struct loop *loop, int64_t ms)
{
    int64_t end = loop->now + ms;
    for (struct loop_timer *timer; (timer = earliest(loop)) && timer->due <= end;) {
        fire(loop, timer);
    }
    loop->now = end;
}

void fake_loop_fire_all(struct loop *loop)
{
    struct loop_timer *timer;
    int count = 0;
    DL_FOREACH (loop->timers, timer) {
        count += timer->due >= 0;
    }
    while (count-- > 0 && (timer = earliest(loop))) {
        fire(loop, timer);
    }
}

int64_t fake_loop_next_delay(struct loop *loop)
{
    const struct loop_timer *timer = earliest(loop);
    return timer ? timer->due - loop->now : -1;
}

int fake_loop_timers(const struct loop *loop)
{
    struct loop_timer *timer;
    int count;

    DL_COUNT(loop->timers, timer, count);
    return count;
}
