#include "store/log.h"

#include "store/clock.h"
#include "store/iso8601.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static enum log_level shown = LOG_INFO;
static enum log_format written_as = LOG_TEXT;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_set_level(enum log_level level)
{
    shown = level;
}

void log_set_format(enum log_format format)
{
    written_as = format;
}

enum log_level log_get_level(void)
{
    return shown;
}

bool log_level_parse(const char *text, enum log_level *level)
{
    for (int i = LOG_ERROR; i <= LOG_DEBUG; i++) {
        if (strcasecmp(text, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* How many bytes of UTF-8 (RFC 3629) there are beyond ASCII; 0: it is none. */
static size_t sequence_length(const unsigned char *c)
{
    size_t length = c[0] >= 0xf0 && c[0] <= 0xf4   ? 4
                    : c[0] >= 0xe0 && c[0] <= 0xef ? 3
                    : c[0] >= 0xc2 && c[0] <= 0xdf ? 2
                                                   : 0;
    for (size_t i = 1; i < length; i++) {
        if ((c[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    /* Too long a spelling, half of a UTF-16 pair, beyond the last character. */
    bool is_wrong = (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
                    (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f);
    return is_wrong ? 0 : length;
}

/* As the inside of a JSON string, which a line of text can hold too. */
static void write_escaped(FILE *out, const char *text)
{
    size_t length;
    for (const unsigned char *c = (const unsigned char *)text; *c; c += length) {
        length = 1;
        if (*c == '"' || *c == '\\') {
            fprintf(out, "\\%c", *c);
        } else if (*c < 0x20 || *c == 0x7f) {
            fprintf(out, "\\u%04x", *c);
        } else if (*c < 0x80) {
            fputc(*c, out);
        } else if ((length = sequence_length(c)) > 0) {
            fwrite(c, 1, length, out);
        } else {
            fputs("\\ufffd", out);
            length = 1;
        }
    }
}

static void write_json(FILE *out, const char *time, enum log_level level, const char *id,
    const char *sentence, const struct log_field *fields)
{
    fprintf(out, "{\"time\":\"%s\",\"level\":\"%s\",\"id\":\"%s\",\"message\":\"", time,
        level_names[level], id);
    write_escaped(out, sentence);
    fputc('"', out);
    for (; fields->name; fields++) {
        if (fields->value) {
            fprintf(out, ",\"%s\":\"", fields->name);
            write_escaped(out, fields->value);
            fputc('"', out);
        }
    }
    fputs("}\n", out);
}

/* A value with blanks or quotes is quoted, so that a line can be taken apart again. */
static void write_text(FILE *out, const char *time, enum log_level level, const char *id,
    const char *sentence, const struct log_field *fields)
{
    fprintf(out, "%s %-5s %s ", time, level_names[level], id);
    write_escaped(out, sentence);
    for (; fields->name; fields++) {
        if (fields->value) {
            const char *quote = fields->value[strcspn(fields->value, " \"=")] ? "\"" : "";
            fprintf(out, " %s=%s", fields->name, quote);
            write_escaped(out, fields->value);
            fputs(quote, out);
        }
    }
    fputc('\n', out);
}

void log_write(
    enum log_level level, const char *id, const char *sentence, const struct log_field *fields)
{
    if (level > shown) {
        return;
    }
    char time[ISO8601_SIZE];
    iso8601_format_instant(clock_machine_now(), 3, time);
    /* One write a line: the checkpoint thread logs too. */
    char *line = NULL;
    size_t length;
    FILE *out = open_memstream(&line, &length);
    if (!out) {
        return;
    }
    (written_as == LOG_JSON ? write_json : write_text)(out, time, level, id, sentence, fields);
    if (fclose(out) == 0) {
        fputs(line, stderr);
    }
    free(line);
}
