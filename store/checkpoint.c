#include "store/checkpoint.h"

#include "store/log.h"
#include "store/memory.h"

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>

struct checkpoint {
    sqlite3 *handle;
    pthread_t thread;
    pthread_mutex_t mutex; /* over what follows */
    pthread_cond_t changed;
    bool requested, running, stopping;
    uint64_t count;
};

static void *work(void *argument)
{
    struct checkpoint *checkpoint = argument;
    pthread_mutex_lock(&checkpoint->mutex);
    while (!checkpoint->stopping) {
        if (!checkpoint->requested) {
            pthread_cond_wait(&checkpoint->changed, &checkpoint->mutex);
            continue;
        }
        checkpoint->requested = false;
        checkpoint->running = true;
        pthread_mutex_unlock(&checkpoint->mutex);
        int result = sqlite3_wal_checkpoint_v2(
            checkpoint->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        if (result != SQLITE_OK && result != SQLITE_BUSY) {
            LOG(LOG_WARN, "STORE-CHECKPOINT", "the write-ahead log could not be moved",
                {"error", sqlite3_errmsg(checkpoint->handle)});
        }
        pthread_mutex_lock(&checkpoint->mutex);
        checkpoint->running = false;
        checkpoint->count++;
        pthread_cond_broadcast(&checkpoint->changed);
    }
    pthread_mutex_unlock(&checkpoint->mutex);
    return NULL;
}

/* Signals are the loop's business: the thread blocks them all. */
static bool start_thread(struct checkpoint *checkpoint)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&checkpoint->thread, NULL, work, checkpoint);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure == 0;
}

struct checkpoint *checkpoint_start(const char *path)
{
    struct checkpoint *checkpoint = memory_allocate(sizeof *checkpoint);
    pthread_mutex_init(&checkpoint->mutex, NULL);
    pthread_cond_init(&checkpoint->changed, NULL);
    if (sqlite3_open_v2(path, &checkpoint->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
            NULL) != SQLITE_OK ||
        !start_thread(checkpoint)) {
        sqlite3_close(checkpoint->handle);
        free(checkpoint);
        return NULL;
    }
    return checkpoint;
}

void checkpoint_stop(struct checkpoint *checkpoint)
{
    if (!checkpoint) {
        return;
    }
    pthread_mutex_lock(&checkpoint->mutex);
    checkpoint->stopping = true;
    pthread_cond_broadcast(&checkpoint->changed);
    pthread_mutex_unlock(&checkpoint->mutex);
    pthread_join(checkpoint->thread, NULL);
    sqlite3_close(checkpoint->handle);
    pthread_cond_destroy(&checkpoint->changed);
    pthread_mutex_destroy(&checkpoint->mutex);
    free(checkpoint);
}

void checkpoint_request(struct checkpoint *checkpoint)
{
    pthread_mutex_lock(&checkpoint->mutex);
    checkpoint->requested = true;
    pthread_cond_broadcast(&checkpoint->changed);
    pthread_mutex_unlock(&checkpoint->mutex);
}

void checkpoint_wait(struct checkpoint *checkpoint)
{
    pthread_mutex_lock(&checkpoint->mutex);
    while (checkpoint->requested || checkpoint->running) {
        pthread_cond_wait(&checkpoint->changed, &checkpoint->mutex);
    }
    pthread_mutex_unlock(&checkpoint->mutex);
}

uint64_t checkpoint_count(struct checkpoint *checkpoint)
{
    pthread_mutex_lock(&checkpoint->mutex);
    uint64_t count = checkpoint->count;
    pthread_mutex_unlock(&checkpoint->mutex);
    return count;
}
