# What `cmake --install` puts where, under the prefix. A package for a system sets CMAKE_INSTALL_SYSCONFDIR=/etc.
if(TARGET pickletap)
  install(TARGETS pickletap RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(FILES config/pickletap.yaml DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/pickletap OPTIONAL)
install(DIRECTORY config/policy/ DESTINATION ${CMAKE_INSTALL_DATADIR}/pickletap/policy FILES_MATCHING PATTERN *.yaml
  PATTERN make EXCLUDE)
install(DIRECTORY deploy/schema DESTINATION ${CMAKE_INSTALL_DATADIR}/pickletap OPTIONAL)
install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
