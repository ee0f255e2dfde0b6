/*
 * Deadlines in the order they fall due: a binary heap of members that lie within their owners.
 * Called by store/queue. All operations are O(log n) and allocate only to grow.
 */
#ifndef DEVICEBOUND_STORE_DEADLINE_H
#define DEVICEBOUND_STORE_DEADLINE_H

#include "store/clock.h"

#include <stddef.h>

struct deadline {
    struct instant at;
    size_t place; /* in the heap, from 1; 0: in none */
};

struct deadlines {
    struct deadline **heap; /* heap[1] is the earliest */
    size_t count, room;
};

/* A zeroed struct is an empty heap. */
void deadlines_release(struct deadlines *deadlines);

/* Sets or moves. */
void deadlines_set(struct deadlines *deadlines, struct deadline *deadline, struct instant at);

/* Removes; nothing when it is in none. */
void deadlines_remove(struct deadlines *deadlines, struct deadline *deadline);

/* The earliest; NULL when there is none. */
struct deadline *deadlines_first(const struct deadlines *deadlines);

#endif
