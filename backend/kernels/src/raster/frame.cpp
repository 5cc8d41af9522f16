// The stages in their order, each spread over the threads.
#include "raster/frame.h"

#include <cstring>

#include "common/thread_pool.h"

namespace talker {
namespace {

// Features [first, first + features) and perhaps the depth, as the channels of one pass.
struct PassPlan {
    int64_t first, features;
    bool depth;

    int channels() const { return static_cast<int>(features) + depth; }
};

// Splits `features` channels and the depth into passes, the depth in the last.
template <class Visit>
void for_passes(int64_t features, bool depth, Visit visit) {
    int64_t first = 0;
    do {
        int64_t left = features - first;
        PassPlan plan{first, left < kMaxPassChannels ? left : kMaxPassChannels, depth && left < kMaxPassChannels};
        visit(plan);
        first += plan.features;
        if (plan.depth) return;
    } while (first < features || depth);
}

// (The labels go with the first pass.)
Pass make_pass(const Scene& scene, const PassPlan& plan) {
    return {plan.channels(), scene.features + plan.first, scene.channels, plan.depth,
            plan.first == 0 ? scene.label_count : 0};
}

// The scene as the blend sees it: colours from harmonics are features like any other.
Scene with_values(const Scene& scene, float* values) {
    Scene out = scene;
    if (scene.bases) out.features = values, out.channels = picture_channels(scene);
    return out;
}

}  // namespace

int64_t Frame::bytes() const {
    return values.bytes() + value_gradients.bytes() + splats.bytes() + boxes.bytes() + first_slot.bytes() +
           keys.bytes() + keys2.bytes() + order.bytes() + order2.bytes() + chunk_counts.bytes() + tile_begin.bytes() +
           entries.bytes() + tile_order.bytes() + sums.bytes() + camera_blocks.bytes();
}

bool render(Frame& frame, const Scene& given, float* features, float* alpha, float* depth) {
    frame.count = given.count;
    float* values = given.bases ? frame.values.resize(given.count * picture_channels(given)) : nullptr;
    Scene scene = with_values(given, values);
    Splat* splats = frame.splats.resize(scene.count);
    TileBox* boxes = frame.boxes.resize(scene.count);
    uint32_t* keys = frame.keys.resize(scene.count);
    parallel_for(frame.blocks(), frame.threads, [&](int64_t block) {
        if (given.bases) best::shade_block(given, frame.camera, block, values);
        best::project_block(scene, frame.camera, block, splats, boxes, keys);
    });
    if (!bin_splats(frame)) return false;

    int64_t pixels = static_cast<int64_t>(frame.camera.width) * frame.camera.height;
    for_passes(scene.channels, true, [&](const PassPlan& plan) {
        Pass pass = make_pass(scene, plan);
        float* planes[kMaxPassChannels + kMostLabels] = {};
        for (int64_t c = 0; c < plan.features; c++) planes[c] = features + (plan.first + c) * pixels;
        if (plan.depth) planes[plan.features] = depth;
        for (int k = 0; k < pass.labels; k++) planes[pass.channels + k] = features + (scene.channels + k) * pixels;
        parallel_for(frame.tiles(), frame.threads, [&](int64_t n) {
            best::blend_tile(frame.camera, splats, frame.lists, frame.tile_order[n], pass, planes,
                             plan.first == 0 ? alpha : nullptr);
        });
    });
    return true;
}

void render_backward(Frame& frame, const Scene& given, const float* features, const float* alpha, const float* depth,
                     const Plane* feature_gradients, const Plane& alpha_gradient, const Plane& depth_gradient,
                     const SceneGradient& out) {
    const Splat* splats = frame.splats.data();
    Scene scene = with_values(given, frame.values.data());
    SceneGradient gradient = out;
    if (given.bases) gradient.features = frame.value_gradients.resize(given.count * scene.channels);
    gradient.camera = out.camera ? frame.camera_blocks.resize(frame.blocks() * 12) : nullptr;
    int64_t pixels = static_cast<int64_t>(frame.camera.width) * frame.camera.height;
    for_passes(scene.channels, depth_gradient.data != nullptr, [&](const PassPlan& plan) {
        Pass pass = make_pass(scene, plan);
        const float* planes[kMaxPassChannels] = {};
        Plane gradients[kMaxPassChannels] = {};
        for (int64_t c = 0; c < plan.features; c++) {
            planes[c] = features + (plan.first + c) * pixels;
            gradients[c] = feature_gradients[plan.first + c];
        }
        if (plan.depth) planes[plan.features] = depth, gradients[plan.features] = depth_gradient;
        // Everything is linear in the pixel's worth, so each pass adds its own part; alpha's goes with the first.
        Plane pass_alpha_gradient = plan.first == 0 ? alpha_gradient : Plane{};
        int64_t stride = (kMoments + pass.channels + 3) / 4 * 4;
        float* sums = frame.sums.resize(frame.slots * stride);
        parallel_for(frame.tiles(), frame.threads, [&](int64_t n) {
            best::blend_tile_backward(frame.camera, splats, frame.lists, frame.tile_order[n], pass, planes, alpha,
                                      gradients, pass_alpha_gradient, sums, stride);
        });
        parallel_for(frame.blocks(), frame.threads, [&](int64_t block) {
            best::project_block_backward(scene, frame.camera, block, frame.boxes.data(), frame.first_slot.data(), sums,
                                         stride, plan.first, plan.features, plan.depth, plan.first > 0, gradient);
        });
    });
    if (given.bases) {
        SceneGradient shaded = gradient;
        shaded.features = out.features;
        parallel_for(frame.blocks(), frame.threads, [&](int64_t block) {
            best::shade_block_backward(given, frame.camera, block, frame.boxes.data(), scene.features,
                                       gradient.features, shaded);
        });
    }
    if (!out.camera) return;
    for (int k = 0; k < 12; k++) out.camera[k] = 0.0;
    for (int64_t block = 0; block < frame.blocks(); block++)
        for (int k = 0; k < 12; k++) out.camera[k] += frame.camera_blocks[block * 12 + k];
}

}  // namespace talker
