/*
 * Instants and durations as text: RFC 3339 / ISO 8601 in UTC, and the date form of the device
 * HTTPS headers. Called by every floor. Pure functions.
 */
#ifndef DEVICEBOUND_STORE_ISO8601_H
#define DEVICEBOUND_STORE_ISO8601_H

#include "store/clock.h"

#include <stdbool.h>
#include <stddef.h>

/* Longest text any formatter here writes, with its terminating zero. */
#define ISO8601_SIZE 40

/* "2026-03-01T12:00:00.0000000Z", `decimals` from 0 to 7. Years outside 0001-9999 are clamped. */
void iso8601_format_instant(struct instant at, int decimals, char out[ISO8601_SIZE]);

/* "PT1M", "PT1H", "P2D", "PT0S", "PT1.5S": the shortest spelling. */
void iso8601_format_duration(struct duration span, char out[ISO8601_SIZE]);

/* Date, 'T', time, optional fraction, 'Z' or a numeric offset. False: not such a text. */
bool iso8601_parse_instant(const char *text, struct instant *at);

/* Days, hours, minutes, seconds, each at most once and in this order, the seconds with a
 * fraction: "PT1H0M0S", "PT60M", "P1DT12H". Years, months, weeks and signs are refused. */
bool iso8601_parse_duration(const char *text, struct duration *span);

#endif
