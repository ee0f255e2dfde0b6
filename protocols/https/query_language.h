/*
 * The part of IoT Hub's query language that is spoken here:
 *
 *     SELECT * | COUNT() [AS name] | path [AS name] {, path [AS name]}
 *     FROM devices | devices.modules
 *     [WHERE condition]
 *
 * A condition compares paths and constants with = != <> < > <= >=, tests them with IN and NIN
 * [list] and is_defined(path), and joins all that by AND, OR, NOT and parentheses. Paths lead into
 * the twin: deviceId, tags.floor, properties.reported.firmware. Everything else the language has is
 * refused by its name. Called by query.c. Pure functions.
 *
 * A path that leads nowhere is undefined, and so is comparing values of different types: a row is
 * taken only where the condition is true.
 *
 * Source: learn.microsoft.com, "IoT Hub query language for device and module twins".
 */
#ifndef DEVICEBOUND_PROTOCOLS_HTTPS_QUERY_LANGUAGE_H
#define DEVICEBOUND_PROTOCOLS_HTTPS_QUERY_LANGUAGE_H

#include "store/error.h"
#include "store/message.h"

#include <jansson.h>
#include <stdbool.h>

enum query_collection {
    QUERY_DEVICES,
    QUERY_MODULES
};

struct query;

/* Returns owned; NULL: `error` (ARGUMENT_INVALID) says what is wrong or not supported. */
struct query *query_parse(struct text text, struct hub_error *error);
void query_free(struct query *query);

enum query_collection query_collection(const struct query *query);
bool query_selects_all(const struct query *query); /* SELECT *: rows are whole twins */
bool query_counts(const struct query *query); /* COUNT(): one row, by query_write_count */

bool query_matches(const struct query *query, const json_t *twin);

/* The row that the select list makes of a twin. Return owned. */
json_t *query_write_row(const struct query *query, json_t *twin);
json_t *query_write_count(const struct query *query, size_t count);

#endif
