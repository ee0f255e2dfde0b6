#include "store/telemetry.h"

#include "store/memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- one message ---- */

struct bytes {
    char *at;
    size_t length, room;
};

/* The properties one after another: a head each, then name and value, both zero-terminated. */
struct telemetry_event {
    struct bytes properties, body;
};

struct head {
    enum telemetry_kind kind;
    bool has_value;
    size_t name, value; /* their lengths */
};

static void append(struct bytes *bytes, const void *more, size_t length)
{
    if (bytes->room - bytes->length < length) {
        bytes->room =
            2 * bytes->room > bytes->length + length ? 2 * bytes->room : bytes->length + length;
        bytes->at = memory_grow(bytes->at, bytes->room, 1);
    }
    if (length > 0) {
        memcpy(bytes->at + bytes->length, more, length);
        bytes->length += length;
    }
}

static void append_text(struct bytes *bytes, struct text text)
{
    append(bytes, text.bytes, text.length);
    append(bytes, "", 1);
}

/* Growing has left room that nobody will need. */
static void trim(struct bytes *bytes)
{
    if (bytes->room > bytes->length) {
        bytes->room = bytes->length;
        bytes->at = bytes->room ? memory_grow(bytes->at, bytes->room, 1) : bytes->at;
    }
}

struct telemetry_event *telemetry_event_create(void)
{
    return memory_allocate(sizeof(struct telemetry_event));
}

void telemetry_event_free(struct telemetry_event *event)
{
    if (event) {
        free(event->properties.at);
        free(event->body.at);
        free(event);
    }
}

void telemetry_event_add(
    struct telemetry_event *event, enum telemetry_kind kind, struct text name, struct text value)
{
    const struct head head = {kind, value.bytes != NULL, name.length, value.length};
    append(&event->properties, &head, sizeof head);
    append_text(&event->properties, name);
    append_text(&event->properties, value);
}

void telemetry_event_append(struct telemetry_event *event, const void *bytes, size_t length)
{
    append(&event->body, bytes, length);
}

bool telemetry_event_next(
    const struct telemetry_event *event, size_t *at, struct telemetry_property *property)
{
    struct head head;
    if (*at == event->properties.length) {
        return false;
    }
    const char *bytes = event->properties.at + *at;
    memcpy(&head, bytes, sizeof head);
    bytes += sizeof head;
    property->kind = head.kind;
    property->name = (struct text){bytes, head.name};
    bytes += head.name + 1;
    property->value = (struct text){head.has_value ? bytes : NULL, head.value};
    *at += sizeof head + head.name + 1 + head.value + 1;
    return true;
}

struct text telemetry_event_find(const struct telemetry_event *event, const char *name)
{
    struct telemetry_property property;
    for (size_t at = 0; telemetry_event_next(event, &at, &property);) {
        if (property.kind == TELEMETRY_SYSTEM && strcmp(property.name.bytes, name) == 0) {
            return property.value;
        }
    }
    return TEXT_ABSENT;
}

struct text telemetry_event_body(const struct telemetry_event *event)
{
    return (struct text){event->body.at ? event->body.at : "", event->body.length};
}

/* ---- all of them ---- */

/* A ring by id, as the journal's. Ids in [first, published) are visible, those in [published, next)
 * belong to the open group. */
struct telemetry {
    struct journal *journal;
    struct telemetry_item *ring;
    size_t count_max, bytes_max, bytes;
    uint64_t first, published, next;
    uint64_t taken; /* in the open group */
    uint64_t count, dropped;
};

static struct telemetry_item *slot_of(const struct telemetry *telemetry, uint64_t id)
{
    return &telemetry->ring[id % telemetry->count_max];
}

static size_t size_of(const struct telemetry_item *item)
{
    const struct telemetry_event *event = item->event;
    return sizeof *event + event->properties.room + event->body.room + strlen(item->device_id) + 1;
}

static void clear(struct telemetry *telemetry, uint64_t id)
{
    struct telemetry_item *item = slot_of(telemetry, id);
    telemetry->bytes -= size_of(item);
    telemetry_event_free(item->event);
    free(item->device_id);
    *item = (struct telemetry_item){0};
}

