// The order of judgement (config/policy/README.md) on a policy made for it, and the built-in lists on names that matter.
#include "dissectors/pickle/policy.h"

#include <gtest/gtest.h>

#include "tests/unit/dissectors/truth.h"

namespace pickletap {
namespace {

std::string text_of(const Judgement& judgement) {
  switch (judgement.cls) {
    case CallableClass::kUnknown: return "unknown";
    case CallableClass::kSafe: return "safe";
    case CallableClass::kNewOnly: return "new-only";
    case CallableClass::kReferenceOnly: return "reference-only";
    case CallableClass::kValueOnly: return "value-only";
    case CallableClass::kConditional: return "conditional";
    case CallableClass::kDangerous: return judgement.category->name;
  }
  return "?";
}

/// lab: a library of its own. lab.run is dangerous, lab.danger.* a dangerous family, lab.Data a harmless class,
/// lab.plain.* a harmless family.
const Policy& lab_policy() {
  static Policy& policy = *new Policy;
  static const bool filled = [] {
    PolicyCategory category;
    category.name = "commands";
    const PolicyCategory& commands = policy.add_category(category);
    category.name = "files";
    const PolicyCategory& files = policy.add_category(category);
    policy.add_stdlib_module("lab");
    policy.add_stdlib_module("sys");
    policy.add("lab.run", {CallableClass::kDangerous, nullptr, &commands});
    policy.add("lab.danger.*", {CallableClass::kDangerous, nullptr, &files});
    policy.add("lab.danger.harmless", {CallableClass::kSafe, nullptr, nullptr});
    policy.add("lab.plain.*", {CallableClass::kReferenceOnly, nullptr, nullptr});
    policy.add("lab.plain.evil.*", {CallableClass::kDangerous, nullptr, &files});
    policy.add("lab.Data", {CallableClass::kSafe, nullptr, nullptr});
    policy.add("lab.Made", {CallableClass::kNewOnly, nullptr, nullptr});
    policy.add("lab.Plain", {CallableClass::kSafe, nullptr, nullptr});
    policy.add_plain_class("lab.Plain");
    policy.add("sys.*", {CallableClass::kDangerous, nullptr, &commands});
    policy.add_conditional("lab.pick", {});
    return true;
  }();
  (void)filled;
  return policy;
}

TEST(Policy, NamesAreJudgedInOrder) {
  const struct {
    std::string_view module, name, want;
  } table[] = {
      // 1. the exact name, and the exact tail of a dotted one
      {"lab", "run", "commands"},
      {"lab", "Data", "safe"},
      {"lab", "Made", "new-only"},
      {"lab", "pick", "conditional"},
      {"lab.danger", "harmless", "safe"},
      {"other", "lab.run", "commands"},
      {"other", "x.lab.run", "commands"},
      {"other", "lab.run.__call__", "commands"},
      {"lab.plain", "lab.run", "commands"},
      // 2. the longest family
      {"lab.danger", "anything", "files"},
      {"lab.danger", "any.thing", "files"},
      {"lab.danger.deep", "er", "files"},
      {"lab.plain", "anything", "reference-only"},
      {"lab.plain", "any.thing", "default-deny"},
      {"lab.plain", "__init__", "default-deny"},
      {"lab.plain.evil", "thing", "files"},
      {"lab.plain", "evil.thing", "files"},
      // 3. attributes of a harmless class
      {"lab", "Plain.method", "reference-only"},
      {"lab", "Plain._method", "default-deny"},
      {"lab", "Data.method", "value-only"},
      {"lab", "Made.method", "value-only"},
      {"lab", "Data._method", "default-deny"},
      {"lab", "Data.__class__", "default-deny"},
      {"lab", "Data.method.__globals__", "default-deny"},
      // 4. the family of a dotted tail
      {"other", "sys.modules", "commands"},
      {"other", "x.sys.modules", "commands"},
      // 5. the library's default deny, else unknown
      {"lab", "other", "default-deny"},
      {"lab.sub", "other", "default-deny"},
      {"other", "thing", "unknown"},
      {"labs", "run", "unknown"},
      {"other", "lab.thing", "default-deny"},
      {"other", "x.lab.thing", "default-deny"},
      {"other", "thing.lab", "unknown"},
  };
  for (const auto& row : table) {
    EXPECT_EQ(text_of(lab_policy().judge(row.module, row.name)), row.want) << row.module << " + " << row.name;
  }
}

TEST(Policy, HostileNamesAreJudgedAndCostLittle) {
  std::string dots(3000, '.');
  std::string parts;
  for (int i = 0; i < 1000; ++i) parts += "lab.";
  const struct {
    std::string module, name, want;
  } table[] = {
      {"", "", "unknown"},
      {".", ".", "unknown"},
      {"lab", "", "default-deny"},
      {"", "run", "unknown"},
      {"lab", dots, "unresolved"},
      {dots, "run", "unresolved"},
      {"lab", parts + "run", "unresolved"},
      {std::string(1 << 20, 'x'), "y", "unresolved"},
      {"x", std::string(1 << 20, 'y'), "unresolved"},
      {std::string("lab\0", 4), "run", "unknown"},
      {"lab", "run\n", "default-deny"},
      {"LAB", "run", "unknown"},
      {"l\xc3\xa4"
       "b",
       "run", "unknown"},
      {"lab", "\xff\xfe", "default-deny"},
  };
  for (const auto& row : table) {
    EXPECT_EQ(text_of(lab_policy().judge(row.module, row.name)), row.want)
        << row.module.substr(0, 20) << " + " << row.name.substr(0, 20);
  }
}

TEST(Policy, LaterEntriesWin) {
  Policy policy;
  PolicyCategory category;
  category.name = "commands";
  category.says = "first";
  const PolicyCategory& first = policy.add_category(category);
  policy.add("app.run", {CallableClass::kDangerous, nullptr, &first});
  category.says = "second";
  EXPECT_EQ(&policy.add_category(category), &first);  // references stay good
  EXPECT_EQ(policy.judge("app", "run").category->says, "second");
  policy.add("app.run", {CallableClass::kSafe, nullptr, nullptr});
  EXPECT_EQ(text_of(policy.judge("app", "run")), "safe");
  EXPECT_EQ(policy.size(), 1U);
}

TEST(Policy, CategoriesOfItsOwnAreAlwaysThereAndCanBeDescribedBetter) {
  Policy policy;
  for (const PolicyCategory* category :
       {&policy.default_deny(), &policy.unresolved(), &policy.tampering(), &policy.indirect_call()}) {
    EXPECT_EQ(category->rule, PickleRule::kCodeExecution);
    EXPECT_FALSE(category->says.empty());
    EXPECT_EQ(policy.find_category(category->name), category);
  }
  PolicyCategory better = policy.default_deny();
  better.says = "better";
  policy.add_category(better);
  EXPECT_EQ(policy.default_deny().says, "better");
  EXPECT_EQ(policy.find_category("no-such"), nullptr);
}

TEST(Policy, BuiltInListsKnowWhatRunsCode) {
  const struct {
    std::string_view module, name;
  } dangerous[] = {
      {"os", "system"},
      {"posix", "system"},
      {"nt", "system"},
      {"subprocess", "Popen"},
      {"builtins", "eval"},
      {"builtins", "exec"},
      {"__builtin__", "eval"},
      {"builtins", "__import__"},
      {"builtins", "open"},
      {"shutil", "os.system"},
      {"pickle", "loads"},
      {"sys", "modules"},
      {"importlib", "import_module"},
      {"socket", "socket"},
      {"ctypes", "CDLL"},
      {"types", "FunctionType"},
      {"marshal", "loads"},
      {"runpy", "run_path"},
      {"webbrowser", "open"},
      {"pty", "spawn"},
      {"commands", "getoutput"},
      {"timeit", "timeit"},
      {"code", "interact"},
      {"os", "no_such_thing"},
      {"app.utils", "os.system"},
      {"builtins", "str.__subclasses__"},
      {"datetime", "sys.modules"},
  };
  for (const auto& row : dangerous) {
    EXPECT_EQ(truth::builtin_policy().judge(row.module, row.name).cls, CallableClass::kDangerous)
        << row.module << "." << row.name;
  }
  const struct {
    std::string_view module, name, want;
  } others[] = {
      {"datetime", "datetime", "safe"},       {"collections", "OrderedDict", "conditional"},
      {"builtins", "getattr", "conditional"}, {"multiprocessing.managers", "RebuildProxy", "conditional"},
      {"myapp.models", "User", "unknown"},    {"__main__", "Point", "unknown"},
      {"builtins", "ValueError", "safe"},     {"builtins", "str.upper", "reference-only"},
  };
  for (const auto& row : others) {
    EXPECT_EQ(text_of(truth::builtin_policy().judge(row.module, row.name)), row.want) << row.module << "." << row.name;
  }
}

}  // namespace
}  // namespace pickletap
