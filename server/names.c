#include "server/names.h"

#include "store/memory.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct names {
    char **items;
    size_t count;
};

static void add(struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcasecmp(names->items[i], name) == 0) {
            return;
        }
    }
    names->items = memory_grow(names->items, names->count + 2, sizeof *names->items);
    names->items[names->count++] = memory_copy_string(name);
    names->items[names->count] = NULL;
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

/* Link-local addresses need a zone, which no certificate can hold. */
static void add_interface(struct names *names, const struct sockaddr *address)
{
    socklen_t length = 0;
    if (address && address->sa_family == AF_INET) {
        length = sizeof(struct sockaddr_in);
    } else if (address && address->sa_family == AF_INET6 &&
               !IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)address)->sin6_addr)) {
        length = sizeof(struct sockaddr_in6);
    }
    char text[NI_MAXHOST];
    if (length && getnameinfo(address, length, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0) {
        add(names, text);
    }
}

static void add_machine(struct names *names)
{
    char name[HUB_NAME_MAX + 1] = "";
    if (gethostname(name, sizeof name - 1) == 0 && name[0]) {
        add(names, name);
    }
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0) {
        return;
    }
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        add_interface(names, one->ifa_addr);
    }
    freeifaddrs(all);
}

static int compare(const void *a, const void *b)
{
    return strcasecmp(*(char *const *)a, *(char *const *)b);
}

char **names_collect(const struct options *options)
{
    struct names names = {0};
    add(&names, options->host_name);
    for (size_t i = 0; i < options->alt_names.count; i++) {
        add(&names, options->alt_names.items[i]);
    }
    add(&names, "localhost");
    add(&names, "devicebound.localhost");
    add(&names, "127.0.0.1");
    add(&names, "::1");
    if (!is_loopback(options->bind)) {
        add_machine(&names);
    }
    qsort(names.items + 1, names.count - 1, sizeof *names.items, compare);
    return names.items;
}

void names_free(char **names)
{
    for (char **name = names; name && *name; name++) {
        free(*name);
    }
    free(names);
}
