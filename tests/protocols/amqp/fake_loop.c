#include "tests/protocols/amqp/fake_loop.h"

#include "store/memory.h"

#include <stdlib.h>
#include <utlist.h>

struct loop_timer {
    struct loop *loop;
    void (*fire)(void *context);
    void *context;
    bool is_armed;
    int64_t delay_ms;
    struct loop_timer *prev, *next;
};

struct loop {
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
    timer->is_armed = true;
    timer->delay_ms = delay_ms;
}

void loop_timer_disarm(struct loop_timer *timer)
{
    timer->is_armed = false;
}

/* One at a time, looked up anew: a timer that fires may free others. */
static struct loop_timer *find_due(const struct loop *loop, int64_t delay_ms)
{
    struct loop_timer *timer;
    DL_FOREACH (loop->timers, timer) {
        if (timer->is_armed && timer->delay_ms <= delay_ms) {
            return timer;
        }
    }
    return NULL;
}

static bool run(struct loop *loop, int64_t delay_ms)
{
    struct loop_timer *timer = find_due(loop, delay_ms);
    if (timer) {
        timer->is_armed = false;
        timer->fire(timer->context);
    }
    return timer != NULL;
}

bool fake_loop_run(struct loop *loop)
{
    return run(loop, 0);
}

void fake_loop_fire_all(struct loop *loop)
{
    int count = 0;
    struct loop_timer *timer;
    DL_FOREACH (loop->timers, timer) {
        count += timer->is_armed;
    }
    while (count-- > 0 && run(loop, INT64_MAX)) {
    }
}

void fake_loop_fire_within(struct loop *loop, int64_t delay_ms)
{
    while (run(loop, delay_ms)) {
    }
}

int64_t fake_loop_next_delay(const struct loop *loop)
{
    int64_t next = -1;
    struct loop_timer *timer;
    DL_FOREACH (loop->timers, timer) {
        if (timer->is_armed && (next < 0 || timer->delay_ms < next)) {
            next = timer->delay_ms;
        }
    }
    return next;
}
