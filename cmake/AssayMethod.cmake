# assay_add_method(NAME SOURCE... [SHARED FOLDER...]): the library assay_method_NAME out of methods/NAME, its entry in
# the generated registration, the hash of its sources, and one test program out of the folder's *_test.cpp.
# A method's CMakeLists.txt is this one call. NAME must be a C identifier: register_NAME(MethodRegistry&) is called.
# SHARED compress: links the library of harness/compress, and its sources count as the method's.

# Whatever decides a fitted value is part of every method's source hash: reading and running a model, the mathematics that
# methods share, drawing calibration data, and the version of LibTorch. Tests and their support decide nothing.
set(ASSAY_FIT_SOURCES ${CMAKE_SOURCE_DIR}/requirements.txt)
foreach(folder data checkpoint checkpoint/families model model/kernels model/kernels/cuda method)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/harness/${folder}/*.h ${CMAKE_SOURCE_DIR}/harness/${folder}/*.cpp
       ${CMAKE_SOURCE_DIR}/harness/${folder}/*.cu ${CMAKE_SOURCE_DIR}/harness/${folder}/*.cuh)
  list(APPEND ASSAY_FIT_SOURCES ${files})
endforeach()
list(APPEND ASSAY_FIT_SOURCES ${CMAKE_SOURCE_DIR}/harness/base/python_random.cpp ${CMAKE_SOURCE_DIR}/harness/worker/calibration.cpp
     ${CMAKE_SOURCE_DIR}/harness/worker/fit.cpp ${CMAKE_SOURCE_DIR}/harness/worker/training_items.cpp
     ${CMAKE_SOURCE_DIR}/harness/worker/training_text.cpp)
list(FILTER ASSAY_FIT_SOURCES EXCLUDE REGEX "_test\\.(cpp|cu)$|/(conformance[a-z_]*|golden_cases|real_text|recording_context|tiny_model|plugin)\\.(cpp|h)$")

function(assay_add_method name)
  if(NOT name MATCHES "^[a-z][a-z0-9_]*$")
    message(FATAL_ERROR "method name '${name}': use lower-case letters, digits and '_', starting with a letter")
  endif()
  cmake_parse_arguments(ARG "" "" "SHARED" ${ARGN})
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.h)
  list(TRANSFORM ARG_UNPARSED_ARGUMENTS PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/ OUTPUT_VARIABLE sources)
  set(hashed ${sources} ${headers} ${ASSAY_FIT_SOURCES})
  set(libraries "")
  foreach(folder ${ARG_SHARED})
    file(GLOB_RECURSE files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/harness/${folder}/*.h ${CMAKE_SOURCE_DIR}/harness/${folder}/*.cpp)
    list(FILTER files EXCLUDE REGEX "_test\\.cpp$|_fixture\\.h$")
    list(APPEND hashed ${files})
    list(APPEND libraries assay_${folder})
  endforeach()
  list(SORT hashed)
  set(hash_file ${CMAKE_BINARY_DIR}/generated/methods/${name}_source_hash.cpp)
  add_custom_command(
    OUTPUT ${hash_file}
    COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DOUTPUT=${hash_file} "-DFILES=${hashed}" -P ${CMAKE_SOURCE_DIR}/cmake/AssayHashSources.cmake
    DEPENDS ${hashed} ${CMAKE_SOURCE_DIR}/cmake/AssayHashSources.cmake
    COMMENT "Hashing the sources of method ${name}" VERBATIM)
  assay_library(assay_method_${name} SOURCES ${sources} ${hash_file} DEPENDS assay_method ${libraries})
  set_property(GLOBAL APPEND PROPERTY ASSAY_METHOD_NAMES ${name})

  file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp)
  if(tests)
    assay_test(method_${name}_test SOURCES ${tests} DEPENDS assay_method_${name} assay_method_conformance assay_seeded_torch LABELS unit TIMEOUT 600)
  endif()
endfunction()

# Writes the function that registers every method added so far, and the library assay_methods.
function(assay_generate_builtin_methods)
  get_property(ASSAY_NAMES GLOBAL PROPERTY ASSAY_METHOD_NAMES)
  list(SORT ASSAY_NAMES)
  set(ASSAY_DECLARATIONS "")
  set(ASSAY_CALLS "")
  set(ASSAY_HASHES "")
  set(libraries "")
  foreach(name ${ASSAY_NAMES})
    string(APPEND ASSAY_DECLARATIONS "void register_${name}(MethodRegistry& registry);\nextern const char* const source_hash_${name};\n")
    string(APPEND ASSAY_CALLS "  register_${name}(registry);\n")
    string(APPEND ASSAY_HASHES "  if (name == \"${name}\") return source_hash_${name};\n")
    list(APPEND libraries assay_method_${name})
  endforeach()
  set(generated ${CMAKE_BINARY_DIR}/generated/methods/builtin_methods.cpp)
  configure_file(${CMAKE_SOURCE_DIR}/cmake/builtin_methods.cpp.in ${generated} @ONLY)
  assay_library(assay_methods SOURCES ${generated} DEPENDS ${libraries} assay_method)
endfunction()
