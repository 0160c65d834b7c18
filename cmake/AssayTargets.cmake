# Helpers that every folder uses: one library a folder, one test program a folder.
# -Wno-restrict: g++ 12 reports inlined std::string concatenations (GCC bug 105651).
add_library(assay_options INTERFACE)
target_compile_options(assay_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wno-unused-parameter -Wno-restrict
                       $<$<BOOL:${ASSAY_WERROR}>:-Werror>)
target_include_directories(assay_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
# For everybody: what a compiled header was told, whoever uses it must be told, too.
target_link_libraries(assay_options INTERFACE fmt::fmt)
if(ASSAY_SANITIZE)
  # g++ 12 reports std::regex of instrumented code as perhaps uninitialised.
  target_compile_options(assay_options INTERFACE -fsanitize=${ASSAY_SANITIZE} -fno-omit-frame-pointer -Wno-maybe-uninitialized)
  target_link_options(assay_options INTERFACE -fsanitize=${ASSAY_SANITIZE})
endif()

# assay_library(NAME SOURCES ... DEPENDS ...): a static library of one folder.
function(assay_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC assay_options ${ARG_DEPENDS})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  set_property(GLOBAL APPEND PROPERTY ASSAY_PRECOMPILED_TARGETS ${name})
endfunction()

# assay_test(NAME SOURCES ... DEPENDS ... LABELS ... [TIMEOUT s]): a GoogleTest program, one ctest entry.
function(assay_test name)
  if(NOT ASSAY_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} assay_build_paths GTest::gmock GTest::gtest GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  set_property(GLOBAL APPEND PROPERTY ASSAY_PRECOMPILED_TARGETS ${name})
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()
