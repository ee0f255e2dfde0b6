#include "tests/server/control/control_fixture.h"

#include "protocols/session/throttle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct small_hub small;
struct bench bench;
struct sessions *sessions;
struct control *control;
struct options options;
struct peer *peer;
bool is_ready, seed_fails;

/* ---- what the process would tell ---- */

static bool tell_ready(void *context)
{
    (void)context;
    return is_ready;
}

static const char *tell_ca(void *context)
{
    (void)context;
    return "-----BEGIN CERTIFICATE-----\n";
}

static bool tell_port(void *context, size_t index, const char **name, int *port)
{
    (void)context;
    *name = index == 0 ? "https" : "mqtts";
    *port = index == 0 ? 8443 : -1;
    return index < 2;
}

static bool tell_setting(void *context, size_t index, struct control_setting *setting)
{
    struct option_view view;
    (void)context;
    if (!options_view_at(&options, index, &view)) {
        return false;
    }
    *setting = (struct control_setting){view.name, view.value, option_source_name(view.source)};
    return true;
}

static uint64_t tell_distrusts(void *context, enum distrust_sign sign)
{
    (void)context;
    return sign == DISTRUST_ALERT ? 3 : 4;
}

static void apply_settings(void)
{
    *hub_settings(small.hub) = options.hub;
    throttle_set_profile(sessions, (enum throttle_profile)options.throttle);
}

static bool change_settings(void *context, const struct json_t *object, char mistake[static 512])
{
    (void)context;
    if (!options_change(&options, object, mistake)) {
        return false;
    }
    apply_settings();
    return true;
}

static void undo_settings(void *context)
{
    (void)context;
    options_undo_changes(&options);
    apply_settings();
}

static bool seed(void *context)
{
    (void)context;
    if (!identity_find(hub_identities(small.hub), "d1")) {
        small_hub_add(&small, "d1");
    }
    hub_end_turn(small.hub);
    return !seed_fails;
}

static bool end_turn(void *context)
{
    (void)context;
    bool again = hub_end_turn(small.hub);
    control_turn_ended(control);
    return again;
}

void begin(void)
{
    static const char *const names[] = {"hub.local", NULL};
    char *const arguments[] = {
        (char[]){"devicebound"}, (char[]){"--in-memory"}, (char[]){"--data-dir=/nowhere"}};
    char mistake[512];
    ck_assert_msg(options_read(&options, 3, arguments, NULL, mistake), "%s", mistake);
    small_hub_open(&small, false);
    small_hub_add(&small, "d1");
    hub_end_turn(small.hub);
    is_ready = true;
    bench = (struct bench){loop_create(), end_turn, NULL};
    sessions = sessions_open(small.hub);
    const struct control_options control_options = {.loop = bench.loop,
        .sessions = sessions,
        .host_name = "hub.local",
        .host_names = names,
        .source = {.is_ready = tell_ready,
            .ca_pem = tell_ca,
            .port = tell_port,
            .setting = tell_setting,
            .distrusts = tell_distrusts,
            .change_settings = change_settings,
            .undo_settings = undo_settings,
            .seed = seed}};
    control = control_create(&control_options);
    ck_assert_ptr_nonnull(control);
    peer = peer_create(&bench);
    control_accept(control, peer_stream(peer));
}

void stop_control(void)
{
    hub_end_turn(small.hub);
    control_free(control);
    control = NULL;
}

void finish(void)
{
    stop_control();
    peer_free(peer);
    sessions_close(sessions);
    loop_free(bench.loop);
    small_hub_close(&small);
    options_release(&options);
}

struct peer *change_peer(void)
{
    struct peer *other = peer;
    peer = peer_create(&bench);
    control_accept(control, peer_stream(peer));
    return other;
}

/* ---- asking ---- */

void print(const char *method, const char *target, const char *body)
{
    peer_print(peer, "%s %s HTTP/1.1\r\nHost: localhost:8180\r\nContent-Length: %zu\r\n\r\n%s",
        method, target, body ? strlen(body) : 0, body ? body : "");
}

json_t *ask(int status, const char *method, const char *target, const char *body)
{
    print(method, target, body);
    struct answer *answer = peer_answer(peer);
    answer_check_status(answer, status);
    if (status >= 400 && status != 408) {
        ck_assert_str_eq(answer_header(answer, "Content-Type"), "application/problem+json");
    }
    return json_loads(answer->body, 0, NULL);
}

const char *text(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));
    return value ? value : "";
}

json_int_t number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

void check_refused(
    int status, const char *method, const char *target, const char *body, const char *words)
{
    json_t *problem = ask(status, method, target, body);
    ck_assert_int_eq(number(problem, "status"), status);
    ck_assert_str_eq(text(problem, "type"), "about:blank");
    ck_assert_msg(strstr(text(problem, "detail"), words) != NULL, "%s %s: %s", method, target,
        text(problem, "detail"));
    json_decref(problem);
}

void act(int status, const char *method, const char *target, const char *body)
{
    json_decref(ask(status, method, target, body));
}

size_t count_entries(const char *event)
{
    size_t count = 0;
    const struct journal_entry *entry;
    for (uint64_t after = 0; (entry = journal_next(hub_journal(small.hub), after));) {
        after = entry->id;
        count += strcmp(journal_event_name(entry->event), event) == 0;
    }
    return count;
}
