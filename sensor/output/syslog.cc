#include "sensor/output/syslog.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "sensor/output/utf8.h"

namespace pickletap {
namespace {

constexpr size_t kMaxHostNameBytes = 255, kMaxMessageIdBytes = 32;  // RFC 5424, section 6
constexpr std::string_view kNil = "-";

/// What follows `key` in one of our own lines. The first match is the member itself: inside a JSON string the quotes of
/// `key` would be escaped.
std::string_view after(std::string_view line, std::string_view key) {
  const size_t at = line.find(key);
  return at == std::string_view::npos ? std::string_view() : line.substr(at + key.size());
}

int severity_of(std::string_view line, std::string_view event_type) {
  constexpr int kCritical = 2, kWarning = 4, kNotice = 5, kInformational = 6;
  if (event_type != "alert") return kInformational;
  const std::string_view severity = after(after(line, "\"alert\":{"), "\"severity\":");
  switch (severity.empty() ? '\0' : severity.front()) {
    case '1': return kCritical;
    case '2': return kWarning;
    case '3': return kNotice;
    default: return kInformational;
  }
}

/// "2026-11-21T10:00:00.123456+0000" as RFC 3339 has it, with the colon that EVE leaves out.
void append_timestamp(std::string& out, std::string_view line) {
  const std::string_view value = after(line, "\"timestamp\":\"");
  const std::string_view text = value.substr(0, std::min(value.find('"'), value.size()));
  constexpr size_t kZoneBytes = 5;
  if (text.size() <= kZoneBytes) {
    out += kNil;
    return;
  }
  out.append(text.substr(0, text.size() - 2)).append(":").append(text.substr(text.size() - 2));
}

/// PRINTUSASCII of at most `max_bytes`, as every field of the header is.
std::string header_field(std::string_view text, size_t max_bytes) {
  std::string field(text.substr(0, max_bytes));
  for (char& c : field) {
    if (c < '!' || c > '~') c = '_';
  }
  return field.empty() ? std::string(kNil) : field;
}

}  // namespace

std::optional<int> syslog_facility(std::string_view name) {
  static constexpr std::array<std::string_view, 24> kNames{
      "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
      "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
      "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};
  const auto* at = std::find(kNames.begin(), kNames.end(), name);
  if (at == kNames.end()) return std::nullopt;
  return static_cast<int>(at - kNames.begin());
}

void append_syslog_message(std::string& out, const SyslogOrigin& origin, std::string_view eve_line) {
  if (eve_line.ends_with('\n')) eve_line.remove_suffix(1);
  const std::string_view rest = after(eve_line, "\"event_type\":\"");
  const std::string_view event_type = rest.substr(0, std::min(rest.find('"'), rest.size()));
  out += '<';
  out += std::to_string(origin.facility * 8 + severity_of(eve_line, event_type));
  out += ">1 ";
  append_timestamp(out, eve_line);
  out += ' ';
  out += header_field(origin.host_name, kMaxHostNameBytes);
  out += " pickletap ";
  out += std::to_string(origin.process_id);
  out += ' ';
  out += header_field(event_type, kMaxMessageIdBytes);
  out += " - ";
  out += eve_line;
}

Syslog::Syslog(OutputAddress address, const std::string& place, SyslogOrigin origin)
    : address_(std::move(address)),
      origin_(std::move(origin)),
      uses_stream_(address_.kind == OutputAddress::Kind::kTcp),
      stream_(address_, [this, is_tcp = uses_stream_](std::string& out, const std::string& line) {
        message_.clear();
        append_syslog_message(message_, origin_, line);
        // A local stream socket gets lines, as log daemons expect there; JSON has no newline inside.
        if (is_tcp) out.append(std::to_string(message_.size())).append(" ");
        out += message_;
        if (!is_tcp) out += '\n';
      }) {
  append_printable(place_, place);
}

bool Syslog::open(Clock::time_point deadline) {
  return open_as_it_seems(deadline) || (is_of_other_type() && open_as_it_seems(deadline));
}

bool Syslog::open_as_it_seems(Clock::time_point deadline) {
  return uses_stream_ ? stream_.open(deadline) : socket_.is_open() || connect(deadline);
}

/// After a failure: the socket of the log daemon is a stream and we took it for datagrams, or the other way round.
bool Syslog::is_of_other_type() {
  const int error = uses_stream_ ? stream_.error_number() : socket_.error_number();
  if (error != EPROTOTYPE || address_.kind != OutputAddress::Kind::kUnix) return false;
  uses_stream_ = !uses_stream_;
  return true;
}

SendResult Syslog::send(std::span<const std::string> lines, Clock::time_point deadline) {
  const auto send_as_it_seems = [&] {
    return uses_stream_ ? stream_.send(lines, deadline) : send_datagrams(lines, deadline);
  };
  const SendResult result = send_as_it_seems();
  return result.taken == 0 && is_of_other_type() ? send_as_it_seems() : result;
}

bool Syslog::connect(Clock::time_point deadline) {
  is_proven_ = address_.kind != OutputAddress::Kind::kUdp;
  return socket_.connect(address_, Socket::Type::kDatagram, deadline);
}

/// Sends message_; on a socket that broke since it was last used, once more on a new one.
bool Syslog::send_datagram(Clock::time_point deadline) {
  const bool is_new = !socket_.is_open();
  if (is_new && !connect(deadline)) return false;
  bool is_sent = socket_.send(message_, deadline);
  // Over UDP that is the answer to an earlier datagram, and a new socket would hear of it one datagram too late.
  if (!is_sent && !socket_.is_open() && !is_new && address_.kind == OutputAddress::Kind::kUnix) {
    is_sent = connect(deadline) && socket_.send(message_, deadline);
  }
  if (is_sent && !is_proven_) {
    is_proven_ = !socket_.waits_for_error(std::min(deadline, Clock::now() + kProbeTime));
    return is_proven_;
  }
  return is_sent;
}

SendResult Syslog::send_datagrams(std::span<const std::string> lines, Clock::time_point deadline) {
  SendResult result;
  for (const std::string& line : lines) {
    message_.clear();
    append_syslog_message(message_, origin_, line);
    if (!send_datagram(deadline)) {
      if (!socket_.is_open() || socket_.error_number() != EMSGSIZE) break;
      too_long_bytes_ = message_.size();
      ++result.dropped;
    }
    ++result.taken;
  }
  return result;
}

std::string Syslog::take_notice() {
  if (uses_stream_) return stream_.take_notice();
  if (too_long_bytes_ == 0) return {};
  return "a message of " + std::to_string(std::exchange(too_long_bytes_, 0)) +
         " bytes is too long for a datagram and was dropped; tcp:// takes any";
}

void Syslog::close() {
  socket_.close();
  stream_.close();
}

}  // namespace pickletap
