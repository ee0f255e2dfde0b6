#include "store/journal.h"

#include "store/memory.h"

#include <stdlib.h>
#include <string.h>

/* An entry and its texts in one block, which later entries use again if they fit. */
struct kept {
    struct journal_entry entry;
    size_t room; /* for texts */
    char texts[];
};

/* A ring by entry id. Ids in [first, published) are visible, those in [published, next) belong to
 * the open group. */
struct journal {
    struct kept **ring;
    size_t capacity;
    uint64_t first, published, next;
    uint64_t dropped;
};

struct journal *journal_create(size_t capacity)
{
    struct journal *journal = memory_allocate(sizeof *journal);
    journal->ring = memory_allocate_array(capacity, sizeof(struct kept *));
    journal->capacity = capacity;
    journal->first = journal->published = journal->next = 1;
    return journal;
}

void journal_free(struct journal *journal)
{
    if (!journal) {
        return;
    }
    for (size_t i = 0; i < journal->capacity; i++) {
        free(journal->ring[i]);
    }
    free(journal->ring);
    free(journal);
}

static const char *copy_text(const char *text, char **at)
{
    if (!text) {
        return NULL;
    }
    size_t size = strlen(text) + 1;
    char *copy = memcpy(*at, text, size);
    *at += size;
    return copy;
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

/* State and protocol names are static and need no copy. */
static struct kept *keep(struct kept *block, const struct journal_entry *entry, uint64_t id)
{
    size_t size =
        text_size(entry->device) + text_size(entry->message_id) + text_size(entry->reason);
    if (!block || block->room < size) {
        free(block);
        block = memory_grow(NULL, sizeof *block + size, 1);
        block->room = size;
    }
    char *at = block->texts;
    block->entry = *entry;
    block->entry.id = id;
    block->entry.device = copy_text(entry->device, &at);
    block->entry.message_id = copy_text(entry->message_id, &at);
    block->entry.reason = copy_text(entry->reason, &at);
    return block;
}

void journal_note(struct journal *journal, const struct journal_entry *entry)
{
    if (journal->next - journal->first == journal->capacity) {
        /* A single group larger than the ring loses its own oldest. */
        if (journal->published == journal->first) {
            journal->published++;
        }
        journal->first++;
        journal->dropped++;
    }
    struct kept **slot = &journal->ring[journal->next % journal->capacity];
    *slot = keep(*slot, entry, journal->next++);
}

void journal_publish(struct journal *journal)
{
    journal->published = journal->next;
}

void journal_discard(struct journal *journal)
{
    journal->next = journal->published;
}

void journal_clear(struct journal *journal)
{
    for (uint64_t id = journal->first; id < journal->next; id++) {
        free(journal->ring[id % journal->capacity]);
        journal->ring[id % journal->capacity] = NULL;
    }
    journal->first = journal->published = journal->next;
    journal->dropped = 0;
}

const struct journal_entry *journal_next(const struct journal *journal, uint64_t after)
{
    if (after >= journal->published) {
        return NULL; /* any number may be asked for, the largest too */
    }
    uint64_t id = after + 1 > journal->first ? after + 1 : journal->first;
    return id < journal->published ? &journal->ring[id % journal->capacity]->entry : NULL;
}

uint64_t journal_last_id(const struct journal *journal)
{
    return journal->published - 1;
}

uint64_t journal_dropped(const struct journal *journal)
{
    return journal->dropped;
}

const char *journal_event_name(enum journal_event event)
{
    static const char *const names[] = {
#define JOURNAL_NAME(enumerator, name) name,
        JOURNAL_EVENTS(JOURNAL_NAME)
#undef JOURNAL_NAME
    };
    return names[event];
}
