# The `patchbay` command.
add_executable(patchbay_cmd cmd_main.c cmd_check.c cmd_generate.c cmd_scaffold.c cmd_build.c depend.c cmd_certificates.c cmd_protocols.c generate.c cmd_message.c message_json.c cmd_ps.c cmd_send.c cmd_up.c cmd_live.c up_plan.c up_reload.c up_child.c up_ask.c up_phase.c up_control.c up_files.c
    up_log.c supervise.c http_unix.c)
target_link_libraries(patchbay_cmd PRIVATE patchbay_options patchbay_static PkgConfig::JANSSON PkgConfig::CURL)
set_target_properties(patchbay_cmd PROPERTIES OUTPUT_NAME patchbay)
install(TARGETS patchbay_cmd RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# What `patchbay scaffold` fills in, where it is looked for in the build tree and in an installation.
foreach(template connection.yaml async.c sync.c CMakeLists.txt)
    configure_file(scaffold/${template} ${CMAKE_BINARY_DIR}/share/patchbay/scaffold/${template} COPYONLY)
endforeach()
install(DIRECTORY scaffold DESTINATION ${CMAKE_INSTALL_DATADIR}/patchbay)

# The C of the shipped protocols, anew (schema/CMakeLists.txt).
get_property(shipped_protocols GLOBAL PROPERTY patchbay_shipped_protocols)
foreach(name ${shipped_protocols})
    list(APPEND regen_commands COMMAND patchbay_cmd generate protocol --prefix pbay_
        --out ${PROJECT_SOURCE_DIR}/schema/protocols ${PROJECT_SOURCE_DIR}/schema/protocols/${name}.yaml)
endforeach()
add_custom_target(regen ${regen_commands} VERBATIM)
