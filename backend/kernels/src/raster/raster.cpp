// The rasteriser's C interface; backend/raster/native.py is its other side.
#include <climits>
#include <cmath>
#include <memory>
#include <mutex>
#include <vector>

#include "api.h"
#include "common/guard.h"
#include "common/thread_pool.h"
#include "raster/frame.h"

namespace talker {
namespace {

// Frames are handed back here, with their memory, for the next picture.
class FrameStore {
  public:
    std::unique_ptr<Frame> take() {
        std::lock_guard<std::mutex> lock(mutex_);
        if (idle_.empty()) return std::make_unique<Frame>();
        std::unique_ptr<Frame> frame = std::move(idle_.back());
        idle_.pop_back();
        return frame;
    }

    void give_back(std::unique_ptr<Frame> frame) {
        constexpr size_t kMostIdle = 4;
        constexpr int64_t kMostBytes = int64_t{256} << 20;
        std::lock_guard<std::mutex> lock(mutex_);
        if (idle_.size() < kMostIdle && frame->bytes() <= kMostBytes) idle_.push_back(std::move(frame));
    }

  private:
    std::mutex mutex_;
    std::vector<std::unique_ptr<Frame>> idle_;
};

FrameStore& store() {
    static FrameStore* frames = new FrameStore;  // never destroyed: Python may let go of frames late
    return *frames;
}

Camera make_camera(const talker_raster_scene& s) {
    Camera camera{};
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) camera.rotation[i * 3 + j] = s.camera_from_world[i * 4 + j];
        camera.translation[i] = s.camera_from_world[i * 4 + 3];
    }
    camera.fx = s.fx, camera.fy = s.fy, camera.cx = s.cx, camera.cy = s.cy;
    camera.width = s.width, camera.height = s.height;
    camera.blur = s.blur;
    return camera;
}

bool are_labels_sound(const talker_raster_scene& s) {
    if (s.label_count < 0 || s.label_count > kMostLabels) return false;
    if (s.label_count == 0) return true;
    for (int64_t i = 0; i < s.count; i++)
        if (s.labels[i] < 0 || s.labels[i] >= s.label_count) return false;
    return true;
}

bool is_sound(const talker_raster_scene& s) {
    constexpr int kMostPixels = 16384;  // a side; boxes are 16-bit
    bool has_colour = s.bases == 1 || s.bases == 4 || s.bases == 9 || s.bases == kMostBases;
    return s.count >= 0 && s.count <= INT_MAX - kBlock && (has_colour || s.bases == 0) &&
           s.channels >= (has_colour ? 0 : 1) && s.channels <= 65536 && s.width >= 1 && s.height >= 1 &&
           s.width <= kMostPixels && s.height <= kMostPixels && s.blur > 0.0f && std::isfinite(s.blur) &&
           are_labels_sound(s);
}

}  // namespace
}  // namespace talker

using namespace talker;

int talker_raster_forward(const talker_raster_scene* scene, float* features, float* alpha, float* depth,
                          talker_raster_frame** frame_out) {
    if (!is_sound(*scene) || (frame_out && scene->label_count)) return TALKER_BAD_ARGUMENT;
    return guarded([&] {
        std::unique_ptr<Frame> frame = store().take();
        frame->camera = make_camera(*scene);
        frame->threads = thread_count(scene->threads);
        if (!render(*frame, *scene, features, alpha, depth)) return TALKER_TOO_MANY_PAIRS;
        if (frame_out)
            *frame_out = reinterpret_cast<talker_raster_frame*>(frame.release());
        else
            store().give_back(std::move(frame));
        return TALKER_OK;
    });
}

int talker_raster_backward(talker_raster_frame* kept, const talker_raster_scene* scene, const float* features,
                           const float* alpha, const float* depth, const talker_plane* gradients,
                           const talker_raster_gradient* out) {
    if (!is_sound(*scene) || scene->label_count) return TALKER_BAD_ARGUMENT;
    return guarded([&] {
        Frame& frame = *reinterpret_cast<Frame*>(kept);
        frame.threads = thread_count(scene->threads);
        int64_t channels = picture_channels(*scene);
        render_backward(frame, *scene, features, alpha, depth, gradients, gradients[channels], gradients[channels + 1],
                        *out);
        return TALKER_OK;
    });
}

void talker_raster_release(talker_raster_frame* frame) {
    if (frame) store().give_back(std::unique_ptr<Frame>(reinterpret_cast<Frame*>(frame)));
}
