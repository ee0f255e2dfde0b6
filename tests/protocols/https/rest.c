#include "tests/protocols/https/rest.h"

#include "protocols/https/identity_codec.h"
#include "protocols/https/twin_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool end_turn(void *context)
{
    struct rest *rest = context;
    return hub_end_turn(rest->hub);
}

void rest_open_with(struct rest *rest, const struct https_options *options)
{
    small_hub_open(&rest->small, false);
    rest->hub = rest->small.hub;
    small_hub_add(&rest->small, "d1");
    small_hub_add(&rest->small, "d2");
    rest->bench = (struct bench){loop_create(), end_turn, rest};
    rest->sessions = sessions_open(rest->hub);
    const struct protocol_context context = {.loop = rest->bench.loop,
        .hub = rest->hub,
        .sessions = rest->sessions,
        .auth = rest->small.auth,
        .host_name = "hub.local"};
    rest->server = https_server_create(&context, options);
    ck_assert_ptr_nonnull(rest->server);
    rest->peer = peer_create(&rest->bench);
    https_server_accept(rest->server, peer_stream(rest->peer));
}

void rest_open(struct rest *rest)
{
    rest_open_with(rest, &(struct https_options){0});
}

void rest_close(struct rest *rest)
{
    hub_end_turn(rest->hub);
    https_server_free(rest->server);
    ck_assert_uint_eq(sessions_count(rest->sessions), 0);
    peer_free(rest->peer);
    sessions_close(rest->sessions);
    loop_free(rest->bench.loop);
    small_hub_close(&rest->small);
}

static const char *owner_token(void)
{
    return make_token((struct token_recipe){.resource = "hub.local", .policy = "iothubowner"});
}

struct answer *rest_ask(
    struct rest *rest, const char *method, const char *target, struct rest_request request)
{
    const char *token = request.token ? request.token : owner_token();
    char length[64] = "";
    if (request.body) {
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(request.body));
    }
    return peer_ask(rest->peer, "%s %s HTTP/1.1\r\nHost: hub.local\r\n%s%s%s%s%s\r\n%s", method,
        target, token[0] ? "Authorization: " : "", token, token[0] ? "\r\n" : "", length,
        request.headers ? request.headers : "", request.body ? request.body : "");
}

struct answer *rest_expect(struct rest *rest, int status, const char *method, const char *target)
{
    struct answer *answer = rest_ask(rest, method, target, (struct rest_request){0});
    answer_check_status(answer, status);
    return answer;
}

struct answer *rest_as_device(struct rest *rest, int status, const char *method, const char *target)
{
    struct answer *answer = rest_ask(
        rest, method, target, (struct rest_request){.token = token_for("hub.local/devices/d1")});
    answer_check_status(answer, status);
    return answer;
}

json_t *answer_json(const struct answer *answer)
{
    ck_assert_str_eq(answer_header(answer, "Content-Type"), "application/json; charset=utf-8");
    json_t *body = json_loadb(answer->body, answer->body_length, 0, NULL);
    ck_assert_msg(body != NULL, "not JSON: %s", answer->body);
    return body;
}

static void check_tracking_id(const char *text)
{
    ck_assert_uint_eq(strspn(text, "0123456789abcdef"), 32);
    ck_assert_msg(strncmp(text + 32, "-G:0-TimeStamp:11/14/2023 ", 26) == 0, "%s", text);
}

static void check_error_header(const struct answer *answer, enum hub_code code)
{
    answer_check_status(answer, hub_code_http_status(code));
    const char *name = answer_header(answer, "iothub-errorcode");
    ck_assert_msg(name && strcmp(name, hub_code_name(code)) == 0, "%s", answer->head);
    ck_assert_str_eq(answer_header(answer, "Server"), "Microsoft-HTTPAPI/2.0");
}

