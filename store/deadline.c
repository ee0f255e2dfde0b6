#include "store/deadline.h"

#include "store/memory.h"

#include <stdlib.h>

void deadlines_release(struct deadlines *deadlines)
{
    free(deadlines->heap);
    *deadlines = (struct deadlines){0};
}

static void put(struct deadlines *deadlines, struct deadline *deadline, size_t place)
{
    deadlines->heap[place] = deadline;
    deadline->place = place;
}

static bool is_before(const struct deadline *a, const struct deadline *b)
{
    return a->at.us < b->at.us;
}

/* Moves the member at `place` up, then down, to where it belongs. */
static void settle(struct deadlines *deadlines, size_t place)
{
    struct deadline **heap = deadlines->heap, *moved = heap[place];
    while (place > 1 && is_before(moved, heap[place / 2])) {
        put(deadlines, heap[place / 2], place);
        place /= 2;
    }
    for (size_t child; (child = 2 * place) <= deadlines->count; place = child) {
        if (child < deadlines->count && is_before(heap[child + 1], heap[child])) {
            child++;
        }
        if (!is_before(heap[child], moved)) {
            break;
        }
        put(deadlines, heap[child], place);
    }
    put(deadlines, moved, place);
}

void deadlines_set(struct deadlines *deadlines, struct deadline *deadline, struct instant at)
{
    deadline->at = at;
    if (deadline->place == 0) {
        if (deadlines->count + 1 >= deadlines->room) {
            deadlines->room = deadlines->room ? deadlines->room * 2 : 64;
            deadlines->heap =
                memory_grow(deadlines->heap, deadlines->room, sizeof *deadlines->heap);
        }
        put(deadlines, deadline, ++deadlines->count);
    }
    settle(deadlines, deadline->place);
}

void deadlines_remove(struct deadlines *deadlines, struct deadline *deadline)
{
    size_t place = deadline->place;
    if (place == 0) {
        return;
    }
    deadline->place = 0;
    struct deadline *last = deadlines->heap[deadlines->count--];
    if (last != deadline) {
        put(deadlines, last, place);
        settle(deadlines, place);
    }
}

struct deadline *deadlines_first(const struct deadlines *deadlines)
{
    return deadlines->count > 0 ? deadlines->heap[1] : NULL;
}