static void drop_oldest(struct telemetry *telemetry)
{
    /* A single group larger than the ring loses its own oldest. */
    if (telemetry->published == telemetry->first) {
        telemetry->published++;
    }
    clear(telemetry, telemetry->first++);
    telemetry->dropped++;
}

static void publish(void *owner)
{
    struct telemetry *telemetry = owner;
    telemetry->count += telemetry->taken;
    telemetry->taken = 0;
    telemetry->published = telemetry->next;
}

static void discard(void *owner, const struct hub_error *failure)
{
    struct telemetry *telemetry = owner;
    telemetry->taken = 0;
    while (!failure && telemetry->first < telemetry->published) { /* the hub begins anew */
        clear(telemetry, telemetry->first++);
    }
    while (telemetry->next > telemetry->published) {
        clear(telemetry, --telemetry->next);
    }
}

struct telemetry *telemetry_open(
    struct database *database, struct journal *journal, size_t count_max, size_t bytes_max)
{
    static const struct database_member member = {publish, discard};
    struct telemetry *telemetry = memory_allocate(sizeof *telemetry);
    telemetry->journal = journal;
    telemetry->ring = memory_allocate_array(count_max, sizeof(struct telemetry_item));
    telemetry->count_max = count_max;
    telemetry->bytes_max = bytes_max;
    telemetry->first = telemetry->published = telemetry->next = 1;
    database_join(database, &member, telemetry);
    return telemetry;
}

void telemetry_free(struct telemetry *telemetry)
{
    if (!telemetry) {
        return;
    }
    while (telemetry->first < telemetry->next) {
        clear(telemetry, telemetry->first++);
    }
    free(telemetry->ring);
    free(telemetry);
}

static void note(struct telemetry *telemetry, const struct telemetry_item *item,
    const struct actor *actor, const char *reason)
{
    char message_id[MESSAGE_ID_MAX + 1] = "";
    struct text id = telemetry_event_find(item->event, TELEMETRY_MESSAGE_ID);
    if (id.length > 0) {
        strncat(message_id, id.bytes, MESSAGE_ID_MAX);
    }
    journal_note(telemetry->journal, &(struct journal_entry){.at = item->at,
                                         .event = JOURNAL_TELEMETRY,
                                         .device = item->device_id,
                                         .message_id = message_id[0] ? message_id : NULL,
                                         .protocol = actor->protocol,
                                         .connection = actor->connection,
                                         .reason = reason});
}

void telemetry_take(struct telemetry *telemetry, struct telemetry_event *event,
    const char *device_id, const struct actor *actor, const char *reason, struct instant now)
{
    trim(&event->properties);
    trim(&event->body);
    struct telemetry_item item = {.id = telemetry->next,
        .at = now,
        .device_id = memory_copy_string(device_id),
        .protocol = actor->protocol,
        .event = event};
    note(telemetry, &item, actor, reason);
    size_t size = size_of(&item);
    while (telemetry->first < telemetry->next &&
           (telemetry->next - telemetry->first == telemetry->count_max ||
               telemetry->bytes + size > telemetry->bytes_max)) {
        drop_oldest(telemetry);
    }
    telemetry->taken++;
    telemetry->bytes += size;
    *slot_of(telemetry, telemetry->next++) = item;
}

const struct telemetry_item *telemetry_next(
    const struct telemetry *telemetry, const char *device_id, uint64_t after)
{
    uint64_t id = after + 1 > telemetry->first ? after + 1 : telemetry->first;
    for (; id < telemetry->published; id++) {
        const struct telemetry_item *item = slot_of(telemetry, id);
        if (strcmp(item->device_id, device_id) == 0) {
            return item;
        }
    }
    return NULL;
}

uint64_t telemetry_count(const struct telemetry *telemetry)
{
    return telemetry->count;
}

uint64_t telemetry_dropped(const struct telemetry *telemetry)
{
    return telemetry->dropped;
}
