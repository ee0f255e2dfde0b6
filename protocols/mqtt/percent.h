/*
 * One percent-escape (RFC 3986, 2.1). Shared by the bag and the user name, which differ in what
 * they make of a bad one.
 */
#ifndef DEVICEBOUND_PROTOCOLS_MQTT_PERCENT_H
#define DEVICEBOUND_PROTOCOLS_MQTT_PERCENT_H

#include <stdbool.h>
#include <stddef.h>

/* Reads "%XX" at the start of `left` bytes. False: there is no whole escape. */
bool percent_take(const char *at, size_t left, char *byte);

#endif
