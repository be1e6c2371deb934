// The page for people (sensor/http/web/) as the build put it into the binary, so that it is there without any file
// beside the sensor. Static storage, read-only, any thread. Written by web/embed.cmake.
#pragma once

#include <span>
#include <string_view>

namespace pickletap {

struct WebFile {
  std::string_view path;  ///< "/" for index.html, "/NAME" for the others
  std::string_view content_type;
  std::string_view text;
};

std::span<const WebFile> web_files();

}  // namespace pickletap
