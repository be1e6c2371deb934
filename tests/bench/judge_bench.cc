// The pickle machine beside CPython's C `pickle.loads` with the garbage collector off, in one run, on the inputs that
// judge_inputs.py makes: compare the bytes_per_second of machine/X, segments/X and cpython/X (all by CPU time). The
// result of a load is dropped inside the measured time, as a receiver drops it.
//
// judge_ratio.py runs this and prints the ratios. Without libpython (pkg-config's python3-embed) there is no cpython/X.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "config/policy_files.h"
#include "dissectors/pickle/machine_pool.h"
#include "dissectors/pickle/pickle_machine.h"

#ifdef PICKLETAP_PYTHON_PREFIX
#define PY_SSIZE_T_CLEAN
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wconversion"
#include <Python.h>
#pragma GCC diagnostic pop
#endif

// Peak of what is allocated while `counting`; at other times one test of a flag.
namespace {
struct {
  bool counting = false;
  int64_t now = 0, peak = 0;
} heap;
}  // namespace

void* operator new(size_t bytes) {
  void* block = std::malloc(bytes == 0 ? 1 : bytes);
  if (block == nullptr) std::abort();
  if (heap.counting) {
    heap.now += static_cast<int64_t>(malloc_usable_size(block));
    heap.peak = std::max(heap.peak, heap.now);
  }
  return block;
}
void operator delete(void* block) noexcept {
  if (heap.counting) heap.now -= static_cast<int64_t>(malloc_usable_size(block));
  std::free(block);
}
void operator delete(void* block, size_t) noexcept { operator delete(block); }

namespace pickletap {
namespace {

#ifdef PICKLETAP_PYTHON_PREFIX
const std::string kPython = PICKLETAP_PYTHON_PREFIX "/bin/python3";
#else
const std::string kPython = "python3";
#endif
const std::string kFolder = std::string(PICKLETAP_SOURCE_DIR) + "/tests/bench";
constexpr size_t kSegment = 1448;  // TCP payload of an Ethernet frame, with timestamps

struct Input {
  std::vector<uint8_t> bytes;
  std::vector<ByteSpan> pickles;
  int64_t total = 0;
};

std::vector<uint8_t> output_of(const std::string& arguments) {
  std::vector<uint8_t> out;
  const std::string command = kPython + " -B '" + kFolder + "/judge_inputs.py' " + arguments;
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return out;
  char chunk[65536];
  for (size_t got = 0; (got = std::fread(chunk, 1, sizeof chunk, pipe)) > 0;) out.insert(out.end(), chunk, chunk + got);
  if (pclose(pipe) != 0) out.clear();
  return out;
}

/// Made once a run; empty when it could not be made.
const Input& input(const std::string& name) {
  static std::map<std::string, Input> made;
  const auto [entry, is_new] = made.try_emplace(name);
  Input& in = entry->second;
  if (!is_new) return in;
  in.bytes = output_of(name);
  for (size_t at = 0; at + 8 <= in.bytes.size();) {
    uint64_t length = 0;
    std::memcpy(&length, in.bytes.data() + at, 8);
    in.pickles.emplace_back(in.bytes.data() + at + 8, length);
    in.total += static_cast<int64_t>(length);
    at += 8 + length;
  }
  return in;
}

/// As the dissector does with a frame: a machine of the pool, the bytes as they come, the verdict.
struct Judged {
  uint64_t ops = 0, stopped = 0, findings = 0;
};
Judged judge(PickleMachinePool& machines, const Input& in, size_t piece) {
  Judged sum;
  ToldCallables told;
  for (const ByteSpan pickle : in.pickles) {
    auto machine = machines.acquire();
    machine->begin(pickle.size(), &told);
    for (size_t at = 0; at < pickle.size(); at += piece) {
      machine->feed(pickle.subspan(at, std::min(piece, pickle.size() - at)));
    }
    machine->finish();
    const PickleReport report = machine->report(false);
    sum.ops += machine->ops();
    sum.stopped += machine->stopped() ? 1U : 0U;
    sum.findings += report.findings.size();
    machines.release(std::move(machine));
  }
  return sum;
}

void run_machine(benchmark::State& state, const std::string& name, size_t piece) {
  static const std::unique_ptr<Policy> policy = [] {
    auto built = std::make_unique<Policy>();
    add_builtin_policy(*built);
    return built;
  }();
  const Input& in = input(name);
  const DissectorLimits limits;
  Judged sum;
  {
    PickleMachinePool machines(*policy, limits);
    for (auto _ : state) benchmark::DoNotOptimize(sum = judge(machines, in, piece));
  }
  if (in.pickles.empty() || sum.stopped != in.pickles.size()) {
    return state.SkipWithError("the input could not be made, or was not read to its STOP");
  }
  heap = {true, 0, 0};
  {
    PickleMachinePool machines(*policy, limits);
    judge(machines, in, piece);
  }
  heap.counting = false;
  state.SetBytesProcessed(in.total * static_cast<int64_t>(state.iterations()));
  state.counters["ops/s"] =
      benchmark::Counter(static_cast<double>(sum.ops), benchmark::Counter::kIsIterationInvariantRate);
  state.counters["findings"] = static_cast<double>(sum.findings);
  state.counters["peak_KiB"] = static_cast<double>(heap.peak) / 1024;
}

#ifdef PICKLETAP_PYTHON_PREFIX
/// `pickle.loads` of an interpreter that lives as long as the program; null when it did not start.
PyObject* python_loads() {
  static PyObject* const loads = []() -> PyObject* {
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.write_bytecode = 0;
    PyConfig_SetBytesString(&config, &config.home, PICKLETAP_PYTHON_PREFIX);
    PyConfig_SetBytesString(&config, &config.program_name, kPython.c_str());
    const PyStatus status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status) != 0) return nullptr;
    const std::string prepare = "import gc, sys\nsys.path.insert(0, '''" + kFolder + "''')\ngc.disable()\n";
    if (PyRun_SimpleString(prepare.c_str()) != 0) return nullptr;
    PyObject* const module = PyImport_ImportModule("_pickle");  // the C one, or nothing
    return module == nullptr ? nullptr : PyObject_GetAttrString(module, "loads");
  }();
  return loads;
}

