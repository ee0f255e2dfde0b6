/*
 * Texts of peers on a terminal. Called by server/verbs and what belongs to it.
 */
#ifndef DEVICEBOUND_SERVER_VERBS_TERMINAL_H
#define DEVICEBOUND_SERVER_VERBS_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

/* UTF-8 as it is, but for control characters, which could move the cursor or end the line: each is
 * a question mark. */
void terminal_print(FILE *out, const char *text);

/* Whether whoever sits at it wants colours: not with NO_COLOR, unless that is empty, and not on a
 * dumb one. Source: no-color.org; terminfo's entry "dumb". */
bool terminal_wants_colour(void);

#endif
