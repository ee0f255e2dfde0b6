#include "tests/server/program.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX 24
#define PATIENCE 10 /* seconds */

/* ---- starting ---- */

static const char *further_variable;

void program_set_variable(const char *assignment)
{
    further_variable = assignment;
}

/* `ends` has a standard output, `err` is its standard error. */
static void become(
    const char *home, const struct program_ends *ends, int err, const char *const *arguments)
{
    const char *all[ARGUMENTS_MAX + 2] = {"devicebound"};
    char variable[256];
    const char *environment[] = {variable, "LANG=C", further_variable, NULL};
    for (int i = 0; i < ARGUMENTS_MAX && arguments[i]; i++) {
        all[i + 1] = arguments[i];
    }
    snprintf(variable, sizeof variable, "HOME=%s", home);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int input = ends->input ? ends->input : open("/dev/null", O_RDONLY);
    if (chdir(home) != 0 || dup2(input, 0) < 0 || dup2(ends->output, 1) < 0 || dup2(err, 2) < 0) {
        _exit(126);
    }
    execve(DEVICEBOUND_BINARY, (char *const *)all, (char *const *)environment);
    _exit(127);
}

void program_start_between(struct program *program, const char *home,
    const struct program_ends *ends, const char *const *arguments)
{
    int err[2], out[2];
    struct program_ends all = *ends;
    *program = (struct program){0};
    ck_assert_int_eq(pipe2(err, O_CLOEXEC), 0);
    if (!ends->output) {
        ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
        all.output = out[1];
        all.far_end = out[0];
    }
    program->pid = fork();
    ck_assert_int_ge(program->pid, 0);
    if (program->pid == 0) {
        become(home, &all, err[1], arguments);
    }
    close(err[1]);
    if (!ends->output) {
        close(out[1]);
    }
    program->out = all.far_end ? all.far_end : -1;
    program->err = err[0];
}

void program_start(struct program *program, const char *home, const char *const *arguments)
{
    program_start_between(program, home, &(struct program_ends){0}, arguments);
}

/* ---- reading ---- */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void read_some(int *descriptor, char *text)
{
    size_t length = strlen(text);
    ssize_t got = read(*descriptor, text + length, PROGRAM_TEXT_MAX - 1 - length);
    if (got > 0) {
        text[length + (size_t)got] = '\0';
    } else if (got == 0 || errno == EIO) { /* which is the end of a terminal */
        close(*descriptor);
        *descriptor = -1;
    }
}

/* One wait for either. False: both are at their end. */
static bool read_either(struct program *program, int64_t until)
{
    struct pollfd wanted[] = {{program->out, POLLIN, 0}, {program->err, POLLIN, 0}};
    int64_t left = until - now_ms();
    if (program->out < 0 && program->err < 0) {
        return false;
    }
    int ready = poll(wanted, 2, left > 0 ? (int)left : 0);
    ck_assert_msg(ready > 0 || (ready < 0 && errno == EINTR),
        "it took too long; standard error: %s", program->errors);
    if (wanted[0].revents) {
        read_some(&program->out, program->output);
    }
    if (wanted[1].revents) {
        read_some(&program->err, program->errors);
    }
    return true;
}

static void await(struct program *program, const char *said, const char *text)
{
    int64_t until = now_ms() + PATIENCE * 1000;
    while (!strstr(said, text)) {
        ck_assert_msg(
            read_either(program, until), "it ended without %s: %s", text, program->errors);
    }
}

void program_await_error(struct program *program, const char *text)
{
    await(program, program->errors, text);
}

void program_await_output(struct program *program, const char *text)
{
    await(program, program->output, text);
}

void program_await_ready(struct program *program)
{
    int64_t until = now_ms() + PATIENCE * 1000;
    const struct {
        const char *name;
        int *port;
    } ports[] = {{"https", &program->https}, {"amqps", &program->amqps}, {"mqtts", &program->mqtts},
        {"control", &program->control}};
    while (!strchr(program->output, '\n')) {
        ck_assert_msg(read_either(program, until), "it is not ready: %s", program->errors);
    }
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        char head[16];
        snprintf(head, sizeof head, " %s=", ports[i].name);
        const char *found = strstr(program->output, head);
        ck_assert_msg(found != NULL, "%s", program->output);
        found += strlen(head);
        *ports[i].port = strncmp(found, "off", 3) == 0 ? -1 : atoi(found);
    }
}

int program_await_exit(struct program *program, int seconds)
{
    int status;
    int64_t until = now_ms() + (int64_t)seconds * 1000;
    while (read_either(program, until)) {
    }
    ck_assert_int_eq(waitpid(program->pid, &status, 0), program->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int program_run(struct program *program, const char *home, const char *const *arguments)
{
    program_start(program, home, arguments);
    return program_await_exit(program, PATIENCE);
}

/* ---- what it said ---- */

size_t program_count_lines(const char *text, const char *begin)
{
    size_t count = 0, length = strlen(begin);
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        count += strncmp(line, begin, length) == 0;
        if (!strchr(line, '\n')) {
            break;
        }
    }
    return count;
}

void program_check_said(const struct program *program, const char *text)
{
    ck_assert_str_eq(program->output, "");
    ck_assert_msg(
        program_count_lines(program->errors, "devicebound: ") == 1, "%s", program->errors);
    ck_assert_msg(strstr(strstr(program->errors, "devicebound: "), text) != NULL, "no %s in: %s",
        text, program->errors);
    ck_assert_int_eq(program->errors[strlen(program->errors) - 1], '\n');
}

void program_check_said_only(const struct program *program, const char *text)
{
    program_check_said(program, text);
    ck_assert_msg(program_count_lines(program->errors, "") == 1, "%s", program->errors);
}

/* ---- talking to it ---- */

int program_connect(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(inet_pton(AF_INET, HUB_ADDRESS, &address.sin_addr), 1);
    ck_assert_int_eq(connect(descriptor, (struct sockaddr *)&address, sizeof address), 0);
    return descriptor;
}
