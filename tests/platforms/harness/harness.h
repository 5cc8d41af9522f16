// What the groups of calls share: the library's functions, and a check of what they return.
#pragma once

#include <string>

#include "api.h"
#include "arrays.h"

// FUNCTION(name): the function of the library. Its type is the header's, so that a call that no longer fits does not
// compile. HARNESS_LINKED: the library's sources are linked into the program (for systems without a dynamic linker).
#if defined(HARNESS_LINKED)
#define FUNCTION(name) (&name)
#else
#define FUNCTION(name) reinterpret_cast<decltype(&name)>(find_function(#name))
#endif

void open_library(const char* path);
void* find_function(const char* name);

// Ends the process where a function did not return TALKER_OK.
void check(int status, const char* function);

// Planes of height x width, one after the other.
std::vector<talker_plane> planes_at(const float* first, int64_t count, int64_t width, int64_t height);
// Planes whose pixels lie side by side: height x width x count.
std::vector<talker_plane> interleaved_planes_at(const float* first, int64_t count, int64_t width);

// Each takes its inputs by the name of its group and puts its outputs.
void call_raster(const Arrays& in, Arrays& out, int threads);
void call_planes(const Arrays& in, Arrays& out, int threads);
void call_field(const Arrays& in, Arrays& out, int threads);
void call_pose(const Arrays& in, Arrays& out, int threads);
void call_loss(const Arrays& in, Arrays& out, int threads);
void call_adam(const Arrays& in, Arrays& out, int threads);
void call_frames(const Arrays& in, Arrays& out, int threads);