void run_cpython(benchmark::State& state, const std::string& name) {
  const Input& in = input(name);
  PyObject* const loads = python_loads();
  if (loads == nullptr || in.pickles.empty()) return state.SkipWithError("no Python, or no input");
  std::vector<PyObject*> messages;
  for (const ByteSpan pickle : in.pickles) {
    messages.push_back(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(pickle.data()),
                                                 static_cast<Py_ssize_t>(pickle.size())));
  }
  bool failed = false;
  for (auto _ : state) {
    for (PyObject* message : messages) {
      PyObject* const object = PyObject_CallOneArg(loads, message);
      failed = failed || object == nullptr;
      Py_XDECREF(object);
    }
  }
  for (PyObject* message : messages) Py_DECREF(message);
  if (failed) {
    PyErr_Print();
    return state.SkipWithError("pickle.loads raised");
  }
  state.SetBytesProcessed(in.total * static_cast<int64_t>(state.iterations()));
  static std::map<std::string, double> peaks;  // of a process of its own: this one's heap is no longer fresh
  const auto [peak, is_new] = peaks.try_emplace(name);
  if (is_new) {
    std::vector<uint8_t> said = output_of("--peak " + name);
    said.push_back('\0');
    peak->second = std::atof(reinterpret_cast<const char*>(said.data()));
  }
  state.counters["peak_KiB"] = peak->second / 1024;
}
#endif

const bool kRegistered = [] {
  for (const std::string name : {"nested-p2", "nested-p4", "nested-p5", "messages-p2", "messages-p4", "messages-p5",
                                 "instances", "floats", "tuples", "tuple-keys", "bulk", "tiny"}) {
    const auto add = [&name](const char* kind, auto function) {
      benchmark::RegisterBenchmark((kind + name).c_str(), function)->Unit(benchmark::kMillisecond);
    };
    add("machine/", [name](benchmark::State& state) { run_machine(state, name, SIZE_MAX); });
    add("segments/", [name](benchmark::State& state) { run_machine(state, name, kSegment); });
#ifdef PICKLETAP_PYTHON_PREFIX
    add("cpython/", [name](benchmark::State& state) { run_cpython(state, name); });
#endif
  }
#ifndef PICKLETAP_PYTHON_PREFIX
  std::fputs("judge_bench: built without libpython (python3-embed): no cpython/ rows\n", stderr);
#endif
  return true;
}();

}  // namespace
}  // namespace pickletap
