#include "server/options/options.h"

#include "server/options/options_table.h"
#include "store/iso8601.h"
#include "store/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct option_given *given_of(struct options *options, const struct option_row *row)
{
    return &options->given[row - option_rows];
}

/* ---- one value of one source ---- */

/* Keeps the text for the listing and for sentences; of keys and devices only what is public. */
static void record(struct option_given *given, const char *text)
{
    if (!given->text) {
        given->text = memory_copy_string(text);
        return;
    }
    size_t size = strlen(given->text) + strlen(text) + 2;
    char *joined = memory_allocate(size);
    snprintf(joined, size, "%s,%s", given->text, text);
    free(given->text);
    given->text = joined;
}

static void begin_source(
    struct options *options, const struct option_row *row, enum option_source source)
{
    struct option_given *given = given_of(options, row);
    bool repeats = row->type == OPTION_NAMES || row->type == OPTION_DEVICES;
    if (given->source != source || !repeats) {
        option_clear(options, row);
        free(given->text);
        given->text = NULL;
    }
    given->source = source;
}

static void record_devices(struct options *options, const struct option_row *row)
{
    struct option_given *given = given_of(options, row);
    free(given->text);
    given->text = NULL;
    for (size_t i = 0; i < options->devices.count; i++) {
        record(given, options->devices.items[i].draft.device_id);
    }
}

bool option_take(struct options *options, const struct option_row *row, const char *text,
    struct option_origin origin, char mistake[static 512])
{
    begin_source(options, row, origin.source);
    if (!option_set(options, row, text, origin, mistake)) {
        return false;
    }
    if (row->type == OPTION_DEVICES) {
        record_devices(options, row);
    } else {
        bool is_secret = row->type == OPTION_KEY && strcmp(text, DEFAULT_SHARED_ACCESS_KEY) != 0;
        record(given_of(options, row), is_secret ? "***" : text);
    }
    return true;
}

void option_take_device(struct options *options, const struct option_row *row,
    const struct seed_device *device, struct option_origin origin)
{
    begin_source(options, row, origin.source);
    struct seed_list *list = &options->devices;
    list->items = memory_grow(list->items, list->count + 1, sizeof *list->items);
    list->items[list->count++] = *device;
    record_devices(options, row);
}

/* ---- the command line ---- */

static const struct option_row *find_flag(const char *name, size_t length)
{
    for (size_t i = 0; i < option_row_count; i++) {
        const char *flag = option_rows[i].flag;
        if (strlen(flag) == length && strncmp(flag, name, length) == 0) {
            return &option_rows[i];
        }
    }
    return NULL;
}

/* A walk over the command line. */
struct reader {
    char *const *arguments;
    int count, at;
    const struct option_verb *verb;
    bool is_past_flags; /* behind "--" */
};

/* The verb is the first argument, if it is there. */
static struct reader begin_reading(char *const *arguments, int count)
{
    struct reader reader = {arguments, count, 1, &option_verbs[0], false};
    for (size_t i = 0; count > 1 && i < option_verb_count; i++) {
        if (strcmp(arguments[1], option_verbs[i].word) == 0) {
            reader.verb = &option_verbs[i];
            reader.at = 2;
            break;
        }
    }
    return reader;
}

static bool has_more(struct reader *reader)
{
    if (reader->verb->operand_count > 0 && !reader->is_past_flags && reader->at < reader->count &&
        strcmp(reader->arguments[reader->at], "--") == 0) {
        reader->is_past_flags = true;
        reader->at++;
    }
    return reader->at < reader->count;
}

/* Its row and its value, which may be the next argument. */
static bool read_flag(struct reader *reader, const char *name, const struct option_row **row,
    const char **text, char mistake[static 512])
{
    size_t length = strcspn(name, "=");
    *row = find_flag(name, length);
    if (!*row) {
        return option_mistake(
            mistake, "--%.*s is no setting; see --help", (int)(length > 200 ? 200 : length), name);
    }
    if (name[length] == '=') {
        *text = name + length + 1;
    } else if ((*row)->type == OPTION_SWITCH) {
        *text = "true";
    } else if (reader->at < reader->count) {
        *text = reader->arguments[reader->at++];
    } else {
        char accepted[OPTION_ACCEPTED_SIZE];
        option_describe_accepted(*row, accepted);
        return option_mistake(mistake, "--%s has no value: accepted is %s", (*row)->flag, accepted);
    }
    return true;
}

/* The next argument. `*row` NULL: it is an operand. */
static bool read_argument(struct reader *reader, const struct option_row **row, const char **text,
    char mistake[static 512])
{
    const char *argument = reader->arguments[reader->at++];
    if (!reader->is_past_flags && strncmp(argument, "--", 2) == 0 && argument[2]) {
        return read_flag(reader, argument + 2, row, text, mistake);
    }
    *row = NULL;
    *text = argument;
    return reader->verb->operand_count > 0 ||
           option_mistake(
               mistake, "\"%.200s\" is neither a verb nor a setting; see --help", argument);
}

