# For scripts that write a file into the program: the bytes of PATH as C++ character constants, ended by a NUL, in OUT.
# (A string literal of more than 64 KiB is not portable.)
function(read_as_characters path out)
  file(READ ${path} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
  string(REGEX REPLACE "(('.x..',){20})" "\\1\n" bytes "${bytes}")
  set(${out} "${bytes}'\\0'" PARENT_SCOPE)
endfunction()
