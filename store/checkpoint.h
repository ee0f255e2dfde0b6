/*
 * Moves the write-ahead log back into the database file, on a thread and connection of its own, so
 * that the loop never waits for the disk while the log is within its bound. Called by
 * store/database only; all functions are called from the loop's thread.
 */
#ifndef DEVICEBOUND_STORE_CHECKPOINT_H
#define DEVICEBOUND_STORE_CHECKPOINT_H

#include <stdint.h>

struct checkpoint;

/* Opens the database at `path` a second time. Returns owned; NULL: it could not. */
struct checkpoint *checkpoint_start(const char *path);
void checkpoint_stop(struct checkpoint *checkpoint); /* NULL is nothing */

/* Begins one soon; several requests are one. */
void checkpoint_request(struct checkpoint *checkpoint);

/* Waits until none is requested or running. */
void checkpoint_wait(struct checkpoint *checkpoint);

uint64_t checkpoint_count(struct checkpoint *checkpoint);

#endif
