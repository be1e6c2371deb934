// The opcodes of pickle protocols 0 to 5, one row each (CPython 3.13 Lib/pickletools.py `opcodes`, Modules/_pickle.c).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace pickletap {

enum class Opcode : uint8_t {
  kMark = '(',
  kEmptyTuple = ')',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kDup = '2',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kFloat = 'F',
  kBinFloat = 'G',
  kInt = 'I',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kLong = 'L',
  kBinInt2 = 'M',
  kNone = 'N',
  kPersId = 'P',
  kBinPersId = 'Q',
  kReduce = 'R',
  kString = 'S',
  kBinString = 'T',
  kShortBinString = 'U',
  kUnicode = 'V',
  kBinUnicode = 'X',
  kEmptyList = ']',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kDict = 'd',
  kAppends = 'e',
  kGet = 'g',
  kBinGet = 'h',
  kInst = 'i',
  kLongBinGet = 'j',
  kList = 'l',
  kObj = 'o',
  kPut = 'p',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kEmptyDict = '}',
  kProto = 0x80,
  kNewObj = 0x81,
  kExt1 = 0x82,
  kExt2 = 0x83,
  kExt4 = 0x84,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kLong4 = 0x8b,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinBytes8 = 0x8e,
  kEmptySet = 0x8f,
  kAddItems = 0x90,
  kFrozenSet = 0x91,
  kNewObjEx = 0x92,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
  kByteArray8 = 0x96,
  kNextBuffer = 0x97,
  kReadOnlyBuffer = 0x98,
};

/// What stands behind the opcode byte.
enum class ArgShape : uint8_t {
  kUnknown,  ///< no such opcode
  kNothing,
  kFixed,     ///< `width` bytes, little-endian (BINFLOAT: big-endian)
  kCounted,   ///< a length of `width` bytes, little-endian, then so many bytes
  kLine,      ///< up to a newline
  kTwoLines,  ///< twice up to a newline: module, name
};

struct OpcodeInfo {
  Opcode code{};
  std::string_view name;
  uint8_t protocol = 0;  ///< the first protocol that has it
  ArgShape shape = ArgShape::kUnknown;
  uint8_t width = 0;
  bool signed_length = false;  ///< kCounted: negative lengths exist and are refused
};

