#include "server/protocols.h"

#include "store/memory.h"

#include <stdlib.h>

struct protocols {
    struct process *process;
};

/* ---- which port leads where ---- */

static const struct protocol_port ports[PORT_COUNT] = {
    [PORT_HTTPS] = {"https", false, NULL},
    [PORT_AMQPS] = {"amqps", false, NULL},
    [PORT_MQTTS] = {"mqtts", false, NULL},
    [PORT_CONTROL] = {"control", true, NULL},
};

const struct protocol_port *protocols_port(enum port port)
{
    return &ports[port];
}

/* ---- life ---- */

enum exit_code process_start_protocols(struct process *process)
{
    struct protocols *protocols = memory_allocate(sizeof *protocols);
    protocols->process = process;
    process->protocols = protocols;
    return EXIT_DONE;
}

void process_stop_protocols(struct process *process)
{
    free(process->protocols);
}

void protocols_end_all(struct protocols *protocols)
{
    sessions_end_all(protocols->process->sessions, END_SHUTDOWN);
}
