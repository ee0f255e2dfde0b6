#include "tests/protocols/fake_machine.h"

static int64_t passed_us;

void fake_machine_reset(void)
{
    passed_us = 0;
}

void fake_machine_advance(int64_t ms)
{
    passed_us += ms * 1000;
}

/* 2026-06-01T00:00:00Z at first: another time than any hub's clock in these tests. */
struct instant clock_machine_now(void)
{
    return (struct instant){INT64_C(1780272000000000) + passed_us};
}

int64_t clock_monotonic_ms(void)
{
    return clock_monotonic_us() / 1000;
}

int64_t clock_monotonic_us(void)
{
    return passed_us;
}
