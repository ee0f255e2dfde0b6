/*
 * Fault rules: what goes wrong on purpose. Each protocol asks at its hook points whether a rule
 * strikes and does in its own form what the rule says; control adds and removes rules.
 *
 * A rule counts what it fits (`matched`); it lets the first `after` of them pass, strikes with its
 * probability, and is used up after `times`. The first rule that strikes counts, later ones are not
 * asked. Which action makes sense at which point, over which protocol, is a table. Rules live in
 * memory. Belongs to the loop's thread.
 */
#ifndef DEVICEBOUND_PROTOCOLS_SESSION_FAULT_H
#define DEVICEBOUND_PROTOCOLS_SESSION_FAULT_H

#include "protocols/session/session.h"

enum fault_operation {
    FAULT_CONNECT, /* a connection begins; asked once for each */
    FAULT_AUTHENTICATE,
    FAULT_ATTACH, /* a link, a subscription */
    FAULT_SEND, /* a message comes in: device-bound, or telemetry */
    FAULT_DELIVER, /* a message goes to its device */
    FAULT_SETTLE,
    FAULT_FEEDBACK, /* a batch goes to a service */
    FAULT_OPERATION_COUNT,
    FAULT_ANY_OPERATION = FAULT_OPERATION_COUNT
};

enum fault_action {
    FAULT_NONE,
    FAULT_DELAY,
    FAULT_DROP, /* TCP reset */
    FAULT_CLOSE, /* as the protocol says goodbye */
    FAULT_ERROR,
    FAULT_DUPLICATE, /* gives the message twice */
    FAULT_LOSE_ACK, /* does the work and does not answer */
    FAULT_EXPIRE_LOCK, /* the lock is gone when the settlement comes */
    FAULT_ACTION_COUNT
};

/* AMQP and MQTT over WebSocket are the same as over TCP. */
enum fault_family {
    FAULT_AMQP,
    FAULT_MQTT,
    FAULT_HTTPS,
    FAULT_FAMILY_COUNT,
    FAULT_ANY_FAMILY = FAULT_FAMILY_COUNT
};

/* What is to go wrong. */
struct fault {
    enum fault_action action;
    bool after_commit; /* of drop and close: once the work is done, instead of the answer */
    struct duration delay; /* on the machine's clock */
    struct hub_error error;
};

#define FAULT_DELAY_MAX DURATION_MINUTES(3) /* below what peers take for silence */

struct fault_rule {
    uint64_t id; /* rising from 1; given by fault_add */
    enum fault_family family;
    enum fault_operation operation;
    char device[IDENTITY_NAME_MAX + 1]; /* or module; with * and ?; "": any, also none */
    uint64_t connection; /* 0: any; else this one, and `device` is a name as it stands */
    uint64_t after;
    uint64_t times; /* 0: without end */
    double probability;
    bool has_seed;
    uint64_t seed; /* the same one strikes in the same places again */
    struct fault fault;
    uint64_t matched, applied;
};

#define FAULTS_MAX 1000

const char *fault_action_name(enum fault_action action); /* "lose-ack", … */

/* Whether that action makes sense there; FAULT_ANY_…: anywhere. `after_commit` does for send and
 * settle alone. */
bool fault_makes_sense(enum fault_family family, enum fault_operation operation,
    enum fault_action action, bool after_commit);

/* Copies the rule. Returns its id; 0: there are FAULTS_MAX. */
uint64_t fault_add(struct sessions *sessions, const struct fault_rule *rule);
bool fault_remove(struct sessions *sessions, uint64_t id); /* false: there is none */
void fault_remove_all(struct sessions *sessions);

/* The first with an id above `after`; NULL: none. Borrowed until the next change. */
const struct fault_rule *fault_next(const struct sessions *sessions, uint64_t after);

/* ---- for the protocols ---- */

/* Asks the rules. FAULT_NONE: all is well. `device_id` NULL: not known, or none. A fault that
 * strikes is journalled. */
struct fault fault_ask(
    struct connection *connection, enum fault_operation operation, const char *device_id);

/* For the journal: "fault". */
#define FAULT_REASON "fault"

#endif
