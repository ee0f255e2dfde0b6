#include "store/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct row {
    enum hub_code code;
    const char *name;
    const char *sentence;
} rows[] = {
#define HUB_ROW(number, enumerator, name, sentence) {HUB_##enumerator, name, sentence},
    HUB_ERRORS(HUB_ROW)
#undef HUB_ROW
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static const struct row *row_of(enum hub_code code)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (rows[i].code == code) {
            return &rows[i];
        }
    }
    return NULL;
}

static uint64_t refusals[ROW_COUNT]; /* as rows */

void hub_count_refusal(enum hub_code code)
{
    const struct row *row = row_of(code);
    if (row) {
        refusals[row - rows]++;
    }
}

uint64_t hub_refusal_count(enum hub_code code)
{
    const struct row *row = row_of(code);
    return row ? refusals[row - rows] : 0;
}

enum hub_code hub_refuse(struct hub_error *error, enum hub_code code, const char *format, ...)
{
    if (!error) {
        return code;
    }
    error->code = code;
    if (format) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->sentence, sizeof error->sentence, format, arguments);
        va_end(arguments);
    } else {
        snprintf(error->sentence, sizeof error->sentence, "%s", hub_code_sentence(code));
    }
    return code;
}

const char *hub_code_name(enum hub_code code)
{
    const struct row *row = row_of(code);
    return row ? row->name : "OK";
}

const char *hub_code_sentence(enum hub_code code)
{
    const struct row *row = row_of(code);
    return row ? row->sentence : "";
}

int hub_code_http_status(enum hub_code code)
{
    return code == HUB_OK ? 200 : (int)code / 1000;
}

bool hub_code_at(size_t index, enum hub_code *code)
{
    if (index >= ROW_COUNT) {
        return false;
    }
    *code = rows[index].code;
    return true;
}

enum hub_code hub_code_parse(const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strcasecmp(rows[i].name, text) == 0 ||
            (*text != '\0' && *end == '\0' && number == (long)rows[i].code)) {
            return rows[i].code;
        }
    }
    return HUB_OK;
}
