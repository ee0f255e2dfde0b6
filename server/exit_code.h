/*
 * What the process's exit code says. Called by server/main and the rooms of the process.
 */
#ifndef DEVICEBOUND_SERVER_EXIT_CODE_H
#define DEVICEBOUND_SERVER_EXIT_CODE_H

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1, /* a verb has no as its answer */
    EXIT_BAD_OPTION = 2,
    EXIT_PORT = 3, /* cannot be bound */
    EXIT_DATA = 4 /* the data directory or the database cannot be used */
};

#endif
