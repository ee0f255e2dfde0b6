/*
 * An entry of the journal as JSON. Written by hand: a loaded hub makes a hundred thousand of them
 * in a second, and an object for each would cost it a third of that while somebody listens.
 */
#include "server/control/internal.h"
#include "store/iso8601.h"
#include "store/memory.h"

#include <stdlib.h>
#include <string.h>

#define FIXED 512 /* names, numbers, and what is one word of ours */
#define ESCAPED 6 /* bytes for one at most: \u001f */

static size_t length_of(const char *text)
{
    return text ? strlen(text) : 0;
}

size_t entry_size(const struct journal_entry *entry)
{
    return FIXED + ESCAPED * (length_of(entry->device) + length_of(entry->message_id) +
                                 length_of(entry->reason));
}

/* Whether it is the same in JSON. */
static bool is_plain(const char *text)
{
    while (*text >= 0x20 && *text < 0x7f && *text != '"' && *text != '\\') {
        text++;
    }
    return *text == '\0';
}

static char *write_member(char *at, const char *name, const char *text)
{
    if (!text) {
        return at;
    }
    at = stpcpy(stpcpy(stpcpy(at, ",\""), name), "\":");
    if (is_plain(text)) {
        return stpcpy(stpcpy(stpcpy(at, "\""), text), "\"");
    }
    json_t *value = http_json_text(text_of(text));
    char *escaped = json_dumps(value, JSON_ENCODE_ANY);
    at = stpcpy(at, escaped);
    free(escaped);
    json_decref(value);
    return at;
}

static char *write_number(char *at, const char *name, uint64_t number)
{
    char digits[24], *first = digits + sizeof digits - 1;
    *first = '\0';
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return stpcpy(stpcpy(at, name), first);
}

char *entry_write(const struct journal_entry *entry, char *out)
{
    char time[ISO8601_SIZE];
    iso8601_format_instant(entry->at, 3, time);
    char *at = write_number(out, "{\"id\":", entry->id);
    at = stpcpy(stpcpy(at, ",\"time\":\""), time);
    at = stpcpy(stpcpy(stpcpy(at, "\",\"event\":\""), journal_event_name(entry->event)), "\"");
    at = write_member(at, "device", entry->device);
    at = write_member(at, "messageId", entry->message_id);
    if (entry->sequence > 0) {
        at = write_number(at, ",\"sequenceNumber\":", entry->sequence);
        at = write_number(at, ",\"deliveryCount\":", entry->delivery_count);
    }
    at = write_member(at, "from", entry->from);
    at = write_member(at, "to", entry->to);
    at = write_member(at, "protocol", entry->protocol);
    if (entry->connection > 0) {
        at = write_number(at, ",\"connection\":", entry->connection);
    }
    at = write_member(at, "reason", entry->reason);
    return stpcpy(at, "}");
}

json_t *shape_entry(const struct journal_entry *entry)
{
    char *text = memory_allocate(entry_size(entry));
    entry_write(entry, text);
    json_t *shape = json_loads(text, 0, NULL);
    free(text);
    return shape;
}
