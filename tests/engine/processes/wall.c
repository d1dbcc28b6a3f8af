/* Preloaded into a node. Its wall clock is ahead of the system's by the milliseconds in the file that WALL_AHEAD_FILE names, cut
   to whole seconds. Other clocks are not changed. Built by steps.rs with the system's compiler. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long long ahead_ms(void) {
    long long ahead = 0;
    const char *path = getenv("WALL_AHEAD_FILE");
    FILE *file = path ? fopen(path, "re") : NULL;
    if (file) {
        if (fscanf(file, "%lld", &ahead) != 1) ahead = 0;
        fclose(file);
    }
    return ahead;
}

int clock_gettime(clockid_t id, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(id, at);
    if (!failed && id == CLOCK_REALTIME) {
        long long ms = ahead_ms();
        at->tv_sec += ms / 1000;
    }
    return failed;
}
