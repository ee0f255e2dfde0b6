/*
 * A hub in memory behind the REST server, and a client made of bytes. The hub's clock is frozen.
 */
#ifndef DEVICEBOUND_TESTS_PROTOCOLS_HTTPS_REST_H
#define DEVICEBOUND_TESTS_PROTOCOLS_HTTPS_REST_H

#include "protocols/https/https.h"
#include "tests/protocols/auth/small_hub.h"
#include "tests/protocols/auth/token_maker.h"
#include "tests/protocols/http/peer.h"

#include <jansson.h>

struct rest {
    struct small_hub small;
    struct hub *hub;
    struct bench bench;
    struct sessions *sessions;
    struct https_server *server;
    struct peer *peer;
};

/* With the devices d1 and d2. */
void rest_open(struct rest *rest);
void rest_open_with(struct rest *rest, const struct https_options *options);
void rest_close(struct rest *rest);

#define VERSION "api-version=2021-04-12"

/* What a request has beside method and target; the token is the owner's unless it is given. */
struct rest_request {
    const char *token; /* "": none */
    const char *headers; /* whole lines; NULL: none */
    const char *body; /* NULL: none, and no Content-Length */
};

struct answer *rest_ask(
    struct rest *rest, const char *method, const char *target, struct rest_request request);

/* The same with nothing else; `status` is checked. */
struct answer *rest_expect(struct rest *rest, int status, const char *method, const char *target);

/* As the device d1 with its own key. */
struct answer *rest_as_device(
    struct rest *rest, int status, const char *method, const char *target);

/* The answer's body. Returns owned (json_decref). */
json_t *answer_json(const struct answer *answer);

/* The answer is a refusal with that code: header, body in its layout, tracking id. */
void answer_check_nested(const struct answer *answer, enum hub_code code);
void answer_check_flat(const struct answer *answer, enum hub_code code);

/* Enqueues for d1. */
void rest_send(struct rest *rest, const char *body);
void rest_enqueue(struct rest *rest, const char *device_id, struct message *message);
struct queue_counts rest_counts(struct rest *rest, const char *device_id);
void rest_advance(struct rest *rest, struct duration by);

/* Everything a request could have changed: all devices, modules, twins, and the queues of d1 and of
 * the feedback. Returns owned. */
char *rest_write_state(struct rest *rest);

/* From now on every commit fails, or succeeds again. */
void rest_break_commits(struct rest *rest, bool broken);

/* How many journal entries of that event there are. */
size_t rest_journal_count(struct rest *rest, enum journal_event event);

#endif
