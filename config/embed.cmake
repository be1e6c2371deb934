# cmake -DOUTPUT=FILE.cc -DINPUTS=a.yaml,b.yaml -P embed.cmake
# Writes the texts as char arrays behind embedded_policy.h, as FUNCTION (embedded_policy_files when not given).
include(${CMAKE_CURRENT_LIST_DIR}/../deploy/cmake/char_array.cmake)
if(NOT FUNCTION)
  set(FUNCTION embedded_policy_files)
endif()
string(REPLACE "," ";" inputs "${INPUTS}")
set(arrays "")
set(rows "")
set(index 0)
foreach(input IN LISTS inputs)
  read_as_characters(${input} characters)
  get_filename_component(name ${input} NAME)
  string(APPEND arrays "constexpr char kText${index}[] = {\n${characters}};\n")
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

std::span<const EmbeddedFile> ${FUNCTION}() { return kFiles; }

}  // namespace pickletap
")
