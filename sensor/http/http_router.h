// From a request to its answer: the checks that hold for all (Host, method, no body), then the handler of the path.
// No socket and no Beast here, so that every answer can be tested by a call. Owned by the HTTP server, on its thread;
// the StatusSource and the counters outlive it. Its ProcessReader opens files of /proc at construction.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sensor/http/http_message.h"
#include "sensor/http/process_status.h"
#include "sensor/http/status_source.h"

namespace pickletap {

class HttpRouter {
 public:
  HttpRouter(std::vector<std::string> allowed_hosts, StatusSource& source, const HttpCounters& counters)
      : allowed_hosts_(std::move(allowed_hosts)), source_(source), counters_(counters) {}

  /// A StatusSource that throws is a 500 and, the first time, a line in the log.
  HttpResponse answer(const HttpRequest& request);

  /// Who answers for a path, whatever the answer is.
  static HttpHandler handler_of(std::string_view path);

 private:
  HttpResponse answer_path(std::string_view path, std::string_view query);
  HttpResponse answer_api(HttpHandler handler, std::string_view query);

  std::vector<std::string> allowed_hosts_;
  StatusSource& source_;
  const HttpCounters& counters_;
  ProcessReader process_;
  std::array<bool, kHttpHandlerNames.size()> is_failing_{};  ///< by HttpHandler: said once until it works again
};

/// A plain text of one line.
HttpResponse plain_response(unsigned status, std::string_view text);

}  // namespace pickletap
