# Warnings, hardening, sanitizers and link-time optimisation. Every target of this project is ours, and the headers of
# others come in as system headers, so directory-wide options reach our code only.
add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wshadow)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Werror)
  if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    add_compile_options(-Wno-restrict)  # false alarms on "literal" + std::string, GCC bug 105651
  endif()
else()
  # clang counts sign changes as conversions, which g++ does not in C++; it compiles the fuzz targets, g++ the product.
  add_compile_options(-Wno-sign-conversion)
endif()

set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
add_link_options(-Wl,-z,relro,-z,now)

set(PICKLETAP_SANITIZER_OPTIONS -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
if(PICKLETAP_SANITIZE OR PICKLETAP_FUZZ)
  add_compile_options(${PICKLETAP_SANITIZER_OPTIONS})
  add_link_options(${PICKLETAP_SANITIZER_OPTIONS})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-maybe-uninitialized)  # false alarms once the sanitizers' checks stand in between
  endif()
endif()

set(PICKLETAP_HAS_LIBFUZZER OFF)
if(PICKLETAP_FUZZ)
  include(CheckCXXSourceCompiles)
  set(CMAKE_REQUIRED_FLAGS -fsanitize=fuzzer,address,undefined)
  check_cxx_source_compiles("
    #include <cstddef>
    #include <cstdint>
    extern \"C\" int LLVMFuzzerTestOneInput(const uint8_t*, size_t) { return 0; }" PICKLETAP_LIBFUZZER_LINKS)
  unset(CMAKE_REQUIRED_FLAGS)
  if(PICKLETAP_LIBFUZZER_LINKS)
    set(PICKLETAP_HAS_LIBFUZZER ON)
    add_compile_options(-fsanitize=fuzzer-no-link)
  else()
    message(WARNING "This compiler has no libFuzzer: the fuzz targets get the small driver of the other presets")
  endif()
endif()

if(PICKLETAP_LTO AND NOT PICKLETAP_SANITIZE AND NOT PICKLETAP_FUZZ AND CMAKE_BUILD_TYPE STREQUAL "Release")
  include(CheckIPOSupported)
  check_ipo_supported(RESULT ipo_works OUTPUT ipo_trouble LANGUAGES CXX)
  if(ipo_works)
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
  else()
    message(STATUS "No link-time optimisation: ${ipo_trouble}")
  endif()
endif()

# For programs of tests: their own code is compiled the usual way and the libraries' is optimised at link time, as in
# what is shipped.
function(pickletap_test_program target)
  set_target_properties(${target} PROPERTIES INTERPROCEDURAL_OPTIMIZATION OFF)
  if(CMAKE_INTERPROCEDURAL_OPTIMIZATION AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_link_options(${target} PRIVATE -flto=auto)
  endif()
endfunction()
