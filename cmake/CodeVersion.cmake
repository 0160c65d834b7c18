# Run at each build: writes which commit the sources are of. The file changes only when the answer does.
execute_process(COMMAND git -C ${SOURCE} rev-parse --short=12 HEAD
                OUTPUT_VARIABLE ASSAY_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
execute_process(COMMAND git -C ${SOURCE} status --porcelain --untracked-files=no
                OUTPUT_VARIABLE changes OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
set(ASSAY_DIRTY false)
if(changes)
  set(ASSAY_DIRTY true)
endif()
configure_file(${TEMPLATE} ${OUTPUT} @ONLY)
