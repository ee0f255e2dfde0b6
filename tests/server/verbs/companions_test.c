/* The verbs that work with a running hub, as a person or a script has them. */
#include "server/exit_code.h"
#include "tests/folder.h"
#include "tests/server/program.h"
#include "tests/suite.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char home[FOLDER_SIZE]; /* with certificates, since making them takes its time */
static struct program hub, verb, watcher;
static char port[32];

static void set_up_suite(void)
{
    folder_make(home);
    ck_assert_int_eq(PROGRAM_RUN(&hub, home, "ca", "--data-dir=."), EXIT_DONE);
}

static void tear_down_suite(void)
{
    folder_remove(home);
}

static void start_hub(const char *setting)
{
    PROGRAM_START(&hub, home, "--in-memory", "--data-dir=.", "--device=d1", "--device=d2", "--bind",
        HUB_ADDRESS, "--https-port=0", "--amqps-port=0", "--mqtts-port=0", "--control-port=0",
        setting);
    program_await_ready(&hub);
    snprintf(port, sizeof port, "--control-port=%d", hub.control);
}

static void stop_hub(void)
{
    ck_assert_int_eq(kill(hub.pid, SIGTERM), 0);
    ck_assert_int_eq(program_await_exit(&hub, 5), EXIT_DONE);
}

/* ---- what is wrong is one line ---- */

