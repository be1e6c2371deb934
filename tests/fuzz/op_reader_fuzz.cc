// The first byte says where the rest is cut: the opcodes must not depend on it.
#include <cstdlib>
#include <vector>

#include "dissectors/pickle/op_reader.h"

using pickletap::ByteSpan;
using pickletap::Op;
using pickletap::OpReader;

static std::vector<uint64_t> offsets(ByteSpan first, ByteSpan second) {
  OpReader reader;
  reader.reset();
  std::vector<uint64_t> out;
  Op op;
  for (ByteSpan part : {first, second}) {
    while (true) {
      const auto result = reader.next(part, op);
      if (result == OpReader::Result::kNeedMore) break;
      out.push_back(op.offset * 4 + static_cast<uint64_t>(result));
      if (result != OpReader::Result::kOp) return out;
    }
  }
  return out;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteSpan bytes(data + 1, size - 1);
  const size_t cut = bytes.empty() ? 0 : data[0] % (bytes.size() + 1);
  if (offsets(bytes, {}) != offsets(bytes.first(cut), bytes.subspan(cut))) std::abort();
  return 0;
}
