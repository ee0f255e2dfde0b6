/*
 * The only source of time. Everything in a message's life (locks, expiry, feedback batches,
 * enqueued times) obeys the hub's clock, which tests and operators may freeze, move and set;
 * network timeouts obey the machine's, and so do tokens and certificates unless told otherwise.
 *
 * Time is an argument everywhere else: the loop samples the clock once per turn and hands the
 * instant down. Belongs to the loop's thread.
 */
#ifndef DEVICEBOUND_STORE_CLOCK_H
#define DEVICEBOUND_STORE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* A point in time: microseconds since 1970-01-01T00:00:00Z. Not a duration; the compiler knows. */
struct instant {
    int64_t us;
};

/* A span of time in microseconds. */
struct duration {
    int64_t us;
};

#define INSTANT_NEVER ((struct instant){INT64_MAX})

#define DURATION_MS(n) ((struct duration){(int64_t)(n)*1000})
#define DURATION_SECONDS(n) ((struct duration){(int64_t)(n)*1000000})
#define DURATION_MINUTES(n) DURATION_SECONDS(60LL * (n))
#define DURATION_HOURS(n) DURATION_MINUTES(60LL * (n))
#define DURATION_DAYS(n) DURATION_HOURS(24LL * (n))

/* Saturate at INSTANT_NEVER instead of overflowing. */
struct instant instant_add(struct instant at, struct duration by);
struct duration instant_since(struct instant later, struct instant earlier);
struct instant instant_min(struct instant a, struct instant b);
bool instant_is_never(struct instant at);

/* <0, 0, >0 as a is before, at, after b. */
int instant_compare(struct instant a, struct instant b);

struct clock;

/* Follows the machine's wall clock until told otherwise. Returns owned; aborts when out of
 * memory. */
struct clock *clock_create(void);

/* Stands still at `start` until told otherwise: the clock of unit tests. Returns owned. */
struct clock *clock_create_frozen(struct instant start);

void clock_free(struct clock *clock);

/* The hub's time. */
struct instant clock_now(const struct clock *clock);

/* Moves the hub's time; a frozen clock stays frozen. `clock_set` may also move it back. */
void clock_advance(struct clock *clock, struct duration by);
void clock_set(struct clock *clock, struct instant to);

/* Frozen: time stands still. Resumed: it goes on from where it stood. Both are idempotent. */
void clock_freeze(struct clock *clock);
void clock_resume(struct clock *clock);
bool clock_is_frozen(const struct clock *clock);

/* Follows the machine's clock again, as at the start; tokens do not follow. */
void clock_reset(struct clock *clock);

/* How far the hub's time is ahead of the machine's. */
struct duration clock_offset(const struct clock *clock);

/* The validity of tokens and certificates obeys the machine's clock, unless it is told to follow
 * this one. */
void clock_let_tokens_follow(struct clock *clock, bool follow);
bool clock_tokens_follow(const struct clock *clock);
struct instant clock_token_now(const struct clock *clock);

/* The machine's own wall clock. */
struct instant clock_machine_now(void);

/* The machine's monotonic clock in milliseconds: heartbeats, keep-alives, measuring. */
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void);

#endif
