// harness LIBRARY THREADS INPUT OUTPUT: calls every function of the kernel library on the arrays of a file.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "harness.h"

#if defined(HARNESS_LINKED)

void open_library(const char*) {}

#elif defined(_WIN32)

#include <windows.h>

static HMODULE library;

void open_library(const char* path) {
    library = LoadLibraryA(path);
    if (!library) fail(std::string(path) + " does not load: error " + std::to_string(GetLastError()));
}

void* find_function(const char* name) {
    void* found = reinterpret_cast<void*>(GetProcAddress(library, name));
    if (!found) fail(std::string("the library has no ") + name);
    return found;
}

#else

#include <dlfcn.h>

static void* library;

void open_library(const char* path) {
    library = dlopen(path, RTLD_NOW);
    if (!library) fail(std::string(path) + " does not load: " + dlerror());
}

void* find_function(const char* name) {
    void* found = dlsym(library, name);
    if (!found) fail(std::string("the library has no ") + name);
    return found;
}

#endif

void check(int status, const char* function) {
    if (status != TALKER_OK) fail(std::string(function) + " returned " + std::to_string(status));
}

std::vector<talker_plane> planes_at(const float* first, int64_t count, int64_t width, int64_t height) {
    std::vector<talker_plane> planes;
    for (int64_t c = 0; c < count; c++) planes.push_back({first + c * width * height, width, 1});
    return planes;
}

std::vector<talker_plane> interleaved_planes_at(const float* first, int64_t count, int64_t width) {
    std::vector<talker_plane> planes;
    for (int64_t c = 0; c < count; c++) planes.push_back({first + c, width * count, count});
    return planes;
}

int main(int argc, char** argv) {
    if (argc != 5) fail("usage: harness LIBRARY THREADS INPUT OUTPUT");
    open_library(argv[1]);
    std::string built_with = FUNCTION(talker_interface)();  // not "interface": windows.h takes that word
    if (built_with != HARNESS_INTERFACE) fail("the library was built with another api.h: " + built_with);
    int threads = std::atoi(argv[2]);
    Arrays in, out;
    in.read(argv[3]);
    call_raster(in, out, threads);
    call_planes(in, out, threads);
    call_field(in, out, threads);
    call_pose(in, out, threads);
    call_loss(in, out, threads);
    call_adam(in, out, threads);
    call_frames(in, out, threads);
    *out.put<int32_t>("threads", 1) = FUNCTION(talker_thread_count)(threads);
    out.write(argv[4]);
    std::printf("%s\n", FUNCTION(talker_kernels_name)());
    return 0;
}
