// What callables mean: an immutable table from `module.name` to a class, built once from the policy files
// (config/policy_files.h) and read by every worker without a lock.
//
// The order of judgement for a name (config/policy/README.md): 1. the exact full name, for a dotted one also a tail of it
// ("shutil" + "os.system" reaches os.system); 2. the longest family `prefix.*`; 3. an attribute of a class known to be
// harmless; 4. the family of a dotted tail; 5. a module of the library that hides in the path, underscores stripped
// ("foo" + "_os.system"), and the attributes by which everything is reached ("Cls.__init__.__globals__"); 6. the standard
// library's default deny, else unknown. And whatever its name: what is fetched from a module that acts on import.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dissectors/pickle/pickle_report.h"

namespace pickletap {

enum class CallableClass : uint8_t {
  kUnknown,        ///< no list knows it
  kSafe,           ///< harmless called or referenced
  kNewOnly,        ///< harmless by reference and when built without __init__ (NEWOBJ, copyreg); else denied
  kReferenceOnly,  ///< harmless passed by reference and in a function slot: it only computes; a call of it is denied
  kValueOnly,      ///< harmless passed by reference; denied wherever it is called
  kConditional,    ///< harmless or deadly by its arguments: see ArgumentRule
  kDangerous,      ///< runs code, commands, reaches files, network or interpreter state; or default deny
};

/// How the arguments of a kConditional callable decide: the closed set of config/policy/conditional.yaml, which says
/// what each means.
enum class ArgumentRule : uint8_t {
  kGetattr,
  kType,
  kReconstruct,
  kPartial,
  kAccessor,
  kCalls,
  kDataOnly,
  kCodec,
  kBounded,    ///< harmless but for its cost; the slots are sizes
  kConnects,   ///< makes the receiver connect to an address in the arguments
  kProxy,      ///< as kConnects, for managers' proxies; the slot, if any, names the function that makes one
  kNamedType,  ///< returns the member of module `types` that the first argument names
};

struct ArgumentSpec {
  ArgumentRule rule = ArgumentRule::kDataOnly;
  /// Positions of callables among the arguments; "0.1" is {0, 1}: item 1 of argument 0.
  struct Slot {
    unsigned argument = 0;
    int item = -1;  ///< -1: the argument itself
  };
  std::vector<Slot> slots;
  unsigned min_arguments = 0;       ///< kCalls: with fewer nothing is called
  unsigned codec = 0;               ///< kCodec: which argument names the codec
  int shape = -1;                   ///< kBounded: the argument whose numbers multiply to a size
  std::vector<std::string> accept;  ///< kCodec: names as the policy writes them, lower case, with '-'
};

/// A group of dangerous callables, as the policy file names it.
struct PolicyCategory {
  std::string name;  ///< "command-execution"
  std::string says;  ///< "runs a command"
  PickleRule rule = PickleRule::kCodeExecution;
  int severity = 1;
  std::string tactic;     ///< ATT&CK, "TA0002"
  std::string technique;  ///< ATT&CK, "T1059.004"
  std::string cwe;        ///< "CWE-78", the first one that applies
};

struct Judgement {
  CallableClass cls = CallableClass::kUnknown;
  const ArgumentSpec* arguments = nullptr;   ///< kConditional: never null
  const PolicyCategory* category = nullptr;  ///< kDangerous: never null
  bool acts_on_import = false;               ///< fetching it is enough: its module acts when it is imported
  bool is_shared = false;                    ///< it returns an object of the program's, not one of the pickle's own
};

class Policy {
 public:
  static constexpr size_t kMaxNameBytes = 512;  ///< module and name together; nothing that is called has a longer one

  Policy();
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;
  Policy(Policy&&) = delete;
  Policy& operator=(Policy&&) = delete;
  ~Policy() = default;

  /// Later entries replace earlier ones of the same name, so that an operator's file wins.
  const PolicyCategory& add_category(PolicyCategory category);
  const PolicyCategory* find_category(std::string_view name) const;
  /// `name` is "module.name", or "prefix.*" for a family.
  void add(std::string_view name, const Judgement& judgement);
  void add_conditional(std::string_view name, ArgumentSpec spec);
  void add_stdlib_module(std::string_view top_level_module);
  /// A class whose methods only compute: kReferenceOnly, where those of other harmless classes are kValueOnly.
  void add_plain_class(std::string_view name);
  /// A callable that returns what others hold as well: see Judgement::is_shared.
  void add_shared(std::string_view name);
  /// A module that does something when it is imported, and everything below it. A first part `*` stands for any package
  /// ("*.__main__").
  void add_import_effect(std::string_view module);

  /// Cost: linear in the length of the name. Never fails; names are taken as they are, hostile ones included.
  Judgement judge(std::string_view module, std::string_view name) const;

  /// Category of what the standard library has and no list names ("default-deny"), and of what is called although its
  /// name could not be followed ("unresolved"). Always there; a policy file may describe them better.
  const PolicyCategory& default_deny() const { return *default_deny_; }
  const PolicyCategory& unresolved() const { return *unresolved_; }
  /// Writing into an object fetched by name ("object-tampering") and calling what a call returned ("indirect-call").
  const PolicyCategory& tampering() const { return *tampering_; }
  const PolicyCategory& indirect_call() const { return *indirect_call_; }
  /// Importing a module that acts ("import-effect"), and results out of all proportion ("resource-use").
  const PolicyCategory& import_effect() const { return *import_effect_; }
  const PolicyCategory& resource_use() const { return *resource_use_; }

  /// Whether a report says what the pickle resolves even where it is harmless: allow lists need it.
  void set_names_wanted(bool wanted) { names_wanted_ = wanted; }
  bool names_wanted() const { return names_wanted_; }

  size_t size() const { return exact_.size() + families_.size(); }

 private:
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Table = std::unordered_map<std::string, Judgement, TextHash, std::equal_to<>>;
  using Names = std::unordered_set<std::string, TextHash, std::equal_to<>>;

  const Judgement* find_exact(std::string_view full_name) const;
  const Judgement* find_family(std::string_view full_name) const;
  const Judgement* find_dangerous_tail(std::string_view name, bool families) const;
  const Judgement* find_dangerous_prefix(std::string_view tail) const;
  const Judgement* find_hidden_module(std::string_view full_name, size_t name_at) const;
  Judgement judge_name(std::string_view full_name, size_t name_at) const;
  bool acts_on_import(std::string_view module) const;
  std::optional<CallableClass> attribute_class(std::string_view full_name, size_t name_at) const;
  bool is_stdlib(std::string_view module) const { return stdlib_.find(module) != stdlib_.end(); }

  std::deque<PolicyCategory> categories_;  // deques: references stay valid
  std::deque<ArgumentSpec> specs_;
  PolicyCategory* default_deny_;
  PolicyCategory* unresolved_;
  PolicyCategory* tampering_;
  PolicyCategory* indirect_call_;
  PolicyCategory* import_effect_;
  PolicyCategory* resource_use_;
  Table exact_, families_;
  Names stdlib_, import_effects_, import_effect_submodules_, plain_classes_, shared_;
  bool names_wanted_ = false;
};

}  // namespace pickletap
