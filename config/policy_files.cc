#include "config/policy_files.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <sstream>
#include <utility>

#include "config/embedded_policy.h"

namespace pickletap {

namespace {

struct RuleWord {
  std::string_view word;
  ArgumentRule rule;
};
constexpr std::array kArgumentRules = {
    RuleWord{"getattr", ArgumentRule::kGetattr},
    RuleWord{"type", ArgumentRule::kType},
    RuleWord{"reconstruct", ArgumentRule::kReconstruct},
    RuleWord{"partial", ArgumentRule::kPartial},
    RuleWord{"accessor", ArgumentRule::kAccessor},
    RuleWord{"calls", ArgumentRule::kCalls},
    RuleWord{"data-only", ArgumentRule::kDataOnly},
    RuleWord{"codec", ArgumentRule::kCodec},
    RuleWord{"bounded", ArgumentRule::kBounded},
    RuleWord{"connects", ArgumentRule::kConnects},
    RuleWord{"proxy", ArgumentRule::kProxy},
    RuleWord{"named-type", ArgumentRule::kNamedType},
};

/// One file while it is read: knows its name, for messages.
class PolicyFile {
 public:
  PolicyFile(Policy& policy, std::string file) : policy_(policy), file_(std::move(file)) {}

  void read(const YAML::Node& root) {
    if (!root.IsMap()) fail(root, "", "must be a map");
    // Categories first: the callables below refer to them, wherever they stand in the file.
    if (const YAML::Node categories = root["categories"]) read_categories(categories);
    for (const auto& entry : root) {
      const auto key = entry.first.as<std::string>();
      if (key == "version") {
        if (text(entry.second, key) != "1") fail(entry.second, key, "this version of pickletap reads version 1");
      } else if (key == "modules") {
        each(entry.second, key, [&](const std::string& name, const YAML::Node&) { policy_.add_stdlib_module(name); });
      } else if (key == "import_effect") {
        each(entry.second, key, [&](const std::string& name, const YAML::Node&) { policy_.add_import_effect(name); });
      } else if (key == "safe") {
        read_names(entry.second, key, CallableClass::kSafe);
      } else if (key == "new_only") {
        read_names(entry.second, key, CallableClass::kNewOnly);
      } else if (key == "reference_only") {
        read_names(entry.second, key, CallableClass::kReferenceOnly);
      } else if (key == "value_only") {
        read_names(entry.second, key, CallableClass::kValueOnly);
      } else if (key == "plain_classes") {
        each_name(entry.second, key, [&](const std::string& name) { policy_.add_plain_class(name); });
      } else if (key == "shared") {
        each_name(entry.second, key, [&](const std::string& name) { policy_.add_shared(name); });
      } else if (key == "families") {
        read_families(entry.second, key, CallableClass::kSafe);
      } else if (key == "reference_families") {
        read_families(entry.second, key, CallableClass::kReferenceOnly);
      } else if (key == "value_families") {
        read_families(entry.second, key, CallableClass::kValueOnly);
      } else if (key == "callables") {
        read_callables(entry.second, root["categories"].IsDefined());
      } else if (key != "categories" && key != "rules") {
        fail(entry.first, key, "no such key in a policy file");
      }
    }
  }

  [[noreturn]] void fail(const YAML::Node& at, const std::string& key, const std::string& what) const {
    const int line = at.Mark().line < 0 ? 1 : at.Mark().line + 1;
    throw PolicyError(file_ + ":" + std::to_string(line) + ": " + (key.empty() ? "" : key + ": ") + what);
  }

 private:
  std::string text(const YAML::Node& node, const std::string& key) const {
    if (!node.IsScalar()) fail(node, key, "must be a single value");
    return node.as<std::string>();
  }

  template <typename Visit>
  void each(const YAML::Node& list, const std::string& key, Visit visit) const {
    if (!list.IsSequence()) fail(list, key, "must be a list");
    for (const YAML::Node& item : list) visit(text(item, key), item);
  }

  /// `module: [name, …]`
  template <typename Visit>
  void each_name(const YAML::Node& map, const std::string& key, Visit visit) const {
    if (!map.IsMap()) fail(map, key, "must be a map of modules");
    for (const auto& entry : map) {
      const auto module = text(entry.first, key);
      each(entry.second, key + "." + module,
           [&](const std::string& name, const YAML::Node&) { visit(module + "." + name); });
    }
  }

  void read_names(const YAML::Node& map, const std::string& key, CallableClass cls) {
    each_name(map, key, [&](const std::string& name) { policy_.add(name, {cls, nullptr, nullptr}); });
  }

  void read_families(const YAML::Node& list, const std::string& key, CallableClass cls) {
    each(list, key, [&](const std::string& name, const YAML::Node&) {
      policy_.add(name + ".*", {cls, nullptr, nullptr});
    });
  }

  void read_categories(const YAML::Node& map) {
    if (!map.IsMap()) fail(map, "categories", "must be a map");
    for (const auto& entry : map) {
      const std::string name = text(entry.first, "categories");
      const std::string key = "categories." + name;
      PolicyCategory category;
      category.name = name;
      if (!entry.second.IsMap()) fail(entry.second, key, "must be a map");
      for (const auto& field : entry.second) {
        const auto word = text(field.first, key);
        const YAML::Node& value = field.second;
        if (word == "says") {
          category.says = text(value, key);
        } else if (word == "tactic") {
          category.tactic = text(value, key);
        } else if (word == "technique" || word == "cwe") {
          std::string& first = word == "cwe" ? category.cwe : category.technique;
          each(value, key + "." + word, [&](const std::string& item, const YAML::Node&) {
            if (first.empty()) first = item;
          });
        } else if (word == "severity") {
          category.severity = severity(value, key);
        } else if (word == "rule") {
          category.rule = rule(value, key);
        } else {
          fail(field.first, key + "." + word, "no such key in a category");
        }
      }
      policy_.add_category(std::move(category));
    }
  }

