// The names of Python 2 as Python 3's unpickler maps them for protocols below 3 (`fix_imports`): CPython 3.11
// Lib/_compat_pickle.py, IMPORT_MAPPING and NAME_MAPPING; names first, then modules, as Modules/_pickle.c
// `_pickle_Unpickler_find_class_impl` does.
#pragma once

#include <string_view>

namespace pickletap {

struct QualifiedName {
  std::string_view module, name;
};

/// The Python 3 name, or the name given. Views are of the arguments or static.
QualifiedName map_python2_name(std::string_view module, std::string_view name);

}  // namespace pickletap
