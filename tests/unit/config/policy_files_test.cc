#include "config/policy_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "config/embedded_policy.h"

namespace pickletap {
namespace {

std::string error_of(const std::string& text) {
  Policy policy;
  try {
    add_policy_text(policy, "p.yaml", text);
  } catch (const PolicyError& error) {
    return error.what();
  }
  return "";
}

TEST(PolicyFiles, BuiltInListsLoad) {
  Policy policy;
  ASSERT_NO_THROW(add_builtin_policy(policy));
  EXPECT_GT(policy.size(), 1500U);
  ASSERT_EQ(embedded_policy_files().size(), 4U);
  EXPECT_EQ(embedded_policy_files().back().name, "dangerous.yaml");
  EXPECT_EQ(policy.judge("os", "system").category->name, "command-execution");
  EXPECT_EQ(policy.judge("os", "system").category->cwe.substr(0, 4), "CWE-");
}

TEST(PolicyFiles, BuiltInListsAreThoseOfTheTree) {
  for (const EmbeddedFile& file : embedded_policy_files()) {
    Policy policy;
    PolicyCategory category;
    const auto path = std::filesystem::path(PICKLETAP_SOURCE_DIR) / "config" / "policy" / file.name;
    EXPECT_EQ(std::filesystem::file_size(path), file.text.size()) << file.name;
    EXPECT_NO_THROW(add_policy_file(policy, path.string())) << file.name;
    EXPECT_EQ(file.text.data()[file.text.size()], '\0');
  }
}

TEST(PolicyFiles, EachKeyDoesWhatItSays) {
  Policy policy;
  add_policy_text(policy, "p.yaml", R"(
version: 1
modules: [lib]
safe:
  lib: [Data, Other]
new_only:
  lib: [Made]
reference_only:
  lib: [look]
value_only:
  lib: [See]
plain_classes:
  lib: [Data]
shared:
  lib: [Other]
families: [lib.good]
reference_families: [lib.names]
value_families: [lib.constants]
categories:
  commands: {says: runs a command, tactic: TA0002, technique: [T1059, T1204], cwe: [CWE-78], severity: 2,
             rule: pickle.code-object}
callables:
  commands: [lib.run, "lib.bad.*"]
  lib.pick: {rule: calls, slots: ["0", "1.2"], min_args: 2, why: because}
  lib.text: {rule: codec, codec: 1, accept: [utf-8]}
)");
  const struct {
    std::string_view name;
    CallableClass want;
  } table[] = {
      {"Data", CallableClass::kSafe},
      {"Other", CallableClass::kSafe},
      {"Made", CallableClass::kNewOnly},
      {"look", CallableClass::kReferenceOnly},
      {"good.x", CallableClass::kSafe},
      {"names.x", CallableClass::kReferenceOnly},
      {"See", CallableClass::kValueOnly},
      {"constants.x", CallableClass::kValueOnly},
      {"Data.x", CallableClass::kReferenceOnly},
      {"Other.x", CallableClass::kValueOnly},
      {"run", CallableClass::kDangerous},
      {"bad.x", CallableClass::kDangerous},
      {"pick", CallableClass::kConditional},
      {"else", CallableClass::kDangerous},
  };
  for (const auto& row : table) EXPECT_EQ(policy.judge("lib", row.name).cls, row.want) << row.name;
  EXPECT_TRUE(policy.judge("lib", "Other").is_shared);
  EXPECT_FALSE(policy.judge("lib", "Data").is_shared);
  const PolicyCategory& commands = *policy.judge("lib", "run").category;
  EXPECT_EQ(commands.says, "runs a command");
  EXPECT_EQ(commands.technique, "T1059");
  EXPECT_EQ(commands.severity, 2);
  EXPECT_EQ(commands.rule, PickleRule::kCodeObject);
  const ArgumentSpec& pick = *policy.judge("lib", "pick").arguments;
  EXPECT_EQ(pick.rule, ArgumentRule::kCalls);
  ASSERT_EQ(pick.slots.size(), 2U);
  EXPECT_EQ(pick.slots[0].item, -1);
  EXPECT_EQ(pick.slots[1].argument, 1U);
  EXPECT_EQ(pick.slots[1].item, 2);
  EXPECT_EQ(pick.min_arguments, 2U);
  EXPECT_EQ(policy.judge("lib", "text").arguments->accept, std::vector<std::string>{"utf-8"});
}

TEST(PolicyFiles, MistakesNameFileLineAndKey) {
  const struct {
    std::string text, want;
  } table[] = {
      {"[a, b]", "p.yaml:1: must be a map"},
      {"version: 2", "p.yaml:1: version: this version of pickletap reads version 1"},
      {"version: 1\nsave: {}", "p.yaml:2: save: no such key in a policy file"},
      {"safe: [a]", "p.yaml:1: safe: must be a map of modules"},
      {"safe:\n  os: path", "p.yaml:2: safe.os: must be a list"},
      {"safe:\n  os: [[a]]", "p.yaml:2: safe.os: must be a single value"},
      {"modules: os", "p.yaml:1: modules: must be a list"},
      {"families: {a: b}", "p.yaml:1: families: must be a list"},
      {"categories: [a]", "p.yaml:1: categories: must be a map"},
      {"categories:\n  c: d", "p.yaml:2: categories.c: must be a map"},
      {"categories:\n  c:\n    colour: red", "p.yaml:3: categories.c.colour: no such key in a category"},
      {"categories:\n  c: {severity: 4}", "p.yaml:2: categories.c.severity: must be 1, 2 or 3"},
      {"categories:\n  c: {rule: pickle.nothing}",
       "p.yaml:2: categories.c.rule: no rule 'pickle.nothing' about pickles"},
      {"categories:\n  c: {says: []}", "p.yaml:2: categories.c: must be a single value"},
      {"categories:\n  c: {cwe: CWE-1}", "p.yaml:2: categories.c.cwe: must be a list"},
      {"callables: [a]", "p.yaml:1: callables: must be a map"},
      {"categories: {}\ncallables:\n  c: [a]", "p.yaml:3: callables.c: no such category"},
      {"callables:\n  a.b: [c]", "p.yaml:2: callables.a.b: must be a map with a rule"},
      {"callables:\n  a.b: {slots: [\"0\"]}", "p.yaml:2: callables.a.b: needs a rule"},
      {"callables:\n  a.b: {rule: maybe}", "p.yaml:2: callables.a.b.rule: no argument rule 'maybe'"},
      {"callables:\n  a.b:\n    rule: calls\n    slot: 1",
       "p.yaml:4: callables.a.b.slot: no such key in a conditional callable"},
      {"callables:\n  a.b: {rule: calls, slots: [x]}", "p.yaml:2: callables.a.b.slots: must be 0 to 64"},
      {"callables:\n  a.b:\n    rule: calls\n    slots: [\".1\"]",
       "p.yaml:4: callables.a.b.slots: must be like \"0\" or \"0.1\""},
      {"callables:\n  a.b: {rule: calls, min_args: -1}", "p.yaml:2: callables.a.b.min_args: must be 0 to 64"},
      {"callables:\n  a.b: {rule: calls, min_args: 65}", "p.yaml:2: callables.a.b.min_args: must be 0 to 64"},
      {"safe:\n  a: [b\nc: d", "p.yaml:3: end of sequence flow not found"},
  };
  for (const auto& row : table) EXPECT_EQ(error_of(row.text), row.want) << row.text;
}

TEST(PolicyFiles, EmptyFilesAreMistakesToo) {
  EXPECT_EQ(error_of(""), "p.yaml:1: must be a map");
  EXPECT_EQ(error_of("# nothing\n"), "p.yaml:1: must be a map");
}

TEST(PolicyFiles, FileThatCannotBeReadIsNamed) {
  Policy policy;
  try {
    add_policy_file(policy, "/no/such/policy.yaml");
    FAIL();
  } catch (const PolicyError& error) {
    EXPECT_STREQ(error.what(), "/no/such/policy.yaml: cannot be read");
  }
}

}  // namespace
}  // namespace pickletap
