#include "protocols/stream/farewell.h"

#include "store/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct farewell {
    int descriptor;
    struct loop_watch *watch;
    struct loop_timer *timer;
    void (*done)(void *context);
    void *context;
};

void farewell_cancel(struct farewell *farewell)
{
    loop_watch_free(farewell->watch);
    loop_timer_free(farewell->timer);
    close(farewell->descriptor);
    free(farewell);
}

static void finish(void *context)
{
    struct farewell *farewell = context;
    void (*done)(void *context) = farewell->done;
    void *done_context = farewell->context;
    farewell_cancel(farewell);
    done(done_context);
}

/* One read a pass: the deadline bounds how long, the loop's fairness how much. */
static void drop_input(void *context)
{
    struct farewell *farewell = context;
    char dropped[16384];
    ssize_t got = read(farewell->descriptor, dropped, sizeof dropped);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        finish(farewell);
    }
}

struct farewell *farewell_start(
    struct loop *loop, int descriptor, int64_t limit_ms, void (*done)(void *context), void *context)
{
    struct farewell *farewell = memory_allocate(sizeof *farewell);
    farewell->descriptor = descriptor;
    farewell->done = done;
    farewell->context = context;
    farewell->watch = loop_watch_create(loop, descriptor, drop_input, farewell);
    farewell->timer = loop_timer_create(loop, finish, farewell);
    loop_timer_arm(farewell->timer, limit_ms);
    return farewell;
}
