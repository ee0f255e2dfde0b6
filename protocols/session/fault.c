#include "protocols/session/fault.h"

#include "protocols/session/sessions.h"
#include "store/memory.h"
#include "store/random.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct kept {
    struct fault_rule rule;
    uint64_t state; /* of its dice */
    struct kept *prev, *next;
};

struct faults {
    struct kept *rules; /* in the order of their ids */
    size_t count;
    uint64_t last_id;
};

static struct faults *faults_of(struct sessions *sessions)
{
    if (!sessions->faults) {
        sessions->faults = memory_allocate(sizeof *sessions->faults);
    }
    return sessions->faults;
}

/* ---- what makes sense where ---- */

#define A 1 /* AMQP */
#define M 2 /* MQTT */
#define H 4 /* HTTPS */

/* HTTPS attaches to nothing; a PUBACK of the client is not answered; feedback goes to services,
 * which MQTT does not know. */
static const unsigned sense[FAULT_OPERATION_COUNT][FAULT_ACTION_COUNT] = {
    [FAULT_CONNECT] = {[FAULT_DELAY] = A | M | H,
        [FAULT_DROP] = A | M | H,
        [FAULT_CLOSE] = A | M | H,
        [FAULT_ERROR] = A | M | H},
    [FAULT_AUTHENTICATE] = {[FAULT_DELAY] = A | M | H,
        [FAULT_DROP] = A | M | H,
        [FAULT_CLOSE] = A | M | H,
        [FAULT_ERROR] = A | M | H},
    [FAULT_ATTACH] =
        {[FAULT_DELAY] = A | M, [FAULT_DROP] = A | M, [FAULT_CLOSE] = A | M, [FAULT_ERROR] = A | M},
    [FAULT_SEND] = {[FAULT_DELAY] = A | M | H,
        [FAULT_DROP] = A | M | H,
        [FAULT_CLOSE] = A | M | H,
        [FAULT_ERROR] = A | M | H,
        [FAULT_LOSE_ACK] = A | M | H},
    [FAULT_DELIVER] = {[FAULT_DELAY] = A | M | H,
        [FAULT_DROP] = A | M | H,
        [FAULT_CLOSE] = A | M | H,
        [FAULT_ERROR] = A | M | H,
        [FAULT_DUPLICATE] = A | M | H},
    [FAULT_SETTLE] = {[FAULT_DELAY] = A | M | H,
        [FAULT_DROP] = A | M | H,
        [FAULT_CLOSE] = A | M | H,
        [FAULT_ERROR] = A | M | H,
        [FAULT_LOSE_ACK] = A | H,
        [FAULT_EXPIRE_LOCK] = A | M | H},
    [FAULT_FEEDBACK] = {[FAULT_DELAY] = A | H,
        [FAULT_DROP] = A | H,
        [FAULT_CLOSE] = A | H,
        [FAULT_ERROR] = A | H,
        [FAULT_DUPLICATE] = A | H},
};

#undef A
#undef M
#undef H

static bool point_makes_sense(enum fault_family family, enum fault_operation operation,
    enum fault_action action, bool after_commit)
{
    bool has_work = operation == FAULT_SEND || operation == FAULT_SETTLE;
    unsigned families = sense[operation][action];
    bool fits = family == FAULT_ANY_FAMILY ? families != 0 : (families & 1u << family) != 0;
    return fits && (has_work || !after_commit);
}

bool fault_makes_sense(enum fault_family family, enum fault_operation operation,
    enum fault_action action, bool after_commit)
{
    if (operation != FAULT_ANY_OPERATION) {
        return point_makes_sense(family, operation, action, after_commit);
    }
    for (enum fault_operation each = 0; each < FAULT_OPERATION_COUNT; each++) {
        if (point_makes_sense(family, each, action, after_commit)) {
            return true;
        }
    }
    return false;
}

/* ---- rules ---- */

uint64_t fault_add(struct sessions *sessions, const struct fault_rule *rule)
{
    struct faults *faults = faults_of(sessions);
    if (faults->count == FAULTS_MAX) {
        return 0;
    }
    struct kept *kept = memory_allocate(sizeof *kept);
    kept->rule = *rule;
    kept->rule.id = ++faults->last_id;
    kept->rule.matched = kept->rule.applied = 0;
    kept->state = rule->seed;
    if (!rule->has_seed) {
        random_fill(&kept->state, sizeof kept->state);
    }
    DL_APPEND(faults->rules, kept);
    faults->count++;
    return kept->rule.id;
}

static void drop(struct faults *faults, struct kept *kept)
{
    DL_DELETE(faults->rules, kept);
    faults->count--;
    free(kept);
}

