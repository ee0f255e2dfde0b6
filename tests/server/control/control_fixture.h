/*
 * A hub in memory behind the control API, with the device d1, and a client made of bytes. The hub's
 * clock is frozen; the settings are real ones, with --in-memory given.
 */
#ifndef DEVICEBOUND_TESTS_SERVER_CONTROL_CONTROL_FIXTURE_H
#define DEVICEBOUND_TESTS_SERVER_CONTROL_CONTROL_FIXTURE_H

#include "server/control/control.h"
#include "server/options/options.h"
#include "tests/protocols/auth/small_hub.h"
#include "tests/protocols/auth/token_maker.h"
#include "tests/protocols/http/peer.h"

#include <jansson.h>

extern struct small_hub small;
extern struct bench bench;
extern struct sessions *sessions;
extern struct control *control;
extern struct options options;
extern struct peer *peer; /* who asks */
extern bool is_ready, seed_fails;

void begin(void);
void finish(void);

/* Before it, so that further clients can be freed. */
void stop_control(void);

/* A second client: it asks from now on. Returns the one that did. */
struct peer *change_peer(void);

/* Sends the request and does not wait. `body` may be NULL. */
void print(const char *method, const char *target, const char *body);

/* The answer's JSON; NULL when it has none. Returns owned. */
json_t *ask(int status, const char *method, const char *target, const char *body);

/* Good, and of no interest. */
void act(int status, const char *method, const char *target, const char *body);

/* The request is refused with that status, and the detail has these words. */
void check_refused(
    int status, const char *method, const char *target, const char *body, const char *words);

const char *text(const json_t *object, const char *name); /* "": there is none */
json_int_t number(const json_t *object, const char *name);

/* How many journal entries of that event there are. */
size_t count_entries(const char *event);

#define V1 "/control/v1"

#endif
