#include "sensor/http/http_connection.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <ctime>
#include <optional>
#include <utility>

namespace pickletap {

namespace beast = boost::beast;
namespace http = boost::beast::http;

struct HttpConnection::Wire {
  explicit Wire(boost::asio::ip::tcp::socket&& socket)
      : stream(std::move(socket)), buffer(HttpLimits::kMaxHeaderBytes) {}

  beast::tcp_stream stream;
  beast::flat_buffer buffer;
  std::optional<http::request_parser<http::empty_body>> parser;
  http::response<http::string_body> response;
  bool keeps_alive = false;
  std::array<char, 4096> discarded{};
  size_t discarded_bytes = 0;
};

namespace {

constexpr size_t kFirstReadBytes = 2048;
constexpr size_t kMaxDiscardedBytes = 262'144;

/// IMF-fixdate of RFC 9110, section 5.6.7.
std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[40];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc)};  // the locale is always "C"
}

void set_headers(http::response<http::string_body>& response) {
  response.set(http::field::date, http_date());
  response.set(http::field::cache_control, "no-store");
  response.set("Content-Security-Policy",
               "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
               "base-uri 'none'; frame-ancestors 'none'; form-action 'none'");
  response.set("X-Content-Type-Options", "nosniff");
  response.set("Referrer-Policy", "no-referrer");
  response.set("Cross-Origin-Resource-Policy", "same-origin");
}

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

/// The status for a header that cannot be understood; nothing when the client is merely gone.
std::optional<unsigned> status_of(const beast::error_code& error) {
  if (error.category() != http::make_error_code(http::error::end_of_stream).category()) return std::nullopt;
  if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) return 431;
  if (error == http::error::body_limit) return 413;
  if (error == http::error::bad_version) return 505;
  return 400;
}

}  // namespace

HttpConnection::HttpConnection(boost::asio::ip::tcp::socket&& socket, std::shared_ptr<HttpShared> shared)
    : shared_(std::move(shared)), wire_(std::make_unique<Wire>(std::move(socket))) {
  beast::error_code ignored;
  wire_->stream.socket().set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  shared_->open.insert(this);
}

HttpConnection::~HttpConnection() {
  shared_->open.erase(this);
  shared_->unsent_bytes -= sending_bytes_;
}

void HttpConnection::start() { await_request(shared_->limits.header_timeout); }

void HttpConnection::close() { wire_->stream.close(); }

void HttpConnection::await_request(std::chrono::milliseconds patience) {
  if (wire_->buffer.size() > 0) return read_header();  // it was sent ahead
  wire_->stream.expires_after(patience);
  wire_->stream.async_read_some(wire_->buffer.prepare(kFirstReadBytes),
                                [self = shared_from_this()](const beast::error_code& error, size_t bytes) {
                                  if (error || !self->shared_->router) return;
                                  self->wire_->buffer.commit(bytes);
                                  self->read_header();
                                });
}

void HttpConnection::read_header() {
  wire_->parser.emplace();
  wire_->parser->header_limit(HttpLimits::kMaxHeaderBytes);
  wire_->stream.expires_after(shared_->limits.header_timeout);
  http::async_read_header(wire_->stream, wire_->buffer, *wire_->parser,
                          [self = shared_from_this()](const beast::error_code& error, size_t) {
                            if (!self->shared_->router) return;
                            if (!error) return self->answer_request();
                            if (error == beast::error::timeout) {
                              ++self->shared_->counters.timeouts[static_cast<size_t>(HttpPhase::kHeader)];
                            } else if (const auto status = status_of(error)) {
                              self->refuse_header(error.message(), *status);
                            }
                          });
}

void HttpConnection::refuse_header(const std::string& why, unsigned status) {
  HttpResponse response = plain_response(status, "This is no request that can be answered: " + why + ".");
  response.closes = true;
  send(std::move(response), 11, false, false);
}

void HttpConnection::answer_request() {
  const auto& message = wire_->parser->get();
  HttpRequest request;
  request.method = view(message.method_string());
  request.target = view(message.target());
  request.host = view(message[http::field::host]);
  request.host_fields = message.count(http::field::host);
  request.is_http_1_1 = message.version() >= 11;
  request.has_body = wire_->parser->chunked() || wire_->parser->content_length().value_or(0) > 0;
  send(shared_->router->answer(request), message.version(), message.keep_alive(), message.method() == http::verb::head);
}

void HttpConnection::send(HttpResponse&& response, unsigned version, bool keep_alive, bool head_only) {
  if (shared_->unsent_bytes + response.body.size() > shared_->limits.max_unsent_bytes) {
    const HttpHandler handler = response.handler;
    response = plain_response(503, "Too many answers are on their way.");
    response.handler = handler;
  }
  shared_->counters.count(response.handler, response.status);
  sending_bytes_ = response.body.size();
  shared_->unsent_bytes += sending_bytes_;
  wire_->keeps_alive = keep_alive && !response.closes;

  auto& message = wire_->response;
  message = {};
  message.version(version);
  message.result(response.status);
  set_headers(message);
  message.set(http::field::content_type,
              beast::string_view(response.content_type.data(), response.content_type.size()));
  if (response.status == 405) message.set(http::field::allow, "GET, HEAD");
  if (response.status == 503) message.set(http::field::retry_after, "5");
  message.content_length(response.body.size());
  if (!head_only) message.body() = std::move(response.body);
  message.keep_alive(wire_->keeps_alive);
  wire_->stream.expires_after(shared_->limits.response_timeout);
  http::async_write(wire_->stream, message, [self = shared_from_this()](const beast::error_code& error, size_t) {
    self->finish_sending();
    if (error == beast::error::timeout) {
      ++self->shared_->counters.timeouts[static_cast<size_t>(HttpPhase::kResponse)];
    }
    if (error || !self->shared_->router) return;
    if (self->wire_->keeps_alive) return self->await_request(self->shared_->limits.idle_timeout);
    self->linger();
  });
}

void HttpConnection::finish_sending() {
  wire_->response.body() = {};  // an idle connection holds no answer
  shared_->unsent_bytes -= sending_bytes_;
  sending_bytes_ = 0;
}

/// Closing while bytes of the client wait unread would reset the connection and take our answer from the client before
/// it was read (RFC 9112, section 9.6). So we say that we are done and read on for a while.
void HttpConnection::linger() {
  beast::error_code error;
  wire_->stream.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, error);
  if (error) return;
  wire_->stream.expires_after(shared_->limits.linger_timeout);
  discard();
}

void HttpConnection::discard() {
  wire_->stream.async_read_some(boost::asio::buffer(wire_->discarded),
                                [self = shared_from_this()](const beast::error_code& error, size_t bytes) {
                                  self->wire_->discarded_bytes += bytes;
                                  if (error || self->wire_->discarded_bytes > kMaxDiscardedBytes) return;
                                  self->discard();
                                });
}

}  // namespace pickletap
