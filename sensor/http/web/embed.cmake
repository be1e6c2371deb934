# cmake -DOUTPUT=FILE.cc -DINPUTS=index.html,app.js -P embed.cmake
# Writes the files as char arrays behind web_files.h.
include(${CMAKE_CURRENT_LIST_DIR}/../../../deploy/cmake/char_array.cmake)
set(type_of_html "text/html; charset=utf-8")
set(type_of_js "text/javascript; charset=utf-8")
set(type_of_css "text/css; charset=utf-8")
set(type_of_svg "image/svg+xml")

string(REPLACE "," ";" inputs "${INPUTS}")
set(arrays "")
set(rows "")
set(index 0)
foreach(input IN LISTS inputs)
  read_as_characters(${input} characters)
  get_filename_component(name ${input} NAME)
  get_filename_component(extension ${input} LAST_EXT)
  string(SUBSTRING ${extension} 1 -1 extension)
  if(NOT DEFINED type_of_${extension})
    message(FATAL_ERROR "${input}: no media type for .${extension} files")
  endif()
  if(name STREQUAL "index.html")
    set(name "")
  endif()
  string(APPEND arrays "constexpr char kText${index}[] = {\n${characters}};\n")
  string(APPEND rows "    {\"/${name}\", \"${type_of_${extension}}\", {kText${index}, sizeof kText${index} - 1}},\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE ${OUTPUT} "// Written by sensor/http/web/embed.cmake.
#include \"sensor/http/web_files.h\"

namespace pickletap {
namespace {

${arrays}
constexpr WebFile kFiles[] = {
${rows}};

}  // namespace

std::span<const WebFile> web_files() { return kFiles; }

}  // namespace pickletap
")
