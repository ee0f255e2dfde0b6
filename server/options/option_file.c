/* The config file: the JSON keys of the table, nested at their dots. */
#include "server/options/options_table.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define KEY_SIZE 128
#define NUMBER_SIZE 32

static const struct option_row *find_key(const char *key)
{
    for (size_t i = 0; i < option_row_count; i++) {
        if (option_rows[i].key && strcmp(option_rows[i].key, key) == 0) {
            return &option_rows[i];
        }
    }
    return NULL;
}

static bool is_section(const char *key)
{
    size_t length = strlen(key);
    for (size_t i = 0; i < option_row_count; i++) {
        const char *known = option_rows[i].key;
        if (known && strncmp(known, key, length) == 0 && known[length] == '.') {
            return true;
        }
    }
    return false;
}

/* The JSON value as the text of a flag; NULL: it has the wrong type. */
static const char *text_for(
    const struct option_row *row, const json_t *value, char number[NUMBER_SIZE])
{
    bool is_number = row->type == OPTION_PORT || row->type == OPTION_COUNT;
    if (row->type == OPTION_SWITCH) {
        return json_is_boolean(value) ? (json_is_true(value) ? "true" : "false") : NULL;
    }
    if (is_number && json_is_integer(value)) {
        snprintf(number, NUMBER_SIZE, "%lld", (long long)json_integer_value(value));
        return number;
    }
    return row->type == OPTION_COUNT ? NULL : json_string_value(value);
}

static bool take_scalar(struct options *options, const struct option_row *row, const json_t *value,
    struct option_origin origin, char mistake[static 512])
{
    char number[NUMBER_SIZE];
    const char *text = text_for(row, value, number);
    if (text) {
        return option_take(options, row, text, origin, mistake);
    }
    char name[OPTION_NAME_SIZE], accepted[OPTION_ACCEPTED_SIZE];
    bool is_secret = row->type == OPTION_KEY || row->type == OPTION_DEVICES;
    char *shown = is_secret ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    option_describe_name(row, origin, name);
    option_describe_accepted(row, accepted);
    option_mistake(mistake, "%.180s%s%.60s has the wrong JSON type: accepted is %s", name,
        shown ? " " : "", shown ? shown : "", accepted);
    free(shown);
    return false;
}

static bool take_item(struct options *options, const struct option_row *row, const json_t *value,
    struct option_origin origin, char mistake[static 512])
{
    if (row->type != OPTION_DEVICES || !json_is_object(value)) {
        return take_scalar(options, row, value, origin, mistake);
    }
    struct seed_device device;
    char detail[512];
    if (!seed_parse_object(value, &device, detail)) {
        return option_mistake(mistake, "devices in %.200s: %.280s", origin.file, detail);
    }
    option_take_device(options, row, &device, origin);
    return true;
}

/* A list of words is the same as the words with commas between them. */
static bool take_words(struct options *options, const struct option_row *row, const json_t *list,
    struct option_origin origin, char mistake[static 512])
{
    char joined[OPTION_ACCEPTED_SIZE] = "";
    size_t index, used = 0;
    json_t *item;
    json_array_foreach((json_t *)list, index, item)
    {
        if (!json_is_string(item) || used >= sizeof joined) {
            return take_scalar(options, row, list, origin, mistake);
        }
        used += (size_t)snprintf(joined + used, sizeof joined - used, "%s%s", index > 0 ? "," : "",
            json_string_value(item));
    }
    return option_take(options, row, joined, origin, mistake);
}

static bool take_value(struct options *options, const struct option_row *row, const json_t *value,
    struct option_origin origin, char mistake[static 512])
{
    bool is_list = row->type == OPTION_NAMES || row->type == OPTION_DEVICES;
    if (row->type == OPTION_CHOICES && json_is_array(value)) {
        return take_words(options, row, value, origin, mistake);
    }
    if (!is_list || !json_is_array(value)) {
        return take_item(options, row, value, origin, mistake);
    }
    size_t index;
    json_t *item;
    json_array_foreach((json_t *)value, index, item)
    {
        if (!take_item(options, row, item, origin, mistake)) {
            return false;
        }
    }
    return true;
}

bool option_take_object(struct options *options, const json_t *object, const char *prefix,
    struct option_origin origin, char mistake[static 512])
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        char key[KEY_SIZE];
        int length = snprintf(key, sizeof key, "%s%s%s", prefix, *prefix ? "." : "", name);
        bool fits = length < KEY_SIZE;
        const struct option_row *row = fits ? find_key(key) : NULL;
        if (row && origin.source == SOURCE_RUNTIME && !row->can_change) {
            return option_mistake(mistake, "\"%s\" cannot change while the hub runs", key);
        }
        if (row) {
            if (!take_value(options, row, value, origin, mistake)) {
                return false;
            }
        } else if (fits && json_is_object(value) && is_section(key)) {
            if (!option_take_object(options, value, key, origin, mistake)) {
                return false;
            }
        } else {
            return origin.source == SOURCE_RUNTIME
                       ? option_mistake(mistake, "\"%.120s\" is no setting", key)
                       : option_mistake(mistake, "%.120s in %.250s is no setting; see --help", key,
                             origin.file);
        }
    }
    return true;
}

/* What stands near the mistake may be a key: the place is said, not the text. */
static bool refuse_syntax(const char *path, const json_error_t *error, char mistake[static 512])
{
    const char *near = strstr(error->text, " near ");
    int length = near ? (int)(near - error->text) : (int)strlen(error->text);
    return option_mistake(mistake, "--config \"%.200s\" is no JSON: %.*s (line %d, column %d)",
        path, length, error->text, error->line, error->column);
}

bool option_file_read(struct options *options, const char *path, char mistake[static 512])
{
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        return error.line < 0 ? option_mistake(mistake,
                                    "--config \"%.200s\" cannot be read: %.200s", path, error.text)
                              : refuse_syntax(path, &error, mistake);
    }
    const struct option_origin origin = {SOURCE_FILE, path};
    bool is_read = json_is_object(root)
                       ? option_take_object(options, root, "", origin, mistake)
                       : option_mistake(mistake, "--config \"%.200s\" is no JSON object", path);
    json_decref(root);
    return is_read;
}
