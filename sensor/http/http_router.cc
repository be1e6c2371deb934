#include "sensor/http/http_router.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "sensor/http/api.h"
#include "sensor/http/host_check.h"
#include "sensor/http/metrics.h"
#include "sensor/http/web_files.h"

namespace pickletap {
namespace {

constexpr std::string_view kJson = "application/json";

int64_t now_ns() {
  using namespace std::chrono;
  return duration_cast<nanoseconds>(system_clock::now().time_since_epoch()).count();
}

/// A target in its four forms (RFC 9112, section 3.2), of which two ask for something here.
struct Target {
  std::string_view path, query;
  std::string_view authority;  ///< of a whole URL
};

Target split_target(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  Target target;
  if (text.starts_with(kScheme)) {
    text.remove_prefix(kScheme.size());
    target.authority = text.substr(0, text.find_first_of("/?"));
    text.remove_prefix(target.authority.size());
    if (text.empty()) text = "/";
  }
  target.path = text.substr(0, text.find('?'));
  target.query = text.substr(std::min(target.path.size() + 1, text.size()));
  return target;
}

HttpResponse refusal(unsigned status, std::string_view text) {
  HttpResponse response = plain_response(status, text);
  response.closes = true;
  return response;
}

const WebFile* find_page(std::string_view path) {
  const auto files = web_files();
  const auto at = std::find_if(files.begin(), files.end(), [path](const WebFile& file) { return file.path == path; });
  return at == files.end() ? nullptr : &*at;
}

}  // namespace

HttpResponse plain_response(unsigned status, std::string_view text) {
  HttpResponse response;
  response.status = status;
  response.body = std::string(text) + '\n';
  return response;
}

HttpHandler HttpRouter::handler_of(std::string_view path) {
  static constexpr std::pair<std::string_view, HttpHandler> kPaths[] = {
      {"/metrics", HttpHandler::kMetrics},      {"/healthz", HttpHandler::kHealthz},
      {"/readyz", HttpHandler::kReadyz},        {"/api/v1/listeners", HttpHandler::kListeners},
      {"/api/v1/alerts", HttpHandler::kAlerts}, {"/api/v1/status", HttpHandler::kStatus},
  };
  for (const auto& [known, handler] : kPaths) {
    if (path == known) return handler;
  }
  return find_page(path) == nullptr ? HttpHandler::kOther : HttpHandler::kPage;
}

HttpResponse HttpRouter::answer(const HttpRequest& request) {
  const Target target = split_target(request.target);
  const HttpHandler handler = handler_of(target.path);
  bool& is_failing = is_failing_[static_cast<size_t>(handler)];
  HttpResponse response;
  if (request.host_fields > 1 || (request.is_http_1_1 && request.host_fields == 0)) {
    response = refusal(400, "A request needs one Host field.");
  } else if ((request.host_fields != 0 && !is_allowed_host(request.host, allowed_hosts_)) ||
             (!target.authority.empty() && !is_allowed_host(target.authority, allowed_hosts_))) {
    response = refusal(421,
                       "The Host of this request is not one this sensor answers to. Use an IP address or localhost, or "
                       "add the name to http.allowed_hosts in the configuration.");
  } else if (request.has_body) {
    response = refusal(413, "No request here has a body.");
  } else if (request.method != "GET" && request.method != "HEAD") {
    response = plain_response(405, "Only GET and HEAD.");
  } else {
    try {
      response = answer_path(target.path, target.query);
      is_failing = false;
    } catch (const std::exception& trouble) {
      if (!is_failing) {
        spdlog::error("HTTP: no answer to {}: {}", kHttpHandlerNames[static_cast<size_t>(handler)], trouble.what());
      }
      is_failing = true;
      response = plain_response(500, "The sensor could not answer; its log says why.");
    }
  }
  response.handler = handler;
  return response;
}

HttpResponse HttpRouter::answer_path(std::string_view path, std::string_view query) {
  HttpResponse response;
  const HttpHandler handler = handler_of(path);
  switch (handler) {
    case HttpHandler::kMetrics:
      response.content_type = kMetricsContentType;
      response.body = metrics_text(source_.status(), counters_, process_.read());
      return response;
    case HttpHandler::kHealthz: return plain_response(200, "ok");
    case HttpHandler::kReadyz: {
      const SensorStatus status = source_.status();
      if (status.ready) return plain_response(200, "ready");
      return plain_response(503, status.not_ready_reason.empty() ? "not ready" : status.not_ready_reason);
    }
    case HttpHandler::kListeners:
    case HttpHandler::kAlerts:
    case HttpHandler::kStatus: return answer_api(handler, query);
    case HttpHandler::kPage: {
      const WebFile* page = find_page(path);
      response.content_type = page->content_type;
      response.body = page->text;
      return response;
    }
    case HttpHandler::kOther: break;
  }
  return plain_response(404, "There is nothing here. Try / or /metrics.");
}

HttpResponse HttpRouter::answer_api(HttpHandler handler, std::string_view query) {
  HttpResponse response;
  response.content_type = kJson;
  try {
    if (handler == HttpHandler::kAlerts) {
      response.body = alerts_json(source_.recent_alerts(alerts_limit(query)));
      return response;
    }
    expect_no_parameter(query);
    if (handler == HttpHandler::kListeners) {
      response.body = listeners_json(*source_.listeners());
    } else {
      response.body = status_json(source_.status(), process_.read(), now_ns());
    }
  } catch (const BadParameter& trouble) {
    response.status = 400;
    response.body = error_json(trouble.what());
  }
  return response;
}

}  // namespace pickletap
