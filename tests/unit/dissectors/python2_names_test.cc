#include "dissectors/pickle/python2_names.h"

#include <gtest/gtest.h>

#include "tests/unit/dissectors/truth.h"

namespace pickletap {
namespace {

TEST(Python2Names, AreMappedAsAllPythonsMapThem) {
  for (const auto& row : truth::rows("mapping.txt")) {
    const std::string &old_name = row[0], &new_name = row[1];
    // A row with a dot in its old name is a name or a dotted module; both readings are looked up.
    const size_t dot = old_name.rfind('.');
    const QualifiedName module = map_python2_name(old_name, "anything");
    bool found = module.module == new_name;
    if (dot != std::string::npos) {
      const QualifiedName name =
          map_python2_name(std::string_view(old_name).substr(0, dot), std::string_view(old_name).substr(dot + 1));
      found = found || std::string(name.module) + "." + std::string(name.name) == new_name;
    }
    EXPECT_TRUE(found) << old_name << " → " << new_name;
  }
}

TEST(Python2Names, OthersStayAsTheyAre) {
  for (const auto& [module, name] : {std::pair{"os", "system"}, {"", ""}, {"zzz", "y"}, {"__builtin", "eval"}}) {
    const QualifiedName mapped = map_python2_name(module, name);
    EXPECT_EQ(mapped.module, module);
    EXPECT_EQ(mapped.name, name);
  }
}

}  // namespace
}  // namespace pickletap
