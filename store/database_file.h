/*
 * The SQLite file of a hub before it is used: whether it is one, who else uses it, and the schema
 * it has. Called by store/database; the sentences of refusals (SERVER_ERROR) are lines for the
 * operator.
 */
#ifndef DEVICEBOUND_STORE_DATABASE_FILE_H
#define DEVICEBOUND_STORE_DATABASE_FILE_H

#include "store/error.h"

#include <stdbool.h>

struct sqlite3;

/* Two servers on one file would each believe their own memory. The lock lasts until `*descriptor`,
 * which is the caller's, is closed; -1: there is none to close. */
enum hub_code database_file_lock(const char *path, int *descriptor, struct hub_error *error);

/* Looks at the file without changing it. One that is not there is good. */
enum hub_code database_file_inspect(const char *path, struct hub_error *error);

/* The same of one that is open; `name` is for the sentence. */
enum hub_code database_file_check(
    struct sqlite3 *handle, const char *name, struct hub_error *error);

/* Applies what it has not seen of the schema, each version in a transaction. False: SQLite says
 * why. */
bool database_file_migrate(struct sqlite3 *handle);

/* "the database NAME WHY". */
enum hub_code database_file_refuse(struct hub_error *error, const char *name, const char *why);

#endif