inline constexpr std::array kOpcodeRows = {
    OpcodeInfo{Opcode::kInt, "INT", 0, ArgShape::kLine},
    OpcodeInfo{Opcode::kBinInt, "BININT", 1, ArgShape::kFixed, 4},
    OpcodeInfo{Opcode::kBinInt1, "BININT1", 1, ArgShape::kFixed, 1},
    OpcodeInfo{Opcode::kBinInt2, "BININT2", 1, ArgShape::kFixed, 2},
    OpcodeInfo{Opcode::kLong, "LONG", 0, ArgShape::kLine},
    OpcodeInfo{Opcode::kLong1, "LONG1", 2, ArgShape::kCounted, 1},
    OpcodeInfo{Opcode::kLong4, "LONG4", 2, ArgShape::kCounted, 4, true},
    OpcodeInfo{Opcode::kString, "STRING", 0, ArgShape::kLine},
    OpcodeInfo{Opcode::kBinString, "BINSTRING", 1, ArgShape::kCounted, 4, true},
    OpcodeInfo{Opcode::kShortBinString, "SHORT_BINSTRING", 1, ArgShape::kCounted, 1},
    OpcodeInfo{Opcode::kBinBytes, "BINBYTES", 3, ArgShape::kCounted, 4},
    OpcodeInfo{Opcode::kShortBinBytes, "SHORT_BINBYTES", 3, ArgShape::kCounted, 1},
    OpcodeInfo{Opcode::kBinBytes8, "BINBYTES8", 4, ArgShape::kCounted, 8},
    OpcodeInfo{Opcode::kByteArray8, "BYTEARRAY8", 5, ArgShape::kCounted, 8},
    OpcodeInfo{Opcode::kNextBuffer, "NEXT_BUFFER", 5, ArgShape::kNothing},
    OpcodeInfo{Opcode::kReadOnlyBuffer, "READONLY_BUFFER", 5, ArgShape::kNothing},
    OpcodeInfo{Opcode::kNone, "NONE", 0, ArgShape::kNothing},
    OpcodeInfo{Opcode::kNewTrue, "NEWTRUE", 2, ArgShape::kNothing},
    OpcodeInfo{Opcode::kNewFalse, "NEWFALSE", 2, ArgShape::kNothing},
    OpcodeInfo{Opcode::kUnicode, "UNICODE", 0, ArgShape::kLine},
    OpcodeInfo{Opcode::kShortBinUnicode, "SHORT_BINUNICODE", 4, ArgShape::kCounted, 1},
    OpcodeInfo{Opcode::kBinUnicode, "BINUNICODE", 1, ArgShape::kCounted, 4},
    OpcodeInfo{Opcode::kBinUnicode8, "BINUNICODE8", 4, ArgShape::kCounted, 8},
    OpcodeInfo{Opcode::kFloat, "FLOAT", 0, ArgShape::kLine},
    OpcodeInfo{Opcode::kBinFloat, "BINFLOAT", 1, ArgShape::kFixed, 8},
    OpcodeInfo{Opcode::kEmptyList, "EMPTY_LIST", 1, ArgShape::kNothing},
    OpcodeInfo{Opcode::kAppend, "APPEND", 0, ArgShape::kNothing},
    OpcodeInfo{Opcode::kAppends, "APPENDS", 1, ArgShape::kNothing},
    OpcodeInfo{Opcode::kList, "LIST", 0, ArgShape::kNothing},
    OpcodeInfo{Opcode::kEmptyTuple, "EMPTY_TUPLE", 1, ArgShape::kNothing},
    OpcodeInfo{Opcode::kTuple, "TUPLE", 0, ArgShape::kNothing},
    OpcodeInfo{Opcode::kTuple1, "TUPLE1", 2, ArgShape::kNothing},
    OpcodeInfo{Opcode::kTuple2, "TUPLE2", 2, ArgShape::kNothing},
    OpcodeInfo{Opcode::kTuple3, "TUPLE3", 2, ArgShape::kNothing},
    OpcodeInfo{Opcode::kEmptyDict, "EMPTY_DICT", 1, ArgShape::kNothing},
    OpcodeInfo{Opcode::kDict, "DICT", 0, ArgShape::kNothing},
    OpcodeInfo{Opcode::kSetItem, "SETITEM", 0, ArgShape::kNothing},
    OpcodeInfo{Opcode::kSetItems, "SETITEMS", 1, ArgShape::kNothing},
    OpcodeInfo{Opcode::kEmptySet, "EMPTY_SET", 4, ArgShape::kNothing},
    OpcodeInfo{Opcode::kAddItems, "ADDITEMS", 4, ArgShape::kNothing},
    OpcodeInfo{Opcode::kFrozenSet, "FROZENSET", 4, ArgShape::kNothing},
    OpcodeInfo{Opcode::kPop, "POP", 0, ArgShape::kNothing},
    OpcodeInfo{Opcode::kDup, "DUP", 0, ArgShape::kNothing},
    OpcodeInfo{Opcode::kMark, "MARK", 0, ArgShape::kNothing},
    OpcodeInfo{Opcode::kPopMark, "POP_MARK", 1, ArgShape::kNothing},
    OpcodeInfo{Opcode::kGet, "GET", 0, ArgShape::kLine},
    OpcodeInfo{Opcode::kBinGet, "BINGET", 1, ArgShape::kFixed, 1},
    OpcodeInfo{Opcode::kLongBinGet, "LONG_BINGET", 1, ArgShape::kFixed, 4},
    OpcodeInfo{Opcode::kPut, "PUT", 0, ArgShape::kLine},
    OpcodeInfo{Opcode::kBinPut, "BINPUT", 1, ArgShape::kFixed, 1},
    OpcodeInfo{Opcode::kLongBinPut, "LONG_BINPUT", 1, ArgShape::kFixed, 4},
    OpcodeInfo{Opcode::kMemoize, "MEMOIZE", 4, ArgShape::kNothing},
    OpcodeInfo{Opcode::kExt1, "EXT1", 2, ArgShape::kFixed, 1},
    OpcodeInfo{Opcode::kExt2, "EXT2", 2, ArgShape::kFixed, 2},
    OpcodeInfo{Opcode::kExt4, "EXT4", 2, ArgShape::kFixed, 4},
    OpcodeInfo{Opcode::kGlobal, "GLOBAL", 0, ArgShape::kTwoLines},
    OpcodeInfo{Opcode::kStackGlobal, "STACK_GLOBAL", 4, ArgShape::kNothing},
    OpcodeInfo{Opcode::kReduce, "REDUCE", 0, ArgShape::kNothing},
    OpcodeInfo{Opcode::kBuild, "BUILD", 0, ArgShape::kNothing},
    OpcodeInfo{Opcode::kInst, "INST", 0, ArgShape::kTwoLines},
    OpcodeInfo{Opcode::kObj, "OBJ", 1, ArgShape::kNothing},
    OpcodeInfo{Opcode::kNewObj, "NEWOBJ", 2, ArgShape::kNothing},
    OpcodeInfo{Opcode::kNewObjEx, "NEWOBJ_EX", 4, ArgShape::kNothing},
    OpcodeInfo{Opcode::kProto, "PROTO", 2, ArgShape::kFixed, 1},
    OpcodeInfo{Opcode::kStop, "STOP", 0, ArgShape::kNothing},
    OpcodeInfo{Opcode::kFrame, "FRAME", 4, ArgShape::kFixed, 8},
    OpcodeInfo{Opcode::kPersId, "PERSID", 0, ArgShape::kLine},
    OpcodeInfo{Opcode::kBinPersId, "BINPERSID", 1, ArgShape::kNothing},
};

/// The rows by opcode byte; bytes that are no opcode have ArgShape::kUnknown.
inline constexpr std::array<OpcodeInfo, 256> kOpcodes = [] {
  std::array<OpcodeInfo, 256> table{};
  for (const OpcodeInfo& row : kOpcodeRows) table[static_cast<uint8_t>(row.code)] = row;
  return table;
}();

}  // namespace pickletap
