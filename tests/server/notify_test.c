#include "tests/server/program.h"

#include "server/exit_code.h"
#include "tests/folder.h"
#include "tests/suite.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FREE_PORTS "--bind", HUB_ADDRESS, "--https-port=0", "--amqps-port=0", "--mqtts-port=0"

static char made[FOLDER_SIZE]; /* certificates, since making them takes its time */
static struct program hub;
static int manager = -1; /* where the service manager listens */
static char variable[160];

/* As systemd does: a path, or with '@' a name in the abstract namespace. */
static void listen_as(const char *address)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    size_t length = strlen(address);
    memcpy(name.sun_path, address, length);
    if (name.sun_path[0] == '@') {
        name.sun_path[0] = '\0';
    }
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(manager, (struct sockaddr *)&name,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
        0);
    snprintf(variable, sizeof variable, "NOTIFY_SOCKET=%s", address);
    program_set_variable(variable);
}

/* What has been told and not been read yet, a line each. */
static const char *told(void)
{
    static char text[256];
    size_t length = 0;
    ssize_t got;
    while ((got = recv(manager, text + length, sizeof text - 2 - length, MSG_DONTWAIT)) > 0) {
        length += (size_t)got;
        text[length++] = '\n';
    }
    text[length] = '\0';
    return text;
}

static void set_up_suite(void)
{
    folder_make(made);
    ck_assert_int_eq(PROGRAM_RUN(&hub, made, "ca", "--data-dir=."), EXIT_DONE);
}

static void tear_down_suite(void)
{
    folder_remove(made);
}

static void set_up(void)
{
    listen_as(folder_file(made, "manager"));
}

static void tear_down(void)
{
    program_set_variable(NULL);
    close(manager);
    unlink(folder_file(made, "manager"));
}

static void start(void)
{
    PROGRAM_START(&hub, made, "--data-dir=.", "--in-memory", "--control-port=0", FREE_PORTS);
    program_await_error(&hub, "CA:      "); /* the last of its lines */
}

static void stop(void)
{
    ck_assert_int_eq(kill(hub.pid, SIGTERM), 0);
    ck_assert_int_eq(program_await_exit(&hub, 5), EXIT_DONE);
}

START_TEST(test_a_hub_tells_that_it_is_ready_and_then_that_it_stops)
{
    start();
    stop();
    ck_assert_str_eq(told(), "READY=1\nSTOPPING=1\n");
    ck_assert_ptr_null(strstr(hub.errors, "NOTIFY-FAILED"));
}
END_TEST

START_TEST(test_a_hub_that_is_ready_does_not_say_that_it_stops)
{
    char text[16] = "";
    start();
    ck_assert_int_eq(recv(manager, text, sizeof text - 1, 0), strlen("READY=1"));
    ck_assert_str_eq(text, "READY=1");
    ck_assert_str_eq(told(), "");
    stop();
    ck_assert_str_eq(told(), "STOPPING=1\n");
}
END_TEST

START_TEST(test_a_manager_with_an_abstract_name_is_told)
{
    char address[80];
    close(manager);
    snprintf(address, sizeof address, "@devicebound%s", made);
    listen_as(address);
    start();
    stop();
    ck_assert_str_eq(told(), "READY=1\nSTOPPING=1\n");
}
END_TEST

/* The control port is bound last of all. */
START_TEST(test_nothing_is_ready_while_a_port_is_not_bound)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    char port[32];
    int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(inet_pton(AF_INET, HUB_ADDRESS, &address.sin_addr), 1);
    ck_assert_int_eq(bind(taken, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(taken, 1), 0);
    ck_assert_int_eq(getsockname(taken, (struct sockaddr *)&address, &length), 0);
    snprintf(port, sizeof port, "--control-port=%d", ntohs(address.sin_port));
    ck_assert_int_eq(
        PROGRAM_RUN(&hub, made, "--data-dir=.", "--in-memory", FREE_PORTS, port), EXIT_PORT);
    ck_assert_str_eq(told(), "");
    close(taken);
}
END_TEST

START_TEST(test_nothing_is_ready_without_its_store)
{
    file_write(folder_file(made, "hub.db"), "no database", 11);
    ck_assert_int_eq(
        PROGRAM_RUN(&hub, made, "--data-dir=.", "--control-port=0", FREE_PORTS), EXIT_DATA);
    ck_assert_str_eq(told(), "");
    unlink(folder_file(made, "hub.db"));
}
END_TEST

START_TEST(test_a_manager_that_cannot_be_told_is_a_warning)
{
    static const char *const addresses[] = {"/no/such/socket", "vsock:2:1234", "relative",
        "/a/path/that/is/longer/than/the/address/of/a/socket/may/be/which/is/one/hundred/and/eight/"
        "bytes/with/its/end"};
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        snprintf(variable, sizeof variable, "NOTIFY_SOCKET=%s", addresses[i]);
        start();
        stop();
        ck_assert_msg(strstr(hub.errors, "NOTIFY-FAILED") != NULL, "%s", addresses[i]);
        ck_assert_str_eq(told(), "");
    }
}
END_TEST

START_TEST(test_nobody_is_told_where_no_manager_asks)
{
    static const char *const nobody[] = {NULL, "NOTIFY_SOCKET="};
    for (size_t i = 0; i < sizeof nobody / sizeof nobody[0]; i++) {
        program_set_variable(nobody[i]);
        start();
        stop();
        ck_assert_ptr_null(strstr(hub.errors, "NOTIFY-FAILED"));
        ck_assert_str_eq(told(), "");
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {test_a_hub_tells_that_it_is_ready_and_then_that_it_stops,
        test_a_hub_that_is_ready_does_not_say_that_it_stops,
        test_a_manager_with_an_abstract_name_is_told,
        test_nothing_is_ready_while_a_port_is_not_bound, test_nothing_is_ready_without_its_store,
        test_a_manager_that_cannot_be_told_is_a_warning, test_nobody_is_told_where_no_manager_asks};
    Suite *suite = suite_create("notify");
    TCase *tcase = tcase_create("notify");
    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, set_up_suite, tear_down_suite);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tcase_add_test(tcase, cases[i]);
    }
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
