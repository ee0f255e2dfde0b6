#include "protocols/http/http.h"
#include "protocols/http/json.h"
#include "store/memory.h"
#include "tests/protocols/http/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a server with odd routes ---- */

static struct bench bench;
static struct http_server *server;
static struct peer *peer;
static struct http_request *held; /* left without an answer */
static unsigned connected, disconnected;

static void give(struct http_request *request, int status, const char *text)
{
    http_answer(request, http_response_create(status, "text/plain", text_of(text)));
}

static void echo(void *context, struct http_request *request)
{
    char value[64] = "-", text[512];
    (void)context;
    http_request_query(request, "key", value, sizeof value);
    const char *header = http_request_header(request, "X-Test");
    snprintf(text, sizeof text, "%s|%s|%s|%s|%s", http_request_method(request),
        http_request_parameter(request, 0), http_request_raw_parameter(request, 0), value,
        header ? header : "-");
    give(request, 200, text);
}

static void echo_body(void *context, struct http_request *request)
{
    (void)context;
    http_answer(
        request, http_response_create(200, "application/octet-stream", http_request_body(request)));
}

static void hold(void *context, struct http_request *request)
{
    (void)context;
    held = request;
}

static void large(void *context, struct http_request *request)
{
    (void)context;
    size_t length = 3 * 1024 * 1024;
    char *bytes = memory_allocate(length);
    memset(bytes, 'x', length);
    http_answer(request, http_response_create(200, "text/plain", (struct text){bytes, length}));
    free(bytes);
}

static void odd_headers(void *context, struct http_request *request)
{
    (void)context;
    struct http_response *response = http_response_create(200, NULL, TEXT("ok"));
    http_response_header(response, "X-Empty", "");
    http_response_header(response, "X-Split", "a\r\nX-Evil: 1\nb");
    http_response_header_text(response, TEXT("X-Zero"), TEXT("a\0b\tc"));
    http_response_header(response, "X-Utf8", "h\xc3\xa9");
    http_response_header(response, "X-Bad: name\r\n", "v");
    http_answer(request, response);
}

static void nothing(void *context, struct http_request *request)
{
    (void)context;
    http_answer(request, http_response_create(204, NULL, TEXT_ABSENT));
}

static void many_headers(void *context, struct http_request *request)
{
    (void)context;
    struct http_response *response = http_response_create(200, NULL, TEXT("ok"));
    for (int i = 0; i < 1024; i++) {
        char name[32], value[80];
        snprintf(name, sizeof name, "iothub-app-%d", i);
        snprintf(value, sizeof value, "%064d", i);
        http_response_header(response, name, value);
    }
    http_answer(request, response);
}

static const struct http_route routes[] = {
    {"GET", "/echo/{}", 0, echo},
    {"DELETE", "/echo/{}", 0, echo},
    {"POST", "/body", 100000, echo_body},
    {"GET", "/hold", 0, hold},
    {"GET", "/large", 0, large},
    {"GET", "/odd", 0, odd_headers},
    {"GET", "/many", 0, many_headers},
    {"GET", "/nothing", 0, nothing},
    {NULL, NULL, 0, NULL},
};

static void refuse(void *context, struct http_request *request, const struct hub_error *error)
{
    (void)context;
    http_answer(request, http_problem_of(error));
}

static bool admit(void *context, struct http_request *request)
{
    (void)context;
    if (http_request_header(request, "X-Stranger")) {
        give(request, 401, "stranger");
        return false;
    }
    return true;
}

static void *note_connected(void *context, struct http_connection *connection)
{
    (void)context;
    ck_assert_ptr_nonnull(http_connection_stream(connection));
    connected++;
    return connection;
}

static void note_disconnected(void *context, void *client)
{
    (void)context;
    ck_assert_ptr_nonnull(client);
    disconnected++;
}

static struct peer *join(void)
{
    struct peer *joined = peer_create(&bench);
    http_server_adopt(server, peer_stream(joined));
    return joined;
}

static void open_server(unsigned idle_seconds)
{
    bench = (struct bench){.loop = loop_create()};
    const struct http_options options = {.routes = routes,
        .admit = admit,
        .refuse = refuse,
        .connected = note_connected,
        .disconnected = note_disconnected,
        .connections_max = 3,
        .idle_seconds = idle_seconds};
    server = http_server_create(bench.loop, &options);
    ck_assert_ptr_nonnull(server);
    held = NULL;
    connected = disconnected = 0;
    peer = join();
}

/* What is left once the server is gone. */
static void close_bench(void)
{
    ck_assert(peer_is_closed(peer));
    ck_assert_uint_eq(connected, disconnected);
    peer_free(peer);
    loop_free(bench.loop);
}

