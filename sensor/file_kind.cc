#include "sensor/file_kind.h"

namespace pickletap {
namespace {

using namespace std::string_view_literals;

struct Magic {
  size_t offset;
  std::string_view bytes;
  std::string_view says;
};

// Formats' own documents: RFC 1950, 1952, 8878, PKWARE's APPNOTE, the xz and lz4 frame formats, POSIX ustar, NumPy's
// NEP 1, HDF5's file format, pcap-savefile(5), RFC draft-ietf-opsawg-pcapng.
constexpr Magic kMagics[] = {
    {0, "PK\x03\x04"sv, "a zip archive, as torch and numpy write them: unpack it and give its .pkl files"},
    {0, "PK\x05\x06"sv, "an empty zip archive"},
    {0, "\x1f\x8b"sv, "gzip-compressed: gzip -dc FILE | pickletap explain -"},
    {0,
     "\xfd"
     "7zXZ\0"sv,
     "xz-compressed: xz -dc FILE | pickletap explain -"},
    {0, "BZh"sv, "bzip2-compressed: bzip2 -dc FILE | pickletap explain -"},
    {0, "\x28\xb5\x2f\xfd"sv, "zstd-compressed: zstd -dc FILE | pickletap explain -"},
    {0, "\x04\x22\x4d\x18"sv, "lz4-compressed: lz4 -dc FILE | pickletap explain -"},
    {0, "7z\xbc\xaf\x27\x1c"sv, "a 7-zip archive: unpack it first"},
    {0, "x\x01"sv, "zlib-compressed, as joblib writes: decompress it first (zlib.decompress)"},
    {0, "x\x5e"sv, "zlib-compressed, as joblib writes: decompress it first (zlib.decompress)"},
    {0, "x\x9c"sv, "zlib-compressed, as joblib writes: decompress it first (zlib.decompress)"},
    {0, "x\xda"sv, "zlib-compressed, as joblib writes: decompress it first (zlib.decompress)"},
    {257, "ustar"sv, "a tar archive: unpack it and give its files"},
    {0, "\x93NUMPY"sv, "a NumPy array: only one of objects holds a pickle, behind its header"},
    {0, "\x89HDF\r\n\x1a\n"sv, "an HDF5 file"},
    {0, "\xd4\xc3\xb2\xa1"sv, "a capture: pickletap replay reads it"},
    {0, "\x4d\x3c\xb2\xa1"sv, "a capture: pickletap replay reads it"},
    {0, "\xa1\xb2\xc3\xd4"sv, "a capture: pickletap replay reads it"},
    {0, "\xa1\xb2\x3c\x4d"sv, "a capture: pickletap replay reads it"},
    {0, "\x0a\x0d\x0d\x0a"sv, "a capture: pickletap replay reads it"},
};

}  // namespace

std::string_view file_kind(ByteSpan first_bytes) {
  const std::string_view text(reinterpret_cast<const char*>(first_bytes.data()), first_bytes.size());
  for (const Magic& magic : kMagics) {
    if (text.size() >= magic.offset && text.substr(magic.offset).starts_with(magic.bytes)) return magic.says;
  }
  return {};
}

}  // namespace pickletap
