#include "server/control_client.h"

#include "store/memory.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define WAIT_SECONDS 3
#define ANSWER_MAX (1 << 20)

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

/* HTTP/1.0, so that the end of the connection is the end of the answer. Returns owned. */
static char *exchange(int descriptor, const char *request)
{
    size_t length = 0, size = strlen(request);
    if (send(descriptor, request, size, MSG_NOSIGNAL) != (ssize_t)size) {
        return NULL;
    }
    char *answer = memory_allocate(ANSWER_MAX + 1);
    for (ssize_t got; length < ANSWER_MAX &&
                      (got = recv(descriptor, answer + length, ANSWER_MAX - length, 0)) > 0;) {
        length += (size_t)got;
    }
    return answer;
}

int control_client_get(const struct options *options, const char *path, char **body)
{
    *body = NULL;
    const char *address = reachable(options->bind);
    int descriptor = options->control_port > 0 ? connect_to(address, options->control_port) : -1;
    if (descriptor < 0) {
        return 0;
    }
    char request[1024];
    snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
    char *answer = exchange(descriptor, request);
    close(descriptor);
    const char *blank = answer ? strstr(answer, "\r\n\r\n") : NULL;
    int status = 0;
    if (blank && strncmp(answer, "HTTP/1.", 7) == 0 && strlen(answer) > 9) {
        status = atoi(answer + 9);
        *body = memory_copy_string(blank + 4);
    }
    free(answer);
    return status;
}
