// One client of the HTTP server, from its first byte to the end of the connection: read a header, answer, again. Keeps
// itself alive by the operation it waits for; close() ends it. One request at a time: what a client sends ahead stays in
// the socket and in a buffer of kMaxHeaderBytes. HTTP thread only.
// Limits, all of HttpLimits: a header has one deadline however its bytes trickle in, and so has taking the answer; an
// answer that does not fit beside those other clients are still taking is replaced by 503. Sources: RFC 9112,
// RFC 9110; the headers against misuse of the page: W3C Content Security Policy, Fetch (Cross-Origin-Resource-Policy).
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_set>

#include "sensor/http/http_message.h"
#include "sensor/http/http_router.h"

namespace pickletap {

struct HttpLimits {
  static constexpr uint32_t kMaxHeaderBytes = 8192;
  std::chrono::milliseconds header_timeout{5'000};     ///< also from the connection to its first byte
  std::chrono::milliseconds idle_timeout{30'000};      ///< between two requests
  std::chrono::milliseconds response_timeout{30'000};  ///< to take a whole answer
  std::chrono::milliseconds linger_timeout{1'000};     ///< to read our last words after sending too much
  size_t max_unsent_bytes = size_t{32} << 20;          ///< answers on their way, all clients together
};

class HttpConnection;

/// What a server and its connections share; lives until the last of them is gone.
struct HttpShared {
  HttpLimits limits;
  uint32_t max_connections = 64;
  HttpCounters counters;
  std::unique_ptr<HttpRouter> router;        ///< null once the server was stopped: nobody is answered any more
  std::unordered_set<HttpConnection*> open;  ///< at most max_connections
  size_t unsent_bytes = 0;
};

class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(boost::asio::ip::tcp::socket&& socket, std::shared_ptr<HttpShared> shared);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  /// Begins to wait for the first request.
  void start();
  /// At once, whatever is on its way.
  void close();

 private:
  struct Wire;  ///< everything of Beast, which is slow to compile

  void await_request(std::chrono::milliseconds patience);
  void read_header();
  void answer_request();
  void refuse_header(const std::string& why, unsigned status);
  void send(HttpResponse&& response, unsigned version, bool keep_alive, bool head_only);
  void finish_sending();
  void linger();
  void discard();

  std::shared_ptr<HttpShared> shared_;
  std::unique_ptr<Wire> wire_;
  size_t sending_bytes_ = 0;  ///< our part of HttpShared::unsent_bytes
};

}  // namespace pickletap
