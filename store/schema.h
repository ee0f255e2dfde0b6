/*
 * The schema files of store/schema, as they are embedded in the binary. Called by
 * store/database_file, which applies those that a file has not seen yet, in order.
 */
#ifndef DEVICEBOUND_STORE_SCHEMA_H
#define DEVICEBOUND_STORE_SCHEMA_H

struct schema_file {
    int version; /* the number its name begins with, from 1 without gaps */
    const char *sql;
};

/* Ends with version 0. */
extern const struct schema_file schema_files[];

#endif
