# The captures of an earlier run are not part of this one.
file(GLOB captures ${FOLDER}/*/*.frames)
if(captures)
    file(REMOVE ${captures})
endif()
