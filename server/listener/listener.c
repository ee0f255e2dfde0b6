#include "server/listener/listener.h"

#include "server/certificates/certificates.h"
#include "store/log.h"
#include "store/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024
#define ACCEPTS_PER_PASS 64 /* then the connections that exist have their turn */
#define PAUSE_MS 200

struct listener {
    struct listener_options options;
    struct loop *loop;
    struct socket_streams *streams;
    int descriptor;
    uint16_t port;
    struct loop_watch *watch; /* NULL: not started, or pausing */
    struct loop_timer *pause;
};

/* ---- accepting ---- */

static bool is_short_of_resources(int failure)
{
    return failure == EMFILE || failure == ENFILE || failure == ENOBUFS || failure == ENOMEM;
}

static void pause_accepting(struct listener *listener)
{
    LOG(LOG_WARN, "LISTENER-PAUSED", "no descriptor is left for another connection",
        {"port", listener->options.name}, {"reason", strerror(errno)});
    loop_watch_free(listener->watch);
    listener->watch = NULL;
    loop_timer_arm(listener->pause, PAUSE_MS);
}

static void take(struct listener *listener, int descriptor)
{
    struct certificates *certificates = listener->options.certificates;
    socket_streams_add(listener->streams, descriptor,
        certificates ? certificates_new_session(certificates) : NULL, listener->options.accepted,
        listener->options.context);
}

static void on_ready(void *context)
{
    struct listener *listener = context;
    for (int i = 0; i < ACCEPTS_PER_PASS; i++) {
        int descriptor = accept4(listener->descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor >= 0) {
            take(listener, descriptor);
        } else if (is_short_of_resources(errno)) {
            pause_accepting(listener);
            return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return; /* nobody else waits, or one went before its turn */
        }
    }
}

static void start(void *context)
{
    struct listener *listener = context;
    listener->watch = loop_watch_create(listener->loop, listener->descriptor, on_ready, listener);
}

void listener_start(struct listener *listener)
{
    if (!listener->watch) {
        start(listener);
    }
}

/* ---- binding ---- */

static socklen_t make_address(const char *text, uint16_t port, struct sockaddr_storage *address)
{
    memset(address, 0, sizeof *address);
    struct sockaddr_in *four = (struct sockaddr_in *)address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        return sizeof *four;
    }
    if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(port);
        return sizeof *six;
    }
    return 0;
}

static enum hub_code refuse_bind(
    const struct listener_options *options, int failure, struct hub_error *error)
{
    const char *name = options->name;
    unsigned port = options->port;
    switch (failure) {
    case EADDRINUSE:
        return hub_refuse(error, HUB_SERVER_ERROR,
            "port %u of %s is in use (%s): end the other program, or give another with "
            "--%s-port (0: any free one, off: none)",
            port, options->address, name, name);
    case EACCES:
        return hub_refuse(error, HUB_SERVER_ERROR,
            "port %u is privileged (%s): give a port above 1023 with --%s-port, or allow it with "
            "'sudo sysctl net.ipv4.ip_unprivileged_port_start=%u'",
            port, name, name, port);
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return hub_refuse(error, HUB_SERVER_ERROR,
            "%s is no address of this machine: give another with --bind", options->address);
    default:
        return hub_refuse(error, HUB_SERVER_ERROR, "port %u of %s cannot be bound (%s): %s", port,
            options->address, name, strerror(failure));
    }
}

static bool bind_descriptor(int descriptor, const struct listener_options *options)
{
    struct sockaddr_storage address;
    socklen_t length = make_address(options->address, options->port, &address);
    const int on = 1;
    if (setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) {
        return false;
    }
    /* `::` is every address, those of IPv4 included. */
    const int off = 0;
    if (address.ss_family == AF_INET6 &&
        setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) {
        return false;
    }
    return bind(descriptor, (const struct sockaddr *)&address, length) == 0 &&
           listen(descriptor, BACKLOG) == 0;
}

static uint16_t bound_port(int descriptor)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    if (getsockname(descriptor, (struct sockaddr *)&address, &length) != 0) {
        return 0;
    }
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

enum hub_code listener_open(struct listener **out, struct loop *loop,
    struct socket_streams *streams, const struct listener_options *options, struct hub_error *error)
{
    int family = strchr(options->address, ':') ? AF_INET6 : AF_INET;
    int descriptor = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return refuse_bind(options, errno, error);
    }
    if (!bind_descriptor(descriptor, options)) {
        int failure = errno;
        close(descriptor);
        return refuse_bind(options, failure, error);
    }
    struct listener *listener = memory_allocate(sizeof *listener);
    listener->options = *options;
    listener->loop = loop;
    listener->streams = streams;
    listener->descriptor = descriptor;
    listener->port = bound_port(descriptor);
    listener->pause = loop_timer_create(loop, start, listener);
    *out = listener;
    return HUB_OK;
}

void listener_close(struct listener *listener)
{
    if (!listener) {
        return;
    }
    loop_watch_free(listener->watch);
    loop_timer_free(listener->pause);
    close(listener->descriptor);
    free(listener);
}

uint16_t listener_port(const struct listener *listener)
{
    return listener->port;
}
