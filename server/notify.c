#include "server/notify.h"

#include "store/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *find_address(char *const *environment)
{
    static const char name[] = "NOTIFY_SOCKET=";
    for (; environment && *environment; environment++) {
        if (strncmp(*environment, name, sizeof name - 1) == 0) {
            return *environment + sizeof name - 1;
        }
    }
    return NULL;
}

/* A path, or behind @ a name in the abstract namespace, which begins with a zero instead. */
static bool parse(const char *text, struct sockaddr_un *address, socklen_t *length)
{
    size_t size = strlen(text);
    if ((text[0] != '/' && text[0] != '@') || size >= sizeof address->sun_path) {
        errno = EAFNOSUPPORT;
        return false;
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, text, size);
    if (text[0] == '@') {
        address->sun_path[0] = '\0';
    }
    *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    return true;
}

static bool send_to(const char *text, const char *state)
{
    struct sockaddr_un address;
    socklen_t length;
    if (!parse(text, &address, &length)) {
        return false;
    }
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return false;
    }
    size_t size = strlen(state);
    bool is_sent = sendto(descriptor, state, size, 0, (const struct sockaddr *)&address, length) ==
                   (ssize_t)size;
    int why = errno;
    close(descriptor);
    errno = why;
    return is_sent;
}

void notify_manager(char *const *environment, const char *state)
{
    const char *address = find_address(environment);
    if (address && *address && !send_to(address, state)) {
        LOG(LOG_WARN, "NOTIFY-FAILED", "the service manager could not be told", {"state", state},
            {"reason", strerror(errno)});
    }
}
