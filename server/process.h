/*
 * The serving process: its rooms, and the steps that start and stop them. server/main lists the
 * steps in order; each is a pair of functions here. Belongs to the loop's thread.
 */
#ifndef DEVICEBOUND_SERVER_PROCESS_H
#define DEVICEBOUND_SERVER_PROCESS_H

#include "protocols/context.h"
#include "server/exit_code.h"
#include "server/options/options.h"

/* The ports, in the order of the ready line. */
enum port {
    PORT_HTTPS,
    PORT_AMQPS,
    PORT_MQTTS,
    PORT_CONTROL,
    PORT_COUNT
};

struct process {
    int argument_count; /* kept for a reload */
    char *const *arguments;
    char *const *environment;
    const struct options *options;
    struct options *changing_options; /* the same, for the control API; only of a hub that serves */
    char **host_names;
    struct signals *signals;
    struct loop *loop;
    struct loop_timer *due; /* the hub's earliest deadline */
    struct clock *clock;
    struct hub *hub;
    struct sessions *sessions;
    struct auth *auth;
    struct certificates *certificates;
    char **device_ca;
    struct protocol_context context;
    struct protocols *protocols;
    struct socket_streams *streams;
    struct listener *listeners[PORT_COUNT]; /* NULL: off */
    int turns_left; /* once connections are cut */
    bool is_ready;
};

/* One step. `start` says on stderr why it fails; `stop` undoes it, also when a later step failed,
 * and may be NULL. */
struct process_step {
    enum exit_code (*start)(struct process *process);
    void (*stop)(struct process *process);
};

enum exit_code process_raise_limits(struct process *process);

enum exit_code process_start_loop(struct process *process);
void process_stop_loop(struct process *process);

enum exit_code process_collect_names(struct process *process);
void process_free_names(struct process *process);

enum exit_code process_open_data_directory(struct process *process);

/* Of the user's own, before anything is written. */
enum exit_code process_check_certificates(struct process *process);
enum exit_code process_open_certificates(struct process *process);
void process_free_certificates(struct process *process);

enum exit_code process_open_hub(struct process *process);
void process_close_hub(struct process *process);

/* The devices of the command line and the config file. */
enum exit_code process_put_devices(struct process *process);

/* The devices of the config file that the hub plays. */
enum exit_code process_put_simulators(struct process *process);

enum exit_code process_open_sessions(struct process *process);
void process_close_sessions(struct process *process);

enum exit_code process_create_auth(struct process *process);
void process_free_auth(struct process *process);

/* protocols.c: the visible list. */
enum exit_code process_start_protocols(struct process *process);
void process_stop_protocols(struct process *process);

enum exit_code process_bind_listeners(struct process *process);
void process_close_listeners(struct process *process);

/* The ready line on stdout, then what a user needs on stderr; the service manager is told too. */
enum exit_code process_announce(struct process *process);

/* Turns, until a signal asks to stop; then the polite end of every connection. */
void process_run(struct process *process);

#endif
