/* From text to value and back, by type. */
#include "server/options/options_table.h"

#include "store/iso8601.h"
#include "store/memory.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* With --unsafe-ranges. */
#define COUNT_MAX 1000000
#define DURATION_LEAST INT64_C(1000) /* 1 ms */
#define DURATION_MOST (INT64_C(365) * 24 * 3600 * 1000000)

static void *member(struct options *options, const struct option_row *row)
{
    return (char *)options + row->offset;
}

bool option_mistake(char mistake[static 512], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(mistake, 512, format, arguments);
    va_end(arguments);
    for (char *c = mistake; *c; c++) {
        if (iscntrl((unsigned char)*c)) { /* of a value: it would break the line */
            *c = '?';
        }
    }
    return false;
}

/* ---- names and what is accepted ---- */

void option_environment_name(const struct option_row *row, char out[OPTION_ENVIRONMENT_SIZE])
{
    if (row->environment) {
        snprintf(out, OPTION_ENVIRONMENT_SIZE, "%s", row->environment);
        return;
    }
    int used = snprintf(out, OPTION_ENVIRONMENT_SIZE, "DEVICEBOUND_");
    for (const char *c = row->flag; *c && used < OPTION_ENVIRONMENT_SIZE - 1; c++) {
        out[used++] = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    }
    out[used] = '\0';
}

void option_describe_name(
    const struct option_row *row, struct option_origin origin, char out[OPTION_NAME_SIZE])
{
    if (origin.source == SOURCE_ENVIRONMENT) {
        option_environment_name(row, out);
    } else if (origin.source == SOURCE_FILE) {
        snprintf(out, OPTION_NAME_SIZE, "%s in %s", row->key, origin.file);
    } else if (origin.source == SOURCE_RUNTIME) {
        snprintf(out, OPTION_NAME_SIZE, "%s", row->key);
    } else {
        snprintf(out, OPTION_NAME_SIZE, "--%s", row->flag);
    }
}

static void describe_words(const struct option_row *row, const char *last, char *out, size_t size)
{
    size_t used = 0;
    for (const struct option_word *word = row->words; word->word && used < size; word++) {
        const char *before = word == row->words ? "" : (word + 1)->word ? ", " : last;
        used += (size_t)snprintf(out + used, size - used, "%s%s", before, word->word);
    }
}

void option_describe_accepted(const struct option_row *row, char out[OPTION_ACCEPTED_SIZE])
{
    char least[ISO8601_SIZE], most[ISO8601_SIZE];
    switch (row->type) {
    case OPTION_TEXT:
    case OPTION_NAMES:
        snprintf(out, OPTION_ACCEPTED_SIZE, "a text that is not empty");
        break;
    case OPTION_ADDRESS:
        snprintf(out, OPTION_ACCEPTED_SIZE, "an IPv4 or IPv6 address");
        break;
    case OPTION_SWITCH:
        snprintf(out, OPTION_ACCEPTED_SIZE, "true or false");
        break;
    case OPTION_PORT:
        snprintf(out, OPTION_ACCEPTED_SIZE, "0 to 65535, or off");
        break;
    case OPTION_COUNT:
        snprintf(
            out, OPTION_ACCEPTED_SIZE, "%lld to %lld", (long long)row->least, (long long)row->most);
        break;
    case OPTION_DURATION:
        iso8601_format_duration((struct duration){row->least}, least);
        iso8601_format_duration((struct duration){row->most}, most);
        snprintf(out, OPTION_ACCEPTED_SIZE, "%s to %s", least, most);
        break;
    case OPTION_CHOICE:
        describe_words(row, " or ", out, OPTION_ACCEPTED_SIZE);
        break;
    case OPTION_CHOICES:
        describe_words(row, " and ", out, OPTION_ACCEPTED_SIZE);
        break;
    case OPTION_KEY:
        snprintf(out, OPTION_ACCEPTED_SIZE, "base64 of %d to %d bytes", KEY_MIN, KEY_MAX);
        break;
    case OPTION_DEVICES:
        snprintf(out, OPTION_ACCEPTED_SIZE, "ID or ID=KEY");
        break;
    }
}

/* ---- parsing ---- */

static bool parse_number(const char *text, int64_t most, int64_t *number)
{
    char *end;
    errno = 0;
    long long parsed = strtoll(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end || errno || parsed > most) {
        return false;
    }
    *number = parsed;
    return true;
}

static bool set_text(char **place, const char *text)
{
    if (!*text) {
        return false;
    }
    free(*place);
    *place = memory_copy_string(text);
    return true;
}

static bool set_address(char **place, const char *text)
{
    unsigned char parsed[sizeof(struct in6_addr)];
    return (inet_pton(AF_INET, text, parsed) == 1 || inet_pton(AF_INET6, text, parsed) == 1) &&
           set_text(place, text);
}

static bool set_switch(bool *place, const char *text)
{
    *place = strcmp(text, "true") == 0;
    return *place || strcmp(text, "false") == 0;
}

static bool set_port(int *place, const char *text)
{
    int64_t number;
    if (strcmp(text, "off") == 0) {
        *place = PORT_OFF;
        return true;
    }
    if (!parse_number(text, 65535, &number)) {
        return false;
    }
    *place = (int)number;
    return true;
}

static bool set_count(uint32_t *place, const char *text)
{
    int64_t number;
    if (!parse_number(text, COUNT_MAX, &number) || number < 1) {
        return false;
    }
    *place = (uint32_t)number;
    return true;
}

