/* A disk and a memory that fail when they are told to: laid under a process by LD_PRELOAD (Linux, glibc).
 *
 * Counts the calls below that concern files under one folder, and lets the n-th of a kind fail, it and all later ones, or
 * ends the process before or after it, as SIGKILL does. Every library of the process goes through it: Python, OpenEXR,
 * FFmpeg, libsndfile. Driven by tests/support/failing_disk.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITE, RENAME, SYNC, OPEN, MAKE, REMOVE, ALLOCATE, KINDS };
enum mode { COUNT, ONCE, FOR_GOOD, KILL_BEFORE, KILL_AFTER };

static char root[PATH_MAX];
static size_t root_length;
static atomic_long counts[KINDS];
static atomic_int armed;
static int fails_kind, fails_mode, fails_error;
static long fails_at;
static size_t least_bytes;

void faults_arm(const char *folder, int kind, long number, int mode, int error, size_t bytes) {
  strncpy(root, folder, sizeof root - 1);
  root_length = strlen(root);
  for (int i = 0; i < KINDS; i++) counts[i] = 0;
  fails_kind = kind, fails_at = number, fails_mode = mode, fails_error = error, least_bytes = bytes;
  armed = 1;
}

void faults_disarm(void) { armed = 0; }

long faults_count(int kind) { return counts[kind]; }

static void die(void) { kill(getpid(), SIGKILL); }

/* Counts a call of a kind. 1: it is to fail with errno. 2: the process ends after it. */
static int counted(int kind) {
  long number = atomic_fetch_add(&counts[kind], 1);
  if (kind != fails_kind || fails_mode == COUNT) return 0;
  if (number == fails_at && fails_mode == KILL_BEFORE) die();
  if (number == fails_at && fails_mode == KILL_AFTER) return 2;
  if (number == fails_at || (number > fails_at && fails_mode == FOR_GOOD)) {
    errno = fails_error;
    return 1;
  }
  return 0;
}

static int is_under(const char *path) {
  return strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || path[root_length] == 0);
}

static int is_descriptor_under(int descriptor) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return is_under(path);
}

/* Whether a path, relative to an open folder or to the present one, lies under the root. */
static int is_at_under(int folder, const char *path) {
  if (path == NULL) return 0;
  if (path[0] == '/') return is_under(path);
  if (folder != AT_FDCWD) return is_descriptor_under(folder);
  char here[PATH_MAX];
  return getcwd(here, sizeof here) != NULL && is_under(here);
}

#define REAL(name) ((__typeof__(&name))real_##name(#name))
#define DEFINE_REAL(name)                              \
  static void *real_##name(const char *symbol) {       \
    static void *found;                                \
    if (found == NULL) found = dlsym(RTLD_NEXT, symbol); \
    return found;                                      \
  }

/* A call that is counted where `concerns`; what it returns where it fails is -1. */
#define THROUGH(kind, concerns, type, call)      \
  int verdict = armed && (concerns) ? counted(kind) : 0; \
  if (verdict == 1) return -1;                   \
  type done = call;                              \
  if (verdict == 2) die();                       \
  return done;

DEFINE_REAL(write)
ssize_t write(int descriptor, const void *data, size_t size) {
  THROUGH(WRITE, is_descriptor_under(descriptor), ssize_t, REAL(write)(descriptor, data, size))
}

DEFINE_REAL(writev)
ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  THROUGH(WRITE, is_descriptor_under(descriptor), ssize_t, REAL(writev)(descriptor, parts, count))
}

DEFINE_REAL(pwrite)
ssize_t pwrite(int descriptor, const void *data, size_t size, off_t at) {
  THROUGH(WRITE, is_descriptor_under(descriptor), ssize_t, REAL(pwrite)(descriptor, data, size, at))
}

DEFINE_REAL(pwrite64)
ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t at) {
  THROUGH(WRITE, is_descriptor_under(descriptor), ssize_t, REAL(pwrite64)(descriptor, data, size, at))
}

DEFINE_REAL(sendfile64)
ssize_t sendfile64(int out, int in, off64_t *at, size_t size) {
  THROUGH(WRITE, is_descriptor_under(out), ssize_t, REAL(sendfile64)(out, in, at, size))
}

DEFINE_REAL(sendfile)
ssize_t sendfile(int out, int in, off_t *at, size_t size) {
  THROUGH(WRITE, is_descriptor_under(out), ssize_t, REAL(sendfile)(out, in, at, size))
}

DEFINE_REAL(copy_file_range)
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags) {
  THROUGH(WRITE, is_descriptor_under(out), ssize_t, REAL(copy_file_range)(in, from, out, to, size, flags))
}

DEFINE_REAL(ftruncate)
int ftruncate(int descriptor, off_t size) {
  THROUGH(WRITE, is_descriptor_under(descriptor), int, REAL(ftruncate)(descriptor, size))
}

