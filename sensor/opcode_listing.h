// The opcodes of one pickle as a listing for people, as pickletools.dis has it: offset, name, argument. Reads the bytes
// beside the machine with an OpReader of its own and knows nothing of stack or memo. At most
// ExplainedPickle::kMaxListedOpcodes rows of kMaxArgument bytes; bytes beyond are not looked at.
#pragma once

#include <cstddef>
#include <vector>

#include "dissectors/pickle/op_reader.h"
#include "sensor/output/explained.h"

namespace pickletap {

class OpcodeListing {
 public:
  static constexpr size_t kMaxArgument = 72;

  void begin();
  void feed(ByteSpan bytes);
  /// Moves the rows into the pickle.
  void finish(ExplainedPickle& pickle);

 private:
  OpReader reader_;
  std::vector<ListedOpcode> rows_;
  bool cut_ = false;
  bool ended_ = false;  // STOP, or no opcode
};

}  // namespace pickletap
