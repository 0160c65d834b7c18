// Part of programs that die on purpose: without it the runtimes of the sanitizers would catch the
// signals, and end the program in ways of their own.

extern "C" {
// Called by the runtimes, by these names.
#ifdef __SANITIZE_ADDRESS__
const char* __asan_default_options();   // NOLINT
const char* __asan_default_options() {  // NOLINT
  return "handle_segv=0:handle_sigbus=0:handle_sigill=0:handle_sigfpe=0";
}
#endif
#ifdef __SANITIZE_THREAD__
const char* __tsan_default_options();   // NOLINT
const char* __tsan_default_options() {  // NOLINT
  return "handle_segv=0:handle_sigbus=0:handle_sigill=0:handle_sigfpe=0:die_after_fork=0";
}
#endif
}
