/* The library's plain C interface. All arrays are contiguous 32-bit floats unless said otherwise. */
#ifndef TALKER_API_H
#define TALKER_API_H

#include <stdint.h>

#if defined(_WIN32)
#define TALKER_EXPORT __declspec(dllexport)
#else
#define TALKER_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What the functions below return. */
enum { TALKER_OK, TALKER_NO_MEMORY, TALKER_TOO_MANY_PAIRS, TALKER_BAD_ARGUMENT, TALKER_NO_THREADS };

typedef struct {
    int64_t count, channels;
    const float *means, *quaternions, *scales, *opacities, *features; /* (count, 3 | 4 | 3 | 1 | channels) */
    const float* camera_from_world;                                   /* 16, row-major */
    float fx, fy, cx, cy;
    int32_t width, height;
    int32_t threads; /* 0: all cores */
    /* Colour as spherical harmonics: (count, bases, 3) with 1, 4, 9 or 16 bases; 0: none. With them, the picture has three
       more channels, before those of the features, of which there may be none. */
    int32_t bases;
    const float* harmonics;
} talker_raster_scene;

/* Pixel (x, y) is at data[y * row + x * column]; data null: all zero. */
typedef struct {
    const float* data;
    int64_t row, column;
} talker_plane;

typedef struct {
    float *means, *quaternions, *scales, *opacities, *features, *harmonics;
    double* camera; /* 12: rows of rotation | translation; null: not wanted */
} talker_raster_gradient;

/* Renders into planes of height x width: the channels of the picture, alpha, depth. With `frame_out`, keeps what the
   backward pass needs, until talker_raster_release. */
TALKER_EXPORT int talker_raster_forward(const talker_raster_scene*, float* features, float* alpha, float* depth,
                                        void** frame_out);

/* `scene`, `features`, `alpha`, `depth`: as in the forward call that made `frame`. `gradients`: a plane for
   every channel of the picture, one for alpha, one for depth. Every array of the gradient is overwritten. */
TALKER_EXPORT int talker_raster_backward(void* frame, const talker_raster_scene*, const float* features,
                                         const float* alpha, const float* depth, const talker_plane* gradients,
                                         const talker_raster_gradient*);

TALKER_EXPORT void talker_raster_release(void* frame);

/* The mean over all pixels and channels of the structural similarity of two pictures (`channels` planes each), and, where
   `gradient` is not null, that mean's gradient by x: channels x height x width. */
TALKER_EXPORT int talker_ssim(const talker_plane* x, const talker_plane* y, int32_t channels, int32_t width,
                              int32_t height, int32_t threads, double* mean, float* gradient);

/* Points to be encoded by planes: level l has 3 planes (XY, YZ, XZ) of `features` x sizes[l] x sizes[l]. A point's row of
   outputs has level_count x 3 x features floats, in that order. */
typedef struct {
    int64_t count;
    const float* points;    /* (count, 3) */
    const float *low, *high; /* (3): the corners of the box that the planes span; points outside read the border */
    const int32_t* sizes;
    int32_t level_count, features, threads;
} talker_planes;

TALKER_EXPORT int talker_planes_forward(const talker_planes*, const float* const* levels, float* outputs);

/* Gradients of every level from those of the outputs; every array is overwritten. */
TALKER_EXPORT int talker_planes_backward(const talker_planes*, const float* gradients, float* const* level_gradients);

/* The instruction set in use: "avx2" or "portable". */
TALKER_EXPORT const char* talker_kernels_name(void);

/* Threads that `requested` (0: all cores) means here. */
TALKER_EXPORT int talker_thread_count(int requested);

#ifdef __cplusplus
}
#endif
#endif
