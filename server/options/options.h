/*
 * Every setting of the process, once, in a table (options_table.c): flag, environment variable,
 * JSON key, type, range, default, sentence. Command line, environment, config file, --help, the
 * manual page, the README's table and the control API's listing all read that table. Called by
 * server/main and server/control.
 *
 * Precedence: command line, environment, config file, default. Reading settings writes nothing
 * anywhere; the first mistake is one sentence that names the setting, the value and what is
 * accepted.
 */
#ifndef DEVICEBOUND_SERVER_OPTIONS_OPTIONS_H
#define DEVICEBOUND_SERVER_OPTIONS_OPTIONS_H

#include "protocols/session/simulator.h"
#include "store/database.h"
#include "store/identity.h"
#include "store/log.h"
#include "store/settings.h"

#include <stdio.h>

/* base64 of the 32 bytes "devicebound-well-known-hub-key-1": the key of every shared access policy
 * unless the operator gives another. A secret it is not. */
#define DEFAULT_SHARED_ACCESS_KEY "ZGV2aWNlYm91bmQtd2VsbC1rbm93bi1odWIta2V5LTE="

enum verb {
    VERB_SERVE,
    VERB_VERSION,
    VERB_HEALTHCHECK,
    VERB_CONNECTION_STRING,
    VERB_CA,
    VERB_SEND,
    VERB_RECEIVE,
    VERB_FEEDBACK,
    VERB_WATCH,
    VERB_ADVANCE,
    VERB_HELP,
    VERB_HELP_MARKDOWN, /* the settings as the README shows them */
    VERB_HELP_MAN, /* and as the package carries them */
    VERB_HELP_BASH,
    VERB_HELP_ENVIRONMENT
};

struct text_list {
    char **items;
    size_t count;
};

/* A device that is there when the hub starts. What was not given keeps the value of a device that
 * exists already. */
struct seed_device {
    struct identity_draft draft;
    bool has_status, has_authentication, has_key;
    struct simulator_rule simulator; /* `count` 0: it is not played */
    struct json_t
        *messages; /* list of what waits for a new device (message_codec.h); NULL: nothing */
};

struct seed_list {
    struct seed_device *items;
    size_t count;
};

#define OPERANDS_MAX 2

#define PORT_OFF (-1) /* no listener */
#define PORT_ANY 0

enum auth_mode {
    AUTH_ENFORCE,
    AUTH_LENIENT
};

enum trace {
    TRACE_AMQP = 1,
    TRACE_MQTT = 2,
    TRACE_HTTPS = 4
};

enum lock_time_mode {
    LOCK_TIME_FIXED,
    LOCK_TIME_HONOUR
};

/* The values, merged. Texts are never NULL unless it is said. */
struct options {
    enum verb verb;

    char *config; /* NULL: none */
    char *host_name;
    struct text_list alt_names;
    char *bind;
    int https_port, amqps_port, mqtts_port, control_port;

    char *data_directory; /* NULL: the verb needs none */
    bool in_memory;
    int durability; /* enum durability */
    struct seed_list devices;

    struct key shared_access_key;
    int auth; /* enum auth_mode */
    struct text_list device_ca; /* PEM files */
    char *tls_cert, *tls_key, *ca_cert, *ca_key; /* NULL: none */

    struct hub_settings hub;
    bool unsafe_ranges;
    bool amqp_release_locks_on_detach;
    bool mqtt_reject_before_subscribe, mqtt_redeliver_on_connection;
    uint32_t mqtt_inflight;
    int mqtt_disabled_device_code; /* 3 or 5 */
    int mqtt_unknown_filter; /* enum mqtt_unknown_filter */
    struct duration mqtt_token_grace;
    int https_lock_time; /* enum lock_time_mode */
    int throttle; /* enum throttle_profile */
    bool faults_from_telemetry;

    int log_level; /* enum log_level */
    int log_format; /* enum log_format */
    unsigned trace; /* sum of enum trace */

    /* Of single verbs; of the first seven NULL, 0 or empty is not given. */
    char *policy;
    char *message_id, *correlation_id, *content_type;
    struct duration ttl;
    struct text_list properties; /* NAME=VALUE */
    int ack; /* enum message_ack */
    bool complete, reject, abandon;
    bool json;
    const char *operands[OPERANDS_MAX]; /* borrowed from the command line */

    struct option_given *given; /* by row: options.c */
    struct options *started; /* before the first change at run time; NULL: there was none */
};

/* Reads the three sources. False: `mistake` holds one sentence without secrets, to be freed with
 * options_release all the same. `environment` is a list of NAME=VALUE that ends with NULL. */
bool options_read(struct options *options, int argument_count, char *const *arguments,
    char *const *environment, char mistake[static 512]);
void options_release(struct options *options);

/* The device that --device names on the command line, where a verb is about one: not those that
 * file and environment give a hub. The last one of several; NULL: none. */
const struct seed_device *options_named_device(const struct options *options);

/* Whether anybody gave the hub's host name: else it is the default. */
bool options_names_host(const struct options *options);

/* ---- changing while the hub runs ---- */

struct json_t;

/* An object in the shape of the config file, of those settings that can change. False: none has
 * changed, and `mistake` holds one sentence. Whoever holds a copy of a value has to fetch it. */
bool options_change(struct options *options, const struct json_t *object, char mistake[static 512]);

/* Undoes all of that. */
void options_undo_changes(struct options *options);

/* ---- showing ---- */

void options_print_help(FILE *out);
void options_print_markdown(FILE *out);
void options_print_man(FILE *out); /* the manual page */
void options_print_bash(FILE *out); /* completion */
void options_print_environment(FILE *out); /* every variable with its default, commented out */

enum option_source {
    SOURCE_DEFAULT,
    SOURCE_FILE,
    SOURCE_ENVIRONMENT,
    SOURCE_COMMAND_LINE,
    SOURCE_RUNTIME
};
const char *option_source_name(enum option_source source); /* "default", "commandLine", … */

/* One setting as the control API lists it: its JSON key and its value as text, secrets masked.
 * Borrowed for the life of the options. */
struct option_view {
    const char *name;
    const char *value;
    enum option_source source;
};

/* False past the last one. */
bool options_view_at(const struct options *options, size_t index, struct option_view *view);

#endif
