#include "server/verbs/control_client.h"

#include "store/memory.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define WAIT_SECONDS 3
#define WORK_SECONDS 60
#define SILENCE_SECONDS 60 /* the hub says something every 15 */
#define PART 65536

/* Where a hub that listens on every address is reached from the same machine. */
static const char *reachable(const char *bind)
{
    if (strcmp(bind, "0.0.0.0") == 0) {
        return "127.0.0.1";
    }
    return strcmp(bind, "::") == 0 ? "::1" : bind;
}

static int connect_to(const char *address, int port)
{
    const struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    char service[16];
    snprintf(service, sizeof service, "%d", port);
    struct addrinfo *found;
    if (getaddrinfo(address, service, &hints, &found) != 0) {
        return -1;
    }
    int descriptor = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval wait = {.tv_sec = WAIT_SECONDS};
    if (descriptor >= 0 &&
        (setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0 ||
            setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) != 0 ||
            connect(descriptor, found->ai_addr, found->ai_addrlen) != 0)) {
        close(descriptor);
        descriptor = -1;
    }
    freeaddrinfo(found);
    return descriptor;
}

/* Returns a connection that waits `seconds` for what it reads; NULL: no hub answers there. */
static FILE *open_hub(const struct options *options, int seconds)
{
    const char *address = reachable(options->bind);
    int descriptor = options->control_port > 0 ? connect_to(address, options->control_port) : -1;
    if (descriptor < 0) {
        return NULL;
    }
    const struct timeval wait = {.tv_sec = seconds};
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    FILE *hub = fdopen(descriptor, "r");
    if (!hub) {
        close(descriptor);
    }
    return hub;
}

/* ---- a request ---- */

static bool send_all(FILE *hub, const char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        ssize_t sent = send(fileno(hub), text, left, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        text += sent;
        left -= (size_t)sent;
    }
    return true;
}

/* HTTP/1.0, so that the end of the connection is the end of the answer. */
static bool send_request(FILE *hub, const char *method, const char *path, const char *json)
{
    static const char format[] = "%s %s HTTP/1.0\r\nHost: localhost\r\n"
                                 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s";
    static const char without_body[] = "%s %s HTTP/1.0\r\nHost: localhost\r\n\r\n";
    size_t length = json ? strlen(json) : 0;
    size_t size = sizeof format + strlen(method) + strlen(path) + length + 24;
    char *request = memory_allocate(size);
    if (json) {
        snprintf(request, size, format, method, path, length, json);
    } else {
        snprintf(request, size, without_body, method, path);
    }
    bool is_sent = send_all(hub, request);
    free(request);
    return is_sent;
}

/* ---- its answer ---- */

/* Reads to the end of the head. Returns the status; 0: that is none of HTTP. */
static int read_head(FILE *hub)
{
    char *line = NULL;
    size_t size = 0;
    int status = 0;
    if (getline(&line, &size, hub) > 9 && strncmp(line, "HTTP/1.", 7) == 0) {
        status = atoi(line + 9);
    }
    ssize_t length;
    while (status > 0 && (length = getline(&line, &size, hub)) > 0 && strcmp(line, "\r\n") != 0) {
    }
    free(line);
    return ferror(hub) || feof(hub) ? 0 : status;
}

static char *read_rest(FILE *hub)
{
    size_t length = 0, got;
    char *text = NULL;
    do {
        text = memory_grow(text, length + PART + 1, 1);
        got = fread(text + length, 1, PART, hub);
        length += got;
    } while (got == PART);
    text[length] = '\0';
    return text;
}

int control_client_ask(const struct options *options, const char *method, const char *path,
    const char *json, char **body)
{
    /* A hub whose clock is moved has work to do first. */
    FILE *hub = open_hub(options, strcmp(method, "GET") == 0 ? WAIT_SECONDS : WORK_SECONDS);
    *body = NULL;
    if (!hub) {
        return 0;
    }
    int status = send_request(hub, method, path, json) ? read_head(hub) : 0;
    if (status > 0) {
        *body = read_rest(hub);
    }
    if (ferror(hub)) { /* it breaks off */
        free(*body);
        *body = NULL;
        status = 0;
    }
    fclose(hub);
    return status;
}

/* ---- events ---- */

/* What follows "NAME: " in the line; NULL: it is another. */
static const char *field_of(char *line, const char *name)
{
    size_t length = strlen(name);
    if (strncmp(line, name, length) != 0 || strncmp(line + length, ": ", 2) != 0) {
        return NULL;
    }
    line[strcspn(line, "\n")] = '\0';
    return line + length + 2;
}

static void read_events(FILE *hub, const struct control_client_events *events, void *context)
{
    char name[32] = "", *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, hub) > 0) {
        const char *event = field_of(line, "event"), *data = field_of(line, "data");
        if (event) {
            snprintf(name, sizeof name, "%s", event);
        } else if (data) { /* the hub has it in one line, and last */
            events->event(context, name, data);
            name[0] = '\0';
        }
    }
    free(line);
}

int control_client_follow(const struct options *options, const char *path,
    const struct control_client_events *events, void *context, char **body)
{
    FILE *hub = open_hub(options, SILENCE_SECONDS);
    *body = NULL;
    if (!hub) {
        return 0;
    }
    int status = send_request(hub, "GET", path, NULL) ? read_head(hub) : 0;
    if (status == 200) {
        events->opened(context);
        read_events(hub, events, context);
    } else if (status > 0) {
        *body = read_rest(hub);
    }
    fclose(hub);
    return status;
}

/* ---- paths ---- */

char *control_client_path(const char *head, const char *name, const char *tail)
{
    size_t size = strlen(head) + 3 * strlen(name) + strlen(tail) + 1;
    char *path = memory_allocate(size);
    size_t used = (size_t)snprintf(path, size, "%s", head);
    for (const char *c = name; *c; c++) {
        used += (size_t)snprintf(path + used, size - used, "%%%02X", (unsigned char)*c);
    }
    snprintf(path + used, size - used, "%s", tail);
    return path;
}
