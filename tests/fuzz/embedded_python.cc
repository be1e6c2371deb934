#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "tests/fuzz/embedded_python.h"

#include <cstdio>
#include <cstdlib>

// CPython keeps what it allocated to the end, and answers absurd sizes with MemoryError where malloc gives null.
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming): the name that the sanitizer asks for
extern "C" const char* __asan_default_options() {
  return "detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=16";
}

namespace pickletap::fuzz {

namespace {

[[noreturn]] void fail(const char* what) {
  if (PyErr_Occurred() != nullptr) PyErr_Print();
  std::fprintf(stderr, "embedded Python: %s\n", what);
  std::abort();
}

PyObject* bytes_object(const void* data, size_t size) {
  PyObject* object = PyBytes_FromStringAndSize(static_cast<const char*>(data), static_cast<Py_ssize_t>(size));
  if (object == nullptr) fail("no memory");
  return object;
}

void start() {
  if (Py_IsInitialized() != 0) return;
  PyConfig config;
  PyConfig_InitIsolatedConfig(&config);  // no environment, no signal handlers
  config.write_bytecode = 0;
  const PyStatus status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  if (PyStatus_Exception(status) != 0) fail("cannot start");
  static constexpr const char* kPath =
      "import sys\n"
      "sys.path[:0] = ['" PICKLETAP_SOURCE_DIR "/tests/fuzz', '" PICKLETAP_SOURCE_DIR "/tests/pickles']\n";
  if (PyRun_SimpleString(kPath) != 0) fail("cannot set its path");
}

}  // namespace

PythonFunction::PythonFunction(const char* module, const char* function) {
  start();
  PyObject* imported = PyImport_ImportModule(module);
  if (imported == nullptr) fail("cannot import");
  function_ = PyObject_GetAttrString(imported, function);
  if (function_ == nullptr) fail("no such function");
}

std::string PythonFunction::operator()(ByteSpan input, const std::vector<std::string>& fields) const {
  PyObject* list = PyList_New(static_cast<Py_ssize_t>(fields.size()));
  if (list == nullptr) fail("no memory");
  for (size_t i = 0; i < fields.size(); ++i) {
    PyList_SET_ITEM(list, static_cast<Py_ssize_t>(i), bytes_object(fields[i].data(), fields[i].size()));
  }
  PyObject* data = bytes_object(input.data(), input.size());
  PyObject* answer = PyObject_CallFunctionObjArgs(function_, data, list, nullptr);
  if (answer == nullptr || PyBytes_Check(answer) == 0) fail("the comparison failed");
  std::string text(PyBytes_AS_STRING(answer), static_cast<size_t>(PyBytes_GET_SIZE(answer)));
  Py_DECREF(answer);
  Py_DECREF(data);
  Py_DECREF(list);
  return text;
}

void require_agreement(const PythonFunction& function, ByteSpan input, const std::vector<std::string>& fields) {
  const std::string why = function(input, fields);
  if (why.empty()) return;
  std::fputs("pickle: ", stderr);
  for (const uint8_t byte : input) std::fprintf(stderr, "%02x", byte);
  std::fprintf(stderr, "\n%s\n", why.c_str());
  static const bool goes_on = std::getenv("PICKLETAP_KEEP_GOING") != nullptr;
  if (!goes_on) std::abort();
}

}  // namespace pickletap::fuzz
