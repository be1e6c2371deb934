// The sensor's HTTP server: /metrics, /healthz, /readyz, /api/v1/…, and the page for people at /. Plain HTTP on one
// address, http.listen. Runs on the caller's io_context, which one thread runs: the daemon's main thread. The
// constructor opens the socket and what /proc files /metrics needs, so it is called while that is still allowed; from
// then on clients wait in the kernel's queue until start(). Answers are made on that thread, one at a time.
// Limits: http.max_connections clients at a time (who comes beyond is hung up on and counted), HttpLimits for each.
// The StatusSource must outlive the server, the server need not outlive the io_context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <stdexcept>

#include "config/config.h"
#include "sensor/http/http_connection.h"
#include "sensor/http/status_source.h"

namespace pickletap {

/// http.listen cannot be listened on; what() names the key, the address and the reason.
class HttpListenError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class HttpServer {
 public:
  /// Keeps no reference to `config`. Throws HttpListenError.
  HttpServer(boost::asio::io_context& io, const Config& config, StatusSource& source, const HttpLimits& limits = {});
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  void start();
  /// Hangs up on everybody and listens no more, for good.
  void stop();

  uint16_t port() const;
  const HttpCounters& counters() const;

 private:
  class Acceptor;
  std::shared_ptr<Acceptor> acceptor_;
};

}  // namespace pickletap
