#include "tests/server/options/sources.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options options;
char mistake[512];

static char path[64];
static bool is_held; /* `options` holds a reading */

const char *source_path(void)
{
    if (!path[0]) {
        snprintf(path, sizeof path, "/tmp/devicebound-options-XXXXXX");
        int descriptor = mkstemp(path);
        ck_assert_int_ge(descriptor, 0);
        close(descriptor);
    }
    return path;
}

static void write_source(const char *text)
{
    FILE *file = fopen(source_path(), "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

static void release(void)
{
    if (is_held) {
        options_release(&options);
        is_held = false;
    }
}

bool read_sources(struct sources sources)
{
    const char *arguments[SOURCES_MAX + 4] = {"devicebound"};
    const char *environment[SOURCES_MAX + 2] = {0};
    int count = 1, variables = 0;
    release();
    for (size_t i = 0; i < SOURCES_MAX && sources.arguments[i]; i++) {
        arguments[count++] = sources.arguments[i];
    }
    if (sources.file) {
        write_source(sources.file);
        arguments[count++] = "--config";
        arguments[count++] = source_path();
    }
    if (!sources.without_home) {
        environment[variables++] = "HOME=/home/somebody";
    }
    for (size_t i = 0; i < SOURCES_MAX && sources.environment[i]; i++) {
        environment[variables++] = sources.environment[i];
    }
    mistake[0] = '\0';
    is_held = true;
    return options_read(
        &options, count, (char *const *)arguments, (char *const *)environment, mistake);
}

void check_read(struct sources sources)
{
    ck_assert_msg(read_sources(sources), "%s", mistake);
}

void check_mistake(struct sources sources, const char *const *texts)
{
    ck_assert_msg(!read_sources(sources), "%s is taken", texts[0]);
    ck_assert_msg(mistake[0] != '\0', "no sentence about %s", texts[0]);
    for (const char *c = mistake; *c; c++) {
        ck_assert_msg(!iscntrl((unsigned char)*c), "not one line: %s", mistake);
    }
    for (; *texts; texts++) {
        ck_assert_msg(strstr(mistake, *texts) != NULL, "no \"%s\" in: %s", *texts, mistake);
    }
}

void forget_sources(void)
{
    release();
    if (path[0]) {
        unlink(path);
        path[0] = '\0';
    }
}

size_t source_count_settings(void)
{
    size_t count = 0;
    for (size_t i = 0; i < option_row_count; i++) {
        count += option_rows[i].group != GROUP_VERB;
    }
    return count;
}

char *source_printed(void (*print)(FILE *out))
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    print(out);
    fclose(out);
    return text;
}
