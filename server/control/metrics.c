/*
 * The hub in numbers, for Prometheus.
 */
#include "server/control/exposition.h"
#include "server/control/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define DEPTHS_MAX 1000 /* queues told one by one */

static void write_messages(struct exposition *out, struct hub *hub)
{
    struct queue_totals totals = queues_get_totals(hub_queues(hub));
    exposition_begin(out, "devicebound_messages", "gauge",
        "Messages that have not ended, feedback batches included, by state.");
    SAMPLE(out, totals.enqueued_now, "state", "enqueued");
    SAMPLE(out, totals.invisible_now, "state", "invisible");
    exposition_begin(out, "devicebound_messages_enqueued_total", "counter", "Messages taken.");
    SAMPLE(out, totals.enqueued);
    exposition_begin(out, "devicebound_messages_ended_total", "counter",
        "Messages that ended, by their outcome.");
    for (enum queue_outcome outcome = OUTCOME_COMPLETED; outcome < QUEUE_OUTCOME_COUNT; outcome++) {
        SAMPLE(out, totals.ended[outcome], "outcome", queue_outcome_name(outcome));
    }
    exposition_begin(
        out, "devicebound_deliveries_total", "counter", "Messages given to a consumer.");
    SAMPLE(out, totals.delivered);
    exposition_begin(out, "devicebound_redeliveries_total", "counter",
        "Deliveries of a message that had been given before.");
    SAMPLE(out, totals.redelivered);
    exposition_begin(
        out, "devicebound_lock_expiries_total", "counter", "Locks that lapsed unsettled.");
    SAMPLE(out, totals.lock_expired);
}

/* Empty queues are left out, and the list ends somewhere: there may be many thousand devices. */
static void write_depths(struct exposition *out, struct hub *hub)
{
    const struct identity *identity = NULL;
    size_t told = 0;
    exposition_begin(out, "devicebound_queue_depth", "gauge",
        "Messages that wait for a device or are locked by it, of the first thousand devices that"
        " have any.");
    while (told < DEPTHS_MAX && (identity = identity_next(hub_identities(hub), identity))) {
        size_t depth = mailbox_depth(hub_mailboxes(hub), identity);
        if (depth > 0) {
            SAMPLE(out, depth, "device", identity->is.device_id);
            told++;
        }
    }
}

static void write_feedback(struct exposition *out, struct hub *hub)
{
    exposition_begin(
        out, "devicebound_feedback_batches_total", "counter", "Feedback batches sent.");
    SAMPLE(out, feedback_batches(hub_feedback(hub)));
    exposition_begin(out, "devicebound_feedback_pending", "gauge",
        "Feedback records that wait for their batch.");
    SAMPLE(out, feedback_pending(hub_feedback(hub)));
}

static void write_connections(struct exposition *out, struct control *control)
{
    size_t counts[PROTOCOL_HTTPS + 1] = {0};
    struct connection_view view = {0};
    while (sessions_next_connection(control->options.sessions, view.id, &view)) {
        counts[view.protocol]++;
    }
    exposition_begin(out, "devicebound_connections", "gauge", "Open connections.");
    for (enum protocol protocol = PROTOCOL_AMQP; protocol <= PROTOCOL_HTTPS; protocol++) {
        SAMPLE(out, counts[protocol], "protocol", protocol_name(protocol));
    }
}

static void write_distrusts(struct exposition *out, const struct control_source *source)
{
    exposition_begin(out, "devicebound_tls_distrusts_total", "counter",
        "Clients that did not trust the certificate: they said so (alert), or left when they saw it"
        " (close).");
    SAMPLE(out, source->distrusts(source->context, DISTRUST_ALERT), "sign", "alert");
    SAMPLE(out, source->distrusts(source->context, DISTRUST_CLOSE), "sign", "close");
}

static void write_refusals(struct exposition *out)
{
    enum hub_code code;
    exposition_begin(out, "devicebound_refusals_total", "counter",
        "Refusals that a peer was told, by the error's number.");
    for (size_t i = 0; hub_code_at(i, &code); i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", (int)code);
        if (hub_refusal_count(code) > 0) {
            SAMPLE(out, hub_refusal_count(code), "code", number, "name", hub_code_name(code));
        }
    }
}

static void write_commits(struct exposition *out, struct hub *hub)
{
    static const int64_t bounds[] = COMMIT_BOUNDS;
    struct database_counts counts = database_get_counts(hub_database(hub));
    uint64_t so_far = 0;
    exposition_begin(out, "devicebound_commits_total", "counter", "Commit groups that succeeded.");
    SAMPLE(out, counts.commits);
    exposition_begin(
        out, "devicebound_failed_commits_total", "counter", "Commit groups that failed.");
    SAMPLE(out, counts.failed_commits);
    exposition_begin(out, "devicebound_commit_seconds", "histogram", "How long commits took.");
    for (size_t i = 0; i <= COMMIT_BOUND_COUNT; i++) {
        char bound[32] = "+Inf";
        if (i < COMMIT_BOUND_COUNT) {
            snprintf(bound, sizeof bound, "%g", (double)bounds[i] / 1e6);
        }
        so_far += counts.commits_by_time[i];
        SAMPLE_LABELS(out, "_bucket", so_far, "le", bound);
    }
    SAMPLE_LABELS(out, "_sum", (double)counts.commit_us / 1e6, NULL);
    SAMPLE_LABELS(out, "_count", so_far, NULL);
}

static void write_process(struct exposition *out, struct control *control)
{
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file) {
        if (fscanf(file, "%ld %ld", &size, &resident) == 2) {
            exposition_begin(out, "process_resident_memory_bytes", "gauge", "Resident memory.");
            SAMPLE(out, resident * sysconf(_SC_PAGESIZE));
        }
        fclose(file);
    }
    exposition_begin(out, "devicebound_devices", "gauge", "Registered devices.");
    SAMPLE(out, identity_count(hub_identities(control->hub)));
    exposition_begin(out, "devicebound_journal_dropped_total", "counter",
        "Journal entries dropped for lack of room.");
    SAMPLE(out, journal_dropped(hub_journal(control->hub)));
    exposition_begin(out, "devicebound_info", "gauge", "Always 1.");
    SAMPLE(out, 1, "version", DEVICEBOUND_VERSION);
}

void control_metrics(void *context, struct http_request *request)
{
    struct control *control = context;
    char *text = NULL;
    size_t length = 0;
    hub_now(control->hub); /* what fell due is counted as gone */
    struct exposition out = {.out = open_memstream(&text, &length)};
    if (!out.out) {
        abort(); /* out of memory */
    }
    write_messages(&out, control->hub);
    write_depths(&out, control->hub);
    write_feedback(&out, control->hub);
    write_connections(&out, control);
    write_distrusts(&out, &control->options.source);
    write_refusals(&out);
    write_commits(&out, control->hub);
    write_process(&out, control);
    fclose(out.out);
    control_answer(
        control, request, http_response_create(200, EXPOSITION_TYPE, (struct text){text, length}));
    free(text);
}