START_TEST(test_bad_usage_is_one_line)
{
    static const char *const cases[][5] = {{"send"}, {"send", "d1"}, {"send", "d1", "x", "y"},
        {"send", "d1", "x", "--property=a"}, {"send", "d1", "x", "--property==a"},
        {"send", "d1", "x", "--property=a=1", "--property=a=2"},
        {"send", "d1", "x", "--property=a=\xff"}, {"send", "d1", "x", "--message-id=\xff"},
        {"send", "d1", "x", "--correlation-id=\xff"}, {"send", "d1", "x", "--content-type=\xff"},
        {"send", "d1", "x", "--ack=some"}, {"send", "d1", "x", "--ttl=P3D"},
        {"send", "d1", "x", "--json"}, {"receive"}, {"receive", ""}, {"send", "", "x"},
        {"receive", "d1", "d2"}, {"receive", "d1", "--complete", "--abandon"}, {"feedback", "d1"},
        {"feedback", "--complete"}, {"watch", "d1"}, {"watch", "--device=d1", "--device=d2"},
        {"advance"}, {"advance", "soon"}, {"advance", "PT1S", "PT1S"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *arguments[] = {
            cases[i][0], cases[i][1], cases[i][2], cases[i][3], cases[i][4], NULL};
        ck_assert_msg(program_run(&verb, home, arguments) == EXIT_BAD_OPTION, "%zu", i);
        program_check_said_only(&verb, "");
    }
}
END_TEST

START_TEST(test_without_a_hub_each_says_so)
{
    static const char *const cases[][4] = {{"send", "d1", "x"}, {"receive", "d1"}, {"feedback"},
        {"watch"}, {"advance", "PT1S"}, {"healthcheck"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *arguments[] = {
            cases[i][0], "--bind=" HUB_ADDRESS, "--control-port=1", cases[i][1], cases[i][2], NULL};
        ck_assert_msg(program_run(&verb, home, arguments) == EXIT_FAILED, "%s", cases[i][0]);
        program_check_said_only(&verb, "no hub answers on control port 1 of " HUB_ADDRESS);
    }
    ck_assert_int_eq(PROGRAM_RUN(&verb, home, "feedback", "--control-port=off"), EXIT_FAILED);
    program_check_said_only(&verb, "--control-port");
}
END_TEST

/* ---- with a hub ---- */

/* Runs one against the hub. */
#define RUN(...) PROGRAM_RUN(&verb, home, __VA_ARGS__, "--bind", HUB_ADDRESS, port)

/* It says that, and nothing else but details. */
#define CHECK_RUN(says, ...)                                                                       \
    do {                                                                                           \
        ck_assert_msg(RUN(__VA_ARGS__) == EXIT_DONE, "%s", verb.errors);                           \
        ck_assert_str_eq(verb.output, says);                                                       \
    } while (0)

#define CHECK_REFUSED(says, ...)                                                                   \
    do {                                                                                           \
        ck_assert_int_eq(RUN(__VA_ARGS__), EXIT_FAILED);                                           \
        program_check_said_only(&verb, says);                                                      \
    } while (0)

static void check_member(const json_t *object, const char *name, const char *value)
{
    const char *text = json_string_value(json_object_get(object, name));
    ck_assert_msg(text != NULL, "no %s", name);
    ck_assert_str_eq(text, value);
}

/* What it printed, which is one object on one line. */
static json_t *parse_line(void)
{
    ck_assert_uint_eq(program_count_lines(verb.output, ""), 1);
    json_t *object = json_loads(verb.output, 0, NULL);
    ck_assert_msg(object != NULL, "%s", verb.output);
    return object;
}

START_TEST(test_a_message_is_sent_as_asked)
{
    start_hub(NULL);
    CHECK_RUN("1\n", "send", "d1", "on", "--ack", "full", "--property", "a=b=c",
        "--property=d=", "--message-id=m1", "--correlation-id", "c1",
        "--content-type=text/plain; charset=utf-8");
    CHECK_RUN("2\n", "send", "d1", "");
    ck_assert_int_eq(RUN("receive", "d1", "--json"), EXIT_DONE);
    ck_assert_str_eq(verb.errors, "");
    json_t *message = parse_line(), *properties = json_object_get(message, "properties");
    check_member(message, "messageId", "m1");
    check_member(message, "ack", "full");
    check_member(message, "correlationId", "c1");
    check_member(message, "contentType", "text/plain; charset=utf-8");
    check_member(json_object_get(message, "body"), "text", "on");
    check_member(properties, "a", "b=c");
    check_member(properties, "d", "");
    json_decref(message);
    ck_assert_int_eq(RUN("receive", "d1", "--json"), EXIT_DONE);
    message = parse_line();
    ck_assert_uint_eq(json_object_size(json_object_get(message, "properties")), 0);
    check_member(json_object_get(message, "body"), "text", "");
    json_decref(message);
    stop_hub();
}
END_TEST

START_TEST(test_a_body_comes_out_as_it_went_in)
{
    static const char *const bodies[] = {
        "", "on", "two\nlines\n", "\xff\xfe\x01", "--ack", "\xc3\xa4"};
    start_hub(NULL);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        ck_assert_int_eq(
            PROGRAM_RUN(&verb, home, "send", "--bind", HUB_ADDRESS, port, "--", "d1", bodies[i]),
            EXIT_DONE);
        CHECK_RUN(bodies[i], "receive", "d1", "--complete");
    }
    stop_hub();
}
END_TEST

/* `send d1 -` with that as its standard input. */
static int send_file(const char *path)
{
    int input = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(input, 0);
    program_start_between(&verb, home, &(struct program_ends){.input = input},
        (const char *const[]){"send", "d1", "-", "--bind", HUB_ADDRESS, port, NULL});
    close(input);
    return program_await_exit(&verb, 10);
}

static int send_bytes(const void *bytes, size_t length)
{
    FILE *file = fopen(folder_file(home, "body"), "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
    return send_file(folder_file(home, "body"));
}

START_TEST(test_a_body_is_read_from_standard_input)
{
    static char large[64 * 1024 + 1];
    start_hub(NULL);
    ck_assert_int_eq(send_bytes("\0\xff\n-\0", 5), EXIT_DONE);
    ck_assert_str_eq(verb.output, "1\n");
    ck_assert_int_eq(send_bytes("", 0), EXIT_DONE);
    ck_assert_int_eq(send_bytes(large, sizeof large - 1), EXIT_DONE);
    ck_assert_int_eq(send_bytes(large, sizeof large), EXIT_FAILED);
    program_check_said_only(&verb, "MessageTooLarge");
    ck_assert_int_eq(send_file("/dev/zero"), EXIT_FAILED); /* which has no end */
    program_check_said_only(&verb, "MessageTooLarge");
    ck_assert_int_eq(send_file("/"), EXIT_FAILED);
    program_check_said_only(&verb, "standard input");
    ck_assert_int_eq(RUN("receive", "d1", "--json"), EXIT_DONE);
    json_t *message = parse_line();
    check_member(json_object_get(message, "body"), "base64", "AP8KLQA=");
    json_decref(message);
    CHECK_RUN("", "receive", "d1");
    ck_assert_int_eq(RUN("receive", "d1"), EXIT_DONE);
    ck_assert_msg(strstr(verb.errors, "\nsize: 65536\n"), "%s", verb.errors);
    CHECK_REFUSED("no message", "receive", "d1");
    stop_hub();
}
END_TEST

START_TEST(test_a_sent_message_has_its_time_to_live)
{
    start_hub(NULL);
    CHECK_RUN("1\n", "send", "d1", "short", "--ttl=PT5M");
    CHECK_RUN("2\n", "send", "d1", "long");
    ck_assert_int_eq(RUN("advance", "PT301S"), EXIT_DONE);
    CHECK_RUN("long", "receive", "d1");
    CHECK_REFUSED("no message", "receive", "d1");
    stop_hub();
}
END_TEST

START_TEST(test_a_refusal_has_the_hubs_name_for_it)
{
    start_hub("--queue-depth=1");
    CHECK_REFUSED("DeviceNotFound", "send", "none", "x");
    CHECK_REFUSED("DeviceNotFound", "receive", "none");
    CHECK_REFUSED("DeviceNotFound", "receive", "a/b?c\n");
    CHECK_REFUSED("ArgumentInvalid", "send", "d1", "x", "--message-id=a b");
    CHECK_REFUSED("ArgumentInvalid", "advance", "P9000000D");
    CHECK_RUN("1\n", "send", "d1", "x");
    CHECK_REFUSED("DeviceMaximumQueueDepthExceeded", "send", "d1", "x");
    stop_hub();
}
END_TEST

/* ---- receiving ---- */

START_TEST(test_a_message_is_settled_as_asked)
{
    start_hub(NULL);
    CHECK_REFUSED("no message waits for \"d1\"", "receive", "d1");
    CHECK_RUN("1\n", "send", "d1", "x");
    CHECK_RUN("x", "receive", "d1", "--abandon");
    ck_assert_ptr_nonnull(strstr(verb.errors, "deliveryCount: 0\n"));
    CHECK_RUN("x", "receive", "d1", "--complete");
    ck_assert_ptr_nonnull(strstr(verb.errors, "deliveryCount: 1\n"));
    CHECK_REFUSED("no message", "receive", "d1");
    CHECK_RUN("2\n", "send", "d1", "y");
    CHECK_RUN("y", "receive", "d1", "--reject");
    ck_assert_int_eq(RUN("advance", "PT61S"), EXIT_DONE);
    CHECK_REFUSED("no message", "receive", "d1");
    stop_hub();
}
END_TEST

START_TEST(test_a_message_that_is_not_settled_comes_again_when_its_lock_lapses)
{
    start_hub(NULL);
    CHECK_RUN("1\n", "send", "d1", "x");
    CHECK_RUN("x", "receive", "d1");
    CHECK_REFUSED("no message", "receive", "d1");
    ck_assert_int_eq(RUN("advance", "PT61S"), EXIT_DONE);
    ck_assert_uint_eq(program_count_lines(verb.output, "20"), 1); /* the clock's new time */
    CHECK_RUN("x", "receive", "d1");
    stop_hub();
}
END_TEST

START_TEST(test_details_do_not_steer_the_terminal)
{
    start_hub(NULL);
    CHECK_RUN("1\n", "send", "d1", "x", "--property=a=b\033[31m\xc2\x9b\n\xc3\xa4");
    CHECK_RUN("x", "receive", "d1");
    ck_assert_msg(strstr(verb.errors, "\nproperty a: b?[31m??\xc3\xa4\n"), "%s", verb.errors);
    stop_hub();
}
END_TEST

START_TEST(test_what_could_not_be_printed_is_not_settled)
{
    start_hub(NULL);
    CHECK_RUN("1\n", "send", "d1", "x");
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    program_start_between(&verb, home, &(struct program_ends){.output = full},
        (const char *const[]){
            "receive", "d1", "--complete", "--json", "--bind", HUB_ADDRESS, port, NULL});
    ck_assert_int_eq(program_await_exit(&verb, 5), EXIT_FAILED);
    program_check_said_only(&verb, "standard output");
    close(full);
    ck_assert_int_eq(RUN("advance", "PT61S"), EXIT_DONE);
    CHECK_RUN("x", "receive", "d1");
    stop_hub();
}
END_TEST

/* ---- feedback ---- */

START_TEST(test_feedback_is_printed_and_sent_but_not_taken)
{
    start_hub(NULL);
    CHECK_RUN("", "feedback");
    CHECK_RUN("1\n", "send", "d1", "x", "--ack=full", "--message-id=m1");
    CHECK_RUN("x", "receive", "d1", "--reject");
    for (size_t i = 0; i < 2; i++) { /* without a batch, then in one */
        ck_assert_int_eq(RUN("feedback"), EXIT_DONE);
        ck_assert_uint_eq(program_count_lines(verb.output, ""), 1);
        ck_assert_msg(strstr(verb.output, "  Rejected  d1  m1\n"), "%s", verb.output);
    }
    ck_assert_int_eq(RUN("feedback", "--json"), EXIT_DONE);
    json_t *record = parse_line();
    check_member(record, "originalMessageId", "m1");
    check_member(record, "statusCode", "Rejected");
    json_decref(record);
    stop_hub();
}
END_TEST

/* More batches than a page has. */
START_TEST(test_all_feedback_is_printed)
{
    start_hub("--feedback-batch-size=1");
    for (size_t i = 0; i < 101; i++) {
        ck_assert_int_eq(
            RUN("send", i % 2 ? "d1" : "d2", "x", "--ack=full", "--ttl=PT1M"), EXIT_DONE);
        if (i % 50 == 0) {
            ck_assert_int_eq(RUN("advance", "PT1M"), EXIT_DONE);
        }
    }
    ck_assert_int_eq(RUN("feedback"), EXIT_DONE);
    ck_assert_uint_eq(program_count_lines(verb.output, ""), 101);
    stop_hub();
}
END_TEST

/* ---- watching ---- */

static void start_watch(const char *device)
{
    PROGRAM_START(&watcher, home, "watch", "--bind", HUB_ADDRESS, port, device);
    program_await_error(&watcher, "watching");
}

START_TEST(test_what_happens_is_a_json_line_until_the_hub_ends)
{
    start_hub(NULL);
    start_watch(NULL);
    CHECK_RUN("1\n", "send", "d2", "x");
    CHECK_RUN("1\n", "send", "d1", "x", "--message-id=m1");
    program_await_output(&watcher, "\"m1\"");
    stop_hub();
    ck_assert_int_eq(program_await_exit(&watcher, 5), EXIT_DONE);
    char *end = strchr(watcher.output, '\n');
    ck_assert_ptr_nonnull(end);
    *end = '\0';
    json_t *entry = json_loads(watcher.output, 0, NULL);
    check_member(entry, "event", "enqueued");
    check_member(entry, "device", "d2");
    json_decref(entry);
}
END_TEST

START_TEST(test_one_device_is_watched)
{
    start_hub(NULL);
    start_watch("--device=d1");
    CHECK_RUN("1\n", "send", "d2", "x");
    CHECK_RUN("1\n", "send", "d1", "x", "--message-id=m1");
    program_await_output(&watcher, "\"m1\"");
    ck_assert_ptr_null(strstr(watcher.output, "\"d2\""));
    stop_hub();
    ck_assert_int_eq(program_await_exit(&watcher, 5), EXIT_DONE);
}
END_TEST

START_TEST(test_sigint_ends_a_watch_well)
{
    start_hub(NULL);
    start_watch(NULL);
    ck_assert_int_eq(kill(watcher.pid, SIGINT), 0);
    ck_assert_int_eq(program_await_exit(&watcher, 5), EXIT_DONE);
    stop_hub();
}
END_TEST

/* A watch on a terminal, while a message is sent and completed. */
static void watch_on_a_terminal(const char *variable)
{
    char name[64];
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert_int_eq(grantpt(terminal) | unlockpt(terminal), 0);
    ck_assert_int_eq(ptsname_r(terminal, name, sizeof name), 0);
    int near_end = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    start_hub(NULL);
    program_set_variable(variable);
    program_start_between(&watcher, home,
        &(struct program_ends){.output = near_end, .far_end = terminal},
        (const char *const[]){"watch", "--bind", HUB_ADDRESS, port, NULL});
    program_set_variable(NULL);
    close(near_end);
    program_await_error(&watcher, "watching");
    CHECK_RUN("1\n", "send", "d1", "x", "--message-id=m1");
    CHECK_RUN("x", "receive", "d1", "--complete");
    CHECK_REFUSED("DeviceNotFound", "send", "a\033[0mb", "x");
    program_await_output(&watcher, "DeviceNotFound");
    stop_hub();
    ck_assert_int_eq(program_await_exit(&watcher, 5), EXIT_DONE);
}

START_TEST(test_on_a_terminal_there_are_columns_in_colour)
{
    watch_on_a_terminal(NULL);
    ck_assert_msg(strstr(watcher.output, "Z  enqueued               d1  #1  m1  control"), "%s",
        watcher.output);
    ck_assert_ptr_nonnull(strstr(watcher.output, "\033[32mcompleted"));
    ck_assert_msg(strstr(watcher.output, "  a?[0mb  "), "%s", watcher.output);
    watch_on_a_terminal("NO_COLOR="); /* which is none */
    ck_assert_ptr_nonnull(strstr(watcher.output, "\033[32mcompleted"));
}
END_TEST

/* Source: no-color.org; terminfo's "dumb" knows no escape sequence. */
START_TEST(test_who_wants_no_colour_gets_columns_without)
{
    static const char *const variables[] = {"NO_COLOR=1", "TERM=dumb"};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        watch_on_a_terminal(variables[i]);
        ck_assert_ptr_nonnull(strstr(watcher.output, "Z  completed              d1  #1  m1"));
        ck_assert_msg(!strchr(watcher.output, '\033'), "%s", watcher.output);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {test_bad_usage_is_one_line, test_without_a_hub_each_says_so,
        test_a_message_is_sent_as_asked, test_a_body_comes_out_as_it_went_in,
        test_a_body_is_read_from_standard_input, test_a_sent_message_has_its_time_to_live,
        test_a_refusal_has_the_hubs_name_for_it, test_a_message_is_settled_as_asked,
        test_a_message_that_is_not_settled_comes_again_when_its_lock_lapses,
        test_details_do_not_steer_the_terminal, test_what_could_not_be_printed_is_not_settled,
        test_feedback_is_printed_and_sent_but_not_taken, test_all_feedback_is_printed,
        test_what_happens_is_a_json_line_until_the_hub_ends, test_one_device_is_watched,
        test_sigint_ends_a_watch_well, test_on_a_terminal_there_are_columns_in_colour,
        test_who_wants_no_colour_gets_columns_without};
    Suite *suite = suite_create("companions");
    TCase *tcase = tcase_create("companions");
    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, set_up_suite, tear_down_suite);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tcase_add_test(tcase, cases[i]);
    }
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
