# The `patchbay` command.
add_executable(patchbay_cmd cmd_main.c cmd_table.c cmd_check.c cmd_generate.c cmd_keygen.c cmd_scaffold.c cmd_build.c depend.c cmd_certificates.c
    cmd_protocols.c generate.c cmd_message.c message_json.c cmd_ps.c cmd_send.c cmd_list.c cmd_add.c cmd_config.c cmd_interact.c
    cmd_vcx.c cmd_vcx_call.c cmd_vcx_connect.c cmd_completion.c cmd_man.c agent_file.c packages.c stub_file.c yaml_edit.c
    cmd_up.c cmd_live.c up_plan.c up_reload.c up_child.c up_ask.c up_phase.c up_control.c up_files.c
    up_log.c supervise.c http_unix.c)
target_link_libraries(patchbay_cmd PRIVATE patchbay_options patchbay_static PkgConfig::JANSSON PkgConfig::CURL)
set_target_properties(patchbay_cmd PROPERTIES OUTPUT_NAME patchbay)
set_source_files_properties(cmd_man.c PROPERTIES COMPILE_DEFINITIONS PATCHBAY_VERSION="${PROJECT_VERSION}")
install(TARGETS patchbay_cmd RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# pbay_printed(FILE WORDS...): what the command prints, below share; made in the build tree and installed.
function(pbay_printed file)
    get_filename_component(folder share/${file} DIRECTORY)
    file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/${folder})
    add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/share/${file}
        COMMAND patchbay_cmd ${ARGN} > ${CMAKE_BINARY_DIR}/share/${file} DEPENDS patchbay_cmd VERBATIM)
    set_property(GLOBAL APPEND PROPERTY patchbay_printed ${CMAKE_BINARY_DIR}/share/${file})
    get_filename_component(folder ${CMAKE_INSTALL_DATADIR}/${file} DIRECTORY)
    install(FILES ${CMAKE_BINARY_DIR}/share/${file} DESTINATION ${folder})
endfunction()
pbay_printed(bash-completion/completions/patchbay completion bash)
pbay_printed(zsh/site-functions/_patchbay completion zsh)
pbay_printed(fish/vendor_completions.d/patchbay.fish completion fish)
pbay_printed(man/man1/patchbay.1 help --man)
get_property(printed GLOBAL PROPERTY patchbay_printed)
add_custom_target(printed ALL DEPENDS ${printed})
install(FILES man/patchbay-broker.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES man/agent.yaml.5 man/connection.yaml.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)

# What `patchbay scaffold` fills in, where it is looked for in the build tree and in an installation.
foreach(template connection.yaml async.c sync.c CMakeLists.txt)
    configure_file(scaffold/${template} ${CMAKE_BINARY_DIR}/share/patchbay/scaffold/${template} COPYONLY)
endforeach()
install(DIRECTORY scaffold DESTINATION ${CMAKE_INSTALL_DATADIR}/patchbay PATTERN ".clang-format" EXCLUDE)

# The C of the shipped protocols, anew (schema/CMakeLists.txt).
get_property(shipped_protocols GLOBAL PROPERTY patchbay_shipped_protocols)
foreach(name ${shipped_protocols})
    list(APPEND regen_commands COMMAND patchbay_cmd generate protocol --prefix pbay_
        --out ${PROJECT_SOURCE_DIR}/schema/protocols ${PROJECT_SOURCE_DIR}/schema/protocols/${name}.yaml)
endforeach()
add_custom_target(regen ${regen_commands} VERBATIM)
