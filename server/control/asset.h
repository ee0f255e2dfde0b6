/*
 * Files that are part of the binary: the dashboard and the description of the API. Made by
 * embed.cmake; given out by asset.c.
 */
#ifndef DEVICEBOUND_SERVER_CONTROL_ASSET_H
#define DEVICEBOUND_SERVER_CONTROL_ASSET_H

#include <stddef.h>

struct asset {
    const char *name;
    const char *bytes;
    size_t length;
};

/* Ends with a name of NULL. */
extern const struct asset assets[];

#endif
