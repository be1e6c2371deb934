# What `cmake --install` puts where, under the prefix. A package for a system sets
# CMAKE_INSTALL_SYSCONFDIR=/etc and the folders below to its own.
set(PICKLETAP_SYSTEMD_UNIT_DIR lib/systemd/system CACHE STRING "Where systemd looks for units")
set(PICKLETAP_ZSH_COMPLETION_DIR share/zsh/site-functions CACHE STRING "Where zsh looks for completions")
set(PICKLETAP_FISH_COMPLETION_DIR share/fish/vendor_completions.d CACHE STRING "Where fish looks for completions")
option(PICKLETAP_INSTALL_LICENSE "Install LICENSE beside the documentation" ON)
set(PICKLETAP_PREBUILT "" CACHE FILEPATH "Install this program and build nothing")

set(pickletap_share ${CMAKE_INSTALL_DATADIR}/pickletap)

if(PICKLETAP_PREBUILT)
  install(PROGRAMS ${PICKLETAP_PREBUILT} DESTINATION ${CMAKE_INSTALL_BINDIR} RENAME pickletap)
elseif(TARGET pickletap)
  install(TARGETS pickletap RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

# Configuration, and what it may name.
install(FILES config/pickletap.yaml DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/pickletap)
install(DIRECTORY DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/pickletap/conf.d)
install(DIRECTORY config/policy/ DESTINATION ${pickletap_share}/policy FILES_MATCHING PATTERN *.yaml
  PATTERN *.txt PATTERN make EXCLUDE)
install(FILES config/policy/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR}/policy)
install(DIRECTORY deploy/schema DESTINATION ${pickletap_share} FILES_MATCHING PATTERN *.json)

# The service.
install(FILES deploy/systemd/pickletap.service DESTINATION ${PICKLETAP_SYSTEMD_UNIT_DIR})
install(FILES deploy/systemd/pickletap.sysusers DESTINATION lib/sysusers.d RENAME pickletap.conf)
install(FILES deploy/systemd/pickletap.tmpfiles DESTINATION lib/tmpfiles.d RENAME pickletap.conf)
install(FILES deploy/systemd/pickletap.default DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/default RENAME pickletap)
install(FILES deploy/systemd/pickletap.logrotate DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/logrotate.d RENAME pickletap)

# What watches it.
foreach(folder prometheus alertmanager grafana)
  if(IS_DIRECTORY ${PROJECT_SOURCE_DIR}/deploy/${folder})
    install(DIRECTORY deploy/${folder} DESTINATION ${pickletap_share}
      FILES_MATCHING PATTERN *.yml PATTERN *.yaml PATTERN *.json PATTERN *.md PATTERN *.test.yml EXCLUDE)
  endif()
endforeach()
foreach(folder container kubernetes)
  install(DIRECTORY deploy/${folder} DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
endforeach()
# Two captures to try it with.
install(FILES pcaps/attack-posix-system-p4.pcap pcaps/manager-attack-38.pcap DESTINATION ${pickletap_share}/captures)

# What people read and type.
foreach(section 1 5 8)
  file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/deploy/man/*.${section})
  install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
install(FILES deploy/completions/pickletap.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
  RENAME pickletap)
install(FILES deploy/completions/_pickletap DESTINATION ${PICKLETAP_ZSH_COMPLETION_DIR})
install(FILES deploy/completions/pickletap.fish DESTINATION ${PICKLETAP_FISH_COMPLETION_DIR})
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES deploy/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME DEPLOY.md)
if(PICKLETAP_INSTALL_LICENSE)
  install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
endif()
