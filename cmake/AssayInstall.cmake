# `cmake --install BUILD --prefix X`: X can be moved afterwards. The program finds share/assay and the
# worker beside itself; the worker finds LibTorch where the wheel has it.
if(TARGET assay)
  install(TARGETS assay RUNTIME DESTINATION bin)
endif()
if(TARGET assay-worker)
  set_target_properties(assay-worker PROPERTIES INSTALL_RPATH ${ASSAY_TORCH_DIR}/lib)
  install(TARGETS assay-worker RUNTIME DESTINATION bin)
endif()
foreach(folder datasets experiments hardware_profiles models)
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/${folder} DESTINATION share/assay FILES_MATCHING PATTERN "*.toml")
endforeach()
install(DIRECTORY ${CMAKE_SOURCE_DIR}/python/assay_tools DESTINATION share/assay/python
        FILES_MATCHING PATTERN "*.py" PATTERN "__pycache__" EXCLUDE)
install(FILES LICENSE README.md DESTINATION share/assay)
