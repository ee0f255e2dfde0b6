#include "tests/server/program.h"

#include "server/exit_code.h"
#include "server/options/options_table.h"
#include "tests/folder.h"
#include "tests/suite.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

/* Where every test hub listens, on free ports. */
#define FREE_PORTS                                                                                 \
    "--bind", HUB_ADDRESS, "--https-port=0", "--amqps-port=0", "--mqtts-port=0", "--control-port=0"

static const char *const certificates[] = {
    "ca.pem", "ca.key", "server-ecdsa.pem", "server-ecdsa.key", "server-rsa.pem", "server-rsa.key"};
#define CERTIFICATE_COUNT (sizeof certificates / sizeof certificates[0])

static char made[FOLDER_SIZE]; /* certificates, since making them takes its time */
static char home[FOLDER_SIZE]; /* of one test; its data directory is "state" */
static struct program hub, other;

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
    folder_make(home);
}

static void tear_down(void)
{
    folder_remove(home);
}

static const char *state_file(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "state/%s", name);
    return folder_file(home, path);
}

static void bring_certificates(void)
{
    ck_assert_int_eq(mkdir(folder_file(home, "state"), 0755), 0);
    for (size_t i = 0; i < CERTIFICATE_COUNT; i++) {
        file_copy(folder_file(made, certificates[i]), state_file(certificates[i]));
    }
}

/* A hub that is ready. */
#define START(...)                                                                                 \
    do {                                                                                           \
        bring_certificates();                                                                      \
        PROGRAM_START(&hub, home, "--data-dir=state", FREE_PORTS, __VA_ARGS__);                    \
        program_await_ready(&hub);                                                                 \
    } while (0)

static void stop(void)
{
    ck_assert_int_eq(kill(hub.pid, SIGTERM), 0);
    ck_assert_int_eq(program_await_exit(&hub, 5), EXIT_DONE);
}

/* ---- exit 2 ---- */

