/* Preloaded into a node. The file that DISK_FAULT_FILE names holds a part of a path. While it is not empty, the disk is harmed for each
   regular file whose path contains that part, in the way that the second line says:
   full     there is no room
   over N   there is no room where a write makes a file larger than N bytes
   slow N   each write and each fsync takes N ms longer
   Built by full.rs with the system's compiler. */
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

/* Waits if the disk is slow for this file. Returns whether there is no room for so many bytes more. */
static int harmed(int fd, size_t count) {
    char part[256] = "", how[8] = "", link[64], path[4096] = "";
    long long number = 0;
    const char *name = getenv("DISK_FAULT_FILE");
    FILE *file = name ? fopen(name, "re") : NULL;
    if (!file) return 0;
    if (fgets(part, sizeof part, file)) part[strcspn(part, "\n")] = 0;
    int words = fscanf(file, "%7s %lld", how, &number);
    fclose(file);
    struct stat about;
    if (words < 1 || !part[0] || fstat(fd, &about) || !S_ISREG(about.st_mode)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) < 0 || !strstr(path, part)) return 0;
    if (!strcmp(how, "slow")) {
        usleep(number * 1000);
        return 0;
    }
    return strcmp(how, "over") || (long long)(about.st_size + count) > number;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define NO_ROOM do { errno = ENOSPC; return -1; } while (0)

ssize_t write(int fd, const void *bytes, size_t count) {
    REAL(write);
    if (harmed(fd, count)) NO_ROOM;
    return real(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    REAL(pwrite);
    if (harmed(fd, count)) NO_ROOM;
    return real(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    REAL(pwrite64);
    if (harmed(fd, count)) NO_ROOM;
    return real(fd, bytes, count, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    if (harmed(fd, 1)) NO_ROOM;
    return real(fd, parts, count);
}

int fallocate(int fd, int mode, off_t at, off_t length) {
    REAL(fallocate);
    if (harmed(fd, 0)) NO_ROOM;
    return real(fd, mode, at, length);
}

int fsync(int fd) {
    REAL(fsync);
    harmed(fd, 0);
    return real(fd);
}

int fdatasync(int fd) {
    REAL(fdatasync);
    harmed(fd, 0);
    return real(fd);
}
