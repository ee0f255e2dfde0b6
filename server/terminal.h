/*
 * Texts of peers on a terminal. Called by server/verbs and what belongs to it.
 */
#ifndef DEVICEBOUND_SERVER_TERMINAL_H
#define DEVICEBOUND_SERVER_TERMINAL_H

#include <stdio.h>

/* UTF-8 as it is, but for control characters, which could move the cursor or end the line: each is
 * a question mark. */
void terminal_print(FILE *out, const char *text);

#endif
