#include "server/signals.h"

#include "store/memory.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct signals {
    const struct signals_events *events;
    void *owner;
    struct loop_watch *terminate, *interrupt, *reload, *child;
};

/* Not through the loop, which may be what does not end. */
static void end_at_once(int number)
{
    _exit(128 + number);
}

static void on_stop(void *context)
{
    struct signals *signals = context;
    const struct sigaction at_once = {.sa_handler = end_at_once};
    loop_watch_free(signals->terminate);
    loop_watch_free(signals->interrupt);
    signals->terminate = signals->interrupt = NULL;
    sigaction(SIGTERM, &at_once, NULL);
    sigaction(SIGINT, &at_once, NULL);
    signals->events->stop(signals->owner);
}

static void on_reload(void *context)
{
    struct signals *signals = context;
    signals->events->reload(signals->owner);
}

static void on_child(void *context)
{
    (void)context;
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
}

struct signals *signals_create(struct loop *loop, const struct signals_events *events, void *owner)
{
    struct signals *signals = memory_allocate(sizeof *signals);
    signals->events = events;
    signals->owner = owner;
    signal(SIGPIPE, SIG_IGN);
    signals->terminate = loop_signal_create(loop, SIGTERM, on_stop, signals);
    signals->interrupt = loop_signal_create(loop, SIGINT, on_stop, signals);
    signals->reload = loop_signal_create(loop, SIGHUP, on_reload, signals);
    if (getpid() == 1) {
        signals->child = loop_signal_create(loop, SIGCHLD, on_child, signals);
    }
    return signals;
}

void signals_free(struct signals *signals)
{
    if (!signals) {
        return;
    }
    loop_watch_free(signals->terminate);
    loop_watch_free(signals->interrupt);
    loop_watch_free(signals->reload);
    loop_watch_free(signals->child);
    free(signals);
}
