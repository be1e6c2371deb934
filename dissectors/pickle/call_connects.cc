// The part of CallJudge about what makes the receiver connect: proxies, connections and sockets that were sent. Whether
// the address is that of a friend only the receiver knows; it is told where it is not of this host.
#include <algorithm>

#include "dissectors/pickle/call_judge.h"

namespace pickletap {

namespace {

/// A socket in the file system or in Linux's abstract names, a Windows pipe: none of them leaves this host.
bool is_this_host(std::string_view host) {
  if (host.find_first_of(std::string_view("/\\\0", 3)) != std::string_view::npos) return true;
  return host.empty() || host == "localhost" || host == "::1" || host == "0.0.0.0" || host.starts_with("127.");
}

}  // namespace

/// The host of the first (host, port) in the arguments, in what they hold and in what the calls that made them were
/// given: a Token's, a DupFd's.
std::optional<std::string_view> CallJudge::address_in(const CallArguments& args) const {
  std::array<Value, CallArguments::kMaxKept> seen{};
  size_t count = 0;
  const auto add = [&](Value container) {
    const auto items = store_.items(container);
    for (size_t i = 0; items && i < items->kept.size() && count < seen.size(); ++i) seen[count++] = items->kept[i];
  };
  for (const Value value : args.values()) seen[count++] = value;
  for (size_t next = 0; next < count; ++next) {
    const Value value = seen[next];
    if (const CallDetail* made = log_.detail(value)) {
      add(made->args);
      add(made->state);
    }
    const auto items = value.is(ValueKind::kTuple) ? store_.items(value) : std::nullopt;
    const bool is_pair = items && items->total == 2 && items->kept[0].is(ValueKind::kStr) && is_number(items->kept[1]);
    const auto host = is_pair ? store_.text(items->kept[0]) : std::nullopt;
    if (host) return host->text;
    add(value);
  }
  return std::nullopt;
}

CallVerdict CallJudge::judge_address(const CallArguments& args) const {
  const auto host = address_in(args);
  if (!host || is_this_host(*host)) return {};
  CallVerdict verdict{true, PickleRule::kUnknownCall, &connecting(), {}};
  verdict.host = *host;
  return verdict;
}

// A proxy travels with its manager's key to a child that is being spawned, through a pipe, and never else (CPython 3.13
// Lib/multiprocessing/managers.py `BaseProxy.__reduce__`): with it comes an address that need not know the receiver's.
bool CallJudge::carries_key(const CallArguments& args) const {
  return std::any_of(args.values().begin(), args.values().end(), [&](Value value) {
    const auto pairs = value.is(ValueKind::kDict) ? store_.items(value) : std::nullopt;
    return pairs && attribute_in(pairs->kept, "authkey").has_value();
  });
}

CallVerdict CallJudge::deny_connecting(const CallArguments& args) const {
  CallVerdict verdict = deny(connecting());
  if (const auto host = address_in(args); host && !is_this_host(*host)) verdict.host = *host;
  return verdict;
}

}  // namespace pickletap
