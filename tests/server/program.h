/*
 * The built program as others see it: arguments, exit code, standard output and error.
 */
#ifndef DEVICEBOUND_TESTS_SERVER_PROGRAM_H
#define DEVICEBOUND_TESTS_SERVER_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

#define HUB_ADDRESS "127.0.30.1" /* every test hub binds to it, on free ports */
#define PROGRAM_TEXT_MAX 65536

struct program {
    pid_t pid;
    int out, err; /* read ends */
    char output[PROGRAM_TEXT_MAX], errors[PROGRAM_TEXT_MAX]; /* so far */
    int https, amqps, mqtts, control; /* of the ready line; -1: off */
};

/* Starts the program with these arguments (up to NULL), in `home`, which is its HOME too. It dies
 * with the test. */
void program_start(struct program *program, const char *home, const char *const *arguments);
#define PROGRAM_START(program, home, ...)                                                          \
    program_start(program, home, (const char *const[]){__VA_ARGS__, NULL})

/* A further variable of the environment, NAME=VALUE, of those started from now on; NULL: none.
 * Borrows it. */
void program_set_variable(const char *assignment);

/* What it is given beside its arguments; descriptors stay the caller's, 0 is none. */
struct program_ends {
    int input; /* its standard input; 0: an empty one */
    int output; /* its standard output; 0: a pipe, which is read */
    int far_end; /* where what it writes to `output` is read; 0: it is not */
};

void program_start_between(struct program *program, const char *home,
    const struct program_ends *ends, const char *const *arguments);

/* Reads until standard error or output holds `text`, or standard output a whole line: the ready
 * line. Fails the test when the program ends before, or after ten seconds. */
void program_await_error(struct program *program, const char *text);
void program_await_output(struct program *program, const char *text);
void program_await_ready(struct program *program);

/* Reads to the end and returns the exit code; -1: killed. Fails the test after `seconds`. */
int program_await_exit(struct program *program, int seconds);

/* Starts, and awaits the exit within ten seconds. */
int program_run(struct program *program, const char *home, const char *const *arguments);
#define PROGRAM_RUN(program, home, ...)                                                            \
    program_run(program, home, (const char *const[]){__VA_ARGS__, NULL})

/* The lines that begin so. */
size_t program_count_lines(const char *text, const char *begin);

/* It said nothing on standard output and one line in its own name, with that in it; only: and no
 * other line. */
void program_check_said(const struct program *program, const char *text);
void program_check_said_only(const struct program *program, const char *text);

/* A connected TCP socket to one of its ports. */
int program_connect(int port);

#endif
