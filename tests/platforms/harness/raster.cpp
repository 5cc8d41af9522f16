// Scenes: forward, backward, and with labels.
#include "harness.h"

namespace {

struct Case {
    talker_raster_scene scene{};
    int64_t channels;  // of the picture
    int64_t pixels;
};

Case make_case(const Arrays& in, const std::string& name, int threads) {
    const int64_t* sizes = in.numbers(name + ".sizes");
    const float* lens = in.floats(name + ".intrinsics");
    Case c;
    talker_raster_scene& s = c.scene;
    s.count = sizes[0], s.channels = sizes[1], s.bases = static_cast<int32_t>(sizes[2]);
    s.width = static_cast<int32_t>(sizes[3]), s.height = static_cast<int32_t>(sizes[4]);
    s.means = in.floats(name + ".means"), s.quaternions = in.floats(name + ".quaternions");
    s.scales = in.floats(name + ".scales"), s.opacities = in.floats(name + ".opacities");
    s.features = in.floats(name + ".features");
    s.harmonics = s.bases ? in.floats(name + ".harmonics") : nullptr;
    s.camera_from_world = in.floats(name + ".camera_from_world");
    s.fx = lens[0], s.fy = lens[1], s.cx = lens[2], s.cy = lens[3];
    s.blur = in.floats(name + ".blur")[0];
    s.threads = threads;
    c.channels = s.channels + (s.bases ? 3 : 0);
    c.pixels = sizes[3] * sizes[4];
    return c;
}

void draw_with_gradients(const Arrays& in, Arrays& out, const std::string& name, int threads) {
    Case c = make_case(in, name, threads);
    const talker_raster_scene& s = c.scene;
    float* features = out.put_floats(name + ".out.features", c.channels * c.pixels);
    float* alpha = out.put_floats(name + ".out.alpha", c.pixels);
    float* depth = out.put_floats(name + ".out.depth", c.pixels);
    talker_raster_frame* frame = nullptr;
    check(FUNCTION(talker_raster_forward)(&s, features, alpha, depth, &frame), "talker_raster_forward");
    std::vector<talker_plane> upstream = planes_at(in.floats(name + ".upstream"), c.channels + 2, s.width, s.height);
    talker_raster_gradient g{};
    g.means = out.put_floats(name + ".grad.means", s.count * 3);
    g.quaternions = out.put_floats(name + ".grad.quaternions", s.count * 4);
    g.scales = out.put_floats(name + ".grad.scales", s.count * 3);
    g.opacities = out.put_floats(name + ".grad.opacities", s.count);
    g.features = out.put_floats(name + ".grad.features", s.count * s.channels);
    g.harmonics = s.bases ? out.put_floats(name + ".grad.harmonics", s.count * s.bases * 3) : nullptr;
    g.camera = out.put<double>(name + ".grad.camera", 12);
    check(FUNCTION(talker_raster_backward)(frame, &s, features, alpha, depth, upstream.data(), &g),
          "talker_raster_backward");
    FUNCTION(talker_raster_release)(frame);
}

void draw_labels(const Arrays& in, Arrays& out, const std::string& name, int32_t labels, int threads) {
    Case c = make_case(in, name, threads);
    c.scene.label_count = labels, c.scene.labels = in.numbers(name + ".labels");
    check(FUNCTION(talker_raster_forward)(&c.scene, out.put_floats(name + ".labelled.features", (c.channels + labels) * c.pixels),
                                          out.put_floats(name + ".labelled.alpha", c.pixels),
                                          out.put_floats(name + ".labelled.depth", c.pixels), nullptr),
          "talker_raster_forward with labels");
    // A label out of range is refused, whatever the platform.
    c.scene.label_count = 1;
    std::vector<float> pictures((c.channels + 3) * c.pixels);
    float* planes = pictures.data();
    int status = FUNCTION(talker_raster_forward)(&c.scene, planes, planes + (c.channels + 1) * c.pixels,
                                                 planes + (c.channels + 2) * c.pixels, nullptr);
    if (status != TALKER_BAD_ARGUMENT) fail("a label out of range returned " + std::to_string(status));
}

}  // namespace

void call_raster(const Arrays& in, Arrays& out, int threads) {
    draw_with_gradients(in, out, "raster.features", threads);
    draw_with_gradients(in, out, "raster.harmonics", threads);
    draw_labels(in, out, "raster.harmonics", 4, threads);
}
