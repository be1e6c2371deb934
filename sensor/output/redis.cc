#include "sensor/output/redis.h"

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "sensor/output/socket.h"
#include "sensor/output/utf8.h"

namespace pickletap {
namespace {

constexpr size_t kMaxErrorCharacters = 200;

std::string read_password(const std::string& path) {
  std::string name;
  append_printable(name, path);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) throw std::runtime_error(name + ": " + std::generic_category().message(errno));
  std::string text(Redis::kMaxPasswordBytes + 1, '\0');
  const ssize_t n = ::read(fd, text.data(), text.size());
  const int error = errno;
  ::close(fd);
  if (n < 0) throw std::runtime_error(name + ": " + std::generic_category().message(error));
  text.resize(static_cast<size_t>(n));
  if (text.size() > Redis::kMaxPasswordBytes) {
    throw std::runtime_error(name + ": longer than " + std::to_string(Redis::kMaxPasswordBytes) + " bytes");
  }
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) throw std::runtime_error(name + ": holds no password");
  return text;
}

}  // namespace

void Redis::ContextFree::operator()(redisContext* context) const { redisFree(context); }
void Redis::ReplyFree::operator()(redisReply* reply) const { freeReplyObject(reply); }

Redis::Redis(RedisOptions options) : options_(std::move(options)) {
  if (!options_.password_file.empty()) password_ = read_password(options_.password_file);
  max_entries_ = std::to_string(options_.stream_max_entries);
}

Redis::~Redis() = default;

std::string Redis::describe() const {
  std::string text = "redis ";
  append_printable(text, options_.place);
  return text;
}

SendResult Redis::send(std::span<const std::string> lines, Clock::time_point deadline) {
  done_.resize(lines.size(), false);
  const bool was_connected = context_ != nullptr;
  // A server that closed the idle connection, or was started anew, is no trouble yet.
  if (!converse(lines, deadline) && was_connected && Clock::now() < deadline) converse(lines, deadline);
  const auto first_left = std::find(done_.begin(), done_.end(), false);
  const auto taken = first_left - done_.begin();
  done_.erase(done_.begin(), first_left);
  return {static_cast<size_t>(taken), 0};
}

/// Sends what is not done yet and reads the answers. False: the connection broke. After any trouble it is closed, so
/// that the next try logs in anew.
bool Redis::converse(std::span<const std::string> lines, Clock::time_point deadline) {
  if (!open(deadline)) return false;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!done_[i]) append_line(lines[i]);
  }
  std::string refusal;  // the first
  for (size_t i = 0; i < lines.size(); ++i) {
    if (done_[i]) continue;
    const Reply reply = next_reply(deadline);
    if (reply == nullptr) {
      context_.reset();
      return false;
    }
    if (reply->type != REDIS_REPLY_ERROR) {
      done_[i] = true;
    } else if (refusal.empty()) {
      append_printable(refusal, {reply->str, static_cast<size_t>(reply->len)}, kMaxErrorCharacters);
    }
  }
  if (!refusal.empty()) {
    error_ = refusal;
    context_.reset();
  }
  return true;
}

bool Redis::connect(Clock::time_point deadline) {
  Socket socket;
  if (!socket.connect(options_.address, Socket::Type::kStream, deadline)) {
    error_ = socket.error();
    return false;
  }
  const int fd = socket.release();
  context_.reset(redisConnectFd(fd));
  if (context_ == nullptr) {
    ::close(fd);
    error_ = "out of memory";
    return false;
  }
  context_->flags &= ~REDIS_BLOCK;  // we wait ourselves
  if (log_in(deadline)) return true;
  context_.reset();
  return false;
}

bool Redis::log_in(Clock::time_point deadline) {
  if (!password_.empty()) {
    Words words{"AUTH"};
    if (!options_.username.empty()) words.emplace_back(options_.username);
    words.emplace_back(password_);
    if (!command(words, deadline)) return false;
  }
  return options_.database == 0 || command({"SELECT", std::to_string(options_.database)}, deadline);
}

bool Redis::command(const Words& words, Clock::time_point deadline) {
  append(words);
  const Reply reply = next_reply(deadline);
  if (reply == nullptr) return false;
  if (reply->type != REDIS_REPLY_ERROR) return true;
  error_.clear();
  append_printable(error_, {reply->str, static_cast<size_t>(reply->len)}, kMaxErrorCharacters);
  return false;
}

void Redis::append(const Words& words) {
  std::vector<const char*> texts;
  std::vector<size_t> sizes;
  for (const std::string_view word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  // Fails for want of memory only; next_reply() then sees it in the context.
  redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), texts.data(), sizes.data());
}

void Redis::append_line(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  switch (options_.mode) {
    case RedisMode::kList: return append({"RPUSH", options_.key, line});
    case RedisMode::kPublish: return append({"PUBLISH", options_.key, line});
    case RedisMode::kStream:
      if (options_.stream_max_entries == 0) return append({"XADD", options_.key, "*", "eve", line});
      return append({"XADD", options_.key, "MAXLEN", "~", max_entries_, "*", "eve", line});
  }
}

/// Hands the pipeline to the kernel.
bool Redis::flush(Clock::time_point deadline) {
  for (int all_sent = 0; all_sent == 0;) {
    if (redisBufferWrite(context_.get(), &all_sent) != REDIS_OK) return false;
    if (all_sent != 0) break;
    // Answers fill the way back while the pipeline still goes out: they are read meanwhile, or both sides would wait.
    if (!Socket::wait(context_->fd, POLLOUT | POLLIN, deadline)) {
      error_ = "it does not read";
      return false;
    }
    pollfd one{context_->fd, POLLIN, 0};
    if (poll(&one, 1, 0) > 0 && redisBufferRead(context_.get()) != REDIS_OK) return false;
  }
  return true;
}

/// Null: no answer will come; error_ says why.
Redis::Reply Redis::next_reply(Clock::time_point deadline) {
  error_.clear();
  if (flush(deadline)) {
    while (true) {
      void* reply = nullptr;
      if (redisGetReplyFromReader(context_.get(), &reply) != REDIS_OK) break;
      if (reply != nullptr) return Reply(static_cast<redisReply*>(reply));
      if (!Socket::wait(context_->fd, POLLIN, deadline)) {
        error_ = "it does not answer";
        break;
      }
      if (redisBufferRead(context_.get()) != REDIS_OK) break;
      if (context_->reader->len > kMaxAnswerBytes) {
        error_ = "its answer is too long";
        break;
      }
    }
  }
  if (error_.empty())
    append_printable(error_, std::string("connection lost: ") + context_->errstr, kMaxErrorCharacters);
  return nullptr;
}

void Redis::reopen() {
  if (options_.password_file.empty()) return;
  try {
    password_ = read_password(options_.password_file);
    close();  // log in with the new one
  } catch (const std::runtime_error& trouble) {
    notice_ = std::string(trouble.what()) + "; the password read before stays in use";
  }
}

std::string Redis::take_notice() { return std::exchange(notice_, {}); }

void Redis::close() { context_.reset(); }

}  // namespace pickletap
