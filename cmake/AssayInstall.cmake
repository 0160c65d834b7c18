# `cmake --install BUILD --prefix X`: X can be moved afterwards. The program finds share/assay and the
# worker beside itself; the worker finds LibTorch where the wheel has it.
if(ASSAY_WHEEL)
  include(AssayWheel)
else()
  set_target_properties(assay-worker PROPERTIES INSTALL_RPATH ${ASSAY_TORCH_DIR}/lib)
endif()
install(TARGETS assay assay-worker RUNTIME DESTINATION bin)
foreach(folder claims datasets experiments hardware_profiles models)
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/${folder} DESTINATION share/assay FILES_MATCHING PATTERN "*.toml")
endforeach()
file(GLOB of_methods CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/methods/*/claims.toml ${CMAKE_SOURCE_DIR}/methods/*/conformance.json)
foreach(file ${of_methods})
  get_filename_component(folder ${file} DIRECTORY)
  install(FILES ${CMAKE_SOURCE_DIR}/${file} DESTINATION share/assay/${folder})
endforeach()
install(DIRECTORY ${CMAKE_SOURCE_DIR}/python/assay_tools ${CMAKE_SOURCE_DIR}/python/assay_search DESTINATION share/assay/python
        FILES_MATCHING PATTERN "*.py" PATTERN "*.txt" PATTERN "__pycache__" EXCLUDE)
install(FILES LICENSE README.md DESTINATION share/assay)

# What plug-ins are built with; a wheel has none of it.
if(NOT ASSAY_WHEEL)
  foreach(header ${ASSAY_EXPORTED_HEADERS})
    cmake_path(RELATIVE_PATH header BASE_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE place)
    cmake_path(GET place PARENT_PATH folder)
    install(FILES ${header} DESTINATION include/assay/${folder})
  endforeach()
  install(FILES ${ASSAY_PLUGIN_BUILD} DESTINATION include/assay/harness/method)
  configure_file(${CMAKE_SOURCE_DIR}/cmake/assayConfig.cmake.in ${CMAKE_BINARY_DIR}/generated/cmake/assayConfig.cmake @ONLY)
  include(CMakePackageConfigHelpers)
  write_basic_package_version_file(${CMAKE_BINARY_DIR}/generated/cmake/assayConfigVersion.cmake COMPATIBILITY ExactVersion)
  install(FILES ${CMAKE_BINARY_DIR}/generated/cmake/assayConfig.cmake ${CMAKE_BINARY_DIR}/generated/cmake/assayConfigVersion.cmake
          ${CMAKE_SOURCE_DIR}/cmake/AssayPlugin.cmake DESTINATION lib/cmake/assay)
endif()
