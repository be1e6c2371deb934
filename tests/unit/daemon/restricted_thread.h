// For tests of the sandbox: a thread of one kind, restricted as in the daemon, and a folder to work in. Used inside
// run_in_child().
#pragma once

#include <stdlib.h>

#include <exception>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include "sensor/daemon/sandbox.h"

namespace pickletap {

/// Runs `work` on a thread that is restricted, and is the sandbox of no other.
inline void on_restricted_thread(ThreadKind kind, const std::function<void()>& work) {
  std::exception_ptr trouble;
  std::thread([&] {
    try {
      restrict_thread(kind);
      work();
    } catch (...) {
      trouble = std::current_exception();
    }
  }).join();
  if (trouble) std::rethrow_exception(trouble);
}

/// A folder that is gone at the end.
class Folder {
 public:
  Folder() {
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("mkdtemp");
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string in(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_ = "/tmp/pickletap-calls-XXXXXX";
};

}  // namespace pickletap
