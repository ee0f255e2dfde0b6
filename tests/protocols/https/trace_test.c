/* Requests and answers in the log, and what never gets there. */
#include "protocols/https/trace.h"

#include "protocols/session/fault.h"
#include "tests/protocols/https/rest.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEY "c2VjcmV0IHByaW1hcnkga2V5IG9mIGEgZGV2aWNl" /* nowhere but in bodies */

START_TEST(test_targets_are_shown_without_secrets)
{
    static const char *const cases[][2] = {
        {"/devices/d%31/messages/deviceBound?api-version=2021-04-12&reject=",
            "/devices/d%31/messages/deviceBound?api-version=2021-04-12&reject="},
        {"/devices?TOP=5&api-version=x", "/devices?TOP=5&api-version=x"},
        {"/devices?sig=abc%2F&api-version=x", "/devices?***&api-version=x"},
        {"/devices?api-version=x&Authorization=SharedAccessSignature%20sr%3Dh%26sig%3Dabc",
            "/devices?api-version=x&***"},
        {"/devices?c2VjcmV0=", "/devices?***"},
        {"/devices?c2VjcmV0", "/devices?***"},
        {"/devices?", "/devices?"},
        {"/devices?&&", "/devices?***&***&"},
        {"/devices?api-version=sig=abc", "/devices?api-version=sig=***"},
        {"/devices/SharedAccessSignature%20sr=h&sig=ab/c+d?e=&se=1",
            "/devices/SharedAccessSignature%20sr=h&sig=***?***&***"},
        {"/devices/HostName=h;SharedAccessKey=abc=;DeviceId=d",
            "/devices/HostName=h;SharedAccessKey=***;DeviceId=d"},
        {"/devices/sIG%3Dabc%2F/x", "/devices/sIG%3D***"},
        {"/devices/sig%253Dabc", "/devices/sig%253D***"},
        {"/devices/signal", "/devices/signal"},
        {"/sig", "/sig"},
        {"/sig=", "/sig=***"},
        {"", ""},
    };
    char out[TRACE_TEXT_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        https_mask_target(cases[i][0], out);
        ck_assert_str_eq(out, cases[i][1]);
    }
}
END_TEST

START_TEST(test_a_token_is_shown_without_its_signature)
{
    static const char *const cases[][2] = {
        {"SharedAccessSignature sr=h%2Fdevices&sig=abc%2F%3D&se=1&skn=owner",
            "SharedAccessSignature sr=h%2Fdevices&sig=***&se=1&skn=owner"},
        {"sharedaccesssignature SIG=abc", "sharedaccesssignature SIG=***"},
        {"SharedAccessSignature sr=h&s%69g=abc&abc", "SharedAccessSignature sr=h&***&***"},
        {"SharedAccessSignature sr=h;sig=abc", "SharedAccessSignature sr=h;sig=***"},
        {"SharedAccessSignature sr=h&sig = abc", "SharedAccessSignature sr=h&***"},
        {"SharedAccessSignature sr=h&sig=ab/c+d/e=&se=1",
            "SharedAccessSignature sr=h&sig=***&se=1"},
        {"SharedAccessSignature", "***"}, {"sr=h&sig=abc", "***"},
        {"Bearer eyJhbGciOi.x.y", "Bearer ***"}, {"Basic dXNlcjpwYXNz", "***"}, {"", "***"},
        {NULL, ""}};
    char out[TRACE_TEXT_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        https_mask_authorization(cases[i][0], out);
        ck_assert_str_eq(out, cases[i][1]);
    }
}
END_TEST

START_TEST(test_long_texts_are_cut)
{
    char target[2 * TRACE_TEXT_SIZE], out[TRACE_TEXT_SIZE];
    memset(target, 'x', sizeof target);
    memcpy(target, "/sig=", 5);
    target[0] = '/';
    target[sizeof target - 1] = '\0';
    https_mask_target(target, out);
    ck_assert_str_eq(out, "/sig=***");
    memset(target, 'x', 5);
    https_mask_target(target, out);
    ck_assert_uint_eq(strlen(out), TRACE_TEXT_SIZE - 1);
}
END_TEST

/* ---- whole exchanges ---- */

static struct rest rest;

/* What the process wrote to its log while `act` ran with the trace on or off. */
static const char *capture(void (*act)(void), bool trace)
{
    static char log[65536];
    FILE *file = tmpfile();
    rest_open_with(&rest, &(struct https_options){.trace = trace});
    fflush(stderr);
    int kept = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    act();
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    rewind(file);
    log[fread(log, 1, sizeof log - 1, file)] = '\0';
    fclose(file);
    rest_close(&rest);
    return log;
}

static void expect_line(const char *log, const char *line)
{
    ck_assert_msg(strstr(log, line) != NULL, "no \"%s\" in\n%s", line, log);
}

#define IDENTITY                                                                                   \
    "{\"deviceId\":\"new\",\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"" KEY "\","      \
    "\"secondaryKey\":\"" KEY "\"}}}"

