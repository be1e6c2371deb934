// The opcodes of OpReader beside those of pickletools.genops: same names, places, arguments, and the same kind of error
// at the same place (compare_genops.py says what is not meant to be equal).
#include "dissectors/byte_reader.h"
#include "dissectors/pickle/literals.h"
#include "dissectors/pickle/op_reader.h"
#include "tests/fuzz/embedded_python.h"
#include "tests/fuzz/pickle_grammar.h"

using namespace pickletap;

static std::string decoded(const Op& op) {
  const std::string_view line = as_text(op.text);
  const Opcode code = op.info->code;
  if (code == Opcode::kString) return unquote_string_line(line).value_or("?");
  if (code == Opcode::kUnicode) return decode_raw_unicode_line(line);
  if (code == Opcode::kGet || code == Opcode::kPut) return std::to_string(parse_memo_index(line).value_or(UINT64_MAX));
  if (code != Opcode::kInt && code != Opcode::kLong) return {};
  const auto value = parse_integer_line(line, code == Opcode::kInt);
  return !value ? "?" : value->is(ValueKind::kBigInt) ? "big" : std::to_string(value->as_integer());
}

static void check(ByteSpan pickle) {
  static const fuzz::PythonFunction compare("compare_genops", "compare");
  std::vector<std::string> fields;
  OpReader reader;
  reader.reset();
  Op op;
  auto result = OpReader::Result::kOp;
  for (ByteSpan rest = pickle; (result = reader.next(rest, op)) == OpReader::Result::kOp;) {
    fields.insert(fields.end(), {std::string(op.info->name), std::to_string(op.offset), std::to_string(op.number),
                                 std::string(as_text(op.text)), std::string(as_text(op.second)), decoded(op)});
    if (op.info->code == Opcode::kStop) break;
  }
  fields.push_back(std::to_string(static_cast<int>(result)));
  fuzz::require_agreement(compare, pickle, fields);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::for_each_pickle({data, size}, check);
  return 0;
}
