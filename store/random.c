#include "store/random.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void draw(uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t drawn = getrandom(bytes, length, 0);
        if (drawn < 0) {
            if (errno == EINTR) {
                continue;
            }
            perror("devicebound: getrandom");
            abort();
        }
        bytes += drawn;
        length -= (size_t)drawn;
    }
}

void random_fill(void *bytes, size_t length)
{
    /* One system call serves 256 lock tokens. */
    static uint8_t block[4096];
    static size_t used = sizeof block;

    if (length > sizeof block) {
        draw(bytes, length);
        return;
    }
    if (sizeof block - used < length) {
        draw(block, sizeof block);
        used = 0;
    }
    memcpy(bytes, block + used, length);
    memset(block + used, 0, length);
    used += length;
}