static void register_a_device(void)
{
    struct answer *answer = rest_ask(&rest, "PUT", "/devices/new?" VERSION "&sig=c2ln",
        (struct rest_request){
            .headers = "Content-Type: application/json\r\nUser-Agent: some sdk\r\n",
            .body = IDENTITY});
    answer_check_status(answer, 200);
    ck_assert_ptr_nonnull(strstr(answer->body, KEY));
}

START_TEST(test_each_request_and_answer_is_a_line_without_secrets)
{
    const char *log = capture(register_a_device, true);
    char in[200];
    snprintf(in, sizeof in,
        "HTTPS-TRACE PUT /devices/new?" VERSION "&*** way=in connection=1 bytes=%zu "
        "authorization=\"SharedAccessSignature sr=",
        sizeof IDENTITY - 1);
    expect_line(log, in);
    expect_line(log, "&sig=***&");
    expect_line(log, " agent=\"some sdk\" type=application/json\n");
    expect_line(log, "HTTPS-TRACE 200 to PUT /devices/new?" VERSION "&*** way=out connection=1 ");
    expect_line(log, " type=\"application/json; charset=utf-8\"");
    ck_assert_ptr_null(strstr(log, KEY));
    ck_assert_ptr_null(strstr(log, "c2ln"));
    for (const char *sig = log; (sig = strstr(sig, "sig=")); sig += 4) {
        ck_assert_int_eq(strncmp(sig, "sig=***", 7), 0);
    }
}
END_TEST

START_TEST(test_nothing_is_a_line_unless_asked_for)
{
    ck_assert_ptr_null(strstr(capture(register_a_device, false), "HTTPS-TRACE"));
}
END_TEST

static void turn_it_on_between(void)
{
    rest_expect(&rest, 200, "GET", "/devices/d1?" VERSION);
    https_server_set_trace(rest.server, true);
    rest_expect(&rest, 200, "GET", "/devices/d2?" VERSION);
    https_server_set_trace(rest.server, false);
    rest_expect(&rest, 200, "GET", "/devices/d1?" VERSION);
}

START_TEST(test_it_can_be_turned_on_for_a_connection_that_is_there)
{
    const char *log = capture(turn_it_on_between, false);
    expect_line(log, "HTTPS-TRACE GET /devices/d2?");
    expect_line(log, "HTTPS-TRACE 200 to GET /devices/d2?");
    ck_assert_ptr_null(strstr(log, "d1"));
}
END_TEST

static void be_refused(void)
{
    rest_expect(&rest, 404, "GET", "/nowhere/sig=c2ln?key=c2ln");
    rest_expect(&rest, 400, "GET", "/devices/d1?api-version=1");
    rest_ask(&rest, "PUT", "/devices/d1?" VERSION,
        (struct rest_request){.headers = "Content-Length: 5000000\r\n"});
}

START_TEST(test_what_is_refused_is_a_line_too)
{
    const char *log = capture(be_refused, true);
    expect_line(
        log, "HTTPS-ROUTE-UNKNOWN no such route method=GET target=\"/nowhere/sig=***?***\"");
    expect_line(log, "HTTPS-TRACE 404 to GET /nowhere/sig=***?*** way=out");
    expect_line(log, "HTTPS-TRACE 400 to GET /devices/d1?api-version=1 way=out");
    expect_line(log, " error=InvalidProtocolVersion ");
    expect_line(log, "HTTPS-TRACE PUT /devices/d1?" VERSION " way=in connection=1 bytes=5000000 ");
    expect_line(log, "HTTPS-TRACE 413 to PUT");
    ck_assert_ptr_null(strstr(log, "c2ln"));
}
END_TEST

static bool is_closed(void *context)
{
    return peer_is_closed(context);
}

static void lose_the_connection(void)
{
    const struct fault_rule rule = {.family = FAULT_HTTPS,
        .operation = FAULT_CONNECT,
        .probability = 1,
        .fault = {.action = FAULT_DROP}};
    fault_add(rest.sessions, &rule);
    peer_print(rest.peer, "GET /devices/d1?" VERSION " HTTP/1.1\r\nHost: hub.local\r\n\r\n");
    bench_run_until(&rest.bench, is_closed, rest.peer);
}

START_TEST(test_a_request_without_an_answer_says_so)
{
    const char *log = capture(lose_the_connection, true);
    expect_line(log, "HTTPS-TRACE no answer to GET /devices/d1?" VERSION " way=out connection=1 ");
    ck_assert_ptr_null(strstr(log, "503"));
}
END_TEST

SUITE_MAIN("https trace", test_targets_are_shown_without_secrets,
    test_a_token_is_shown_without_its_signature, test_long_texts_are_cut,
    test_each_request_and_answer_is_a_line_without_secrets, test_nothing_is_a_line_unless_asked_for,
    test_it_can_be_turned_on_for_a_connection_that_is_there, test_what_is_refused_is_a_line_too,
    test_a_request_without_an_answer_says_so)
