// The system calls each kind of thread may make, as data. What is in no list is refused: above all execve, fork, ptrace,
// process_vm_*, mount, bpf, io_uring, memfd_create, userfaultfd, setuid and packet sockets. Where a call can do harm by
// its arguments they are compared: memory is never executable, files are opened for reading only but by the threads of
// file outputs, sockets are of named families, signals go to this process only.
// The lists were found by running the daemon's own parts under them (tests/unit/daemon/sandbox_test.cc) and are for
// glibc 2.36, libstdc++ 12, Boost.Asio 1.81, libpcap 1.10.3, hiredis 0.14 and libsystemd 252 on x86_64 and aarch64.
// AddressSanitizer's runtime needs more, most of it for LeakSanitizer's stop of all threads at exit (clone, ptrace); a
// build with it allows that on the main thread and is no build for production.
// Pure, any thread.
#pragma once

#include <seccomp.h>

#include <vector>

#include "sensor/daemon/sandbox.h"

namespace pickletap {

/// A call that is allowed when all of `when` hold. A name may come several times.
struct AllowedCall {
  const char* name;
  std::vector<scmp_arg_cmp> when;
};

std::vector<AllowedCall> allowed_calls(ThreadKind kind);

}  // namespace pickletap
