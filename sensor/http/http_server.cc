#include "sensor/http/http_server.h"

#include <spdlog/spdlog.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "sensor/http/host_check.h"

namespace pickletap {

using boost::asio::ip::tcp;
using ErrorCode = boost::system::error_code;

namespace {

constexpr std::chrono::seconds kAcceptPause{1};

[[noreturn]] void refuse(const std::string& listen, const std::string& why) {
  throw HttpListenError("http.listen: cannot listen on \"" + listen + "\": " + why);
}

tcp::endpoint parse_endpoint(const std::string& listen) {
  static constexpr const char* kForm = "it must be ADDRESS:PORT or [IPV6]:PORT, such as 127.0.0.1:9502";
  const auto authority = parse_authority(listen);
  if (!authority || authority->port.empty()) refuse(listen, kForm);
  ErrorCode error;
  const auto address = boost::asio::ip::make_address(std::string(authority->host), error);
  if (error || address.is_v6() != authority->is_bracketed) refuse(listen, kForm);
  uint16_t port = 0;
  std::from_chars(authority->port.data(), authority->port.data() + authority->port.size(), port);
  return {address, port};
}

}  // namespace

/// The listening socket and what its clients share. Kept alive by the accept it waits for.
class HttpServer::Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(boost::asio::io_context& io, const Config& config, StatusSource& source, const HttpLimits& limits)
      : acceptor_(io), pause_(io), shared_(std::make_shared<HttpShared>()) {
    open(config.http.listen);
    shared_->limits = limits;
    shared_->max_connections = config.http.max_connections;
    shared_->router = std::make_unique<HttpRouter>(config.http.allowed_hosts, source, shared_->counters);
  }

  void accept() {
    acceptor_.async_accept([self = shared_from_this()](const ErrorCode& error, tcp::socket socket) {
      if (!self->shared_->router) return;
      if (error) return self->accept_failed(error);
      self->is_failing_ = false;
      self->welcome(std::move(socket));
      self->accept();
    });
  }

  void stop() {
    ErrorCode ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    shared_->router.reset();
    // Closing drops no connection at once: each goes when the operation it waits for is told.
    for (HttpConnection* connection : shared_->open) connection->close();
  }

  uint16_t port() const { return port_; }
  const HttpCounters& counters() const { return shared_->counters; }

 private:
  void open(const std::string& listen) {
    const tcp::endpoint endpoint = parse_endpoint(listen);
    ErrorCode error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(boost::asio::socket_base::max_listen_connections, error);
    if (error) refuse(listen, error.message());
    port_ = acceptor_.local_endpoint().port();
  }

  void welcome(tcp::socket&& socket) {
    if (shared_->open.size() >= shared_->max_connections) {
      ++shared_->counters.connections_rejected;
      return;  // the socket's destructor hangs up
    }
    std::make_shared<HttpConnection>(std::move(socket), shared_)->start();
  }

  /// A client that was gone again before it was accepted costs nothing. Anything else is want of descriptors or memory,
  /// and the client still waits in the queue: trying again at once would only burn the processor.
  void accept_failed(const ErrorCode& error) {
    if (error == boost::asio::error::connection_aborted) return accept();
    if (!is_failing_) spdlog::warn("HTTP: cannot accept clients: {}; trying again every second", error.message());
    is_failing_ = true;
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([self = shared_from_this()](const ErrorCode& cancelled) {
      if (!cancelled && self->shared_->router) self->accept();
    });
  }

  tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  std::shared_ptr<HttpShared> shared_;
  uint16_t port_ = 0;
  bool is_failing_ = false;
};

HttpServer::HttpServer(boost::asio::io_context& io, const Config& config, StatusSource& source,
                       const HttpLimits& limits)
    : acceptor_(std::make_shared<Acceptor>(io, config, source, limits)) {}

HttpServer::~HttpServer() { stop(); }

void HttpServer::start() { acceptor_->accept(); }

void HttpServer::stop() { acceptor_->stop(); }

uint16_t HttpServer::port() const { return acceptor_->port(); }

const HttpCounters& HttpServer::counters() const { return acceptor_->counters(); }

}  // namespace pickletap
