// One request and its answer, without sockets: what HttpConnection reads is handed to HttpRouter as an HttpRequest and
// comes back as an HttpResponse. Also what the server counts of itself. A request's texts live as long as the call; a
// response owns its body. One thread, the HTTP thread. Source: RFC 9110.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pickletap {

struct HttpRequest {
  std::string_view method;
  std::string_view target;  ///< as it stood in the request line: path and query, or a whole URL
  std::string_view host;    ///< the Host field; the first one where there are several
  size_t host_fields = 0;   ///< how many Host fields there were
  bool is_http_1_1 = true;
  bool has_body = false;
};

/// Who answered; the label of `http_requests_total`.
enum class HttpHandler : uint8_t { kMetrics, kHealthz, kReadyz, kListeners, kAlerts, kStatus, kPage, kOther };
inline constexpr std::array<std::string_view, 8> kHttpHandlerNames{"metrics", "healthz", "readyz", "listeners",
                                                                   "alerts",  "status",  "page",   "other"};
inline constexpr std::array<std::string_view, 3> kHttpCodeClassNames{"2xx", "4xx", "5xx"};

struct HttpResponse {
  unsigned status = 200;  ///< 2xx, 4xx or 5xx
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string body;
  HttpHandler handler = HttpHandler::kOther;
  bool closes = false;  ///< nothing more is read from a client that was told this
};

/// Which wait of the server a client was too slow for.
enum class HttpPhase : uint8_t { kHeader, kResponse };
inline constexpr std::array<std::string_view, 2> kHttpPhaseNames{"header", "response"};

struct HttpCounters {
  std::array<std::array<uint64_t, kHttpCodeClassNames.size()>, kHttpHandlerNames.size()> requests{};
  uint64_t connections_rejected = 0;
  std::array<uint64_t, kHttpPhaseNames.size()> timeouts{};  ///< idle connections that were closed are not in here

  void count(HttpHandler handler, unsigned status) {
    const size_t code_class = status < 300 ? 0 : status < 500 ? 1 : 2;
    ++requests[static_cast<size_t>(handler)][code_class];
  }
};

}  // namespace pickletap
