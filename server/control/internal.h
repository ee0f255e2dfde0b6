/*
 * What the groups of requests share. Private to this folder.
 */
#ifndef DEVICEBOUND_SERVER_CONTROL_INTERNAL_H
#define DEVICEBOUND_SERVER_CONTROL_INTERNAL_H

#include "protocols/http/json.h"
#include "server/control/control.h"

struct waiter;
struct listener;
struct upheaval;

struct control {
    struct control_options options;
    struct hub *hub;
    struct http_server *http;
    struct waiter *waiters; /* wait.c */
    struct listener *listeners; /* events.c */
    struct loop_timer *heartbeat, *waking; /* since somebody listens */
    int64_t woken_ms; /* when listeners were, on the monotonic clock */
    bool wakes_later; /* `waking` is armed */
    struct upheaval *upheavals; /* upheaval.c */
    struct loop_timer *upheaval_timer;
};

#define LIST_LIMIT_DEFAULT 100
#define LIST_LIMIT_MAX 1000

/* ---- answers (answer.c) ---- */

/* Gives the response when the open group is committed; a problem if it fails. Takes it. */
void control_answer(
    struct control *control, struct http_request *request, struct http_response *response);

/* The same with JSON. Takes `value`. */
void control_answer_json(
    struct control *control, struct http_request *request, int status, json_t *value);
void control_answer_empty(struct control *control, struct http_request *request);

/* A refusal, now. */
void control_refuse(struct http_request *request, const struct hub_error *error);

/* For the journal. */
struct actor control_actor(void);

/* ---- reading (body.c); each refuses the request itself when it returns NULL or false ---- */

/* The body as an object of these members (ends with NULL; NULL: of any, whoever takes it checks
 * them); an empty body is an empty object. Who takes a body takes no query. Returns owned. */
json_t *control_read_body(struct http_request *request, const char *const *members);

/* Whether there is neither a query nor a body; an empty object is none. */
bool control_check_bare(struct http_request *request);

/* Whether the query has only these parameters (ends with NULL), or none. */
bool control_check_query(struct http_request *request, const char *const *parameters);
bool control_check_no_query(struct http_request *request);

/* What a list is asked for. */
struct list_page {
    uint64_t limit, after;
};

/* The page of a list whose places are numbers, by a query of `limit` and `after` alone. */
bool control_read_page(struct http_request *request, struct list_page *page);

/* A number of the query; `fallback` if it is not there. */
bool control_read_number(struct http_request *request, const char *name, uint64_t least,
    uint64_t most, uint64_t fallback, uint64_t *number);

/* A member that has to be there. */
bool control_read_duration(
    struct http_request *request, const json_t *body, const char *name, struct duration *span);
bool control_read_switch(
    struct http_request *request, const json_t *body, const char *name, bool *value);
bool control_read_instant(
    struct http_request *request, const json_t *body, const char *name, struct instant *at);

/* ---- shapes (shape.c); each returns owned ---- */

json_t *shape_instant(struct instant at); /* null for INSTANT_NEVER and 0 */
json_t *shape_duration(struct duration span); /* with a sign before it when negative */
json_t *shape_clock(const struct clock *clock);
json_t *shape_device(struct control *control, const struct identity *identity);
json_t *shape_message(const struct message *message);
void shape_set_view(json_t *shape, const struct queue_view *view); /* where it is in its queue */
json_t *shape_telemetry(const struct telemetry_item *item);
json_t *shape_connection(const struct connection_view *view);

/* An entry of the journal (entry.c), also as text: `out` has room for entry_size(entry). Returns
 * its end. */
json_t *shape_entry(const struct journal_entry *entry);
size_t entry_size(const struct journal_entry *entry);
char *entry_write(const struct journal_entry *entry, char *out);

/* A list and where its next page begins; `next` NULL: nowhere. Takes `items`. */
json_t *shape_list(json_t *items, const char *next);
json_t *shape_page(json_t *items, bool is_more, uint64_t last); /* the same, behind `last` */

/* ---- requests ---- */

/* control.c: all of them; ends with a NULL method. openapi.json describes them. */
extern const struct http_route control_routes[];

/* asset.c */
http_handler control_dashboard, control_dashboard_style, control_dashboard_script, control_openapi;

/* hub.c */
http_handler control_healthz, control_readyz, control_ca, control_hub, control_change_hub;

/* metrics.c */
http_handler control_metrics;

/* clock.c */
http_handler control_clock, control_change_clock, control_clock_advance, control_clock_set,
    control_clock_freeze, control_clock_resume;

/* devices.c */
http_handler control_devices, control_put_device, control_get_device, control_delete_device;

/* messages.c */
http_handler control_messages, control_send, control_purge, control_receive, control_settle;

/* simulators.c */
http_handler control_put_simulator, control_get_simulator, control_delete_simulator;
json_t *shape_simulator(
    struct control *control, const char *device_id); /* null: it is not played; owned */

/* telemetry.c */
http_handler control_telemetry;

/* feedback.c */
http_handler control_feedback, control_flush;

/* journal.c */
http_handler control_journal;

/* Which entries of the journal are asked for; "" is any. */
struct journal_filter {
    char device[DEVICE_ID_MAX + 1];
    char message_id[MESSAGE_ID_MAX + 1];
    bool has_event;
    enum journal_event event;
    uint64_t after; /* ids above this */
};

/* Reads device, messageId, event and after from the query. False: refused. */
bool journal_filter_read(struct http_request *request, struct journal_filter *filter);

bool journal_filter_fits(const struct journal_filter *filter, const struct journal_entry *entry);

/* The first entry above `after` that fits; NULL: none. */
const struct journal_entry *journal_filter_next(
    const struct journal *journal, const struct journal_filter *filter, uint64_t after);

/* wait.c */
http_handler control_wait;
void waiters_look(struct control *control);
void waiters_dismiss(struct control *control);

/* events.c */
http_handler control_events;
void listeners_wake(struct control *control);
void listeners_dismiss(struct control *control);

/* upheaval.c: what needs the hub for itself, done in order once nobody is connected */
typedef enum hub_code upheaval_act(
    struct control *control, void *item, struct hub_error *error); /* takes `item` */
/* `drops`: the connections. An act that is done is answered 204. */
void upheaval_begin(struct control *control, struct http_request *request, bool drops,
    upheaval_act *act, void *item);
void upheaval_free(struct control *control); /* refuses whoever waits */

/* faults.c */
http_handler control_faults, control_add_fault, control_delete_fault;

/* snapshots.c */
http_handler control_snapshots, control_get_snapshot, control_save, control_restore,
    control_delete_snapshot;

/* reset.c */
http_handler control_reset;

/* connections.c */
http_handler control_connections, control_drop_connection;

#endif
