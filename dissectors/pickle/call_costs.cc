// The part of CallJudge about functions that only compute, and take all the memory or time there is: powers, shifts,
// factorials, repeated sequences, padded and formatted text, sleep. Only as far as the arguments tell.
#include <algorithm>

#include "dissectors/pickle/call_judge.h"

namespace pickletap {

namespace {

constexpr int64_t kMaxSize = int64_t{1} << 26;       // bytes or items
constexpr int64_t kMaxFactorial = int64_t{1} << 19;  // seconds
constexpr double kMaxSleep = 3600;
constexpr uint64_t kMaxProduct = uint64_t{1} << 28;  // of two lengths

enum class Cost : uint8_t { kNone, kPower, kShift, kFactorial, kRepeat, kSize, kFormat, kProduct, kSleep };

Cost cost_of(std::string_view name) {
  struct Row {
    std::string_view name;
    Cost cost;
  };
  static constexpr std::array kRows = {
      Row{"pow", Cost::kPower},         Row{"ipow", Cost::kPower},          Row{"lshift", Cost::kShift},
      Row{"ilshift", Cost::kShift},     Row{"factorial", Cost::kFactorial}, Row{"comb", Cost::kFactorial},
      Row{"perm", Cost::kFactorial},    Row{"mul", Cost::kRepeat},          Row{"imul", Cost::kRepeat},
      Row{"ljust", Cost::kSize},        Row{"rjust", Cost::kSize},          Row{"center", Cost::kSize},
      Row{"zfill", Cost::kSize},        Row{"expandtabs", Cost::kSize},     Row{"to_bytes", Cost::kSize},
      Row{"token_bytes", Cost::kSize},  Row{"token_hex", Cost::kSize},      Row{"token_urlsafe", Cost::kSize},
      Row{"sample", Cost::kSize},       Row{"randbytes", Cost::kSize},      Row{"format", Cost::kFormat},
      Row{"format_map", Cost::kFormat}, Row{"mod", Cost::kFormat},          Row{"imod", Cost::kFormat},
      Row{"pack", Cost::kFormat},       Row{"replace", Cost::kProduct},     Row{"join", Cost::kProduct},
      Row{"translate", Cost::kProduct}, Row{"sub", Cost::kProduct},         Row{"sleep", Cost::kSleep}};
  name.remove_prefix(name.rfind('.') + 1);
  const auto* row = std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return r.name == name; });
  return row == kRows.end() ? Cost::kNone : row->cost;
}

bool is_integer(Value v) { return v.is(ValueKind::kInt) || v.is(ValueKind::kBigInt); }
int64_t size_of(Value v) { return v.is(ValueKind::kBigInt) ? INT64_MAX : v.is(ValueKind::kInt) ? v.as_integer() : 0; }

int64_t bits_of(Value v) {
  if (v.is(ValueKind::kBigInt)) return 64;
  return 64 - __builtin_clzll(static_cast<uint64_t>(std::abs(v.as_integer())) | 1);
}

/// Digits in a format that ask for more than kMaxSize: "{:1000000000}", "%1000000000d", "1000000000x".
bool asks_for_much(std::string_view format) {
  int64_t number = 0;
  for (const char c : format) {
    number = c >= '0' && c <= '9' ? std::min(number * 10 + (c - '0'), kMaxSize + 1) : 0;
    if (number > kMaxSize) return true;
  }
  return false;
}

}  // namespace