static bool take_flag(struct options *options, const struct option_row *row, const char *text,
    char mistake[static 512])
{
    const struct option_origin origin = {SOURCE_COMMAND_LINE, NULL};
    if (row->group == GROUP_VERB && !(row->verbs & OF_VERB(options->verb))) {
        char verbs[OPTION_VERBS_SIZE];
        option_describe_verbs(row, verbs);
        return option_mistake(mistake, "--%s belongs to %s", row->flag, verbs);
    }
    return option_take(options, row, text, origin, mistake);
}

static bool read_command_line(
    struct options *options, char *const *arguments, int count, char mistake[static 512])
{
    struct reader reader = begin_reading(arguments, count);
    const struct option_verb *verb = reader.verb;
    int operands = 0;
    options->verb = verb->verb;
    while (has_more(&reader)) {
        const struct option_row *row;
        const char *text, *next = arguments[reader.at];
        if (!reader.is_past_flags && (strcmp(next, "--help") == 0 || strcmp(next, "-h") == 0)) {
            options->verb = VERB_HELP;
            return true;
        }
        if (!read_argument(&reader, &row, &text, mistake) ||
            (row && !take_flag(options, row, text, mistake))) {
            return false;
        }
        if (!row && operands == verb->operand_count) {
            return option_mistake(
                mistake, "\"%.200s\" is too much: %s takes %s", text, verb->word, verb->arguments);
        }
        if (!row) {
            options->operands[operands++] = text;
        }
    }
    return operands == verb->operand_count ||
           option_mistake(mistake, "%s takes %s", verb->word, verb->arguments);
}

/* ---- the environment ---- */

static const char *find_variable(char *const *environment, const char *name)
{
    size_t length = strlen(name);
    for (; environment && *environment; environment++) {
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=') {
            return *environment + length + 1;
        }
    }
    return NULL;
}

/* An empty variable counts as none: compose files pass unset ones so. */
static const char *variable_of(char *const *environment, const struct option_row *row)
{
    char name[OPTION_ENVIRONMENT_SIZE];
    option_environment_name(row, name);
    const char *text = row->group == GROUP_VERB ? NULL : find_variable(environment, name);
    return text && *text ? text : NULL;
}

static bool read_environment(
    struct options *options, char *const *environment, char mistake[static 512])
{
    const struct option_origin origin = {SOURCE_ENVIRONMENT, NULL};
    for (size_t i = 0; i < option_row_count; i++) {
        const char *text = variable_of(environment, &option_rows[i]);
        if (text && !option_take(options, &option_rows[i], text, origin, mistake)) {
            return false;
        }
    }
    return true;
}

/* ---- all together ---- */

static bool set_defaults(struct options *options, char mistake[static 512])
{
    const struct option_origin origin = {SOURCE_DEFAULT, NULL};
    options->hub = hub_settings_default();
    for (size_t i = 0; i < option_row_count; i++) {
        const struct option_row *row = &option_rows[i];
        if (row->initial && !option_take(options, row, row->initial, origin, mistake)) {
            return false;
        }
    }
    return true;
}

/* The command line has named the file before its own values are taken: it is read twice. */
static bool read_file(struct options *options, char *const *arguments, int count,
    char *const *environment, char mistake[static 512])
{
    const char *path = variable_of(environment, find_flag("config", strlen("config")));
    struct reader reader = begin_reading(arguments, count);
    while (has_more(&reader)) {
        const struct option_row *row;
        const char *text;
        if (!read_argument(&reader, &row, &text, mistake)) {
            break; /* told when its turn comes */
        }
        if (row && strcmp(row->flag, "config") == 0) {
            path = text;
        }
    }
    return !path || option_file_read(options, path, mistake);
}

/* Ranges come last, since any source may lift those of the service's rules. */
bool option_check_ranges(struct options *options, const char *file, char mistake[static 512])
{
    for (size_t i = 0; i < option_row_count; i++) {
        const struct option_row *row = &option_rows[i];
        bool can_be_lifted = row->group == GROUP_CLOUD_TO_DEVICE;
        const void *place = (const char *)options + row->offset;
        int64_t value;
        if (row->type == OPTION_COUNT) {
            value = *(const uint32_t *)place;
        } else if (row->type == OPTION_DURATION) {
            value = ((const struct duration *)place)->us;
        } else {
            continue;
        }
        if (!options->given[i].text) {
            continue; /* it has no default either */
        }
        if ((value < row->least || value > row->most) &&
            !(can_be_lifted && options->unsafe_ranges)) {
            char name[OPTION_NAME_SIZE], accepted[OPTION_ACCEPTED_SIZE];
            const struct option_given *given = &options->given[i];
            option_describe_name(row, (struct option_origin){given->source, file}, name);
            option_describe_accepted(row, accepted);
            return option_mistake(mistake, "%.180s \"%.80s\": accepted is %s%s", name, given->text,
                accepted, can_be_lifted ? ", or more with --unsafe-ranges" : "");
        }
    }
    return true;
}