void answer_check_nested(const struct answer *answer, enum hub_code code)
{
    check_error_header(answer, code);
    json_t *outer = answer_json(answer);
    ck_assert_str_eq(json_string_value(json_object_get(outer, "ExceptionMessage")), "");
    json_t *inner = json_loads(json_string_value(json_object_get(outer, "Message")), 0, NULL);
    ck_assert_int_eq(json_integer_value(json_object_get(inner, "errorCode")), code);
    ck_assert_ptr_nonnull(json_string_value(json_object_get(inner, "message")));
    ck_assert_ptr_nonnull(json_string_value(json_object_get(inner, "timestampUtc")));
    check_tracking_id(json_string_value(json_object_get(inner, "trackingId")));
    json_decref(inner);
    json_decref(outer);
}

void answer_check_flat(const struct answer *answer, enum hub_code code)
{
    char begin[80];
    check_error_header(answer, code);
    json_t *body = answer_json(answer);
    const char *message = json_string_value(json_object_get(body, "Message"));
    const char *exception = json_string_value(json_object_get(body, "ExceptionMessage"));
    snprintf(begin, sizeof begin, "ErrorCode:%s;", hub_code_name(code));
    ck_assert_msg(message && strncmp(message, begin, strlen(begin)) == 0, "%s", answer->body);
    ck_assert_int_eq(strncmp(exception, "Tracking ID:", 12), 0);
    check_tracking_id(exception + 12);
    json_decref(body);
}

void rest_enqueue(struct rest *rest, const char *device_id, struct message *message)
{
    struct hub_error error;
    ck_assert_int_eq(mailbox_send(hub_mailboxes(rest->hub), device_id, message, NULL,
                         hub_now(rest->hub), NULL, &error),
        HUB_OK);
    message_release(message);
    hub_end_turn(rest->hub);
}

void rest_send(struct rest *rest, const char *body)
{
    struct message *message = message_create();
    message_append_body(message, body, strlen(body));
    rest_enqueue(rest, "d1", message);
}

struct queue_counts rest_counts(struct rest *rest, const char *device_id)
{
    return queue_get_counts(mailbox_of(hub_mailboxes(rest->hub), device_id));
}

void rest_advance(struct rest *rest, struct duration by)
{
    hub_advance(rest->hub, instant_add(clock_now(hub_clock(rest->hub)), by));
    hub_end_turn(rest->hub);
}

static void write_identity(json_t *all, struct rest *rest, const struct identity *identity)
{
    json_array_append_new(all, identity_write(rest->hub, identity, false));
    json_array_append_new(all, twin_write(rest->hub, identity));
}

char *rest_write_state(struct rest *rest)
{
    json_t *all = json_array();
    const struct identity *device = NULL, *module = NULL;
    while ((device = identity_next(hub_identities(rest->hub), device))) {
        write_identity(all, rest, device);
        while ((module = identity_next_module(device, module))) {
            write_identity(all, rest, module);
        }
    }
    struct queue_counts d1 = rest_counts(rest, "d1");
    struct queue_counts feedback = queue_get_counts(feedback_queue(hub_feedback(rest->hub)));
    json_array_append_new(all, json_pack("[iiii]", (int)d1.enqueued, (int)d1.invisible,
                                   (int)feedback.enqueued, (int)feedback.invisible));
    char *text = json_dumps(all, JSON_COMPACT);
    json_decref(all);
    return text;
}

/* SQLite's own, without its header: a hook that says no turns COMMIT into ROLLBACK. */
void *sqlite3_commit_hook(struct sqlite3 *handle, int (*hook)(void *context), void *context);

static int refuse_commit(void *context)
{
    (void)context;
    return 1;
}

void rest_break_commits(struct rest *rest, bool broken)
{
    sqlite3_commit_hook(
        database_handle(hub_database(rest->hub)), broken ? refuse_commit : NULL, NULL);
}

size_t rest_journal_count(struct rest *rest, enum journal_event event)
{
    size_t count = 0;
    const struct journal_entry *entry = NULL;
    uint64_t after = 0;
    while ((entry = journal_next(hub_journal(rest->hub), after))) {
        after = entry->id;
        count += entry->event == event ? 1 : 0;
    }
    return count;
}
