// Preloaded into a program: appends to the file WATCHED_WRITES a line for each file that is opened
// to be written or cut, and for each call that changes how the machine schedules.

#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace {

/// By system calls alone: what is written here is not watched itself.
void note(const char* what, const char* of) {
  const char* place = std::getenv("WATCHED_WRITES");
  if (place == nullptr) return;
  const std::string line = std::string(what) + " " + (of == nullptr ? "" : of) + "\n";
  const long file = ::syscall(SYS_openat, AT_FDCWD, place, O_WRONLY | O_APPEND | O_CREAT, 0600);
  if (file < 0) return;
  (void)!::syscall(SYS_write, file, line.data(), line.size());
  ::syscall(SYS_close, file);
}

void note_open(const char* path, int flags) {
  if ((flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) != 0) note("open", path);
}

mode_t mode_of(int flags, va_list& more) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
}

template <typename Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

FILE* opened(const char* name, const char* path, const char* mode) {
  if (std::strpbrk(mode, "wa+") != nullptr) note("fopen", path);
  return next<FILE* (*)(const char*, const char*)>(name)(path, mode);
}

int open_as(const char* name, int folder, const char* path, int flags, mode_t mode) {
  note_open(path, flags);
  return next<int (*)(int, const char*, int, mode_t)>(name)(folder, path, flags, mode);
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = mode_of(flags, more);
  va_end(more);
  return open_as("openat", AT_FDCWD, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = mode_of(flags, more);
  va_end(more);
  return open_as("openat64", AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = mode_of(flags, more);
  va_end(more);
  return open_as("openat", folder, path, flags, mode);
}

FILE* fopen(const char* path, const char* mode) { return opened("fopen", path, mode); }
FILE* fopen64(const char* path, const char* mode) { return opened("fopen64", path, mode); }

int truncate(const char* path, off_t length) noexcept {
  note("truncate", path);
  return next<int (*)(const char*, off_t)>("truncate")(path, length);
}

int sched_setscheduler(pid_t pid, int policy, const sched_param* parameters) noexcept {
  note("sched_setscheduler", "");
  return next<int (*)(pid_t, int, const sched_param*)>("sched_setscheduler")(pid, policy,
                                                                             parameters);
}

int setpriority(__priority_which_t which, id_t who, int priority) noexcept {
  note("setpriority", "");
  return next<int (*)(__priority_which_t, id_t, int)>("setpriority")(which, who, priority);
}

int nice(int by) noexcept {
  note("nice", "");
  return next<int (*)(int)>("nice")(by);
}
}
