/*
 * The machine's clocks, standing still until they are moved. Linked as an object, it is found
 * before the real ones.
 */
#ifndef DEVICEBOUND_TESTS_PROTOCOLS_FAKE_MACHINE_H
#define DEVICEBOUND_TESTS_PROTOCOLS_FAKE_MACHINE_H

#include "store/clock.h"

void fake_machine_reset(void); /* as it was at first */
void fake_machine_advance(int64_t ms);

#endif
