# generated/sensor/build_info.h: version of the project, revision of the checkout ("unknown" outside of one).
# A build from an unpacked source package is told by the environment.
set(PICKLETAP_REVISION "$ENV{PICKLETAP_REVISION}")
if(NOT PICKLETAP_REVISION)
  set(PICKLETAP_REVISION "unknown")
endif()
find_package(Git QUIET)
if(GIT_FOUND AND EXISTS ${PROJECT_SOURCE_DIR}/.git)
  execute_process(
    COMMAND ${GIT_EXECUTABLE} -C ${PROJECT_SOURCE_DIR} describe --always --dirty --abbrev=12
    OUTPUT_VARIABLE git_revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE git_result)
  if(git_result EQUAL 0 AND git_revision)
    set(PICKLETAP_REVISION ${git_revision})
  endif()
  if(EXISTS ${PROJECT_SOURCE_DIR}/.git/logs/HEAD)  # a new commit configures anew
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/.git/logs/HEAD)
  endif()
endif()
configure_file(${PROJECT_SOURCE_DIR}/sensor/build_info.h.in ${PROJECT_BINARY_DIR}/generated/sensor/build_info.h @ONLY)
