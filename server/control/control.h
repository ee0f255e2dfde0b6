/*
 * The control API: the emulator's own interface on plain HTTP, for people and for integration
 * tests. Called by server/protocols with the streams of the control port. README.md in this folder
 * lists the requests.
 *
 * There is no authentication, so a request must name this machine or the hub as its host, and no
 * page of another origin may ask. Belongs to the loop's thread.
 *
 * Sources of the forms: RFC 9457 (problem details), RFC 3339 (instants), ISO 8601 (durations).
 */
#ifndef DEVICEBOUND_SERVER_CONTROL_CONTROL_H
#define DEVICEBOUND_SERVER_CONTROL_CONTROL_H

#include "protocols/session/session.h"
#include "protocols/stream/distrust.h"
#include "protocols/stream/loop.h"
#include "protocols/stream/stream.h"

struct control;
struct json_t;

/* One setting, as text; borrowed. */
struct control_setting {
    const char *name, *value, *source;
};

/* What only the process knows. `context` goes to each. */
struct control_source {
    bool (*is_ready)(void *context);
    const char *(*ca_pem)(void *context); /* borrowed; NULL: there is none */
    /* False past the last one. `port` is negative for one that is off. */
    bool (*port)(void *context, size_t index, const char **name, int *port);
    bool (*setting)(void *context, size_t index, struct control_setting *setting);
    uint64_t (*distrusts)(void *context, enum distrust_sign sign);
    /* An object in the shape of the config file. False: nothing has changed, `mistake` says why. */
    bool (*change_settings)(void *context, const struct json_t *object, char mistake[static 512]);
    /* Settings that were changed are again what the hub began with. */
    void (*undo_settings)(void *context);
    /* Puts the devices that exist at start. False: it could not. */
    bool (*seed)(void *context);
    void *context;
};

struct control_options {
    struct loop *loop;
    struct sessions *sessions;
    const char *host_name; /* the hub's, as in connection strings */
    const char *const *host_names; /* all it answers to; NULL-terminated */
    struct control_source source;
};

/* Borrows what the options point to. Returns owned; NULL: libmicrohttpd did not start. */
struct control *control_create(const struct control_options *options);

/* Takes the stream. */
void control_accept(struct control *control, struct stream *stream);

/* After each turn of the hub: whoever waits for journal entries may have them now. */
void control_turn_ended(struct control *control);

/* The process stops: answers who waits, ends every connection after its current answer. */
void control_end_all(struct control *control);

/* Answers who waits, closes every connection. The hub's turn has to be ended before. NULL is
 * nothing. */
void control_free(struct control *control);

#endif
