// assay-worker: does one request and ends. Started by `assay`; not meant to be typed.

#include "harness/worker/program.h"

int main(int count, char** arguments) {
  return assay::run_worker_program(count, arguments, [](auto& methods, auto& suites) {
    assay::register_builtin_methods(methods);
    assay::register_builtin_suites(suites);
  });
}