/// The two operands that are the largest in their place: of a call, of the pairs of a starmap(), of the lists of a map().
std::array<Value, 2> CallJudge::operands_of_two(const CallArguments& args) const {
  std::array<Value, 2> most{Value::integer(0), Value::integer(0)};
  const auto take = [&](size_t place, Value value) {
    if (is_integer(value) && size_of(value) >= size_of(most[place])) most[place] = value;
  };
  if (!args.loose) {
    for (size_t i = 0; i < 2 && i < args.count; ++i) take(i, args.kept[i]);
    return args.total == 2 ? most : std::array{Value::integer(0), Value::integer(0)};
  }
  size_t lists = 0;
  for (const Value value : args.values()) {
    const auto items = is_container(value) ? store_.items(value) : std::nullopt;
    if (!items || items->kept.empty()) continue;
    const bool is_pair =
        value.is(ValueKind::kTuple) && items->total == 2 && is_integer(items->kept[0]) && is_integer(items->kept[1]);
    if (is_pair) {
      take(0, items->kept[0]);
      take(1, items->kept[1]);
    } else if (is_integer(items->kept[0]) && lists < 2 && !value.is(ValueKind::kTuple)) {
      for (const Value item : items->kept) take(lists, item);
      ++lists;
    }
  }
  return most;
}

CallVerdict CallJudge::judge_cost(Value function, const CallArguments& args) const {
  has_weighed_numbers_ = true;
  const CallVerdict bomb{true, PickleRule::kResourceBomb, &policy_.resource_use(), {}, {}};
  const auto any = [&](auto is) { return std::any_of(args.values().begin(), args.values().end(), is); };
  const auto is_text = [](Value v) { return v.is(ValueKind::kStr) || is_bytes(v); };
  const auto above = [&](int64_t most) { return any([&](Value v) { return size_of(v) > most; }); };
  bool costs = any([&](Value v) { return v.is(ValueKind::kResult) && items_in(v) > uint64_t{1} << 32; });
  switch (cost_of(log_.callable(function).name)) {
    case Cost::kNone: break;
    case Cost::kPower: {
      const auto [base, exponent] = operands_of_two(args);
      const bool grows = size_of(base) > 1 || size_of(base) < -1;
      costs = costs || (grows && (exponent.is(ValueKind::kBigInt) || size_of(exponent) > kMaxSize / bits_of(base)));
      break;
    }
    case Cost::kShift: costs = costs || size_of(operands_of_two(args)[1]) > 8 * kMaxSize; break;
    case Cost::kFactorial: costs = costs || above(kMaxFactorial); break;
    case Cost::kRepeat: {
      const auto is_sequence = [&](Value v) {
        const auto items = is_container(v) ? store_.items(v) : std::nullopt;
        return items && !(items->total > 1 && std::all_of(items->kept.begin(), items->kept.end(), is_number));
      };
      const auto holds_one = [&](Value v) {
        const auto items = is_container(v) ? store_.items(v) : std::nullopt;
        return items && std::any_of(items->kept.begin(), items->kept.end(), is_sequence);
      };
      costs = costs || (above(kMaxSize) &&
                        any([&](Value v) { return is_text(v) || (args.loose ? holds_one(v) : is_sequence(v)); }));
      break;
    }
    case Cost::kSize: costs = costs || above(kMaxSize); break;
    case Cost::kFormat:
      costs = costs || any([&](Value v) {
                const auto text = is_text(v) ? store_.text(v) : std::nullopt;
                return text && asks_for_much(text->text);
              });
      break;
    case Cost::kProduct: {
      std::array<uint64_t, 2> longest{1, 1};
      for (const Value value : args.values()) {
        const auto text = is_text(value) ? store_.text(value) : std::nullopt;
        const uint64_t length = text ? text->full_length : value.is(ValueKind::kResult) ? items_in(value) : 0;
        if (length > longest[0])
          std::swap(longest[0], longest[1]), longest[0] = length;
        else
          longest[1] = std::max(longest[1], length);
      }
      costs = costs || longest[0] > kMaxProduct / longest[1];
      break;
    }
    case Cost::kSleep:
      costs = costs || any([](Value v) {
                return v.is(ValueKind::kFloat) ? v.as_real() > kMaxSleep : static_cast<double>(size_of(v)) > kMaxSleep;
              });
  }
  return costs ? bomb : CallVerdict{};
}

}  // namespace pickletap