static void close_server(void)
{
    http_server_free(server);
    close_bench();
}

static bool is_closed(void *context)
{
    return peer_is_closed(context);
}

static bool is_held(void *context)
{
    (void)context;
    return held != NULL;
}

static bool is_empty(void *context)
{
    (void)context;
    return http_server_count(server) == 0;
}

#define HOST " HTTP/1.1\r\nHost: hub.local\r\n"

/* ---- requests ---- */

START_TEST(test_a_request_reaches_its_route_with_what_it_carries)
{
    open_server(60);
    struct answer *answer =
        peer_ask(peer, "GET /ECHO/a%%2Fb+c?KEY=1%%202" HOST "x-test: yes\r\n\r\n");
    answer_check_status(answer, 200);
    ck_assert_str_eq(answer->body, "GET|a/b+c|a%2Fb+c|1 2|yes");
    answer = peer_ask(peer, "DELETE /echo/100%%/?key" HOST "\r\n");
    ck_assert_str_eq(answer->body, "DELETE|100%|100%||-");
    close_server();
}
END_TEST

START_TEST(test_requests_in_one_segment_are_answered_in_order)
{
    open_server(60);
    peer_print(peer, "GET /echo/1" HOST "\r\nGET /echo/2" HOST "\r\n");
    ck_assert_str_eq(peer_answer(peer)->body, "GET|1|1|-|-");
    ck_assert_str_eq(peer_answer(peer)->body, "GET|2|2|-|-");
    close_server();
}
END_TEST

START_TEST(test_a_request_may_come_byte_by_byte)
{
    open_server(60);
    const char *text = "POST /body" HOST "Content-Length: 5\r\n\r\nhello";
    for (size_t i = 0; text[i]; i++) {
        peer_send(peer, text + i, 1);
        bench_run_for(&bench, 0);
    }
    ck_assert_str_eq(peer_answer(peer)->body, "hello");
    close_server();
}
END_TEST

