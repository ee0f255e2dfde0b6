/*
 * The table of settings. Private to server/options.
 *
 * A new setting is one row in options_table.c and one member of struct options.
 */
#ifndef DEVICEBOUND_SERVER_OPTIONS_OPTIONS_TABLE_H
#define DEVICEBOUND_SERVER_OPTIONS_OPTIONS_TABLE_H

#include "server/options/options.h"

enum option_type {
    OPTION_TEXT, /* char *, not empty */
    OPTION_ADDRESS, /* char *, an IPv4 or IPv6 address */
    OPTION_NAMES, /* struct text_list, repeatable */
    OPTION_SWITCH, /* bool; on the command line the flag alone is true */
    OPTION_PORT, /* int */
    OPTION_COUNT, /* uint32_t, with a range */
    OPTION_DURATION, /* struct duration, with a range */
    OPTION_CHOICE, /* int, one of the words */
    OPTION_CHOICES, /* unsigned, the sum of the words' bits; comma separated */
    OPTION_KEY, /* struct key */
    OPTION_DEVICES /* struct seed_list, repeatable */
};

enum option_group {
    GROUP_ENDPOINTS,
    GROUP_DATA,
    GROUP_SECURITY,
    GROUP_CLOUD_TO_DEVICE,
    GROUP_LOG,
    GROUP_BEHAVIOUR,
    GROUP_VERB, /* of some verbs only: no environment variable, no key */
    GROUP_COUNT
};

struct option_word {
    const char *word; /* the last one is NULL */
    int value;
};

struct option_row {
    const char *flag; /* without its dashes */
    const char *environment; /* NULL: made of the flag */
    const char *key; /* in the config file; dots are nesting. NULL: none */
    enum option_group group;
    enum option_type type;
    size_t offset; /* within struct options */
    const char *placeholder; /* NULL for a switch */
    const char *initial; /* the default as text; NULL: none */
    int64_t least, most; /* counts; microseconds for durations */
    bool can_change; /* while the hub runs */
    const struct option_word *words; /* choices */
    unsigned verbs; /* sum of OF_VERB: that use it beside serve; GROUP_VERB: that take it */
    const char *help;
};

#define OF_VERB(verb) (1U << (verb))

extern const struct option_row option_rows[];
extern const size_t option_row_count;
extern const char *const option_group_titles[GROUP_COUNT];

/* What the program does, by its first argument. */
struct option_verb {
    const char *word;
    enum verb verb;
    const char *arguments; /* behind it, operands first */
    const char *help; /* NULL: another word for the same, or not for users */
    int operand_count; /* each has to be there */
};

extern const struct option_verb option_verbs[];
extern const size_t option_verb_count;

/* What was given for a row. */
struct option_given {
    enum option_source source;
    char *text; /* as it was given, repetitions joined by commas; NULL: nothing, no default */
};

/* Writes the sentence and returns false, so that a mistake is one line. */
bool option_mistake(char mistake[static 512], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Where a value comes from, for the sentence about a mistake. */
struct option_origin {
    enum option_source source;
    const char *file; /* of SOURCE_FILE */
};

#define OPTION_ENVIRONMENT_SIZE 64
void option_environment_name(const struct option_row *row, char out[OPTION_ENVIRONMENT_SIZE]);

/* What is accepted: "PT1M to P2D", "enforce or lenient". */
#define OPTION_ACCEPTED_SIZE 192
void option_describe_accepted(const struct option_row *row, char out[OPTION_ACCEPTED_SIZE]);

/* The same in a few words; "" where the placeholder says enough. */
void option_describe_range(const struct option_row *row, char out[OPTION_ACCEPTED_SIZE]);

/* "receive, watch": the verbs that a GROUP_VERB row belongs to; "" for any other row. */
#define OPTION_VERBS_SIZE 64
void option_describe_verbs(const struct option_row *row, char out[OPTION_VERBS_SIZE]);

/* "--https-port", "DEVICEBOUND_HTTPS_PORT" or "httpsPort", as the user wrote it. */
#define OPTION_NAME_SIZE 512
void option_describe_name(
    const struct option_row *row, struct option_origin origin, char out[OPTION_NAME_SIZE]);

/* Sets the member of `options` from a text, appending for repeatable ones. False: `mistake`. */
bool option_set(struct options *options, const struct option_row *row, const char *text,
    struct option_origin origin, char mistake[static 512]);

/* Empties a repeatable member, so that a stronger source replaces a weaker one. */
void option_clear(struct options *options, const struct option_row *row);

/* "ID" or "ID=KEY". False: `mistake` says what is wrong with it, without the key. */
bool seed_parse_text(const char *text, struct seed_device *device, char mistake[static 512]);

struct json_t;
/* An object in the shape of the registry. False: as above. */
bool seed_parse_object(
    const struct json_t *object, struct seed_device *device, char mistake[static 512]);

/* Every count and duration. `file`: the config file, for the sentence. */
bool option_check_ranges(struct options *options, const char *file, char mistake[static 512]);

/* Takes each member of an object in the shape of the config file. */
bool option_take_object(struct options *options, const struct json_t *object, const char *prefix,
    struct option_origin origin, char mistake[static 512]);

/* Reads the config file into `options`; rows marked in `given` by a stronger source are checked
 * but not set. */
bool option_file_read(struct options *options, const char *path, char mistake[static 512]);

/* For option_file_read: as option_set, with precedence and record. */
bool option_take(struct options *options, const struct option_row *row, const char *text,
    struct option_origin origin, char mistake[static 512]);
void option_take_device(struct options *options, const struct option_row *row,
    const struct seed_device *device, struct option_origin origin);

#endif
