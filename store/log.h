/*
 * The process's log on stderr: one line an event, a stable identifier first, then a sentence, then
 * fields. Called by every floor. Keys and tokens never go in.
 *
 * Levels: error, something is lost or refused to start; warn, a person should look; info, the life
 * of the process; debug, each refusal and connection event.
 */
#ifndef DEVICEBOUND_STORE_LOG_H
#define DEVICEBOUND_STORE_LOG_H

#include <stdbool.h>

enum log_level {
    LOG_ERROR,
    LOG_WARN,
    LOG_INFO,
    LOG_DEBUG
};
enum log_format {
    LOG_TEXT,
    LOG_JSON
};

/* Default: info, text. */
void log_set_level(enum log_level level);
void log_set_format(enum log_format format);
enum log_level log_get_level(void);
bool log_level_parse(const char *text, enum log_level *level);

/* One field of a line. A NULL value leaves it out. Values are borrowed during the call and written
 * with control characters and quotes escaped. */
struct log_field {
    const char *name;
    const char *value;
};

/* `id`: upper-case words with dashes, such as "AMQP-LINK-REFUSED". Fields end with {NULL, NULL}. */
void log_write(
    enum log_level level, const char *id, const char *sentence, const struct log_field *fields);

/* LOG(LOG_INFO, "HUB-READY", "ready", {"port", port}); without fields: LOG(LOG_INFO, id, text). */
#define LOG(level, id, ...) LOG_FIELDS(level, id, __VA_ARGS__, {0, 0})
#define LOG_FIELDS(level, id, sentence, ...)                                                       \
    log_write(level, id, sentence, (const struct log_field[]){__VA_ARGS__, {0, 0}})

#endif