bool fault_remove(struct sessions *sessions, uint64_t id)
{
    struct faults *faults = faults_of(sessions);
    struct kept *kept;
    DL_FOREACH (faults->rules, kept) {
        if (kept->rule.id == id) {
            drop(faults, kept);
            return true;
        }
    }
    return false;
}

void fault_remove_all(struct sessions *sessions)
{
    struct faults *faults = faults_of(sessions);
    while (faults->rules) {
        drop(faults, faults->rules);
    }
}

void faults_free(struct sessions *sessions)
{
    fault_remove_all(sessions);
    free(sessions->faults);
}

const struct fault_rule *fault_next(const struct sessions *sessions, uint64_t after)
{
    const struct kept *kept = sessions->faults ? sessions->faults->rules : NULL;
    while (kept && kept->rule.id <= after) {
        kept = kept->next;
    }
    return kept ? &kept->rule : NULL;
}

/* ---- asking ---- */

/* `*` is any text, `?` one character. */
static bool glob_fits(const char *pattern, const char *text)
{
    const char *star = NULL, *from = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            from = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

enum fault_family fault_family_of(enum protocol protocol)
{
    static const enum fault_family families[] = {[PROTOCOL_AMQP] = FAULT_AMQP,
        [PROTOCOL_AMQP_WS] = FAULT_AMQP,
        [PROTOCOL_MQTT] = FAULT_MQTT,
        [PROTOCOL_MQTT_WS] = FAULT_MQTT,
        [PROTOCOL_HTTPS] = FAULT_HTTPS};
    return families[protocol];
}

static bool fits_who(
    const struct fault_rule *rule, const struct connection *connection, const char *device_id)
{
    if (rule->connection != 0) {
        return rule->connection == connection->id && device_id &&
               strcmp(rule->device, device_id) == 0;
    }
    return rule->device[0] == '\0' || (device_id && glob_fits(rule->device, device_id));
}

static bool fits(const struct fault_rule *rule, const struct connection *connection,
    enum fault_operation operation, const char *device_id)
{
    enum fault_family family = fault_family_of(connection->protocol);
    return (rule->family == FAULT_ANY_FAMILY || rule->family == family) &&
           (rule->operation == FAULT_ANY_OPERATION || rule->operation == operation) &&
           fits_who(rule, connection, device_id) &&
           point_makes_sense(family, operation, rule->fault.action, rule->fault.after_commit);
}

/* The next number of the rule, in [0, 1). Source: Steele, Lea, Flood, "Fast splittable pseudorandom
 * number generators" (SplitMix64). */
static double throw_dice(struct kept *kept)
{
    uint64_t z = kept->state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

/* Every match throws once, so that where a rule strikes depends on its seed alone. */
static bool strikes(struct kept *kept)
{
    struct fault_rule *rule = &kept->rule;
    bool is_hit = throw_dice(kept) < rule->probability;
    if (++rule->matched <= rule->after || !is_hit ||
        (rule->times > 0 && rule->applied == rule->times)) {
        return false;
    }
    rule->applied++;
    return true;
}

const char *fault_action_name(enum fault_action action)
{
    static const char *const names[] = {[FAULT_NONE] = "none",
        [FAULT_DELAY] = "delay",
        [FAULT_DROP] = "drop",
        [FAULT_CLOSE] = "close",
        [FAULT_ERROR] = "error",
        [FAULT_DUPLICATE] = "duplicate",
        [FAULT_LOSE_ACK] = "lose-ack",
        [FAULT_EXPIRE_LOCK] = "expire-lock"};
    return names[action];
}

void fault_note(const struct connection *connection, const char *device_id, const char *reason)
{
    struct hub *hub = connection->sessions->hub;
    journal_note(hub_journal(hub), &(struct journal_entry){.at = hub_now(hub),
                                       .event = JOURNAL_FAULT_INJECTED,
                                       .device = device_id,
                                       .protocol = protocol_name(connection->protocol),
                                       .connection = connection->id,
                                       .reason = reason});
}

struct fault fault_ask(
    struct connection *connection, enum fault_operation operation, const char *device_id)
{
    const struct sessions *sessions = connection->sessions;
    struct kept *kept = sessions->faults ? sessions->faults->rules : NULL;
    bool was_asked = operation == FAULT_CONNECT && connection->fault_was_asked;
    connection->fault_was_asked |= operation == FAULT_CONNECT;
    for (; kept && !was_asked; kept = kept->next) {
        if (fits(&kept->rule, connection, operation, device_id) && strikes(kept)) {
            fault_note(connection, device_id, fault_action_name(kept->rule.fault.action));
            return kept->rule.fault;
        }
    }
    return (struct fault){.action = FAULT_NONE};
}
