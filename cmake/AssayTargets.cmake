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

option(ASSAY_UNITY "Compile the sources of a folder as one: a build from nothing takes a fraction of the time, one after a small change longer" OFF)

# assay_unity(TARGET SOURCE...): with ASSAY_UNITY, the sources of the target's own folder are compiled as one. Left alone are files of
# folders below it (families, formats, kinds: one thing each, under names that repeat) and what Highway compiles several times.
function(assay_unity target)
  if(NOT ASSAY_UNITY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0 UNITY_BUILD_RELOCATABLE ON)
  # g++ takes what is in an anonymous namespace for a header's, when another file includes it.
  target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
  foreach(source ${ARGN})
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE OUTPUT_VARIABLE file)
    cmake_path(GET file PARENT_PATH folder)
    if(NOT folder STREQUAL CMAKE_CURRENT_SOURCE_DIR OR source MATCHES "_cpu\\.cpp$")
      set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
  endforeach()
endfunction()

# assay_library(NAME SOURCES ... DEPENDS ...): a static library of one folder.
function(assay_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC assay_options ${ARG_DEPENDS})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  assay_unity(${name} ${ARG_SOURCES})
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
  if(ASSAY_SANITIZE)
    math(EXPR ARG_TIMEOUT "10 * ${ARG_TIMEOUT}")  # without optimisation, and every access is looked at
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} assay_build_paths GTest::gmock GTest::gtest GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  set_property(GLOBAL APPEND PROPERTY ASSAY_PRECOMPILED_TARGETS ${name})
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()