START_TEST(test_a_body_may_be_chunked)
{
    open_server(60);
    struct answer *answer = peer_ask(peer,
        "POST /body" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    ck_assert_str_eq(answer->body, "abcde");
    close_server();
}
END_TEST

START_TEST(test_a_client_that_expects_continue_gets_it)
{
    open_server(60);
    struct answer *answer =
        peer_ask(peer, "POST /body" HOST "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    ck_assert_int_eq(answer->status, 100);
    ck_assert_str_eq(peer_ask(peer, "ok")->body, "ok");
    close_server();
}
END_TEST

/* ---- refusals ---- */

START_TEST(test_an_unknown_path_is_refused_in_the_servers_form)
{
    open_server(60);
    struct answer *answer = peer_ask(peer, "GET /nowhere" HOST "\r\n");
    answer_check_status(answer, 404);
    ck_assert_str_eq(answer_header(answer, "Content-Type"), HTTP_PROBLEM_TYPE);
    ck_assert_ptr_nonnull(strstr(answer->body, "\"errorName\":\"GenericNotFound\""));
    answer_check_status(peer_ask(peer, "GET *" HOST "\r\n"), 400);
    close_server();
}
END_TEST

START_TEST(test_another_method_names_those_that_are_allowed)
{
    open_server(60);
    struct answer *answer = peer_ask(peer, "PUT /echo/1" HOST "Content-Length: 2\r\n\r\n{}");
    answer_check_status(answer, 405);
    ck_assert_str_eq(answer_header(answer, "Allow"), "GET, DELETE");
    close_server();
}
END_TEST

START_TEST(test_a_body_beyond_the_bound_is_refused_and_the_connection_lives)
{
    open_server(60);
    char *bytes = memory_allocate(100002);
    memset(bytes, 'x', 100001);
    peer_print(peer, "POST /body" HOST "Content-Length: 100001\r\n\r\n%s", bytes);
    answer_check_status(peer_answer(peer), 413);
    bytes[100000] = '\0';
    peer_print(peer, "POST /body" HOST "Content-Length: 100000\r\n\r\n%s", bytes);
    answer_check_status(peer_answer(peer), 200);
    free(bytes);
    close_server();
}
END_TEST

START_TEST(test_a_hopeless_body_is_refused_without_being_read)
{
    open_server(60);
    answer_check_status(
        peer_ask(peer, "POST /body" HOST "Content-Length: 99999999999\r\n\r\nabc"), 413);
    bench_run_until(&bench, is_closed, peer);
    close_server();
}
END_TEST

START_TEST(test_what_is_not_http_is_answered_and_closed)
{
    open_server(60);
    answer_check_status(peer_ask(peer, "\x16\x03\x01 garbage\r\n\r\n"), 400);
    bench_run_until(&bench, is_closed, peer);
    close_server();
}
END_TEST

START_TEST(test_a_head_without_end_is_refused)
{
    open_server(60);
    peer_print(peer, "GET /echo/1" HOST);
    for (int i = 0; i < 400 && !peer_is_closed(peer); i++) {
        peer_print(peer, "X-%d: %01000d\r\n", i, 0);
        bench_run_for(&bench, 0);
    }
    answer_check_status(peer_answer(peer), 431);
    bench_run_until(&bench, is_closed, peer);
    close_server();
}
END_TEST

START_TEST(test_a_target_that_is_too_long_is_refused)
{
    open_server(60);
    char *target = memory_allocate(HTTP_TARGET_MAX + 10);
    memset(target, 'a', HTTP_TARGET_MAX + 1);
    int status = peer_ask(peer, "GET /%s" HOST "\r\n", target)->status;
    ck_assert_int_eq(status, 400);
    free(target);
    close_server();
}
END_TEST

START_TEST(test_who_is_not_admitted_reaches_no_handler)
{
    open_server(60);
    struct answer *answer = peer_ask(peer, "GET /hold" HOST "X-Stranger: 1\r\n\r\n");
    answer_check_status(answer, 401);
    ck_assert_ptr_null(held);
    close_server();
}
END_TEST

START_TEST(test_connections_beyond_the_bound_are_closed)
{
    open_server(60);
    struct peer *more[3] = {join(), join(), join()};
    ck_assert(!peer_is_closed(more[1]));
    ck_assert(peer_is_closed(more[2]));
    answer_check_status(peer_ask(peer, "GET /nothing" HOST "\r\n"), 204);
    http_server_free(server);
    for (int i = 0; i < 3; i++) {
        ck_assert(peer_is_closed(more[i]));
        peer_free(more[i]);
    }
    close_bench();
}
END_TEST

/* ---- answers ---- */

START_TEST(test_an_answer_may_come_later)
{
    open_server(60);
    peer_print(peer, "GET /hold" HOST "\r\n");
    bench_run_until(&bench, is_held, NULL);
    give(held, 200, "late");
    ck_assert_str_eq(peer_answer(peer)->body, "late");
    ck_assert_str_eq(peer_ask(peer, "GET /echo/1" HOST "\r\n")->body, "GET|1|1|-|-");
    close_server();
}
END_TEST

START_TEST(test_an_answer_to_a_client_that_is_gone_is_harmless)
{
    open_server(60);
    peer_print(peer, "GET /hold" HOST "\r\n");
    bench_run_until(&bench, is_held, NULL);
    peer_end(peer);
    bench_run_for(&bench, 5);
    give(held, 200, "late");
    bench_run_until(&bench, is_closed, peer);
    bench_run_until(&bench, is_empty, NULL);
    close_server();
}
END_TEST

START_TEST(test_a_held_request_survives_the_reset_of_its_connection)
{
    open_server(60);
    peer_print(peer, "GET /hold" HOST "\r\n");
    bench_run_until(&bench, is_held, NULL);
    http_connection_end(http_request_client(held), true);
    ck_assert(peer_is_reset(peer));
    ck_assert_ptr_null(http_request_stream(held));
    bench_run_for(&bench, 5);
    ck_assert_uint_eq(disconnected, 0);
    give(held, 200, "late");
    bench_run_until(&bench, is_empty, NULL);
    ck_assert_uint_eq(disconnected, 1);
    close_server();
}
END_TEST

START_TEST(test_a_polite_end_lets_the_current_answer_out)
{
    open_server(60);
    peer_print(peer, "GET /hold" HOST "\r\n");
    bench_run_until(&bench, is_held, NULL);
    http_connection_end(http_request_client(held), false);
    give(held, 200, "last");
    ck_assert_str_eq(peer_answer(peer)->body, "last");
    bench_run_until(&bench, is_closed, peer);
    ck_assert(!peer_is_reset(peer));
    close_server();
}
END_TEST

START_TEST(test_a_client_that_sends_no_more_still_gets_its_answer)
{
    open_server(60);
    peer_print(peer, "GET /echo/1" HOST "\r\n");
    peer_end(peer);
    ck_assert_str_eq(peer_answer(peer)->body, "GET|1|1|-|-");
    bench_run_until(&bench, is_closed, peer);
    close_server();
}
END_TEST

START_TEST(test_headers_cannot_break_the_block)
{
    open_server(60);
    struct answer *answer = peer_ask(peer, "GET /odd" HOST "\r\n");
    answer_check_status(answer, 200);
    ck_assert_str_eq(answer_header(answer, "X-Empty"), "");
    ck_assert_str_eq(answer_header(answer, "X-Split"), "aX-Evil: 1b");
    ck_assert_ptr_null(answer_header(answer, "X-Evil"));
    ck_assert_str_eq(answer_header(answer, "X-Zero"), "ab c");
    ck_assert_str_eq(answer_header(answer, "X-Utf8"), "h\xc3\xa9");
    ck_assert_str_eq(answer_header(answer, "X-Bad__name__"), "v");
    ck_assert_str_eq(answer->body, "ok");
    close_server();
}
END_TEST

START_TEST(test_a_204_has_no_body_and_no_type)
{
    open_server(60);
    struct answer *answer = peer_ask(peer, "GET /nothing" HOST "\r\n");
    answer_check_status(answer, 204);
    ck_assert_str_eq(answer_header(answer, "Content-Length"), "0");
    ck_assert_ptr_null(answer_header(answer, "Content-Type"));
    ck_assert_ptr_nonnull(answer_header(answer, "Date"));
    answer_check_status(peer_ask(peer, "GET /nothing" HOST "\r\n"), 204);
    close_server();
}
END_TEST

START_TEST(test_a_thousand_headers_fit)
{
    open_server(60);
    struct answer *answer = peer_ask(peer, "GET /many" HOST "\r\n");
    answer_check_status(answer, 200);
    ck_assert_uint_eq(strlen(answer_header(answer, "iothub-app-1023")), 64);
    close_server();
}
END_TEST

START_TEST(test_a_peer_that_does_not_read_costs_a_bounded_buffer)
{
    open_server(60);
    peer_stall(peer, true);
    peer_print(peer, "GET /large" HOST "\r\n");
    bench_run_for(&bench, 50);
    size_t pending = stream_output_pending(peer_stream(peer));
    ck_assert_uint_gt(pending, STREAM_OUTPUT_HIGH);
    ck_assert_uint_lt(pending, STREAM_OUTPUT_HIGH + 65536);
    peer_stall(peer, false);
    ck_assert_uint_eq(peer_answer(peer)->body_length, 3 * 1024 * 1024);
    close_server();
}
END_TEST

static unsigned turns;

static bool count_turn(void *context)
{
    (void)context;
    turns++;
    return false;
}

START_TEST(test_stalled_peers_do_not_spin_the_loop)
{
    open_server(60);
    bench.end_turn = count_turn;
    struct peer *half = join();
    peer_print(half, "GET /echo/1" HOST);
    struct peer *waiting = join();
    peer_print(waiting, "GET /hold" HOST "\r\n");
    peer_stall(peer, true);
    peer_print(peer, "GET /large" HOST "\r\n");
    bench_run_until(&bench, is_held, NULL);
    bench_run_for(&bench, 50);
    turns = 0;
    bench_run_for(&bench, 100);
    ck_assert_uint_lt(turns, 10);
    give(held, 200, "");
    http_server_free(server);
    peer_free(half);
    peer_free(waiting);
    close_bench();
}
END_TEST

START_TEST(test_an_idle_connection_is_closed)
{
    open_server(1);
    peer_print(peer, "GET /echo/1" HOST);
    bench_run_until(&bench, is_closed, peer);
    bench_run_until(&bench, is_empty, NULL);
    close_server();
}
END_TEST

SUITE_MAIN("http", test_a_request_reaches_its_route_with_what_it_carries,
    test_requests_in_one_segment_are_answered_in_order, test_a_request_may_come_byte_by_byte,
    test_a_body_may_be_chunked, test_a_client_that_expects_continue_gets_it,
    test_an_unknown_path_is_refused_in_the_servers_form,
    test_another_method_names_those_that_are_allowed,
    test_a_body_beyond_the_bound_is_refused_and_the_connection_lives,
    test_a_hopeless_body_is_refused_without_being_read,
    test_what_is_not_http_is_answered_and_closed, test_a_head_without_end_is_refused,
    test_a_target_that_is_too_long_is_refused, test_who_is_not_admitted_reaches_no_handler,
    test_connections_beyond_the_bound_are_closed, test_an_answer_may_come_later,
    test_an_answer_to_a_client_that_is_gone_is_harmless,
    test_a_held_request_survives_the_reset_of_its_connection,
    test_a_polite_end_lets_the_current_answer_out,
    test_a_client_that_sends_no_more_still_gets_its_answer, test_headers_cannot_break_the_block,
    test_a_204_has_no_body_and_no_type, test_a_thousand_headers_fit,
    test_a_peer_that_does_not_read_costs_a_bounded_buffer, test_stalled_peers_do_not_spin_the_loop,
    test_an_idle_connection_is_closed)
