// Where packets come from: a capture file now, an interface alike. The source reads, decodes and calls its handler once
// per packet, on the caller's thread; the Packet and its payload live until that call returns. Trouble at opening is an
// exception of one type, trouble while reading a state with a text: what was read before it stands.
// Numbers are those of the input: a packet that the filter leaves out has one, too, and is counted nowhere.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "sensor/net/decode.h"
#include "sensor/net/packet.h"

namespace pickletap {

/// A source that cannot be opened. what() is "NAME: reason".
class CaptureError : public std::runtime_error {
 public:
  enum class Kind : uint8_t {
    kInput,       ///< missing, unreadable, no capture
    kFilter,      ///< the filter expression is wrong, the input is not
    kPermission,  ///< live only: this process may not capture
  };
  CaptureError(Kind kind, const std::string& name, const std::string& reason)
      : std::runtime_error(name + ": " + reason), kind_(kind) {}
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

class PacketHandler {
 public:
  virtual ~PacketHandler() = default;
  /// `packet` is complete on kTcp; else only its time, number and lengths are right.
  virtual void on_packet(const Packet& packet, DecodeResult result) = 0;
};

struct CaptureCounters {
  uint64_t packets = 0;  ///< that passed the filter
  uint64_t bytes = 0;    ///< of them, on the wire
  uint64_t cut_by_snap_length = 0;
  std::array<uint64_t, kDecodeResultCount> by_result{};  ///< index_of(DecodeResult)
};

enum class ReadState : uint8_t {
  kMore,
  kIdle,  ///< live only: nothing more now
  kEnd,
  kError,  ///< error() says what; nothing more will come
};

class PacketSource {
 public:
  virtual ~PacketSource() = default;
  /// Hands on at most `max_packets` (1 or more; those that the filter leaves out count).
  virtual ReadState dispatch(PacketHandler& handler, unsigned max_packets) = 0;
  /// After kError: the reader's words.
  virtual const std::string& error() const = 0;
  /// The path or interface as it was given.
  virtual const std::string& name() const = 0;
  /// Packets read so far, filtered ones included, on top of the first number it was given.
  virtual uint64_t last_number() const = 0;
  const CaptureCounters& counters() const { return counters_; }

 protected:
  CaptureCounters counters_;
  Encapsulation outer_;  ///< of the packet at hand
};

}  // namespace pickletap
