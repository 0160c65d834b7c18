# Headers that nearly every source includes, compiled once: those of LibTorch alone take a compiler seconds. Four sets, since what
# is compiled otherwise cannot use them: libraries or test programs (which have GoogleMock too), with LibTorch or without.
#
# ccache cannot compare the compiled headers of two build folders, which differ in nothing that matters. What decides them is written
# beside each (.sum, read under CCACHE_PCH_EXTSUM): the headers are those of packages only, so their versions and the flags do.
option(ASSAY_PRECOMPILE "Compile common headers once; off for tools that read the sources with another compiler" ON)

set(ASSAY_COMMON_HEADERS <algorithm> <cstdint> <filesystem> <functional> <map> <memory> <optional> <set> <span> <string> <utility>
    <vector> <fmt/format.h> <nlohmann/json.hpp>)
set(ASSAY_TORCH_HEADERS <ATen/core/Tensor.h> <ATen/TensorOperators.h>)
set(ASSAY_TEST_HEADERS <gmock/gmock.h>)

# assay_precompiled(NAME DEPENDS... HEADERS...): a set, as the target that others reuse it from.
function(assay_precompiled name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;HEADERS" ${ARGN})
  set(source ${CMAKE_BINARY_DIR}/generated/${name}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "// Nothing but the headers that are compiled before it.\n")
  add_library(${name} OBJECT ${source})
  target_link_libraries(${name} PRIVATE assay_options nlohmann_json::nlohmann_json ${ARG_DEPENDS})
  target_precompile_headers(${name} PRIVATE ${ARG_HEADERS})
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/${name}.dir/cmake_pch.hxx.gch.sum
       CONTENT "${name} ${CMAKE_CXX_COMPILER_VERSION} ${CMAKE_BUILD_TYPE} ${CMAKE_CXX_FLAGS} ${ASSAY_SANITIZE} ${assay_torch_version} fmt ${fmt_VERSION} json ${nlohmann_json_VERSION} gtest ${GTest_VERSION} ${ARG_HEADERS}\n")
endfunction()

# Every folder's library and test program uses the set that fits it. Called when all of them are known.
function(assay_use_precompiled)
  foreach(target IN LISTS ARGN)
    get_target_property(without ${target} DISABLE_PRECOMPILE_HEADERS)
    if(without)
      continue()
    endif()
    assay_links(${target} assay_torch with_torch)
    get_target_property(type ${target} TYPE)
    set(name assay_precompiled)
    if(type STREQUAL "EXECUTABLE")
      string(APPEND name _tests)
    endif()
    if(with_torch)
      string(APPEND name _torch)
    endif()
    target_precompile_headers(${target} REUSE_FROM ${name})
    # g++ 12 reports inlined std::string concatenations (GCC bug 105651), and for precompiled headers forgets that they are the
    # system's. A build without them (ASSAY_PRECOMPILE=OFF) has the warning.
    target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
  endforeach()
endfunction()

# assay_links(TARGET WANTED OUT): whether the target links the other one, itself or through what it links.
function(assay_links target wanted out)
  set(open ${target})
  set(seen "")
  while(open)
    list(POP_FRONT open one)
    get_target_property(links ${one} LINK_LIBRARIES)
    get_target_property(passed_on ${one} INTERFACE_LINK_LIBRARIES)
    foreach(link IN LISTS links passed_on)
      if(link STREQUAL wanted)
        set(${out} TRUE PARENT_SCOPE)
        return()
      endif()
      if(TARGET ${link} AND link MATCHES "^assay_" AND NOT link IN_LIST seen)
        list(APPEND seen ${link})
        list(APPEND open ${link})
      endif()
    endforeach()
  endwhile()
  set(${out} FALSE PARENT_SCOPE)
endfunction()

if(ASSAY_PRECOMPILE)
  assay_precompiled(assay_precompiled HEADERS ${ASSAY_COMMON_HEADERS})
  assay_precompiled(assay_precompiled_torch DEPENDS assay_torch HEADERS ${ASSAY_COMMON_HEADERS} ${ASSAY_TORCH_HEADERS})
  set_target_properties(assay_precompiled assay_precompiled_torch PROPERTIES POSITION_INDEPENDENT_CODE ON)
  if(ASSAY_TESTS)
    assay_precompiled(assay_precompiled_tests DEPENDS GTest::gmock HEADERS ${ASSAY_COMMON_HEADERS} ${ASSAY_TEST_HEADERS})
    assay_precompiled(assay_precompiled_tests_torch DEPENDS assay_torch GTest::gmock
                      HEADERS ${ASSAY_COMMON_HEADERS} ${ASSAY_TORCH_HEADERS} ${ASSAY_TEST_HEADERS})
  endif()
  get_property(assay_targets GLOBAL PROPERTY ASSAY_PRECOMPILED_TARGETS)
  assay_use_precompiled(${assay_targets})
endif()
