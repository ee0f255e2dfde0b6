/*
 * SAS tokens for the benchmarks.
 */
#ifndef DEVICEBOUND_TESTS_BENCH_TOKEN_H
#define DEVICEBOUND_TESTS_BENCH_TOKEN_H

#define TOKEN_SIZE 600

/* Of the policy, for the whole hub, until 2100. */
void token_make(const char *host, const char *key, const char *policy, char out[TOKEN_SIZE]);

#endif
