// EVE lines into Redis as Suricata puts them there: onto a list (RPUSH), to a channel (PUBLISH) or into a stream (XADD,
// field "eve"), one command a line, without its newline. A batch is pipelined and counts line by line: delivered is what
// Redis has said yes to. An error reply (WRONGTYPE, OOM, READONLY, …) is a refusal in Redis' own words. Lines whose
// answer a broken connection took along are sent again: at least once, with at most one batch twice.
// Connections are our own (socket.h), so that every wait has a deadline; the protocol is hiredis'. The password comes
// from a file, read at the start (at most kMaxPasswordBytes, without the last line break) and again by reopen().
// One thread (queued_output.h), but for the constructor. Source: Redis serialization protocol; Suricata's
// util-log-redis.c for the form of the commands.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/output_address.h"
#include "sensor/output/queued_output.h"

struct redisContext;
struct redisReply;

namespace pickletap {

enum class RedisMode : uint8_t { kList, kPublish, kStream };

struct RedisOptions {
  OutputAddress address;
  std::string place;  ///< the address as it was configured, for the log
  RedisMode mode = RedisMode::kList;
  std::string key;
  std::string username;
  std::string password_file;  ///< empty: no AUTH
  uint32_t database = 0;
  uint64_t stream_max_entries = 0;  ///< 0: no MAXLEN
};

class Redis final : public Transport {
 public:
  static constexpr size_t kMaxPasswordBytes = 4096;
  static constexpr size_t kMaxAnswerBytes = size_t{1} << 20;  ///< unread; who answers more is no Redis of ours

  /// Throws std::runtime_error ("FILE: reason") when the password file cannot be read.
  explicit Redis(RedisOptions options);
  ~Redis() override;

  std::string_view name() const override { return "redis"; }
  std::string describe() const override;
  bool open(Clock::time_point deadline) override { return context_ != nullptr || connect(deadline); }
  SendResult send(std::span<const std::string> lines, Clock::time_point deadline) override;
  const std::string& error() const override { return error_; }
  std::string take_notice() override;
  void reopen() override;
  void close() override;

 private:
  using Words = std::vector<std::string_view>;
  struct ContextFree {
    void operator()(redisContext* context) const;
  };
  struct ReplyFree {
    void operator()(redisReply* reply) const;
  };
  using Reply = std::unique_ptr<redisReply, ReplyFree>;

  bool connect(Clock::time_point deadline);
  bool log_in(Clock::time_point deadline);
  void append(const Words& words);
  void append_line(std::string_view line);
  bool flush(Clock::time_point deadline);
  Reply next_reply(Clock::time_point deadline);
  bool command(const Words& words, Clock::time_point deadline);
  bool converse(std::span<const std::string> lines, Clock::time_point deadline);

  RedisOptions options_;
  std::string password_, max_entries_;
  std::unique_ptr<redisContext, ContextFree> context_;
  std::vector<bool> done_;  // of the lines not taken yet: Redis has this one, but not one before it
  std::string error_, notice_;
};

}  // namespace pickletap
