/*
 * The target of a request taken apart: segments, query, escapes. Pure functions; called by
 * protocols/http and by those who read odd query strings. Source: RFC 3986.
 */
#ifndef DEVICEBOUND_PROTOCOLS_HTTP_URI_H
#define DEVICEBOUND_PROTOCOLS_HTTP_URI_H

#include "protocols/http/http.h"

/* Borrows the text it was made of. */
struct uri {
    struct text segments[HTTP_SEGMENTS_MAX]; /* as they stand, split before any decoding */
    size_t segment_count;
    struct text query; /* after the '?'; absent without one */
};

/* One slash at the end of the path counts for nothing; scheme and authority are dropped. False: the
 * path does not begin with a slash, or has too many segments. */
bool uri_parse(struct text target, struct uri *uri);

/* Percent-decodes once; `+` stays. Returns the length, `out` is zero-terminated; -1: a bad escape,
 * a zero byte, or no room. */
long uri_decode(struct text encoded, char *out, size_t size);

struct uri_pair {
    struct text key, value; /* as they stand; `value` is empty for `key` and `key=` */
};

/* Takes the next pair off the query. False: there is none. */
bool uri_next_pair(struct text *query, struct uri_pair *pair);

/* Whether the path fits the pattern; then `parameters` (HTTP_PARAMETERS_MAX) holds what stands for
 * each {}. Literals compare without case and may be percent-encoded. */
bool uri_match(const struct uri *uri, const char *pattern, struct text *parameters, size_t *count);

#endif
