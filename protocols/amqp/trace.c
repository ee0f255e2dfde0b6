#include "protocols/amqp/trace.h"

#include "store/log.h"

#include <inttypes.h>
#include <proton/logger.h>
#include <proton/transport.h>
#include <stdio.h>
#include <string.h>

#define LINE_SIZE 4096

/* What comes before a secret, and the characters that end it. */
static const struct {
    const char *before;
    const char *ends;
} secrets[] = {
    {"sig=", "&\"; "},
    {"Bearer ", "\"; "},
    {"initial-response=b\"", "\""},
};

static const char *secret_end(const char *line, size_t *head)
{
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        *head = strlen(secrets[i].before);
        if (strncmp(line, secrets[i].before, *head) == 0) {
            return line + *head + strcspn(line + *head, secrets[i].ends);
        }
    }
    return NULL;
}

void trace_mask(const char *line, char *out, size_t size)
{
    size_t length = 0;
    while (*line && length + 1 < size) {
        size_t head;
        const char *end = secret_end(line, &head);
        if (!end) {
            out[length++] = *line++;
            continue;
        }
        int written = snprintf(out + length, size - length, "%.*s***", (int)head, line);
        length += (size_t)written < size - length ? (size_t)written : size - length - 1;
        line = end;
    }
    out[length] = '\0';
}

static void sink(
    intptr_t connection, pn_log_subsystem_t subsystem, pn_log_level_t severity, const char *message)
{
    (void)subsystem;
    char line[LINE_SIZE], number[24];
    if (severity != PN_LEVEL_FRAME) {
        return;
    }
    trace_mask(message, line, sizeof(line));
    snprintf(number, sizeof(number), "%" PRIu64, (uint64_t)connection);
    LOG(LOG_INFO, "AMQP-FRAME", line, {"connection", number});
}

void trace_install(pn_transport_t *transport, bool wanted, uint64_t connection)
{
    pn_logger_t *logger = pn_transport_logger(transport);
    pn_logger_reset_mask(logger, PN_SUBSYSTEM_ALL, PN_LEVEL_ALL);
    pn_logger_set_log_sink(logger, sink, (intptr_t)connection);
    if (wanted) {
        pn_logger_set_mask(logger, PN_SUBSYSTEM_ALL, PN_LEVEL_FRAME);
    }
}
