# The Python package `assay`, whose folder the install prefix is: site-packages/assay/bin finds torch beside itself, and the other
# shared libraries that the programs were linked with in assay/lib. What every machine has is not taken along.
set_target_properties(assay PROPERTIES INSTALL_RPATH "$ORIGIN/../lib")
set_target_properties(assay-worker PROPERTIES INSTALL_RPATH "$ORIGIN/../../torch/lib;$ORIGIN/../lib")
if(TARGET assay_cuda)  # whoever builds the programs by name gets it too, since it is installed with them
  add_dependencies(assay-worker assay_cuda)
endif()
install(CODE "
  set(programs \"$<TARGET_FILE:assay>\" \"$<TARGET_FILE:assay-worker>\")
  set(torch_libraries \"${ASSAY_TORCH_DIR}/lib\")")
install(CODE [[
  file(GET_RUNTIME_DEPENDENCIES EXECUTABLES ${programs}
       RESOLVED_DEPENDENCIES_VAR libraries UNRESOLVED_DEPENDENCIES_VAR missing
       PRE_EXCLUDE_REGEXES "^ld-linux" "^lib(c|m|dl|rt|pthread|stdc\\+\\+|gcc_s)\\.so" "^lib(torch|c10|gomp)"
       POST_EXCLUDE_REGEXES "^${torch_libraries}/")
  if(missing)
    message(FATAL_ERROR "not found, and the wheel would not run without: ${missing}")
  endif()
  foreach(library IN LISTS libraries)
    # The name that the programs ask for, with the content that it leads to: a wheel holds no links.
    get_filename_component(name ${library} NAME)
    message(STATUS "In the wheel: ${name} from ${library}")
    configure_file(${library} $ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/lib/${name} COPYONLY)
  endforeach()
]])
# What the package knows of the build: launch.py refuses to start with another LibTorch.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/build.py @ONLY CONTENT [["""What the programs were built with. Written by CMake."""

TORCH = "@ASSAY_TORCH_VERSION@"
]])
install(FILES ${CMAKE_BINARY_DIR}/generated/build.py DESTINATION .)
