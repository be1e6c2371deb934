// Texts of the configuration that have a form of their own: is this one? Each function gives what is wrong, as a
// sentence for the operator, or nothing. Pure but for the address parser of the C library.
// Sources: dev_valid_name() of Linux net/core/dev.c, RFC 1123 2.1 (host names), useradd(8).
#pragma once

#include <string>
#include <string_view>

namespace pickletap {

inline constexpr size_t kMaxShownBytes = 60;  ///< of a wrong value, in its message

/// A value as a message may quote it: short, on one line, nothing that steers a terminal.
std::string quoted_value(std::string_view value);

std::string interface_complaint(std::string_view name);
/// "ADDRESS:PORT" with an IP literal; empty is right.
std::string listen_complaint(std::string_view address);
std::string host_complaint(std::string_view name);
std::string user_complaint(std::string_view name);
// Addresses of outputs (output_address.h); empty is right.
std::string syslog_complaint(std::string_view address);
std::string redis_complaint(std::string_view address);
std::string socket_path_complaint(std::string_view path);
std::string redis_key_complaint(std::string_view key);

}  // namespace pickletap
