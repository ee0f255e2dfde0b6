/*
 * Writes metrics in Prometheus' text form. Called by metrics.c.
 *
 * Source: prometheus.io, "Exposition formats", text format 0.0.4.
 */
#ifndef DEVICEBOUND_SERVER_CONTROL_EXPOSITION_H
#define DEVICEBOUND_SERVER_CONTROL_EXPOSITION_H

#include <stdio.h>

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct exposition {
    FILE *out;
    const char *name; /* of the family that is being written */
};

/* Begins a family; its samples follow. `type`: "counter", "gauge" or "histogram". */
void exposition_begin(
    struct exposition *exposition, const char *name, const char *type, const char *help);

/* One sample. `suffix` is appended to the family's name. Labels are pairs of name and value that
 * end with NULL; values may hold anything. */
void exposition_write(
    struct exposition *exposition, const char *suffix, double value, const char *const *labels);

/* SAMPLE(exposition, value, "state", "enqueued"); without labels: SAMPLE(exposition, value). */
#define SAMPLE(exposition, ...) SAMPLE_LABELS(exposition, "", __VA_ARGS__, NULL)
#define SAMPLE_LABELS(exposition, suffix, value, ...)                                              \
    exposition_write(exposition, suffix, (double)(value), (const char *const[]){__VA_ARGS__, NULL})

#endif
