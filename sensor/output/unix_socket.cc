#include "sensor/output/unix_socket.h"

#include "sensor/output/utf8.h"

namespace pickletap {
namespace {

OutputAddress address_of(const std::string& path) {
  OutputAddress address;
  address.kind = OutputAddress::Kind::kUnix;
  address.path = path;
  return address;
}

}  // namespace

UnixSocket::UnixSocket(const std::string& path)
    : sender_(address_of(path), [](std::string& out, const std::string& line) { out += line; }) {
  append_printable(path_, path);
}

}  // namespace pickletap
