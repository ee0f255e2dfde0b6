/*
 * Settings read from sources as a test states them: command line, environment, config file.
 */
#ifndef DEVICEBOUND_TESTS_SERVER_OPTIONS_SOURCES_H
#define DEVICEBOUND_TESTS_SERVER_OPTIONS_SOURCES_H

#include "server/options/options_table.h"
#include "tests/suite.h"

#define SOURCES_MAX 8

struct sources {
    const char *arguments[SOURCES_MAX]; /* behind the program's name */
    const char *environment[SOURCES_MAX]; /* "NAME=VALUE"; HOME=/home/somebody is there always */
    const char *file; /* the text of a config file, which --config then names; NULL: none */
    bool without_home;
};

/* What the last reading gave. */
extern struct options options;
extern char mistake[512];

bool read_sources(struct sources sources);

/* Fails the test unless they can be read, or cannot. A mistake is one line without control
 * characters, and holds each of the texts up to NULL. */
void check_read(struct sources sources);
void check_mistake(struct sources sources, const char *const *texts);
#define CHECK_MISTAKE(sources, ...) check_mistake(sources, (const char *const[]){__VA_ARGS__, NULL})

/* The file of the last reading, which is there whether or not it was written. */
const char *source_path(void);

/* How many settings belong to no single verb. */
size_t source_count_settings(void);

/* What one of the ways to show the settings prints, to be freed. */
char *source_printed(void (*print)(FILE *out));

/* Releases what the last reading gave, and removes the file. */
void forget_sources(void);

#endif
