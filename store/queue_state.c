/*
 *                       send accepted
 *                             |
 *                             v
 *       abandon (+1)    +-----------+   expire, too old
 *     +---------------> | Enqueued  | ----------------------+
 *     | lock end        +-----------+                       |
 *     | (same count)          |   \                         v
 *     |                       |    \ deliver          +---------------+
 *     |               deliver |     \ settled         | Dead lettered |
 *     |                       v      \                +---------------+
 *     |                 +-----------+ \                     ^
 *     +---------------- | Invisible |--\--------------------+
 *                       +-----------+   \   reject, expire, the abandon that
 *                             |          \  reaches the maximum count
 *                    complete |          |
 *                             v          v
 *                       +-------------------+
 *                       |     Completed     |
 *                       +-------------------+
 *
 * From Enqueued and Invisible, purge and the deletion of the device lead to Removed. Completed,
 * Dead lettered and Removed are final: nothing leaves them, and who settles there has lost its
 * lock.
 *
 * Source: learn.microsoft.com, "Send cloud-to-device messages from an IoT hub", the cloud-to-device
 * message life cycle.
 */
#include "store/queue_state.h"

#include <stddef.h>

/* clang-format off */

/* next, counts, outcome, refusal */
#define TO(state)             {QUEUE_##state, false, OUTCOME_NONE, HUB_OK}
#define TO_COUNTING(state)    {QUEUE_##state, true, OUTCOME_NONE, HUB_OK}
#define END(state, outcome)   {QUEUE_##state, false, OUTCOME_##outcome, HUB_OK}
#define END_COUNTING(state, outcome) {QUEUE_##state, true, OUTCOME_##outcome, HUB_OK}
#define STAY(state)           {QUEUE_##state, false, OUTCOME_NONE, HUB_DEVICE_MESSAGE_LOCK_LOST}

#define FINAL(state) [QUEUE_##state] = {                                \
    [QUEUE_DELIVER]         = STAY(state),                              \
    [QUEUE_DELIVER_SETTLED] = STAY(state),                              \
    [QUEUE_COMPLETE]        = STAY(state),                              \
    [QUEUE_REJECT]          = STAY(state),                              \
    [QUEUE_ABANDON]         = STAY(state),                              \
    [QUEUE_ABANDON_LAST]    = STAY(state),                              \
    [QUEUE_LOCK_END]        = STAY(state),                              \
    [QUEUE_EXPIRE]          = STAY(state),                              \
    [QUEUE_PURGE]           = STAY(state),                              \
    [QUEUE_DEVICE_DELETE]   = STAY(state),                              \
    [QUEUE_TOO_OLD]         = STAY(state)}

static const struct queue_transition transitions[QUEUE_STATE_COUNT][QUEUE_EVENT_COUNT] = {
    [QUEUE_ENQUEUED] = {
        [QUEUE_DELIVER]         = TO(INVISIBLE),
        [QUEUE_DELIVER_SETTLED] = END(COMPLETED, COMPLETED),
        [QUEUE_COMPLETE]        = STAY(ENQUEUED),
        [QUEUE_REJECT]          = STAY(ENQUEUED),
        [QUEUE_ABANDON]         = STAY(ENQUEUED),
        [QUEUE_ABANDON_LAST]    = STAY(ENQUEUED),
        [QUEUE_LOCK_END]        = STAY(ENQUEUED),
        [QUEUE_EXPIRE]          = END(DEAD_LETTERED, EXPIRED),
        [QUEUE_PURGE]           = END(REMOVED, PURGED),
        [QUEUE_DEVICE_DELETE]   = END(REMOVED, DEVICE_DELETED),
        [QUEUE_TOO_OLD]         = END(DEAD_LETTERED, REJECTED)},
    [QUEUE_INVISIBLE] = {
        [QUEUE_DELIVER]         = STAY(INVISIBLE),
        [QUEUE_DELIVER_SETTLED] = STAY(INVISIBLE),
        [QUEUE_COMPLETE]        = END(COMPLETED, COMPLETED),
        [QUEUE_REJECT]          = END(DEAD_LETTERED, REJECTED),
        [QUEUE_ABANDON]         = TO_COUNTING(ENQUEUED),
        [QUEUE_ABANDON_LAST]    = END_COUNTING(DEAD_LETTERED, DELIVERY_COUNT_EXCEEDED),
        [QUEUE_LOCK_END]        = TO(ENQUEUED),
        [QUEUE_EXPIRE]          = END(DEAD_LETTERED, EXPIRED),
        [QUEUE_PURGE]           = END(REMOVED, PURGED),
        [QUEUE_DEVICE_DELETE]   = END(REMOVED, DEVICE_DELETED),
        [QUEUE_TOO_OLD]         = STAY(INVISIBLE)},
    FINAL(COMPLETED),
    FINAL(DEAD_LETTERED),
    FINAL(REMOVED),
};

/* clang-format on */

const struct queue_transition *queue_transition_of(enum queue_state state, enum queue_event event)
{
    return &transitions[state][event];
}

bool queue_state_is_final(enum queue_state state)
{
    return state >= QUEUE_COMPLETED;
}

const char *queue_state_name(enum queue_state state)
{
    static const char *const names[QUEUE_STATE_COUNT] = {[QUEUE_ENQUEUED] = "enqueued",
        [QUEUE_INVISIBLE] = "invisible",
        [QUEUE_COMPLETED] = "completed",
        [QUEUE_DEAD_LETTERED] = "deadLettered",
        [QUEUE_REMOVED] = "removed"};
    return names[state];
}

const char *queue_event_name(enum queue_event event)
{
    static const char *const names[QUEUE_EVENT_COUNT] = {[QUEUE_DELIVER] = "deliver",
        [QUEUE_DELIVER_SETTLED] = "deliverSettled",
        [QUEUE_COMPLETE] = "complete",
        [QUEUE_REJECT] = "reject",
        [QUEUE_ABANDON] = "abandon",
        [QUEUE_ABANDON_LAST] = "abandonLast",
        [QUEUE_LOCK_END] = "lockEnd",
        [QUEUE_EXPIRE] = "expire",
        [QUEUE_PURGE] = "purge",
        [QUEUE_DEVICE_DELETE] = "deviceDelete",
        [QUEUE_TOO_OLD] = "tooOld"};
    return names[event];
}

const char *queue_outcome_name(enum queue_outcome outcome)
{
    static const char *const names[QUEUE_OUTCOME_COUNT] = {[OUTCOME_NONE] = "none",
        [OUTCOME_COMPLETED] = "completed",
        [OUTCOME_REJECTED] = "rejected",
        [OUTCOME_DELIVERY_COUNT_EXCEEDED] = "deliveryCountExceeded",
        [OUTCOME_EXPIRED] = "expired",
        [OUTCOME_PURGED] = "purged",
        [OUTCOME_DEVICE_DELETED] = "deviceDeleted"};
    return names[outcome];
}