START_TEST(test_a_wrong_option_is_one_line_and_nothing_is_written)
{
    static const char *const cases[][4] = {{"--https-port=http", NULL},
        {"serve", "--lock-timeout=PT1S", NULL}, {"--no-such", NULL}, {"bogus", NULL},
        {"--config=/no/file", NULL}, {"--device=a b", NULL}, {"--bind=here", NULL},
        {"--tls-cert=/dev/null", "--tls-key=/dev/null", NULL},
        {"--ca-cert=/dev/null", "--ca-key=/dev/null", NULL}, {"--device-ca=/dev/null", NULL},
        {"version", "--https-port=x", NULL}, {"connection-string", "--policy=owner", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_msg(program_run(&hub, home, cases[i]) == EXIT_BAD_OPTION, "%s", cases[i][0]);
        program_check_said_only(&hub, "");
        ck_assert_msg(folder_count(home) == 0, "%s", cases[i][0]);
    }
}
END_TEST

/* ---- exit 3 ---- */

static int occupy(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(inet_pton(AF_INET, HUB_ADDRESS, &address.sin_addr), 1);
    ck_assert_int_eq(bind(descriptor, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(descriptor, 1), 0);
    ck_assert_int_eq(getsockname(descriptor, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return descriptor;
}

START_TEST(test_a_port_in_use_is_named_with_its_remedy)
{
    static const char *const flags[] = {"https-port", "amqps-port", "mqtts-port", "control-port"};
    int port, descriptor = occupy(&port);
    char argument[64], number[16];
    bring_certificates();
    snprintf(number, sizeof number, "%d", port);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        snprintf(argument, sizeof argument, "--%s=%d", flags[i], port);
        ck_assert_int_eq(
            PROGRAM_RUN(&hub, home, "--data-dir=state", FREE_PORTS, argument), EXIT_PORT);
        program_check_said(&hub, flags[i]);
        program_check_said(&hub, number);
        program_check_said(&hub, "in use");
    }
    close(descriptor);
}
END_TEST

START_TEST(test_an_address_of_another_machine_is_named)
{
    bring_certificates();
    ck_assert_int_eq(
        PROGRAM_RUN(&hub, home, "--data-dir=state", FREE_PORTS, "--bind=192.0.2.1"), EXIT_PORT);
    program_check_said(&hub, "--bind");
    program_check_said(&hub, "192.0.2.1");
}
END_TEST

/* ---- exit 4 ---- */

START_TEST(test_a_data_directory_that_cannot_be_is_named)
{
    static const char *const directories[] = {"/dev/null", "/dev/null/state", "/proc/state"};
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
        ck_assert_int_eq(
            PROGRAM_RUN(&hub, home, "--data-dir", directories[i], FREE_PORTS), EXIT_DATA);
        program_check_said_only(&hub, directories[i]);
        program_check_said_only(&hub, "--data-dir");
    }
    ck_assert_uint_eq(folder_count(home), 0);
}
END_TEST

/* A database of a hub that has stopped, with some bytes in place of others. */
static char *spoil(size_t at, const char *bytes, size_t length, size_t *size)
{
    START("--device=d1");
    stop();
    char *text = file_read(state_file("hub.db"), size);
    ck_assert_uint_gt(*size, at + length);
    memcpy(text + at, bytes, length);
    file_write(state_file("hub.db"), text, *size);
    return text;
}

/* A hub refuses the file, and leaves every byte as it was. */
static void check_refused(char *before, size_t size, const char *say)
{
    size_t after_size;
    ck_assert_int_eq(PROGRAM_RUN(&hub, home, "--data-dir=state", FREE_PORTS), EXIT_DATA);
    program_check_said(&hub, say);
    program_check_said(&hub, "hub.db");
    char *after = file_read(state_file("hub.db"), &after_size);
    ck_assert_uint_eq(size, after_size);
    ck_assert_mem_eq(before, after, size);
    free(before);
    free(after);
}

START_TEST(test_a_damaged_database_is_refused_and_left_as_it_is)
{
    size_t size;
    char *spoilt = spoil(0, "no such file format", 19, &size);
    check_refused(spoilt, size, "damaged");
}
END_TEST

START_TEST(test_a_database_damaged_inside_is_refused_and_left_as_it_is)
{
    static char zeros[4096];
    size_t size;
    char *spoilt = spoil(4096, zeros, sizeof zeros, &size);
    check_refused(spoilt, size, "damaged");
}
END_TEST

/* Bytes 60 to 63 of SQLite's header are the schema's version, 68 to 71 the application's mark. */
START_TEST(test_a_newer_database_is_refused_and_left_as_it_is)
{
    size_t size;
    char *spoilt = spoil(60, "\0\0\3\347", 4, &size);
    check_refused(spoilt, size, "newer version");
}
END_TEST

START_TEST(test_a_database_of_somebody_else_is_refused_and_left_as_it_is)
{
    size_t size;
    char *spoilt = spoil(68, "\1\2\3\4", 4, &size);
    check_refused(spoilt, size, "not made by devicebound");
}
END_TEST

START_TEST(test_two_hubs_do_not_share_a_database)
{
    START("--device=d1");
    ck_assert_int_eq(PROGRAM_RUN(&other, home, "--data-dir=state", FREE_PORTS), EXIT_DATA);
    program_check_said(&other, "in use by another");
    stop();
}
END_TEST

/* Were the device left behind, a corrected start would take it for one that has had its messages.
 */
START_TEST(test_messages_that_do_not_fit_leave_no_device_behind)
{
    static const char config[] = "{\"devices\":[{\"deviceId\":\"d1\",\"messages\":[{\"body\":"
                                 "\"one\"},{\"body\":\"two\"}]}]}";
    bring_certificates();
    file_write(folder_file(home, "config.json"), config, sizeof config - 1);
    ck_assert_int_eq(PROGRAM_RUN(&hub, home, "--data-dir=state", "--config=config.json",
                         "--queue-depth=1", FREE_PORTS),
        EXIT_BAD_OPTION);
    program_check_said(&hub, "device \"d1\"");
    ck_assert_str_eq(hub.output, "");
    PROGRAM_START(&hub, home, "--data-dir=state", "--config=config.json", FREE_PORTS);
    program_await_ready(&hub);
    char port[32];
    snprintf(port, sizeof port, "--control-port=%d", hub.control);
    for (const char *const *body = (const char *const[]){"one", "two", NULL}; *body; body++) {
        ck_assert_int_eq(
            PROGRAM_RUN(&other, home, "receive", "d1", "--complete", port, "--bind=" HUB_ADDRESS),
            EXIT_DONE);
        ck_assert_str_eq(other.output, *body);
    }
    stop();
}
END_TEST

/* ---- ready ---- */

START_TEST(test_the_ready_line_is_all_there_is_on_standard_output)
{
    char line[256];
    START("--device=d1", "--device=d2=" KEY, "--hostname=hub.local", "--log-level=debug");
    snprintf(line, sizeof line,
        "devicebound ready https=%d amqps=%d mqtts=%d control=%d hostname=hub.local\n", hub.https,
        hub.amqps, hub.mqtts, hub.control);
    ck_assert_str_eq(hub.output, line);
    ck_assert(hub.https > 0 && hub.amqps > 0 && hub.mqtts > 0 && hub.control > 0);
    stop();
    ck_assert_str_eq(hub.output, line);
}
END_TEST

START_TEST(test_connection_strings_follow_on_standard_error_without_secrets)
{
    START("--device=d1", "--device=d2=" KEY, "--hostname=hub.local", "--shared-access-key=" KEY);
    stop();
    ck_assert_ptr_nonnull(strstr(hub.errors, "service: HostName=hub.local;"));
    ck_assert_ptr_nonnull(strstr(hub.errors, "device:  HostName=hub.local;DeviceId=d1;"));
    ck_assert_ptr_nonnull(strstr(hub.errors, "device:  HostName=hub.local;DeviceId=d2;"));
    ck_assert_ptr_nonnull(strstr(hub.errors, "CA:      state/ca.pem\n"));
    ck_assert_ptr_null(strstr(hub.errors, KEY));
}
END_TEST

START_TEST(test_a_port_may_be_off)
{
    START("--https-port=off", "--amqps-port=off", "--control-port=off");
    ck_assert_int_eq(hub.https, -1);
    ck_assert_int_eq(hub.amqps, -1);
    ck_assert_int_eq(hub.control, -1);
    ck_assert_int_gt(hub.mqtts, 0);
    stop();
}
END_TEST

START_TEST(test_in_memory_leaves_nothing_but_certificates)
{
    START("--in-memory", "--device=d1");
    stop();
    ck_assert_uint_eq(folder_count(home), CERTIFICATE_COUNT + 1);
}
END_TEST

START_TEST(test_the_database_is_the_owners_only)
{
    START("--device=d1");
    ck_assert_uint_eq(file_mode(state_file("hub.db")) & 077, 0);
    ck_assert_uint_eq(file_mode(state_file("hub.db-wal")) & 077, 0);
    stop();
    ck_assert(!file_exists(state_file("hub.db-wal"))); /* it is all in the file */
}
END_TEST

/* ---- the end ---- */

static SSL_CTX *context;
static SSL *tls[3];

/* A client of that port whose handshake is done, and that says nothing more. */
static SSL *greet(int port)
{
    SSL *ssl = SSL_new(context);
    ck_assert_int_eq(SSL_set_fd(ssl, program_connect(port)), 1);
    ck_assert_int_eq(SSL_connect(ssl), 1);
    return ssl;
}

START_TEST(test_sigterm_ends_with_exit_0_while_clients_are_connected)
{
    START("--device=d1");
    context = SSL_CTX_new(TLS_client_method());
    tls[0] = greet(hub.https);
    tls[1] = greet(hub.amqps);
    tls[2] = greet(hub.mqtts);
    const char *request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    ck_assert_int_gt(SSL_write(tls[0], request, (int)strlen(request)), 0);
    ck_assert_int_eq(SSL_write(tls[1], "AMQP\0\1\0\0", 8), 8);
    ck_assert_int_eq(SSL_write(tls[2], "\x10\x20", 2), 2); /* the head of a CONNECT */
    stop();
    for (size_t i = 0; i < 3; i++) {
        close(SSL_get_fd(tls[i]));
        SSL_free(tls[i]);
    }
    SSL_CTX_free(context);
}
END_TEST

/* They get no time to be polite in. */
START_TEST(test_who_has_not_begun_a_protocol_does_not_hold_up_the_end)
{
    static const unsigned char half_hello[] = {0x16, 0x03, 0x01, 0x02, 0x00, 0x01};
    START("--device=d1");
    context = SSL_CTX_new(TLS_client_method());
    tls[0] = greet(hub.https);
    tls[1] = greet(hub.https);
    ck_assert_int_eq(SSL_write(tls[1], "GET / HTT", 9), 9);
    int silent = program_connect(hub.mqtts), half = program_connect(hub.amqps);
    int plain = program_connect(hub.control);
    ck_assert_int_eq((int)write(half, half_hello, sizeof half_hello), (int)sizeof half_hello);
    stop();
    ck_assert_msg(strstr(hub.errors, "HUB-STOP-LATE") == NULL, "%s", hub.errors);
    for (size_t i = 0; i < 2; i++) {
        close(SSL_get_fd(tls[i]));
        SSL_free(tls[i]);
    }
    SSL_CTX_free(context);
    close(silent);
    close(half);
    close(plain);
}
END_TEST

START_TEST(test_sigint_ends_as_sigterm_does)
{
    START("--device=d1");
    ck_assert_int_eq(kill(hub.pid, SIGINT), 0);
    ck_assert_int_eq(program_await_exit(&hub, 5), EXIT_DONE);
}
END_TEST

START_TEST(test_a_second_signal_ends_at_once)
{
    START("--device=d1");
    context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = greet(hub.amqps); /* which does not close when the hub does: it is waited for */
    ck_assert_int_eq(kill(hub.pid, SIGTERM), 0);
    program_await_error(&hub, "HUB-STOPPING");
    ck_assert_int_eq(kill(hub.pid, SIGTERM), 0);
    ck_assert_int_eq(program_await_exit(&hub, 5), 128 + SIGTERM);
    close(SSL_get_fd(ssl));
    SSL_free(ssl);
    SSL_CTX_free(context);
}
END_TEST

START_TEST(test_sighup_reads_the_log_level_and_the_certificates_again)
{
    const char *config = folder_file(home, "settings.json");
    file_write(config, "{\"log\":{\"level\":\"warn\"}}", 24);
    START("--config=settings.json");
    ck_assert_ptr_null(strstr(hub.errors, " info "));
    file_write(config, "{\"log\":{\"level\":\"info\"}}", 24);
    ck_assert_int_eq(kill(hub.pid, SIGHUP), 0);
    program_await_error(&hub, "RELOADED");
    file_write(config, "{\"log\":{\"level\":\"loud\"}}", 24);
    ck_assert_int_eq(kill(hub.pid, SIGHUP), 0);
    program_await_error(&hub, "RELOAD-REFUSED"); /* and it goes on */
    stop();
    ck_assert_uint_eq(program_count_lines(hub.output, ""), 1);
}
END_TEST

/* ---- verbs ---- */

START_TEST(test_version_is_one_line)
{
    ck_assert_int_eq(PROGRAM_RUN(&hub, home, "version"), EXIT_DONE);
    ck_assert_str_eq(hub.output, "devicebound " DEVICEBOUND_VERSION "\n");
    ck_assert_str_eq(hub.errors, "");
    ck_assert_uint_eq(folder_count(home), 0);
}
END_TEST

START_TEST(test_help_names_every_setting)
{
    ck_assert_int_eq(PROGRAM_RUN(&hub, home, "--help"), EXIT_DONE);
    for (size_t i = 0; i < option_row_count; i++) {
        char head[80];
        snprintf(head, sizeof head, "\n  --%s ", option_rows[i].flag);
        ck_assert_msg(strstr(hub.output, head) != NULL, "--%s", option_rows[i].flag);
    }
    ck_assert_str_eq(hub.errors, "");
    ck_assert_uint_eq(folder_count(home), 0);
}
END_TEST

START_TEST(test_healthcheck_tells_whether_a_hub_is_ready)
{
    char port[64];
    int number, descriptor = occupy(&number);
    close(descriptor); /* nobody listens there now */
    snprintf(port, sizeof port, "--control-port=%d", number);
    ck_assert_int_eq(
        PROGRAM_RUN(&other, home, "healthcheck", "--bind", HUB_ADDRESS, port), EXIT_FAILED);
    program_check_said_only(&other, "no hub answers");
    START("--device=d1");
    snprintf(port, sizeof port, "--control-port=%d", hub.control);
    ck_assert_int_eq(
        PROGRAM_RUN(&other, home, "healthcheck", "--bind", HUB_ADDRESS, port), EXIT_DONE);
    ck_assert_str_eq(other.output, "");
    ck_assert_str_eq(other.errors, "");
    stop();
}
END_TEST

START_TEST(test_ca_prints_the_certificate_that_clients_trust)
{
    bring_certificates();
    ck_assert_int_eq(PROGRAM_RUN(&hub, home, "ca", "--data-dir=state"), EXIT_DONE);
    char *text = file_read(state_file("ca.pem"), NULL);
    ck_assert_str_eq(hub.output, text);
    ck_assert_str_eq(hub.errors, "");
    free(text);
}
END_TEST

START_TEST(test_connection_strings_are_printed_for_policies)
{
    ck_assert_int_eq(PROGRAM_RUN(&hub, home, "connection-string"), EXIT_DONE);
    ck_assert_str_eq(hub.output, "HostName=127.0.0.1;SharedAccessKeyName=iothubowner;"
                                 "SharedAccessKey=" DEFAULT_SHARED_ACCESS_KEY "\n");
    ck_assert_int_eq(PROGRAM_RUN(&hub, home, "connection-string", "--policy=service",
                         "--hostname=hub.local", "--shared-access-key=" KEY),
        EXIT_DONE);
    ck_assert_str_eq(
        hub.output, "HostName=hub.local;SharedAccessKeyName=service;SharedAccessKey=" KEY "\n");
    ck_assert_uint_eq(folder_count(home), 0);
}
END_TEST

START_TEST(test_connection_strings_are_printed_for_devices)
{
    char port[64];
    ck_assert_int_eq(PROGRAM_RUN(&other, home, "connection-string", "--device=d2=" KEY), EXIT_DONE);
    ck_assert_str_eq(other.output, "HostName=127.0.0.1;DeviceId=d2;SharedAccessKey=" KEY "\n");
    START("--device=d1", "--device=d2=" KEY);
    snprintf(port, sizeof port, "--control-port=%d", hub.control);
    ck_assert_int_eq(PROGRAM_RUN(&other, home, "connection-string", "--device=d2", "--bind",
                         HUB_ADDRESS, port, "--data-dir=state"),
        EXIT_DONE);
    ck_assert_str_eq(other.output, "HostName=127.0.0.1;DeviceId=d2;SharedAccessKey=" KEY "\n");
    ck_assert_int_eq(PROGRAM_RUN(&other, home, "connection-string", "--device=d2",
                         "--hostname=hub.lan", "--bind", HUB_ADDRESS, port, "--data-dir=state"),
        EXIT_DONE); /* the name asked for, not the one that the hub has */
    ck_assert_str_eq(other.output, "HostName=hub.lan;DeviceId=d2;SharedAccessKey=" KEY "\n");
    stop();
    ck_assert_int_eq(PROGRAM_RUN(&other, home, "connection-string", "--device=d2", "--bind",
                         HUB_ADDRESS, port, "--data-dir=state"),
        EXIT_DONE);
    ck_assert_str_eq(other.output, "HostName=127.0.0.1;DeviceId=d2;SharedAccessKey=" KEY "\n");
    ck_assert_int_eq(PROGRAM_RUN(&other, home, "connection-string", "--device=d9", "--bind",
                         HUB_ADDRESS, port, "--data-dir=state"),
        EXIT_FAILED);
    program_check_said_only(&other, "d9");
    ck_assert_int_eq(PROGRAM_RUN(&other, home, "connection-string", "--device=d9", "--bind",
                         HUB_ADDRESS, port, "--data-dir=none"),
        EXIT_FAILED);
    program_check_said_only(&other, "no hub in none");
    ck_assert(!file_exists(folder_file(home, "none")));
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {test_a_wrong_option_is_one_line_and_nothing_is_written,
        test_a_port_in_use_is_named_with_its_remedy, test_an_address_of_another_machine_is_named,
        test_a_data_directory_that_cannot_be_is_named,
        test_a_damaged_database_is_refused_and_left_as_it_is,
        test_a_database_damaged_inside_is_refused_and_left_as_it_is,
        test_a_newer_database_is_refused_and_left_as_it_is,
        test_a_database_of_somebody_else_is_refused_and_left_as_it_is,
        test_two_hubs_do_not_share_a_database,
        test_the_ready_line_is_all_there_is_on_standard_output,
        test_connection_strings_follow_on_standard_error_without_secrets, test_a_port_may_be_off,
        test_messages_that_do_not_fit_leave_no_device_behind,
        test_in_memory_leaves_nothing_but_certificates, test_the_database_is_the_owners_only,
        test_sigterm_ends_with_exit_0_while_clients_are_connected,
        test_who_has_not_begun_a_protocol_does_not_hold_up_the_end,
        test_sigint_ends_as_sigterm_does, test_a_second_signal_ends_at_once,
        test_sighup_reads_the_log_level_and_the_certificates_again, test_version_is_one_line,
        test_help_names_every_setting, test_healthcheck_tells_whether_a_hub_is_ready,
        test_ca_prints_the_certificate_that_clients_trust,
        test_connection_strings_are_printed_for_policies,
        test_connection_strings_are_printed_for_devices};
    Suite *suite = suite_create("process");
    TCase *tcase = tcase_create("process");
    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, set_up_suite, tear_down_suite);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tcase_add_test(tcase, cases[i]);
    }
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
