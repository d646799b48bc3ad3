# add_python_module(NAME SOURCE...): a module of nanobind in C++17, with the sanitizers where CTC_SANITIZE is on.
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release)
endif()
option(CTC_SANITIZE "Build with the address and undefined behaviour sanitizers" OFF)

find_package(Python 3.11 REQUIRED COMPONENTS Interpreter Development.Module)
execute_process(COMMAND "${Python_EXECUTABLE}" -m nanobind --cmake_dir
                OUTPUT_STRIP_TRAILING_WHITESPACE OUTPUT_VARIABLE nanobind_ROOT)
find_package(nanobind CONFIG REQUIRED)

function(add_python_module NAME)
    nanobind_add_module(${NAME} NOMINSIZE NB_DOMAIN ramospeech ${ARGN})
    target_compile_features(${NAME} PRIVATE cxx_std_17)
    if(NOT MSVC)
        target_compile_options(${NAME} PRIVATE -O3 -Wall -Wextra)
    endif()
    if(CTC_SANITIZE)
        target_compile_options(${NAME} PRIVATE -g -fsanitize=address,undefined -fno-sanitize-recover=all)
        target_link_options(${NAME} PRIVATE -fsanitize=address,undefined)
    endif()
endfunction()
