// The part of CallJudge that measures: what a call makes out of an integer, a range or an endless iterator.
#include <algorithm>
#include <cstdlib>
#include <limits>

#include "dissectors/pickle/call_judge.h"

namespace pickletap {

namespace {

constexpr uint64_t kMaxSize = uint64_t{1} << 26;  // bytes or items that a call may make
constexpr uint64_t kEndless = std::numeric_limits<uint64_t>::max();
constexpr uint64_t kMaxItems = uint64_t{1} << 24;  // objects of their own
constexpr uint64_t kMaxDigits = 200'000;           // of a decimal integer: a second
constexpr unsigned kMaxExponent = 1U << 20;        // decimal digits
constexpr int kMaxHops = 8;

uint64_t multiply(uint64_t a, uint64_t b) {
  uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? kEndless : product;
}

/// As a size: a negative one makes nothing.
uint64_t as_size(Value value) {
  if (value.is(ValueKind::kBigInt)) return kEndless;
  return value.is(ValueKind::kInt) ? static_cast<uint64_t>(std::max<int64_t>(value.as_integer(), 0)) : 0;
}

uint64_t range_items(std::span<const Value> args) {
  int64_t start = 0;
  int64_t stop = 0;
  int64_t step = 1;
  if (std::any_of(args.begin(), args.end(), [](Value v) { return v.is(ValueKind::kBigInt); })) return kEndless;
  const auto integer = [&](size_t i) { return args[i].is(ValueKind::kInt) ? args[i].as_integer() : 0; };
  if (args.size() == 1) stop = integer(0);
  if (args.size() >= 2) {
    start = integer(0);
    stop = integer(1);
  }
  if (args.size() >= 3) step = integer(2);
  if (step == 0 || (step > 0) != (stop > start)) return 0;
  return static_cast<uint64_t>(std::abs(stop - start)) / static_cast<uint64_t>(std::abs(step));  // 56 bits each
}

/// Iterators that give an item for each item of an argument.
struct Wrapper {
  std::string_view name;
  unsigned argument;
};
constexpr std::array kWrappers = {
    Wrapper{"builtins.map", 1},         Wrapper{"builtins.filter", 1},     Wrapper{"builtins.enumerate", 0},
    Wrapper{"builtins.iter", 0},        Wrapper{"builtins.reversed", 0},   Wrapper{"builtins.zip", 0},
    Wrapper{"itertools.accumulate", 0}, Wrapper{"itertools.chain", 0},     Wrapper{"itertools.compress", 0},
    Wrapper{"itertools.pairwise", 0},   Wrapper{"itertools.starmap", 1},   Wrapper{"itertools.filterfalse", 1},
    Wrapper{"itertools.dropwhile", 1},  Wrapper{"itertools.takewhile", 1}, Wrapper{"itertools.zip_longest", 0},
    Wrapper{"itertools.batched", 0},    Wrapper{"itertools.groupby", 0},   Wrapper{"itertools.islice", 0},
    Wrapper{"builtins.list", 0},        Wrapper{"builtins.tuple", 0},
};

/// Fraction("1e999999999") has that many digits.
bool has_huge_exponent(std::string_view text) {
  const size_t e = text.find_first_of("eE");
  if (e == std::string_view::npos) return false;
  uint64_t exponent = 0;
  for (const char c : text.substr(e + 1)) {
    if (c >= '0' && c <= '9') exponent = std::min<uint64_t>(exponent * 10 + static_cast<uint64_t>(c - '0'), kMaxSize);
  }
  return exponent > kMaxExponent;
}

}  // namespace

/// The iterable whose length is that of this one; `most` falls where a call takes only so many of it.
std::optional<Value> CallJudge::followed_iterable(const CallDetail& made, uint64_t& most) const {
  const std::string name = log_.callable(made.callee).full_name();
  const auto* row =
      std::find_if(kWrappers.begin(), kWrappers.end(), [&](const Wrapper& wrapper) { return wrapper.name == name; });
  if (row == kWrappers.end()) return std::nullopt;
  if (name == "itertools.islice") {
    const auto args = store_.items(made.args);
    const size_t stop = args && args->kept.size() > 2 ? 2 : 1;
    if (args && args->kept.size() > stop && args->kept[stop].is(ValueKind::kInt)) {
      most = std::min(most, as_size(args->kept[stop]));
    }
  }
  return row->argument == 0 ? made.first : made.second;
}

/// How many items reading it to its end gives, where a call made it; 0 for what the pickle itself had to hold.
uint64_t CallJudge::items_in(Value iterable) const {
  has_weighed_numbers_ = true;
  uint64_t most = kEndless;
  for (int hop = 0; hop < kMaxHops; ++hop) {
    const CallDetail* made = log_.detail(iterable);
    if (made == nullptr || !made->callee.is(ValueKind::kGlobal)) return 0;
    const std::string name = log_.callable(made->callee).full_name();
    const auto args = store_.items(made->args);
    if (name == "builtins.range") return std::min(most, args ? range_items(args->kept) : 0);
    // With a sentinel that never comes iter() calls without end.
    if (name == "itertools.count" || (name == "builtins.iter" && args && args->total > 1)) return most;
    if (name == "itertools.cycle") {
      const auto round = store_.items(made->first);
      return round && round->total == 0 ? 0 : most;
    }
    if (name == "itertools.repeat") {
      const bool has_times = !args || args->total > 1;
      return std::min(most, has_times ? as_size(made->second) : kEndless);
    }
    if (name == "itertools.product") {
      uint64_t product = 1;
      for (size_t i = 0; args && i < args->kept.size(); ++i) {
        const auto pool = store_.items(args->kept[i]);
        const CallDetail* made_pool = log_.detail(args->kept[i]);
        const bool is_range = made_pool != nullptr && made_pool->callee.is(ValueKind::kGlobal) &&
                              log_.callable(made_pool->callee).name == "range";
        const auto range = is_range ? store_.items(made_pool->args) : std::nullopt;
        product = multiply(product, pool ? pool->total : range ? range_items(range->kept) : 1);
      }
      return std::min(most, product);
    }
    const auto next = followed_iterable(*made, most);
    if (!next) return 0;
    iterable = *next;
  }
  return 0;
}

CallVerdict CallJudge::judge_size(Value callee, const ArgumentSpec& spec, const CallArguments& args) const {
  has_weighed_numbers_ = true;
  CallVerdict bomb{true, PickleRule::kResourceBomb, &policy_.resource_use(), {}};
  for (const auto& slot : spec.slots) {
    const auto size = argument(args, slot);
    if (size && as_size(*size) > kMaxSize) return bomb;
  }
  if (args.loose && !spec.slots.empty() &&
      std::any_of(args.values().begin(), args.values().end(), [](Value v) { return as_size(v) > kMaxSize; })) {
    return bomb;
  }
  if (spec.shape >= 0 && static_cast<size_t>(spec.shape) < args.count) {
    const auto shape = store_.items(args.kept[static_cast<size_t>(spec.shape)]);
    uint64_t product = 1;
    for (size_t i = 0; shape && i < shape->kept.size(); ++i) {
      if (is_number(shape->kept[i])) product = multiply(product, as_size(shape->kept[i]));
    }
    if (product > kMaxSize) return bomb;
  }
  const std::string_view name = callee.is(ValueKind::kGlobal) ? log_.callable(callee).name : std::string_view();
  for (const Value value : args.values()) {
    if (name != "Fraction" && name != "int") {
      if (value.is(ValueKind::kResult) && items_in(value) > kMaxItems) return bomb;
      continue;
    }
    // int(Decimal("1e999999999"))
    const CallDetail* made = log_.detail(value);
    const bool is_decimal =
        made != nullptr && made->callee.is(ValueKind::kGlobal) && log_.callable(made->callee).name == "Decimal";
    const Value digits = is_decimal ? made->first : value;
    const auto text = digits.is(ValueKind::kStr) ? store_.text(digits) : std::nullopt;
    if (!text) continue;
    if ((is_decimal || name == "Fraction") && has_huge_exponent(text->text)) return bomb;
    if (!is_decimal && text->full_length > kMaxDigits) return bomb;  // quadratic before 3.10.7
  }
  return {};
}

}  // namespace pickletap
