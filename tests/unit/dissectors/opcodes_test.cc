#include "dissectors/pickle/opcodes.h"

#include <gtest/gtest.h>

#include "tests/unit/dissectors/truth.h"

namespace pickletap {
namespace {

std::string shape_text(const OpcodeInfo& row) {
  switch (row.shape) {
    case ArgShape::kNothing: return "nothing 0";
    case ArgShape::kFixed: return "fixed " + std::to_string(row.width);
    case ArgShape::kCounted: return "counted " + std::string(row.signed_length ? "-" : "") + std::to_string(row.width);
    case ArgShape::kLine: return "line 0";
    case ArgShape::kTwoLines: return "two-lines 0";
    case ArgShape::kUnknown: break;
  }
  return "unknown";
}

TEST(Opcodes, TableEqualsPickletools) {
  size_t rows = 0;
  for (const auto& truth : truth::rows("opcodes.txt")) {
    ++rows;
    const OpcodeInfo& row = kOpcodes.at(std::stoul(truth[1]));
    EXPECT_EQ(row.name, truth[0]);
    EXPECT_EQ(std::to_string(static_cast<unsigned>(row.code)), truth[1]) << row.name;
    EXPECT_EQ(std::to_string(row.protocol), truth[2]) << row.name;
    EXPECT_EQ(shape_text(row), truth[3] + " " + truth[4]) << row.name;
  }
  EXPECT_EQ(rows, kOpcodeRows.size());
}

TEST(Opcodes, EveryOtherByteIsUnknown) {
  size_t known = 0;
  for (const OpcodeInfo& row : kOpcodes) known += row.shape != ArgShape::kUnknown ? 1 : 0;
  EXPECT_EQ(known, kOpcodeRows.size());
  for (const unsigned byte : {0x00U, 0x20U, 0x7bU, 0x7fU, 0x99U, 0xffU}) {
    EXPECT_EQ(kOpcodes[byte].shape, ArgShape::kUnknown) << byte;
  }
}

}  // namespace
}  // namespace pickletap
