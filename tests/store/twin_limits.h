/*
 * What a twin can hold and what is just beyond it, as patches of tags or properties: for the tests
 * of the store and of each protocol.
 *
 * Source: learn.microsoft.com, "Understand and use device twins in IoT Hub", tags and properties
 * format.
 */
#ifndef DEVICEBOUND_TESTS_STORE_TWIN_LIMITS_H
#define DEVICEBOUND_TESTS_STORE_TWIN_LIMITS_H

#define TWIN_X4(text) text text text text
#define TWIN_X256(text) TWIN_X4(TWIN_X4(TWIN_X4(TWIN_X4(text))))
#define TWIN_LEVELS_10                                                                             \
    "{\"1\":{\"2\":{\"3\":{\"4\":{\"5\":{\"6\":{\"7\":{\"8\":{\"9\":{\"10\":{\"p\":"
#define TWIN_END_10 "}}}}}}}}}}}"

/* Longer literals than ISO C promises to take. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverlength-strings"
static const struct twin_limit {
    const char *fits, *exceeds;
} twin_limits[] = {
    {"{\"" TWIN_X256("name") "\":1}", "{\"" TWIN_X256("name") "s\":1}"},
    {"{\"" TWIN_X256("\xc3\xa9\xc3\xa9") "\":1}", "{\"" TWIN_X256("\xc3\xa9\xc3\xa9") "s\":1}"},
    {"{\"a\":\"" TWIN_X256("sixteen bytes...") "\"}",
        "{\"a\":\"" TWIN_X256("sixteen bytes...") "s\"}"},
    {"{\"a\":[\"" TWIN_X256("sixteen bytes...") "\"]}",
        "{\"a\":[\"" TWIN_X256("sixteen bytes...") "s\"]}"},
    {"{\"a\":4503599627370495}", "{\"a\":4503599627370496}"},
    {"{\"a\":-4503599627370496}", "{\"a\":-4503599627370497}"},
    {"{\"a\":9007199254740992.5}", "{\"a\":9007199254740992}"},
    {"{\"a\":{\"b\":[4503599627370495]}}", "{\"a\":{\"b\":[4503599627370496]}}"},
    {TWIN_LEVELS_10 "1" TWIN_END_10, TWIN_LEVELS_10 "{}" TWIN_END_10},
    {TWIN_LEVELS_10 "[[1]]" TWIN_END_10, TWIN_LEVELS_10 "[[{}]]" TWIN_END_10},
    {"{\"a\":[]}", "{\"\":[]}"},
    {"{\"a_b\":1}", "{\"a.b\":1}"},
    {"{\"a-b\":1}", "{\"a$b\":1}"},
    {"{\"a\":[{\"b\":1}]}", "{\"a\":[{\"b c\":1}]}"},
    {"{\"\xc2\xa0\":1}", "{\"\xc2\x9f\":1}"},
    {"{\"\xc3\x80\":1}", "{\"\xc2\x80\":1}"},
    {"{\"\\u0021\":1}", "{\"\\u001f\":1}"},
    {"{\"\\u007e\":1}", "{\"\\u007f\":1}"},
    {"{\"a\":null}", "{\"a\":[null]}"},
    {"{\"a\":{\"b\":null}}", "{\"a\":[1,{\"b\":{\"c\":null}}]}"},
    {"{\"a\":[true,0.5,\"x\",[{\"b\":[1]}]]}", "{\"a\":[true,0.5,\"x\",[{\"b\":[1,null]}]]}"},
};
#pragma GCC diagnostic pop

#define TWIN_LIMIT_COUNT (sizeof twin_limits / sizeof twin_limits[0])

#endif
