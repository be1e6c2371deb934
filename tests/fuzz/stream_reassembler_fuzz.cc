// The reassembler against a map of bytes: where all copies of a byte are equal, what comes out is the stream, in order,
// nothing twice, and every byte that was delivered or given up is accounted for; the pool's charges go back to zero.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "sensor/net/stream_reassembler.h"

namespace {

uint8_t byte_at(uint64_t offset) { return static_cast<uint8_t>((offset * 0x9e3779b97f4a7c15U) >> 56); }
void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pickletap;
  constexpr uint32_t kFirst = 0xffffff80;  // wraps soon
  ReassemblyPool pool;
  pool.limits.max_blocks = 16;
  pool.limits.max_bytes = 4096;
  {
    StreamReassembler stream(pool);
    stream.start(kFirst);
    std::vector<bool> sent(1 << 13);
    uint64_t at = 0;
    int64_t now_ns = 0;
    const auto drain = [&] {
      StreamPiece piece;
      while (stream.take(piece)) {
        if (piece.kind == StreamPiece::Kind::kData) {
          for (const uint8_t byte : piece.data) {
            require(byte == byte_at(at) && sent[at]);
            ++at;
          }
        } else {
          at += piece.bytes;
        }
        require(at == stream.delivered_bytes());
      }
    };
    for (size_t i = 0; i + 4 <= size && i < 2048; i += 4) {
      const unsigned start = (data[i] | (data[i + 1] & 7U) << 8) * 2;
      const unsigned length = data[i + 2];
      now_ns += int64_t{data[i + 3]} * 1'000'000;
      if ((data[i + 1] & 0x80) != 0) {
        stream.acknowledge(kFirst + start, now_ns);
      } else {
        std::vector<uint8_t> bytes(length);
        for (unsigned k = 0; k < length; ++k) bytes[k] = byte_at(start + k);
        for (unsigned k = 0; k < length; ++k) sent[start + k] = true;
        const bool fin = (data[i + 1] & 0x78) == 0x78;
        stream.push({kFirst + start, bytes, (data[i + 1] & 0x70U) == 0x60 ? data[i + 3] : 0U, fin}, now_ns);
        drain();
        stream.visit_queued(start, start + length, [&](int64_t queued, ByteSpan had) {
          require(queued + static_cast<int64_t>(had.size()) > start && queued < start + int64_t{length});
          for (size_t k = 0; k < had.size(); ++k) require(had[k] == byte_at(static_cast<uint64_t>(queued) + k));
        });
      }
      drain();
      require(stream.queued_blocks() <= pool.limits.max_blocks + 1);
    }
    stream.finish(EndReason::kCapture);
    drain();
    require(stream.ended());
  }
  require(pool.used_bytes == 0);
  return 0;
}
