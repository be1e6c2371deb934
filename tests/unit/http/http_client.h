// A server on a thread of its own, and a client that writes any bytes it likes: for tests that misbehave. Every wait is
// bounded by kPatience; nothing is said of how long things take.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "config/config.h"
#include "sensor/http/http_server.h"
#include "tests/unit/http/fake_sensor.h"

namespace pickletap {

inline constexpr std::chrono::seconds kPatience{20};

/// Polls until `condition` holds; false when it did not in kPatience.
inline bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

class RunningServer {
 public:
  explicit RunningServer(StatusSource& source, const Config& config = any_port(), const HttpLimits& limits = {})
      : work_(io_.get_executor()), server_(io_, config, source, limits) {
    server_.start();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~RunningServer() {
    io_.stop();
    thread_.join();
  }
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  static Config any_port() {
    Config config;
    config.http.listen = "127.0.0.1:0";
    return config;
  }

  uint16_t port() const { return server_.port(); }
  /// As they are on the server's thread.
  HttpCounters counters() {
    std::promise<HttpCounters> promise;
    boost::asio::post(io_, [&] { promise.set_value(server_.counters()); });
    return promise.get_future().get();
  }
  uint64_t count(HttpHandler handler, size_t code_class) {
    return counters().requests[static_cast<size_t>(handler)][code_class];
  }

 private:
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  HttpServer server_;
  std::thread thread_;
};

class RawClient {
 public:
  explicit RawClient(uint16_t port, int receive_buffer_bytes = 0) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer_bytes != 0) {
      setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ~RawClient() { ::close(socket_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  /// False when the server has hung up.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  void half_close() { shutdown(socket_, SHUT_WR); }

  /// Reads until `text` holds what is wanted, the server hangs up, or kPatience is over. What came is in text().
  bool read_until(const std::function<bool(const std::string&)>& wanted) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!wanted(text_) && !hung_up_ && std::chrono::steady_clock::now() < end) {
      pollfd ready{socket_, POLLIN, 0};
      if (poll(&ready, 1, 50) <= 0) continue;
      char bytes[65536];
      const ssize_t size = recv(socket_, bytes, sizeof bytes, 0);
      if (size > 0) text_.append(bytes, static_cast<size_t>(size));
      hung_up_ = size <= 0;
    }
    return wanted(text_);
  }
  bool read_until_hung_up() {
    read_until([](const std::string&) { return false; });
    return hung_up_;
  }
  bool hung_up() const { return hung_up_; }
  const std::string& text() const { return text_; }
  size_t count(std::string_view what) const { return count_in(text_, what); }
  static size_t count_in(std::string_view text, std::string_view what) {
    size_t times = 0;
    for (size_t at = 0; (at = text.find(what, at)) != std::string_view::npos; at += what.size()) ++times;
    return times;
  }

 private:
  int socket_;
  std::string text_;
  bool hung_up_ = false;
};

/// The whole answer to one request, header and body, from a connection of its own.
inline std::string fetch(uint16_t port, std::string_view target, std::string_view method = "GET",
                         std::string_view host = "127.0.0.1") {
  RawClient client(port);
  client.send(std::string(method) + ' ' + std::string(target) + " HTTP/1.1\r\nHost: " + std::string(host) +
              "\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(client.read_until_hung_up());
  return client.text();
}

}  // namespace pickletap
