/*
 * What a client writes into a request line and into If-Match: paths, queries, lock tokens, ETags.
 * What decodes is no longer than it was, what is split lies within the whole.
 */
#include "protocols/http/uri.h"
#include "protocols/https/etag.h"
#include "store/lock_token.h"
#include "store/memory.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static bool lies_within(struct text part, struct text whole)
{
    return part.bytes >= whole.bytes && part.bytes + part.length <= whole.bytes + whole.length;
}

static void check_decoding(struct text part)
{
    char *out = memory_allocate(part.length + 1);
    long length = uri_decode(part, out, part.length + 1);
    check(length <= (long)part.length);
    check(length < 0 || strlen(out) == (size_t)length);
    free(out);
}

static void check_uri(struct text target)
{
    struct uri uri;
    struct uri_pair pair;
    struct text parameters[HTTP_PARAMETERS_MAX];
    size_t count;
    if (!uri_parse(target, &uri)) {
        return;
    }
    check(uri.segment_count <= HTTP_SEGMENTS_MAX);
    for (size_t i = 0; i < uri.segment_count; i++) {
        check(!memchr(uri.segments[i].bytes, '/', uri.segments[i].length));
        check_decoding(uri.segments[i]);
    }
    if (uri_match(&uri, "/devices/{}/messages/devicebound/{}/abandon", parameters, &count)) {
        check(count == 2);
    }
    for (struct text rest = uri.query; uri_next_pair(&rest, &pair);) {
        check(lies_within(pair.key, target) && lies_within(pair.value, target));
        check_decoding(pair.key);
        check_decoding(pair.value);
    }
}

static void check_etag(const char *value)
{
    char text[ETAG_TEXT_SIZE];
    struct etag_condition condition = etag_read_condition(value);
    if (condition.match == ETAG_EXACT && condition.etag != UINT64_MAX) {
        etag_format(condition.etag, text);
        check(strstr(value, text) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct lock_token token;
    char *copy = memory_copy_bytes(bytes, length);
    check_uri((struct text){copy, length});
    check_etag(copy);
    if (lock_token_parse((struct text){copy, length}, &token)) {
        check(length == 32 || length == 36);
    }
    free(copy);
    return 0;
}
