# LibTorch out of the Python wheel, without TorchConfig.cmake: that one stops when the wheel was built for CUDA and
# the machine has no CUDA toolkit, and its target loads every CUDA library into each process.
# assay_torch links torch_cpu and c10 only; a CUDA device makes the worker load libtorch_cuda at run time.
#
# pip builds a wheel in an environment that is gone afterwards: what an earlier build found may not be there any more.
if(ASSAY_WHEEL AND NOT EXISTS "${ASSAY_TORCH_DIR}/version.py")
  unset(ASSAY_TORCH_DIR CACHE)
endif()
if(NOT ASSAY_TORCH_DIR)
  if(ASSAY_PYTHON)
    set(assay_python ${ASSAY_PYTHON})
  elseif(ASSAY_WHEEL)
    set(assay_python ${Python_EXECUTABLE})  # the one that pip builds with
  else()
    find_program(assay_python python3)
  endif()
  execute_process(COMMAND ${assay_python} -c "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
                  OUTPUT_VARIABLE ASSAY_TORCH_DIR OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE assay_torch_rc ERROR_QUIET)
  if(NOT assay_torch_rc EQUAL 0)
    message(FATAL_ERROR "LibTorch not found: no Python package 'torch'. Run ./scripts/setup, or pass "
                        "-DASSAY_PYTHON=<python with torch 2.11.0> or -DASSAY_TORCH_DIR=<folder of the package>")
  endif()
  set(ASSAY_TORCH_DIR ${ASSAY_TORCH_DIR} CACHE PATH "" FORCE)
endif()
if(NOT EXISTS ${ASSAY_TORCH_DIR}/include/ATen/core/Tensor.h)
  message(FATAL_ERROR "ASSAY_TORCH_DIR=${ASSAY_TORCH_DIR} holds no include/ATen/core/Tensor.h")
endif()
file(STRINGS ${ASSAY_TORCH_DIR}/version.py assay_torch_version REGEX "__version__")
string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" ASSAY_TORCH_VERSION "${assay_torch_version}")
if(NOT ASSAY_TORCH_VERSION STREQUAL "2.11.0")
  message(FATAL_ERROR "assay is built and tested with torch 2.11.0; found: ${assay_torch_version}")
endif()

add_library(assay_torch INTERFACE)
target_include_directories(assay_torch SYSTEM INTERFACE ${ASSAY_TORCH_DIR}/include)
# Without the first ATen/TensorOperators.h includes every operator that there is, 4 MB of declarations. The second: that folder
# carries a newer fmt, which comes first, and no library holds that version.
target_compile_definitions(assay_torch INTERFACE AT_PER_OPERATOR_HEADERS FMT_HEADER_ONLY)
target_link_directories(assay_torch INTERFACE ${ASSAY_TORCH_DIR}/lib)
target_link_libraries(assay_torch INTERFACE torch_cpu c10)
if(NOT ASSAY_WHEEL)  # there INSTALL_RPATH is all: CMake would leave this path in front of it
  target_link_options(assay_torch INTERFACE -Wl,-rpath,${ASSAY_TORCH_DIR}/lib)
endif()
