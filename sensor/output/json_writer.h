// Builds one JSON text into a string of the caller, with a bound. Whatever the texts hold, the result is valid JSON and
// valid UTF-8 (broken bytes become U+FFFD, one for each maximal subpart), and shows nothing to a terminal that steers
// it: see is_hazard() in utf8.h. Once the bound is reached nothing more is written and overflowed() says so; the caller
// then starts again with less to say. Balance of begin and end is the caller's duty, commas are ours. One thread.
// Source of the grammar: RFC 8259.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pickletap {

class JsonWriter {
 public:
  /// Appends to `out`, which outlives the writer, and lets it grow to `max_bytes` in all.
  JsonWriter(std::string& out, size_t max_bytes) : out_(out), max_bytes_(max_bytes) {}

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }

  /// The name of the value that is written next.
  JsonWriter& key(std::string_view name);
  JsonWriter& text(std::string_view value);
  JsonWriter& boolean(bool value) { return literal(value ? "true" : "false"); }
  JsonWriter& null() { return literal("null"); }
  /// A value that is JSON already.
  JsonWriter& raw(std::string_view json) { return literal(json); }

  template <std::integral Number>
  requires(!std::same_as<Number, bool>) JsonWriter& number(Number value) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    return literal({digits, static_cast<size_t>(end - digits)});
  }

  bool overflowed() const { return overflowed_; }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  JsonWriter& literal(std::string_view plain);
  void comma();
  void quoted(std::string_view text);
  void escape(char32_t code);
  void append(std::string_view plain) {
    if (overflowed_ || out_.size() + plain.size() > max_bytes_) {
      overflowed_ = true;
    } else {
      out_.append(plain);
    }
  }
  void append(char c) {
    if (overflowed_ || out_.size() >= max_bytes_) {
      overflowed_ = true;
    } else {
      out_.push_back(c);
    }
  }

  std::string& out_;
  size_t max_bytes_;
  bool needs_comma_ = false;
  bool overflowed_ = false;
};

}  // namespace pickletap
