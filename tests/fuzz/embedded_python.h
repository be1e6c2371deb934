// CPython inside a fuzz target: the distribution's libpython, one interpreter, one function of one file of tests/fuzz.
//
// The function takes the input and a list of bytes (what our side found) and returns bytes: empty when it agrees, else a
// text that says how not. An exception in it ends the process with its traceback.
#pragma once

#include <string>
#include <vector>

#include "dissectors/dissector.h"

struct _object;  // NOLINT(bugprone-reserved-identifier): PyObject, so that Python.h stays out of the targets

namespace pickletap::fuzz {

class PythonFunction {
 public:
  PythonFunction(const char* module, const char* function);
  std::string operator()(ByteSpan input, const std::vector<std::string>& fields) const;

 private:
  _object* function_;
};

/// Calls `function`; where it disagrees prints the input in hexadecimal and why, and aborts (not with
/// PICKLETAP_KEEP_GOING in the environment: to sort many findings in one go).
void require_agreement(const PythonFunction& function, ByteSpan input, const std::vector<std::string>& fields);

}  // namespace pickletap::fuzz
