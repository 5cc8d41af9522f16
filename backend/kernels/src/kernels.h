// The stages that are compiled once for every instruction set, and the choice between them.
#pragma once

#include "adam.h"
#include "field.h"
#include "passes.h"
#include "picture_loss.h"
#include "planes.h"
#include "pose.h"
#include "splat.h"
#include "ssim.h"

namespace talker {

// Tiles of the picture and the splats in them, front to back.
struct TileLists {
    int tiles_x, tiles_y;
    const int32_t* begin;  // tiles_x * tiles_y + 1: where each tile's entries begin
    const Entry* entries;
};

// One pass of the blend: some channels of every splat.
struct Pass {
    int channels;           // 0 .. kMaxPassChannels
    const float* features;  // channel c of Gaussian i is at features[i * stride + c],
    int64_t stride;
    bool ends_with_depth;  // except that the last channel may be the depth
    int labels;            // 0 .. kMostLabels: planes that come after the channels', one for each label
};

struct Kernels {
    const char* name;

    // Stage 0, where the scene has harmonics. Gives every Gaussian of the block its row of `values`: its colour as
    // seen from the camera, then its features. And the gradient, which adds to that of means and camera.
    void (*shade_block)(const Scene&, const Camera&, int64_t block, float* values);
    void (*shade_block_backward)(const Scene&, const Camera&, int64_t block, const TileBox*, const float* values,
                                 const float* value_gradients, const SceneGradient&);

    // Stage 1. Projects block `block` of the scene: its splats, the tiles they touch, and sort keys (the depth's bits;
    // ~0 for what is not drawn).
    void (*project_block)(const Scene&, const Camera&, int64_t block, Splat* splats, TileBox* boxes, uint32_t* keys);

    // Stage 3. Blends one tile. `planes` are the pass's channels, then its labels, row-major pictures of the camera's
    // size; `alpha` may be null.
    void (*blend_tile)(const Camera&, const Splat*, const TileLists&, int tile, const Pass&, float* const* planes,
                       float* alpha);

    // Stage 4. Gradient sums of one tile: slot s gets moments and channel gradients at sums[s * sum_stride], of which
    // there are kMoments + channels, padded to a multiple of four. `planes`, `alpha` are what blend_tile made.
    void (*blend_tile_backward)(const Camera&, const Splat*, const TileLists&, int tile, const Pass&,
                                const float* const* planes, const float* alpha, const Plane* plane_gradients,
                                const Plane& alpha_gradient, float* sums, int64_t sum_stride);

    // Stage 5. Gradients of block `block` of the scene from its splats' sums: Gaussian i has one for every tile of its box,
    // from first_slot[i] on. Channel gradients cover the features [first_feature, first_feature + features), and the
    // depth where it is among the channels (then it is the last one). With `accumulate`, adds to what is there.
    void (*project_block_backward)(const Scene&, const Camera&, int64_t block, const TileBox*, const int32_t* first_slot,
                                   const float* sums, int64_t sum_stride, int64_t first_feature, int64_t features,
                                   bool has_depth,
                                   bool accumulate, const SceneGradient&);

    // Structural similarity of rows [first_row, end_row) of a channel, summed up, with what its gradient needs; then the
    // gradient. `scratch` has ssim_scratch(width) floats.
    double (*ssim_band)(const SsimChannel&, int first_row, int end_row, float* scratch);
    void (*ssim_gradient_band)(const SsimChannel&, int first_row, int end_row, float* scratch);

    // One plane's features of points [begin, end); and the sum of all points' gradients in a plane.
    void (*read_plane)(const PlanePoints&, const FeaturePlane&, int64_t begin, int64_t end, float* outputs);
    void (*add_to_plane)(const PlanePoints&, const FeaturePlane&, const float* gradients);

    // The net of a field for a block of points whose features are there: rows x outputs changes; and its gradients. Every
    // array of the gradient is overwritten; `feature_gradient` has rows of padded(inputs).
    void (*field_block)(const FieldNet&, int rows, const FieldRows& kept, float* change);
    void (*field_block_backward)(const FieldNet&, int rows, const FieldRows& kept, const float* change_gradient,
                                 float* scratch, const FieldGradient&, float* feature_gradient);

    // Its last layer by itself, from `values` in rows of `hidden_row` floats; the head is laid out as in a FieldNet.
    void (*field_head_block)(int rows, int hidden, int hidden_row, const float* values, int outputs,
                             const float* head_by_input, float* change);

    // Block `block` of a set of Gaussians for the rasteriser; and the gradients, with `body_sums` for a set that has a body.
    void (*pose_block)(const PoseSet&, int64_t block, const PoseOutput&);
    void (*pose_block_backward)(const PoseSet&, int64_t block, const PoseOutput& posed, const PoseUpstream&,
                                const PoseGradient&, double* body_sums);

    // Rows [first_row, end_row) of a composite and of the recorded frame; returns the weighted sum of their absolute
    // differences. Then its gradients: adds the differences' to the colours' (which hold the similarity's), and makes
    // alpha's of them. `scratch` has four rows.
    double (*composite_rows)(const LossPicture&, int first_row, int end_row, float* scratch);
    void (*composite_rows_backward)(const LossPicture&, int first_row, int end_row, float difference_scale,
                                    float* colour_gradients, float* alpha_gradient, float* scratch);

    // Rows of one plane against another: the sum of absolute differences, and `scale` times its gradient.
    double (*difference_rows)(const Plane& values, const Plane& target, int width, int first_row, int end_row,
                              float scale, float* gradient);

    // Adam for the elements [begin, end) of a tensor; expected depth for the pixels [begin, end), in place.
    void (*adam_piece)(const AdamTensor&, const AdamSettings&, int64_t begin, int64_t end);
    void (*expect_depth)(const float* alpha, float* depth, int64_t begin, int64_t end, float least_alpha, float empty);

    // A row of a drawn frame as it is stored; and a row of stored colour (half floats) over an 8-bit plate as 8-bit RGB,
    // through a table of display values, one for every half float from 0 to 1.
    void (*store_passes)(const DrawnRow&, const PassScale&, int width, const PassRow&);
    void (*show_passes)(const uint16_t* const* rgba, const float* display, const uint8_t* plate, int width, uint8_t* out);
};

// The best for this machine; TALKER_KERNELS=portable or =avx2 in the environment asks for nothing better than that.
const Kernels& kernels();

}  // namespace talker