static bool check_files_belong_together(const struct options *options, char mistake[static 512])
{
    if (!options->tls_cert != !options->tls_key) {
        return option_mistake(mistake, "--tls-cert and --tls-key go together");
    }
    if (options->ca_key && !options->ca_cert) {
        return option_mistake(mistake, "--ca-key needs --ca-cert");
    }
    if (options->ca_cert && !options->ca_key && !options->tls_cert) {
        return option_mistake(
            mistake, "--ca-cert needs --ca-key to issue certificates, or --tls-cert");
    }
    return true;
}

/* Before anything is started or written. */
static bool check_files_can_be_read(const struct options *options, char mistake[static 512])
{
    const struct {
        const char *flag, *path;
    } files[] = {{"tls-cert", options->tls_cert}, {"tls-key", options->tls_key},
        {"ca-cert", options->ca_cert}, {"ca-key", options->ca_key}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (files[i].path && access(files[i].path, R_OK) != 0) {
            return option_mistake(mistake, "--%s \"%.200s\" cannot be read: %s", files[i].flag,
                files[i].path, strerror(errno));
        }
    }
    for (size_t i = 0; i < options->device_ca.count; i++) {
        if (access(options->device_ca.items[i], R_OK) != 0) {
            return option_mistake(mistake, "--device-ca \"%.200s\" cannot be read: %s",
                options->device_ca.items[i], strerror(errno));
        }
    }
    return true;
}

static bool check_host_name(const struct options *options, char mistake[static 512])
{
    static const char accepted[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:";
    size_t length = strlen(options->host_name);
    if (length > HUB_NAME_MAX || strspn(options->host_name, accepted) != length) {
        return option_mistake(mistake,
            "--hostname \"%.100s\": accepted is a DNS name or an IP address of at most "
            "%d characters",
            options->host_name, HUB_NAME_MAX);
    }
    return true;
}

static bool find_data_directory(
    struct options *options, char *const *environment, char mistake[static 512])
{
    bool is_needed = options->verb == VERB_SERVE || options->verb == VERB_CA ||
                     options->verb == VERB_CONNECTION_STRING;
    if (options->data_directory || !is_needed) {
        return true;
    }
    const char *state = find_variable(environment, "XDG_STATE_HOME");
    const char *home = find_variable(environment, "HOME");
    char path[4096];
    if (state && *state == '/') {
        snprintf(path, sizeof path, "%s/devicebound", state);
    } else if (home && *home) {
        snprintf(path, sizeof path, "%s/.local/state/devicebound", home);
    } else {
        return option_mistake(
            mistake, "--data-dir is needed: there is neither XDG_STATE_HOME nor HOME");
    }
    options->data_directory = memory_copy_string(path);
    return true;
}

/* The hub's name on the messages it makes: the first label; of an IP address all of it. */
static void name_hub(struct options *options)
{
    const char *name = options->host_name;
    bool is_address = strchr(name, ':') || strspn(name, "0123456789.") == strlen(name);
    size_t length = is_address ? strlen(name) : strcspn(name, ".");
    snprintf(options->hub.name, sizeof options->hub.name, "%.*s", (int)length, name);
}

bool options_read(struct options *options, int argument_count, char *const *arguments,
    char *const *environment, char mistake[static 512])
{
    *options = (struct options){0};
    options->given = memory_allocate_array(option_row_count, sizeof *options->given);
    bool is_read = set_defaults(options, mistake) &&
                   read_file(options, arguments, argument_count, environment, mistake) &&
                   read_environment(options, environment, mistake) &&
                   read_command_line(options, arguments, argument_count, mistake) &&
                   option_check_ranges(options, options->config, mistake) &&
                   check_files_belong_together(options, mistake) &&
                   check_files_can_be_read(options, mistake) && check_host_name(options, mistake) &&
                   find_data_directory(options, environment, mistake);
    if (is_read) {
        name_hub(options);
    }
    return is_read;
}

const struct seed_device *options_named_device(const struct options *options)
{
    const struct option_row *row = find_flag("device", strlen("device"));
    const struct seed_list *list = &options->devices;
    bool is_named =
        list->count > 0 && options->given[row - option_rows].source == SOURCE_COMMAND_LINE;
    return is_named ? &list->items[list->count - 1] : NULL;
}

bool options_names_host(const struct options *options)
{
    return options->given[find_flag("hostname", strlen("hostname")) - option_rows].source !=
           SOURCE_DEFAULT;
}

void options_release(struct options *options)
{
    options_undo_changes(options);
    for (size_t i = 0; i < option_row_count; i++) {
        option_clear(options, &option_rows[i]);
        free(options->given[i].text);
    }
    free(options->given);
    *options = (struct options){0};
}
