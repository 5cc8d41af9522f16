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
enum talker_status { TALKER_OK, TALKER_NO_MEMORY, TALKER_TOO_MANY_PAIRS, TALKER_BAD_ARGUMENT, TALKER_NO_THREADS };

/* Region mattes of a portrait, and the most labels that Gaussians may have in a picture. */
enum talker_limit { TALKER_MATTES = 4, TALKER_MOST_LABELS = 4 };

typedef struct {
    int64_t count, channels;
    const float *means, *quaternions, *scales, *opacities, *features; /* (count, 3 | 4 | 3 | 1 | channels) */
    const float* camera_from_world;                                   /* 16, row-major */
    float fx, fy, cx, cy;
    int32_t width, height;
    float blur;      /* the screen filter: variance added to every splat on screen, px^2; above 0 */
    int32_t threads; /* 0: all cores */
    /* Colour as spherical harmonics: (count, bases, 3) with 1, 4, 9 or 16 bases; 0: none. With them, the picture has
       three more channels, before those of the features, of which there may be none. */
    int32_t bases;
    /* Labels: (count) numbers below label_count (at most TALKER_MOST_LABELS; 0: none). The picture then has label_count
       more channels, its last, each with what the Gaussians of that label contribute, as if they had that label's
       one-hot row as features. For pictures without a frame: labels have no backward pass. */
    int32_t label_count;
    const float* harmonics;
    const int64_t* labels;
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

/* What a backward pass needs of its forward pass. */
typedef struct talker_raster_frame talker_raster_frame;

/* Renders into planes of height x width: the channels of the picture, alpha, depth. With `frame_out`, keeps what the
   backward pass needs, until talker_raster_release. */
TALKER_EXPORT int talker_raster_forward(const talker_raster_scene*, float* features, float* alpha, float* depth,
                                        talker_raster_frame** frame_out);

/* `scene`, `features`, `alpha`, `depth`: as in the forward call that made `frame`. `gradients`: a plane for
   every channel of the picture, one for alpha, one for depth. Every array of the gradient is overwritten. */
TALKER_EXPORT int talker_raster_backward(talker_raster_frame*, const talker_raster_scene*, const float* features,
                                         const float* alpha, const float* depth, const talker_plane* gradients,
                                         const talker_raster_gradient*);

TALKER_EXPORT void talker_raster_release(talker_raster_frame*);

/* The mean over all pixels and channels of the structural similarity of two pictures (`channels` planes each), and,
   where `gradient` is not null, that mean's gradient by x: channels x height x width. */
TALKER_EXPORT int talker_ssim(const talker_plane* x, const talker_plane* y, int32_t channels, int32_t width,
                              int32_t height, int32_t threads, double* mean, float* gradient);

/* Points to be encoded by planes: level l has 3 planes (XY, YZ, XZ) of `features` x sizes[l] x sizes[l]. A point's row
   of outputs has level_count x 3 x features floats, in that order. */
typedef struct {
    int64_t count;
    const float* points;     /* (count, 3) */
    const float *low, *high; /* (3): the corners of the box that the planes span; points outside read the border */
    const int32_t* sizes;
    int32_t level_count, features, threads;
} talker_planes;

TALKER_EXPORT int talker_planes_forward(const talker_planes*, const float* const* levels, float* outputs);

/* Gradients of every level from those of the outputs; every array is overwritten. */
TALKER_EXPORT int talker_planes_backward(const talker_planes*, const float* gradients, float* const* level_gradients);

/* A deformation field: features of points, read from planes, through two hidden layers with rectifiers and a last
   matrix without bias, to `outputs` changes of every point. Weights are (outputs, inputs), row-major. */
typedef struct {
    talker_planes encoding;
    const float* const* levels;
    int32_t hidden, outputs;
    const float *first, *first_bias, *second, *second_bias, *head;
} talker_field;

typedef struct {
    float* const* levels;
    float *first, *first_bias, *second, *second_bias, *head;
} talker_field_gradient;

/* Floats that the forward pass leaves for the backward pass; 0 for a field that neither accepts. */
TALKER_EXPORT int64_t talker_field_kept(const talker_field*);

TALKER_EXPORT int talker_field_forward(const talker_field*, float* kept, float* change);

/* `kept` is what the forward pass left. Every array of the gradient is overwritten. */
TALKER_EXPORT int talker_field_backward(const talker_field*, const float* kept, const float* change_gradient,
                                        const talker_field_gradient*);

/* The last layer by itself: changes (count, outputs) of points whose second hidden values (count, hidden) are known. */
TALKER_EXPORT int talker_field_pose(const float* hidden_values, const float* head, int64_t count, int32_t hidden,
                                    int32_t outputs, int32_t threads, float* change);

/* The head's motion into the camera: pose (4, 4) row-major and its rotation as a quaternion (w, x, y, z). */
typedef struct {
    const float *pose, *rotation;
} talker_head_motion;

/* What a set follows beside the head: a body that turns about its centre by the rotation vector body[0..2] * turn_scale
   and shifts by body[3..5], seen from where the head rests. Every point follows the head by sigmoid((y - neck_y)
   exp(-neck_log_softness)), with its canonical y, and else the body. */
typedef struct {
    const float *body, *centre, *rest_pose, *rest_rotation; /* (6), (3), (4, 4), (4) */
    const float *neck_y, *neck_log_softness;
    float turn_scale;
} talker_neck;

/* Canonical Gaussians. `change` (count, change_width): position, half angles about the head's axes, log scale, colour
   logit, as many as change_width (0, 3, 6, 9, 12) says. `mattes` (count) numbers; `neck` null: rigid with the head. */
typedef struct {
    int64_t count;
    const float *means, *rotations, *log_scales, *opacity_logits, *colour_logits; /* (count, 3 | 4 | 3 | 1 | 3) */
    const float* change;
    const int64_t* mattes;
    const talker_neck* neck;
    int32_t change_width;
} talker_pose_set;

/* What the rasteriser takes, or its gradient: all sets, one after the other. Features are the colours and, with more
   than three channels, as many one-hot mattes. */
typedef struct {
    float *means, *quaternions, *scales, *opacities, *features;
    int64_t channels;
} talker_pose_arrays;

/* Gradients of a set, all overwritten. `means` null: none is wanted; `change` may be null by itself. `body` (6),
   `neck_y` and `neck_log_softness` belong to a set with a neck. */
typedef struct {
    float *means, *rotations, *log_scales, *opacity_logits, *colour_logits, *change;
    float *body, *neck_y, *neck_log_softness;
} talker_pose_gradient;

TALKER_EXPORT int talker_pose_forward(const talker_pose_set*, int32_t set_count, const talker_head_motion*,
                                      int32_t threads, const talker_pose_arrays* out);

/* `posed` is what the forward pass made; `out` has one entry for every set. */
TALKER_EXPORT int talker_pose_backward(const talker_pose_set*, int32_t set_count, const talker_head_motion*,
                                       int32_t threads, const talker_pose_arrays* posed,
                                       const talker_pose_arrays* gradients, const talker_pose_gradient* out);

/* A drawn portrait (three colours, premultiplied, and alpha) over its background, held against a recorded frame; and
   its mattes against region maps. Pixels in the box [left, right) x [top, bottom) weigh 1 + box_weight. */
typedef struct {
    const talker_plane *colours, *background, *target; /* three of each */
    talker_plane alpha;
    const talker_plane *mattes, *regions; /* matte_count of each */
    int32_t matte_count, width, height;
    int32_t box_top, box_bottom, box_left, box_right;
    float box_weight, l1_weight, ssim_weight, matte_weight;
    int32_t threads;
} talker_picture_loss_case;

/* l1_weight x (weighted mean absolute difference) + ssim_weight x (1 - structural similarity) + matte_weight x (mean
   absolute difference of the mattes); and its gradients, planes of height x width: colours (3), alpha, mattes
   (matte_count). */
TALKER_EXPORT int talker_picture_loss(const talker_picture_loss_case*, double* loss, float* colours, float* alpha,
                                      float* mattes);

/* A parameter with its gradient and Adam's moments; step_size: learning rate / (1 - beta1^step), root_scale:
   1 / sqrt(1 - beta2^step). */
typedef struct {
    int64_t count;
    float* parameter;
    const float* gradient;
    float *mean, *square;
    float step_size, root_scale;
} talker_adam_tensor;

TALKER_EXPORT int talker_adam(const talker_adam_tensor*, int32_t tensor_count, double beta1, double beta2,
                              double epsilon, int32_t threads);

/* Divides depth by alpha, in place; `empty` where alpha is less than least_alpha. */
TALKER_EXPORT int talker_expect_depth(const float* alpha, float* depth, int64_t count, float least_alpha, float empty,
                                      int32_t threads);

/* A drawn frame as planes of height x width. */
typedef struct {
    const float* rgb[3]; /* display-referred, premultiplied by alpha */
    const float *alpha, *depth;
    const float* mattes[TALKER_MATTES];
    float depth_scale; /* factor from the depth's unit to the stored one */
    float empty_depth; /* stored where alpha is below 1/255 */
} talker_drawn;

/* A frame as it is stored. `linear`: 4097 values of linear light for display values from 0 to 1. `halves`: 8 planes of
   half floats: R, G, B scene-linear and premultiplied, alpha, and the mattes, scaled to sum to alpha. */
TALKER_EXPORT int talker_store_passes(const talker_drawn*, const float* linear, int32_t width, int32_t height,
                                      uint16_t* halves, float* depth);

/* Stored colour (4 planes R, G, B, alpha of half floats) over `plate` (height x width x 3 bytes), in display space, as
   bytes likewise. `display`: 15361 display values, one for every half float from 0 to 1. */
TALKER_EXPORT int talker_show_passes(const uint16_t* const* rgba, const float* display, const uint8_t* plate,
                                     int32_t width, int32_t height, uint8_t* out);

/* The interface that the library was built with: `fingerprint` of backend/kernels/interface.py. */
TALKER_EXPORT const char* talker_interface(void);

/* The instruction set in use: "avx512", "avx2" or "portable". */
TALKER_EXPORT const char* talker_kernels_name(void);

/* Threads that `requested` (0: all cores) means here. */
TALKER_EXPORT int talker_thread_count(int requested);

#ifdef __cplusplus
}
#endif
#endif
