# cmake -DOUTPUT=FILE.cc -DINPUTS=a.yaml,b.yaml -P embed.cmake
# Writes the texts as char arrays (a string literal of more than 64 KiB is not portable) behind embedded_policy.h.
string(REPLACE "," ";" inputs "${INPUTS}")
set(arrays "")
set(rows "")
set(index 0)
foreach(input IN LISTS inputs)
  file(READ ${input} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
  string(REGEX REPLACE "(('.x..',){20})" "\\1\n" bytes "${bytes}")
  get_filename_component(name ${input} NAME)
  string(APPEND arrays "constexpr char kText${index}[] = {\n${bytes}'\\0'};\n")
  string(APPEND rows "    {\"${name}\", {kText${index}, sizeof kText${index} - 1}},\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE ${OUTPUT} "// Written by config/embed.cmake.
#include \"config/embedded_policy.h\"

namespace pickletap {
namespace {

${arrays}
constexpr EmbeddedFile kFiles[] = {
${rows}};

}  // namespace

std::span<const EmbeddedFile> embedded_policy_files() { return kFiles; }

}  // namespace pickletap
")
