// One HTTP GET into a network namespace, for tests that ask a sensor, a Prometheus or an Alertmanager which listen on the
// loopback of that namespace. Each call is a connection of its own, within ten seconds and 8 MiB.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tests/live/netns.h"

namespace pickletap::test {

struct HttpReply {
  int status = 0;  ///< 0: nobody answered
  std::string body;
};

inline HttpReply http_get(const VethPair::End& end, uint16_t port, const std::string& target) {
  static constexpr size_t kMaxReplyBytes = 8U << 20;
  int fd = -1;
  {
    const InNamespace there(end);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  }
  if (fd < 0) return {};
  const timeval patience{10, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // HTTP/1.0: the reply ends with the connection and comes in no chunks.
  const std::string request = "GET " + target + " HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n";
  std::string text;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
    std::vector<char> buffer(65536);
    for (ssize_t n = 0; text.size() < kMaxReplyBytes && (n = recv(fd, buffer.data(), buffer.size(), 0)) > 0;) {
      text.append(buffer.data(), static_cast<size_t>(n));
    }
  }
  close(fd);
  const size_t status = text.find(' ');
  const size_t head_end = text.find("\r\n\r\n");
  if (!text.starts_with("HTTP/") || status == text.npos || head_end == text.npos) return {};
  return {std::atoi(text.c_str() + status), text.substr(head_end + 4)};
}

inline std::string url_encoded(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0) {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
    }
  }
  return out;
}

}  // namespace pickletap::test