  int severity(const YAML::Node& node, const std::string& key) const {
    const std::string word = text(node, key);
    if (word != "1" && word != "2" && word != "3") fail(node, key + ".severity", "must be 1, 2 or 3");
    return word[0] - '0';
  }

  PickleRule rule(const YAML::Node& node, const std::string& key) const {
    const std::string word = text(node, key);
    for (unsigned i = 0; i < kPickleRuleCount; ++i) {
      if (rule_name(static_cast<PickleRule>(i)) == word) return static_cast<PickleRule>(i);
    }
    fail(node, key + ".rule", "no rule '" + word + "' about pickles");
  }

  /// dangerous.yaml: `category: [name, …]`; conditional.yaml: `name: {rule: …}`.
  void read_callables(const YAML::Node& map, bool by_category) {
    if (!map.IsMap()) fail(map, "callables", "must be a map");
    for (const auto& entry : map) {
      const std::string name = text(entry.first, "callables");
      if (entry.second.IsMap()) {
        read_conditional(name, entry.second);
        continue;
      }
      const PolicyCategory* category = policy_.find_category(name);
      if (category == nullptr) {
        fail(entry.first, "callables." + name, by_category ? "no such category" : "must be a map with a rule");
      }
      each(entry.second, "callables." + name, [&](const std::string& callable, const YAML::Node&) {
        policy_.add(callable, {CallableClass::kDangerous, nullptr, category});
      });
    }
  }

  void read_conditional(const std::string& name, const YAML::Node& map) {
    const std::string key = "callables." + name;
    ArgumentSpec spec;
    bool has_rule = false;
    for (const auto& field : map) {
      const auto word = text(field.first, key);
      const YAML::Node& value = field.second;
      if (word == "rule") {
        const std::string wanted = text(value, key);
        const auto* row = std::find_if(kArgumentRules.begin(), kArgumentRules.end(),
                                       [&](const RuleWord& r) { return r.word == wanted; });
        if (row == kArgumentRules.end()) fail(value, key + ".rule", "no argument rule '" + wanted + "'");
        spec.rule = row->rule;
        has_rule = true;
      } else if (word == "slots") {
        each(value, key + ".slots",
             [&](const std::string& slot, const YAML::Node& at) { spec.slots.push_back(parse_slot(slot, at, key)); });
      } else if (word == "min_args") {
        spec.min_arguments = number(value, key + ".min_args");
      } else if (word == "codec") {
        spec.codec = number(value, key + ".codec");
      } else if (word == "accept") {
        each(value, key + ".accept",
             [&](const std::string& codec, const YAML::Node&) { spec.accept.push_back(codec); });
      } else if (word == "shape") {
        spec.shape = static_cast<int>(number(value, key + ".shape"));
      } else if (word == "function") {
        spec.slots.push_back({number(value, key + ".function"), -1});
      } else if (word != "why" && word != "state" && word != "address" && word != "token") {
        fail(field.first, key + "." + word, "no such key in a conditional callable");
      }
    }
    if (!has_rule) fail(map, key, "needs a rule");
    policy_.add_conditional(name, std::move(spec));
  }

  unsigned number(const YAML::Node& node, const std::string& key) const { return number(text(node, key), node, key); }

  unsigned number(const std::string& word, const YAML::Node& at, const std::string& key) const {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size() || value > 64) fail(at, key, "must be 0 to 64");
    return value;
  }

  ArgumentSpec::Slot parse_slot(const std::string& slot, const YAML::Node& at, const std::string& key) const {
    const size_t dot = slot.find('.');
    const auto part = [&](const std::string& word) { return number(word, at, key + ".slots"); };
    if (slot.empty() || dot == 0) fail(at, key + ".slots", "must be like \"0\" or \"0.1\"");
    if (dot == std::string::npos) return {part(slot), -1};
    return {part(slot.substr(0, dot)), static_cast<int>(part(slot.substr(dot + 1)))};
  }

  Policy& policy_;
  std::string file_;
};

}  // namespace

void add_policy_text(Policy& policy, const std::string& file, std::string_view text) {
  PolicyFile reader(policy, file);
  try {
    reader.read(YAML::Load(std::string(text)));
  } catch (const YAML::Exception& error) {
    throw PolicyError(file + ":" + std::to_string(error.mark.line + 1) + ": " + error.msg);
  }
}

void add_policy_file(Policy& policy, const std::string& path) {
  std::ifstream in(path);
  if (!in) throw PolicyError(path + ": cannot be read");
  std::ostringstream text;
  text << in.rdbuf();
  add_policy_text(policy, path, text.str());
}

void add_builtin_policy(Policy& policy) {
  for (const EmbeddedFile& file : embedded_policy_files()) {
    add_policy_text(policy, "built-in " + std::string(file.name), file.text);
  }
}

void add_configured_policy(Policy& policy, const Config& config) {
  add_builtin_policy(policy);
  for (const std::string& file : config.policy.dangerous_files) add_policy_file(policy, file);
  for (const std::string& file : config.policy.safe_files) add_policy_file(policy, file);
  policy.set_names_wanted(!config.policy.allow_lists.empty() || config.policy.mode == "learn");
}

}  // namespace pickletap
