# What plug-ins may use of the harness: these folders' headers are installed, their libraries are whole in the worker, and it
# exports their symbols. An executable that exports binds its own calls directly; libraries of its own would go through a table.
set(ASSAY_EXPORTED_FOLDERS base checkpoint compress contextual data export gates measure method model mux protocol search stats subnetwork suite train)
set(ASSAY_EXPORTED_LIBRARIES assay_base assay_checkpoint assay_compress assay_contextual assay_data assay_gates assay_kernels assay_measure
    assay_measure_torch assay_method assay_model assay_mux assay_protocol assay_requirements assay_search assay_stats assay_subnetwork
    assay_suite assay_train)

set(ASSAY_EXPORTED_HEADERS "")
set(ASSAY_EXPORTED_SOURCES "")
foreach(folder ${ASSAY_EXPORTED_FOLDERS})
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/harness/${folder}/*.h)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/harness/${folder}/*.cpp ${CMAKE_SOURCE_DIR}/harness/${folder}/*.cu
       ${CMAKE_SOURCE_DIR}/harness/${folder}/*.cuh)
  list(APPEND ASSAY_EXPORTED_HEADERS ${headers})
  list(APPEND ASSAY_EXPORTED_SOURCES ${sources})
endforeach()
list(FILTER ASSAY_EXPORTED_HEADERS EXCLUDE REGEX "(_fixture|_golden|golden_cases|/conformance[a-z_]*|/real_text|/cuda_table)\\.h$")
list(FILTER ASSAY_EXPORTED_SOURCES EXCLUDE REGEX "_test\\.(cpp|cu)$|/(conformance[a-z_]*|real_text|recording_context|tiny_model)\\.cpp$")
list(SORT ASSAY_EXPORTED_HEADERS)
list(SORT ASSAY_EXPORTED_SOURCES)

# The interface as plug-ins see it, by the content of its headers: they are refused where it is another.
set(ASSAY_PLUGIN_BUILD ${CMAKE_BINARY_DIR}/generated/harness/method/plugin_build.h)
add_custom_command(
  OUTPUT ${ASSAY_PLUGIN_BUILD}
  COMMAND ${CMAKE_COMMAND} -DVERSION=${PROJECT_VERSION} -DOUTPUT=${ASSAY_PLUGIN_BUILD} "-DFILES=${ASSAY_EXPORTED_HEADERS}"
          -P ${CMAKE_SOURCE_DIR}/cmake/AssayHashHeaders.cmake
  DEPENDS ${ASSAY_EXPORTED_HEADERS} ${CMAKE_SOURCE_DIR}/cmake/AssayHashHeaders.cmake
  COMMENT "Hashing the headers that plug-ins see" VERBATIM)
add_custom_target(assay_plugin_build DEPENDS ${ASSAY_PLUGIN_BUILD})

# What a plug-in's results depend on besides its own file.
set(ASSAY_EXPORTED_HASH ${CMAKE_BINARY_DIR}/generated/exported_source_hash.cpp)
set(hashed ${ASSAY_EXPORTED_HEADERS} ${ASSAY_EXPORTED_SOURCES} ${ASSAY_FIT_SOURCES})
list(REMOVE_DUPLICATES hashed)
add_custom_command(
  OUTPUT ${ASSAY_EXPORTED_HASH}
  COMMAND ${CMAKE_COMMAND} -DNAME=exported -DOUTPUT=${ASSAY_EXPORTED_HASH} "-DFILES=${hashed}" -P ${CMAKE_SOURCE_DIR}/cmake/AssayHashSources.cmake
  DEPENDS ${hashed} ${CMAKE_SOURCE_DIR}/cmake/AssayHashSources.cmake
  COMMENT "Hashing the sources that plug-ins use" VERBATIM)
assay_library(assay_exported_hash SOURCES ${ASSAY_EXPORTED_HASH})

# In this tree, what the installed assay::plugin is elsewhere.
add_library(assay_plugin INTERFACE)
target_link_libraries(assay_plugin INTERFACE assay_options nlohmann_json::nlohmann_json assay_torch)
add_dependencies(assay_plugin assay_plugin_build)

# assay_host_plugins(PROGRAM): the program takes plug-ins. The built-in methods' own symbols stay inside, so that a plug-in that has
# functions of the same names uses its own.
function(assay_host_plugins program)
  set_target_properties(${program} PROPERTIES ENABLE_EXPORTS ON)
  target_link_libraries(${program} PRIVATE ${ASSAY_EXPORTED_LIBRARIES})
  list(JOIN ASSAY_EXPORTED_LIBRARIES "," whole)
  set_property(TARGET ${program} APPEND PROPERTY LINK_LIBRARY_OVERRIDE "WHOLE_ARCHIVE,${whole}")
  get_property(names GLOBAL PROPERTY ASSAY_METHOD_NAMES)
  list(TRANSFORM names PREPEND libassay_method_)
  list(TRANSFORM names APPEND .a)
  list(JOIN names ":" archives)
  target_link_options(${program} PRIVATE "LINKER:--exclude-libs,${archives}")
endfunction()
