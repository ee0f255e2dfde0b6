/*
 * The one function of every fuzz target; called by libFuzzer, or by replay.c in normal builds.
 */
#ifndef DEVICEBOUND_TESTS_FUZZ_FUZZ_H
#define DEVICEBOUND_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Returns 0; a broken promise of the code under test aborts. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#endif
