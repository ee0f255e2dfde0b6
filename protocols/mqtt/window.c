#include "protocols/mqtt/window.h"

#include "store/memory.h"

#include <stdlib.h>

void window_release(struct window *window)
{
    free(window->entries);
    *window = (struct window){0};
}

static struct window_entry *append(struct window *window)
{
    if (window->count == window->room) {
        window->room = window->room ? window->room * 2 : 8;
        window->entries = memory_grow(window->entries, window->room, sizeof *window->entries);
    }
    return &window->entries[window->count++];
}

void window_load(struct window *window, const struct unacknowledged *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        *append(window) =
            (struct window_entry){.sequence = list[i].sequence, .packet_id = list[i].packet_id};
    }
}

struct window_entry *window_find_sequence(const struct window *window, uint64_t sequence)
{
    for (size_t i = 0; i < window->count; i++) {
        if (window->entries[i].sequence == sequence) {
            return &window->entries[i];
        }
    }
    return NULL;
}

struct window_entry *window_find_id(const struct window *window, uint16_t packet_id)
{
    for (size_t i = 0; i < window->count; i++) {
        if (window->entries[i].packet_id == packet_id) {
            return &window->entries[i];
        }
    }
    return NULL;
}

struct window_entry *window_add(struct window *window, uint64_t sequence)
{
    if (window->count >= UINT16_MAX) {
        return NULL;
    }
    do {
        window->last_id = window->last_id == UINT16_MAX ? 1 : (uint16_t)(window->last_id + 1);
    } while (window_find_id(window, window->last_id));
    struct window_entry *entry = append(window);
    *entry = (struct window_entry){.sequence = sequence, .packet_id = window->last_id};
    return entry;
}

void window_remove(struct window *window, struct window_entry *entry)
{
    *entry = window->entries[--window->count];
}

size_t window_count_locked(const struct window *window)
{
    size_t locked = 0;
    for (size_t i = 0; i < window->count; i++) {
        locked += window->entries[i].is_locked;
    }
    return locked;
}
