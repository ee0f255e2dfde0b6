/*
 * The life of a message as data: states, events, and for each pair what follows. Pure; store/queue
 * is the only caller that acts on it. The drawing stands in queue_state.c.
 */
#ifndef DEVICEBOUND_STORE_QUEUE_STATE_H
#define DEVICEBOUND_STORE_QUEUE_STATE_H

#include "store/error.h"

#include <stdbool.h>

enum queue_state {
    QUEUE_ENQUEUED,
    QUEUE_INVISIBLE,
    QUEUE_COMPLETED, /* final */
    QUEUE_DEAD_LETTERED, /* final */
    QUEUE_REMOVED, /* final: purged, or its device deleted */
    QUEUE_STATE_COUNT
};

enum queue_event {
    QUEUE_DELIVER, /* to a consumer that will settle */
    QUEUE_DELIVER_SETTLED, /* to one that will not */
    QUEUE_COMPLETE,
    QUEUE_REJECT,
    QUEUE_ABANDON,
    QUEUE_ABANDON_LAST, /* the abandon that reaches the maximum delivery count */
    QUEUE_LOCK_END, /* lapsed, or its holder is gone */
    QUEUE_EXPIRE,
    QUEUE_PURGE,
    QUEUE_DEVICE_DELETE,
    QUEUE_TOO_OLD, /* older than the subscription that starts */
    QUEUE_EVENT_COUNT
};

/* Why a message ended. */
enum queue_outcome {
    OUTCOME_NONE,
    OUTCOME_COMPLETED,
    OUTCOME_REJECTED,
    OUTCOME_DELIVERY_COUNT_EXCEEDED,
    OUTCOME_EXPIRED,
    OUTCOME_PURGED,
    OUTCOME_DEVICE_DELETED,
    QUEUE_OUTCOME_COUNT
};

struct queue_transition {
    enum queue_state next;
    bool counts; /* raises the delivery count */
    enum queue_outcome outcome; /* OUTCOME_NONE unless `next` is final */
    enum hub_code refusal; /* not HUB_OK: the event changes nothing and is answered so */
};

/* What `event` does in `state`: a row of the table. */
const struct queue_transition *queue_transition_of(enum queue_state state, enum queue_event event);

bool queue_state_is_final(enum queue_state state);
const char *queue_state_name(enum queue_state state); /* "enqueued", … */
const char *queue_event_name(enum queue_event event); /* "deliver", … */
const char *queue_outcome_name(enum queue_outcome outcome); /* "completed", … */

#endif
