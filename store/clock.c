#include "store/clock.h"

#include "store/memory.h"

#include <stdlib.h>

struct clock {
    bool frozen;
    struct instant stands_at; /* while frozen */
    struct duration offset; /* from the machine's clock, while it runs */
    bool tokens_follow;
};

struct instant instant_add(struct instant at, struct duration by)
{
    struct instant sum;
    if (__builtin_add_overflow(at.us, by.us, &sum.us)) {
        sum.us = by.us > 0 ? INT64_MAX : INT64_MIN;
    }
    return sum;
}

struct duration instant_since(struct instant later, struct instant earlier)
{
    struct duration span;
    if (__builtin_sub_overflow(later.us, earlier.us, &span.us)) {
        span.us = later.us > earlier.us ? INT64_MAX : INT64_MIN;
    }
    return span;
}

struct instant instant_min(struct instant a, struct instant b)
{
    return a.us < b.us ? a : b;
}

bool instant_is_never(struct instant at)
{
    return at.us == INT64_MAX;
}

int instant_compare(struct instant a, struct instant b)
{
    return (a.us > b.us) - (a.us < b.us);
}

struct clock *clock_create(void)
{
    return memory_allocate(sizeof(struct clock));
}

struct clock *clock_create_frozen(struct instant start)
{
    struct clock *clock = clock_create();
    clock->frozen = true;
    clock->stands_at = start;
    return clock;
}

void clock_free(struct clock *clock)
{
    free(clock);
}

struct instant clock_now(const struct clock *clock)
{
    return clock->frozen ? clock->stands_at : instant_add(clock_machine_now(), clock->offset);
}

void clock_set(struct clock *clock, struct instant to)
{
    clock->stands_at = to;
    clock->offset = instant_since(to, clock_machine_now());
}

void clock_advance(struct clock *clock, struct duration by)
{
    clock_set(clock, instant_add(clock_now(clock), by));
}

void clock_freeze(struct clock *clock)
{
    clock->stands_at = clock_now(clock);
    clock->frozen = true;
}

void clock_resume(struct clock *clock)
{
    if (clock->frozen) {
        clock->offset = instant_since(clock->stands_at, clock_machine_now());
        clock->frozen = false;
    }
}

bool clock_is_frozen(const struct clock *clock)
{
    return clock->frozen;
}

void clock_reset(struct clock *clock)
{
    *clock = (struct clock){0};
}

struct duration clock_offset(const struct clock *clock)
{
    return clock->frozen ? instant_since(clock->stands_at, clock_machine_now()) : clock->offset;
}

void clock_let_tokens_follow(struct clock *clock, bool follow)
{
    clock->tokens_follow = follow;
}

bool clock_tokens_follow(const struct clock *clock)
{
    return clock->tokens_follow;
}

struct instant clock_token_now(const struct clock *clock)
{
    return clock->tokens_follow ? clock_now(clock) : clock_machine_now();
}
