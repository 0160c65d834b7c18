# Script: cmake -DNAME=.. -DOUTPUT=.. -DFILES=a;b -P AssayHashSources.cmake
set(all "")
foreach(file ${FILES})
  file(SHA256 ${file} hash)
  get_filename_component(base ${file} NAME)
  string(APPEND all "${base} ${hash}\n")
endforeach()
string(SHA256 hash "${all}")
file(WRITE ${OUTPUT} "namespace assay {\nextern const char* const source_hash_${NAME};\nconst char* const source_hash_${NAME} = \"${hash}\";\n}\n")
