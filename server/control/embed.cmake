# cmake -D OUTPUT=… -P embed.cmake FILE… : writes the files, byte by byte, into a C source.
set(text "/* Made by server/control/embed.cmake. */\n#include \"server/control/asset.h\"\n\n")
set(list "")
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(index RANGE 5 ${last})
    set(path "${CMAKE_ARGV${index}}")
    get_filename_component(name "${path}" NAME)
    file(READ "${path}" bytes HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    string(APPEND text "static const unsigned char bytes_${index}[] = {${bytes}};\n")
    string(APPEND list
        "    {\"${name}\", (const char *)bytes_${index}, sizeof bytes_${index}},\n")
endforeach()
file(WRITE "${OUTPUT}" "${text}\nconst struct asset assets[] = {\n${list}    {0}};\n")
