#include "dissectors/pickle/policy.h"

#include <algorithm>
#include <array>
#include <utility>

namespace pickletap {

namespace {

constexpr int kMaxNameDots = 16;

PolicyCategory category(std::string_view name, std::string_view says) {
  return {std::string(name), std::string(says), PickleRule::kCodeExecution, 1, "TA0002", "T1059.006", "CWE-502"};
}

/// Calls `visit` with each dot-separated component of `path` and where it starts; stops when `visit` returns true.
template <typename Visit>
bool any_component(std::string_view path, Visit visit) {
  size_t start = 0;
  while (start <= path.size()) {
    const size_t dot = std::min(path.find('.', start), path.size());
    if (visit(path.substr(start, dot - start), start)) return true;
    start = dot + 1;
  }
  return false;
}

/// "__builtins__" → "builtins", "_os" → "os".
std::string_view without_underscores(std::string_view part) {
  while (part.starts_with('_')) part.remove_prefix(1);
  while (part.ends_with('_')) part.remove_suffix(1);
  return part == "builtin" ? "builtins" : part;
}

/// Modules that packages pass on under paths of their own (six.moves, future, _vendor), and that name nothing else.
bool is_core_module(std::string_view part) {
  static constexpr std::array<std::string_view, 9> kCore = {"builtins", "cPickle", "importlib",  "marshal", "nt",
                                                            "os",       "posix",   "subprocess", "sys"};
  return std::find(kCore.begin(), kCore.end(), part) != kCore.end();
}

/// Attributes that every function or class has and that lead to all the rest of the program.
bool leads_anywhere(std::string_view part) {
  static constexpr std::array<std::string_view, 17> kRoads = {
      "__base__", "__bases__",        "__builtins__",   "__class__",  "__closure__", "__code__",
      "__dict__", "__getattribute__", "__globals__",    "__import__", "__loader__",  "__mro__",
      "__self__", "__spec__",         "__subclasses__", "func_code",  "func_globals"};
  return part.find('_') != std::string_view::npos && std::find(kRoads.begin(), kRoads.end(), part) != kRoads.end();
}

}  // namespace

Policy::Policy()
    : default_deny_(&categories_.emplace_back(
          category("default-deny", "calls what nothing harmless of the standard library pickles to"))),
      unresolved_(&categories_.emplace_back(category("unresolved", "calls something whose name cannot be followed"))),
      tampering_(&categories_.emplace_back(category("object-tampering", "writes into an object fetched by name"))),
      indirect_call_(&categories_.emplace_back(category("indirect-call", "calls what another call returned"))),
      import_effect_(
          &categories_.emplace_back(category("import-effect", "imports a module that acts when it is imported"))),
      resource_use_(
          &categories_.emplace_back(PolicyCategory{"resource-use", "makes an object of a size out of all proportion",
                                                   PickleRule::kResourceBomb, 1, "TA0040", "T1499.004", "CWE-400"})) {}

void Policy::add_import_effect(std::string_view module) {
  if (module.starts_with("*.")) {
    import_effect_submodules_.emplace(module.substr(2));
  } else {
    import_effects_.emplace(module);
  }
}

const PolicyCategory& Policy::add_category(PolicyCategory category) {
  for (PolicyCategory& known : categories_) {
    if (known.name == category.name) return known = std::move(category);
  }
  return categories_.emplace_back(std::move(category));
}

const PolicyCategory* Policy::find_category(std::string_view name) const {
  const auto at = std::find_if(categories_.begin(), categories_.end(), [&](const auto& c) { return c.name == name; });
  return at == categories_.end() ? nullptr : &*at;
}

void Policy::add(std::string_view name, const Judgement& judgement) {
  const bool family = name.ends_with(".*");
  Table& table = family ? families_ : exact_;
  table.insert_or_assign(std::string(family ? name.substr(0, name.size() - 2) : name), judgement);
}

void Policy::add_conditional(std::string_view name, ArgumentSpec spec) {
  add(name, {CallableClass::kConditional, &specs_.emplace_back(std::move(spec)), nullptr});
}

void Policy::add_stdlib_module(std::string_view top_level_module) { stdlib_.emplace(top_level_module); }
void Policy::add_plain_class(std::string_view name) { plain_classes_.emplace(name); }
void Policy::add_shared(std::string_view name) { shared_.emplace(name); }

const Judgement* Policy::find_exact(std::string_view full_name) const {
  const auto at = exact_.find(full_name);
  return at == exact_.end() ? nullptr : &at->second;
}

// A dangerous family takes everything below it; a harmless one takes one plain component and nothing below, so that it
// is no road to elsewhere ("datetime" + "sys.modules").
const Judgement* Policy::find_family(std::string_view full_name) const {
  for (size_t dot = full_name.rfind('.'); dot != std::string_view::npos && dot > 0;
       dot = full_name.rfind('.', dot - 1)) {
    const auto at = families_.find(full_name.substr(0, dot));
    if (at == families_.end()) continue;
    if (at->second.cls == CallableClass::kDangerous) return &at->second;
    const std::string_view rest = full_name.substr(dot + 1);
    const bool plain = rest.find('.') == std::string_view::npos && !rest.starts_with("__");
    if (plain) return &at->second;
  }
  return nullptr;
}

/// "os.system.__call__": the longest exact name that it begins with, if it is a dangerous one.
const Judgement* Policy::find_dangerous_prefix(std::string_view tail) const {
  for (size_t end = tail.size(); end != std::string_view::npos && end > 0; end = tail.rfind('.', end - 1)) {
    const Judgement* exact = find_exact(tail.substr(0, end));
    if (exact != nullptr && exact->cls == CallableClass::kDangerous) return exact;
  }
  return nullptr;
}

// "shutil" + "os.system", and what hangs on it ("os.system.__call__").
const Judgement* Policy::find_dangerous_tail(std::string_view name, bool families) const {
  const Judgement* found = nullptr;
  any_component(name, [&](std::string_view, size_t at) {
    const std::string_view tail = name.substr(at);
    found = families ? find_family(tail) : find_dangerous_prefix(tail);
    if (found != nullptr && found->cls != CallableClass::kDangerous) found = nullptr;
    return found != nullptr;
  });
  return found;
}

// A module of the library under a name of its own: an alias that a module imported it by ("random" + "_os.system"), an
// attribute that leads there ("x" + "f.__builtins__.eval"), a package that passes it on ("six.moves.builtins" + "eval").
// In the path of the module only what no user's package has.
const Judgement* Policy::find_hidden_module(std::string_view full_name, size_t name_at) const {
  const Judgement* found = nullptr;
  any_component(full_name, [&](std::string_view part, size_t at) {
    if (at == 0) return false;
    const std::string_view plain = without_underscores(part);
    const bool in_module = at < name_at;
    if (in_module ? !is_core_module(plain) : plain.size() == part.size() || !is_stdlib(plain)) return false;
    const std::string tail = std::string(plain) + std::string(full_name.substr(at + part.size()));
    found = find_dangerous_prefix(tail);
    if (found == nullptr && !in_module) found = find_family(tail);
    if (found != nullptr && found->cls != CallableClass::kDangerous) found = nullptr;
    return found != nullptr;
  });
  return found;
}

bool Policy::acts_on_import(std::string_view module) const {
  if (import_effects_.empty() && import_effect_submodules_.empty()) return false;
  return any_component(module, [&](std::string_view part, size_t at) {
    if (at > 0 && import_effect_submodules_.contains(part)) return true;
    return import_effects_.contains(module.substr(0, at + part.size()));
  });
}

// Attributes and methods of a harmless class ("datetime.datetime" + ".now"): harmless as a value. What calling one does
// is only known of the plain classes.
std::optional<CallableClass> Policy::attribute_class(std::string_view full_name, size_t name_at) const {
  for (size_t dot = full_name.rfind('.'); dot != std::string_view::npos && dot > name_at;
       dot = full_name.rfind('.', dot - 1)) {
    const Judgement* owner = find_exact(full_name.substr(0, dot));
    if (owner == nullptr) continue;
    const bool has_private =
        any_component(full_name.substr(dot + 1), [](std::string_view part, size_t) { return part.starts_with('_'); });
    if (owner->cls == CallableClass::kDangerous || has_private) return std::nullopt;
    return plain_classes_.contains(full_name.substr(0, dot)) ? CallableClass::kReferenceOnly
                                                             : CallableClass::kValueOnly;
  }
  return std::nullopt;
}

Judgement Policy::judge(std::string_view module, std::string_view name) const {
  // No callable there is has such a name; and the work below stays small.
  if (module.size() + name.size() > kMaxNameBytes || std::count(name.begin(), name.end(), '.') > kMaxNameDots ||
      std::count(module.begin(), module.end(), '.') > kMaxNameDots) {
    return {CallableClass::kDangerous, nullptr, unresolved_};
  }
  std::string full;
  full.reserve(module.size() + 1 + name.size());
  full.append(module).append(1, '.').append(name);
  Judgement judgement = judge_name(full, module.size() + 1);
  judgement.is_shared = shared_.contains(full);
  if (acts_on_import(module)) {
    if (judgement.cls != CallableClass::kDangerous) judgement = {CallableClass::kDangerous, nullptr, import_effect_};
    judgement.acts_on_import = true;
  }
  return judgement;
}

Judgement Policy::judge_name(std::string_view full, size_t name_at) const {
  const std::string_view module = full.substr(0, name_at - 1);
  const std::string_view name = full.substr(name_at);
  const bool dotted = name.find('.') != std::string_view::npos;

  if (const Judgement* exact = find_exact(full)) return *exact;
  if (const Judgement* tail = dotted ? find_dangerous_tail(name, false) : nullptr) return *tail;
  if (const Judgement* family = find_family(full)) return *family;
  if (dotted) {
    if (const auto cls = attribute_class(full, module.size())) return {*cls, nullptr, nullptr};
  }
  if (const Judgement* tail = dotted ? find_dangerous_tail(name, true) : nullptr) return *tail;
  if (const Judgement* hidden = find_hidden_module(full, name_at)) return *hidden;

  const Judgement deny{CallableClass::kDangerous, nullptr, default_deny_};
  if (is_stdlib(module.substr(0, module.find('.')))) return deny;
  // "application.utils" + "os.path.something": an unknown module's attribute that is a module of the library.
  if (dotted && any_component(name.substr(0, name.rfind('.')), [&](std::string_view part, size_t) {
        return is_stdlib(part) || is_stdlib(without_underscores(part));
      })) {
    return deny;
  }
  if (any_component(name, [](std::string_view part, size_t) { return leads_anywhere(part); })) return deny;
  return {};
}

}  // namespace pickletap
