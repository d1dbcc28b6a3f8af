/* Preloaded into a node. The file that DISK_FULL_FILE names holds a part of a path: while it is not empty, the disk is full for
   each regular file whose path contains that part. A number of bytes in its second line: only where a write makes a file larger than
   that. Built by full.rs with the system's compiler. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int is_full(int fd, size_t count) {
    char part[256] = "", link[64], path[4096] = "";
    long long bytes = 0;
    const char *name = getenv("DISK_FULL_FILE");
    FILE *file = name ? fopen(name, "re") : NULL;
    if (!file) return 0;
    if (!fgets(part, sizeof part, file)) part[0] = 0;
    if (fscanf(file, "%lld", &bytes) != 1) bytes = 0;
    part[strcspn(part, "\n")] = 0;
    fclose(file);
    struct stat about;
    if (!part[0] || fstat(fd, &about) || !S_ISREG(about.st_mode)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) < 0) return 0;
    return strstr(path, part) != NULL && (!bytes || (long long)(about.st_size + count) > bytes);
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define NO_ROOM do { errno = ENOSPC; return -1; } while (0)

ssize_t write(int fd, const void *bytes, size_t count) {
    REAL(write);
    if (is_full(fd, count)) NO_ROOM;
    return real(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    REAL(pwrite);
    if (is_full(fd, count)) NO_ROOM;
    return real(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    REAL(pwrite64);
    if (is_full(fd, count)) NO_ROOM;
    return real(fd, bytes, count, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    if (is_full(fd, 1)) NO_ROOM;
    return real(fd, parts, count);
}

int fallocate(int fd, int mode, off_t at, off_t length) {
    REAL(fallocate);
    if (is_full(fd, 0)) NO_ROOM;
    return real(fd, mode, at, length);
}
