/* A bad disk, a wrong clock and a dead name server for one process.
 *
 * Loaded into the daemon with LD_PRELOAD by the fault tests, and never part of what is installed. What goes
 * wrong is read from a shared page that the test writes: one 64-bit number for each field below. It stands
 * between the program and the C library, where a full disk and a jump of the clock can be had without root
 * and without harm to the machine. Only paths below RINGCARD_SHIM_STATE are touched.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

/* In the order of `Field` in shim.rs. */
static struct {
    int64_t write_errno;    /* what writing and resizing a file fails with; 0 for nothing */
    int64_t sync_errno;     /* what fsync and fdatasync fail with */
    int64_t stall;          /* while it is not 0, fsync and fdatasync do not return */
    int64_t read_stall;     /* while it is not 0, reading a file at a place does not return */
    int64_t open_errno;     /* what opening to write, renaming and making fail with */
    int64_t realtime;       /* seconds by which each clock is wrong */
    int64_t boottime;
    int64_t monotonic;
    int64_t no_names;       /* names of hosts can't be resolved */
    int64_t unsynchronised; /* 1: the kernel says that nobody sets the clock; 2: somebody does */
    int64_t refused;        /* told back: what has failed or stalled so far */
} none, *volatile bad = &none;
static char state[4096];
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void)
{
    const char *control = getenv("RINGCARD_SHIM_CONTROL"), *below = getenv("RINGCARD_SHIM_STATE");
    int fd = control && below ? open(control, O_RDWR | O_CLOEXEC) : -1;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        fputs("the shim has no page to read from\n", stderr);
        _exit(70);
    }
    snprintf(state, sizeof state, "%s/", below);
    bad = page;
}
static int in_state(const char *path) { return strncmp(path, state, strlen(state)) == 0; }
static int is_state(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    return in_state(path);
}

static int refuse(int64_t error)
{
    __atomic_fetch_add(&bad->refused, 1, __ATOMIC_SEQ_CST);
    errno = (int)error;
    return -1;
}
#define WRITES(type, name, parameters, ...)                                                                 \
    type name parameters { return bad->write_errno && is_state(fd) ? refuse(bad->write_errno) : REAL(name)(__VA_ARGS__); }
WRITES(ssize_t, write, (int fd, const void *data, size_t size), fd, data, size)
WRITES(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), fd, data, size, at)
WRITES(int, ftruncate64, (int fd, off64_t size), fd, size)

ssize_t pread64(int fd, void *data, size_t size, off64_t at)
{
    if (bad->read_stall && is_state(fd)) __atomic_fetch_add(&bad->refused, 1, __ATOMIC_SEQ_CST);
    while (bad->read_stall && is_state(fd)) usleep(2000);
    return REAL(pread64)(fd, data, size, at);
}

static int sync_fails(int fd)
{
    if ((!bad->stall && !bad->sync_errno) || !is_state(fd)) return 0;
    if (bad->stall) __atomic_fetch_add(&bad->refused, 1, __ATOMIC_SEQ_CST);
    while (bad->stall) usleep(2000);
    return bad->sync_errno ? refuse(bad->sync_errno) : 0;
}
int fsync(int fd) { return sync_fails(fd) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return sync_fails(fd) ? -1 : REAL(fdatasync)(fd); }

static int open_fails(const char *path, int flags)
{
    int writes = (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
    return bad->open_errno && writes && in_state(path) ? refuse(bad->open_errno) : 0;
}
#define OPENS(name)                                                                                         \
    int name(const char *path, int flags, ...)                                                              \
    {                                                                                                       \
        va_list rest;                                                                                       \
        va_start(rest, flags);                                                                              \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                             \
        va_end(rest);                                                                                       \
        return open_fails(path, flags) ? -1 : REAL(name)(path, flags, mode);                                \
    }
OPENS(open)
OPENS(open64)
int rename(const char *from, const char *to) { return open_fails(to, O_CREAT) ? -1 : REAL(rename)(from, to); }
int unlink(const char *path) { return open_fails(path, O_CREAT) ? -1 : REAL(unlink)(path); }
int mkdir(const char *path, mode_t mode) /* one that is there already is that first, on any disk */
{
    return access(path, F_OK) && open_fails(path, O_CREAT) ? -1 : REAL(mkdir)(path, mode);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = REAL(clock_gettime);
    int failed = real(clock, now);
    if (clock == CLOCK_REALTIME) now->tv_sec += bad->realtime;
    if (clock == CLOCK_BOOTTIME) now->tv_sec += bad->boottime;
    if (clock == CLOCK_MONOTONIC) now->tv_sec += bad->monotonic;
    return failed;
}

/* The standard library waits until an instant of CLOCK_MONOTONIC: the kernel must be told the true one. */
long syscall(long number, ...)
{
    long a[6];
    va_list rest;
    va_start(rest, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(rest, long);
    va_end(rest);
    struct timespec until, *given = (struct timespec *)a[3];
    long wait = a[1] & ~(long)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
    if (number == SYS_futex && wait == FUTEX_WAIT_BITSET && given) {
        until = *given;
        until.tv_sec -= bad->monotonic;
        if (until.tv_sec < 0) until.tv_sec = 0;
        a[3] = (long)&until;
    }
    return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    return bad->no_names ? refuse(0), EAI_AGAIN : REAL(getaddrinfo)(name, service, hints, found);
}

int adjtimex(struct timex *about)
{
    int answer = REAL(adjtimex)(about), nobody = bad->unsynchronised == 1;
    if (!bad->unsynchronised) return answer;
    about->status = nobody ? about->status | STA_UNSYNC : about->status & ~STA_UNSYNC;
    return nobody ? TIME_ERROR : TIME_OK;
}