static bool set_duration(struct duration *place, const struct option_row *row, const char *text)
{
    int64_t least = row->least < DURATION_LEAST ? row->least : DURATION_LEAST;
    return iso8601_parse_duration(text, place) && place->us >= least && place->us <= DURATION_MOST;
}

static const struct option_word *find_word(
    const struct option_row *row, const char *text, size_t length)
{
    for (const struct option_word *word = row->words; word->word; word++) {
        if (strlen(word->word) == length && strncmp(word->word, text, length) == 0) {
            return word;
        }
    }
    return NULL;
}

static bool set_choice(int *place, const struct option_row *row, const char *text)
{
    const struct option_word *word = find_word(row, text, strlen(text));
    *place = word ? word->value : *place;
    return word != NULL;
}

/* Calls `take` for each part between commas; blanks around one are dropped. */
static bool each_part(
    const char *text, bool (*take)(void *context, const char *part, size_t length), void *context)
{
    for (const char *at = text;; at++) {
        at += strspn(at, " ");
        size_t length = strcspn(at, ",");
        const char *end = at + length;
        while (length > 0 && at[length - 1] == ' ') {
            length--;
        }
        if (!take(context, at, length)) {
            return false;
        }
        at = end;
        if (!*at) {
            return true;
        }
    }
}

struct choices {
    const struct option_row *row;
    unsigned sum;
};

static bool take_choice(void *context, const char *part, size_t length)
{
    struct choices *choices = context;
    const struct option_word *word = find_word(choices->row, part, length);
    choices->sum |= word ? (unsigned)word->value : 0;
    return word != NULL;
}

static bool take_name(void *context, const char *part, size_t length)
{
    struct text_list *list = context;
    if (length == 0) {
        return false;
    }
    list->items = memory_grow(list->items, list->count + 1, sizeof *list->items);
    list->items[list->count++] = memory_copy_bytes(part, length);
    return true;
}

struct devices {
    struct seed_list *list;
    char *mistake;
};

static bool take_device(void *context, const char *part, size_t length)
{
    struct devices *devices = context;
    struct seed_list *list = devices->list;
    struct seed_device device;
    char *text = memory_copy_bytes(part, length);
    bool is_valid = seed_parse_text(text, &device, devices->mistake);
    free(text);
    if (is_valid) {
        list->items = memory_grow(list->items, list->count + 1, sizeof *list->items);
        list->items[list->count++] = device;
    }
    return is_valid;
}

/* Only a variable has to hold several values in one text: an id may hold a comma. */
static bool set_list(bool is_split, const char *text,
    bool (*take)(void *context, const char *part, size_t length), void *context)
{
    return is_split ? each_part(text, take, context) : take(context, text, strlen(text));
}

static bool set_value(void *place, const struct option_row *row, const char *text,
    struct option_origin origin, char mistake[static 512])
{
    struct choices choices = {row, 0};
    struct devices devices = {place, mistake};
    bool is_split = origin.source == SOURCE_ENVIRONMENT;
    bool is_json = origin.source == SOURCE_FILE || origin.source == SOURCE_RUNTIME;
    switch (row->type) {
    case OPTION_TEXT:
        return set_text(place, text);
    case OPTION_ADDRESS:
        return set_address(place, text);
    case OPTION_NAMES:
        return set_list(is_split, text, take_name, place);
    case OPTION_SWITCH:
        return set_switch(place, text);
    case OPTION_PORT:
        return set_port(place, text);
    case OPTION_COUNT:
        return set_count(place, text);
    case OPTION_DURATION:
        return set_duration(place, row, text);
    case OPTION_CHOICE:
        return set_choice(place, row, text);
    case OPTION_CHOICES:
        /* In JSON an empty list is none of them. */
        if (!(is_json && !*text) && !each_part(text, take_choice, &choices)) {
            return false;
        }
        *(unsigned *)place = choices.sum;
        return true;
    case OPTION_KEY:
        return key_parse(text, place);
    case OPTION_DEVICES:
        return set_list(is_split, text, take_device, &devices);
    }
    return false;
}

bool option_set(struct options *options, const struct option_row *row, const char *text,
    struct option_origin origin, char mistake[static 512])
{
    char name[OPTION_NAME_SIZE], accepted[OPTION_ACCEPTED_SIZE], detail[512] = "";
    if (set_value(member(options, row), row, text, origin, detail)) {
        return true;
    }
    option_describe_name(row, origin, name);
    option_describe_accepted(row, accepted);
    if (detail[0]) {
        return option_mistake(mistake, "%.250s: %.250s", name, detail);
    }
    if (row->type == OPTION_KEY) {
        return option_mistake(mistake, "%.250s: accepted is %s", name, accepted);
    }
    return option_mistake(mistake, "%.200s \"%.100s\": accepted is %s", name, text, accepted);
}

/* ---- emptying ---- */

void option_clear(struct options *options, const struct option_row *row)
{
    void *place = member(options, row);
    if (row->type == OPTION_NAMES) {
        struct text_list *list = place;
        for (size_t i = 0; i < list->count; i++) {
            free(list->items[i]);
        }
        free(list->items);
        *list = (struct text_list){0};
    } else if (row->type == OPTION_DEVICES) {
        struct seed_list *list = place;
        for (size_t i = 0; i < list->count; i++) {
            json_decref(list->items[i].messages);
        }
        free(list->items);
        *list = (struct seed_list){0};
    } else if (row->type == OPTION_TEXT || row->type == OPTION_ADDRESS) {
        free(*(char **)place);
        *(char **)place = NULL;
    }
}
