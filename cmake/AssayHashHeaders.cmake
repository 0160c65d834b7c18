# Script: cmake -DVERSION=.. -DOUTPUT=.. -DFILES=a;b -P AssayHashHeaders.cmake
set(all "")
foreach(file ${FILES})
  file(SHA256 ${file} hash)
  get_filename_component(base ${file} NAME)
  string(APPEND all "${base} ${hash}\n")
endforeach()
string(SHA256 hash "${all}")
string(SUBSTRING ${hash} 0 12 hash)
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#pragma once
// Generated: which assay these headers are of.
#define ASSAY_PLUGIN_VERSION \"${VERSION}\"
#define ASSAY_PLUGIN_HEADERS \"${hash}\"
")