DEFINE_REAL(ftruncate64)
int ftruncate64(int descriptor, off64_t size) {
  THROUGH(WRITE, is_descriptor_under(descriptor), int, REAL(ftruncate64)(descriptor, size))
}

DEFINE_REAL(rename)
int rename(const char *from, const char *to) { THROUGH(RENAME, is_under(to), int, REAL(rename)(from, to)) }

DEFINE_REAL(renameat)
int renameat(int a, const char *from, int b, const char *to) {
  THROUGH(RENAME, is_at_under(b, to), int, REAL(renameat)(a, from, b, to))
}

DEFINE_REAL(renameat2)
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
  THROUGH(RENAME, is_at_under(b, to), int, REAL(renameat2)(a, from, b, to, flags))
}

DEFINE_REAL(link)
int link(const char *from, const char *to) { THROUGH(RENAME, is_under(to), int, REAL(link)(from, to)) }

DEFINE_REAL(linkat)
int linkat(int a, const char *from, int b, const char *to, int flags) {
  THROUGH(RENAME, is_at_under(b, to), int, REAL(linkat)(a, from, b, to, flags))
}

DEFINE_REAL(fsync)
int fsync(int descriptor) { THROUGH(SYNC, is_descriptor_under(descriptor), int, REAL(fsync)(descriptor)) }

DEFINE_REAL(fdatasync)
int fdatasync(int descriptor) { THROUGH(SYNC, is_descriptor_under(descriptor), int, REAL(fdatasync)(descriptor)) }

DEFINE_REAL(mkdir)
int mkdir(const char *path, mode_t mode) { THROUGH(MAKE, is_at_under(AT_FDCWD, path), int, REAL(mkdir)(path, mode)) }

DEFINE_REAL(mkdirat)
int mkdirat(int folder, const char *path, mode_t mode) {
  THROUGH(MAKE, is_at_under(folder, path), int, REAL(mkdirat)(folder, path, mode))
}

DEFINE_REAL(unlink)
int unlink(const char *path) { THROUGH(REMOVE, is_at_under(AT_FDCWD, path), int, REAL(unlink)(path)) }

DEFINE_REAL(unlinkat)
int unlinkat(int folder, const char *path, int flags) {
  THROUGH(REMOVE, is_at_under(folder, path), int, REAL(unlinkat)(folder, path, flags))
}

DEFINE_REAL(rmdir)
int rmdir(const char *path) { THROUGH(REMOVE, is_at_under(AT_FDCWD, path), int, REAL(rmdir)(path)) }

#define MODE_OF(flags)                          \
  mode_t mode = 0;                              \
  if ((flags) & (O_CREAT | __O_TMPFILE)) {      \
    va_list rest;                               \
    va_start(rest, flags);                      \
    mode = va_arg(rest, mode_t);                \
    va_end(rest);                               \
  }
#define IS_FOR_WRITING(flags) (((flags) & O_ACCMODE) != O_RDONLY || ((flags) & O_CREAT))

DEFINE_REAL(open)
int open(const char *path, int flags, ...) {
  MODE_OF(flags)
  THROUGH(OPEN, IS_FOR_WRITING(flags) && is_at_under(AT_FDCWD, path), int, REAL(open)(path, flags, mode))
}

DEFINE_REAL(open64)
int open64(const char *path, int flags, ...) {
  MODE_OF(flags)
  THROUGH(OPEN, IS_FOR_WRITING(flags) && is_at_under(AT_FDCWD, path), int, REAL(open64)(path, flags, mode))
}

DEFINE_REAL(openat)
int openat(int folder, const char *path, int flags, ...) {
  MODE_OF(flags)
  THROUGH(OPEN, IS_FOR_WRITING(flags) && is_at_under(folder, path), int, REAL(openat)(folder, path, flags, mode))
}

DEFINE_REAL(openat64)
int openat64(int folder, const char *path, int flags, ...) {
  MODE_OF(flags)
  THROUGH(OPEN, IS_FOR_WRITING(flags) && is_at_under(folder, path), int, REAL(openat64)(folder, path, flags, mode))
}

/* Memory. glibc's own names are called, since dlsym allocates. */
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static int is_out_of_memory(size_t size) { return armed && size >= least_bytes && least_bytes && counted(ALLOCATE) == 1; }

void *malloc(size_t size) { return is_out_of_memory(size) ? NULL : __libc_malloc(size); }

void *calloc(size_t count, size_t size) { return is_out_of_memory(count * size) ? NULL : __libc_calloc(count, size); }

void *realloc(void *old, size_t size) { return is_out_of_memory(size) ? NULL : __libc_realloc(old, size); }

void *memalign(size_t alignment, size_t size) {
  return is_out_of_memory(size) ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  return is_out_of_memory(size) ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **found, size_t alignment, size_t size) {
  if (is_out_of_memory(size)) return ENOMEM;
  *found = __libc_memalign(alignment, size);
  return *found == NULL ? ENOMEM : 0;
}
