// What a training step does around the rasteriser: posing, the loss, Adam.
#include <cstring>

#include "harness.h"

void call_pose(const Arrays& in, Arrays& out, int threads) {
    constexpr int kSets = 2;  // the first rigid with the head, the second at the neck
    const int64_t* counts = in.numbers("pose.counts");
    const int64_t* widths = in.numbers("pose.widths");  // of a set's changes
    const int64_t channels = *in.numbers("pose.channels");
    talker_neck neck{};
    neck.body = in.floats("pose.body"), neck.centre = in.floats("pose.centre");
    neck.rest_pose = in.floats("pose.rest_pose"), neck.rest_rotation = in.floats("pose.rest_rotation");
    neck.neck_y = in.floats("pose.neck_y"), neck.neck_log_softness = in.floats("pose.neck_log_softness");
    neck.turn_scale = *in.floats("pose.turn_scale");
    talker_pose_set sets[kSets] = {};
    talker_pose_gradient gradients[kSets] = {};
    int64_t total = 0;
    for (int i = 0; i < kSets; i++) {
        std::string name = "pose.set" + std::to_string(i);
        int64_t n = counts[i];
        talker_pose_set& s = sets[i];
        s.count = n;
        s.means = in.floats(name + ".means"), s.rotations = in.floats(name + ".rotations");
        s.log_scales = in.floats(name + ".log_scales"), s.opacity_logits = in.floats(name + ".opacity_logits");
        s.colour_logits = in.floats(name + ".colour_logits"), s.change = in.floats(name + ".change");
        s.mattes = in.numbers(name + ".mattes");
        s.neck = i ? &neck : nullptr;
        s.change_width = static_cast<int32_t>(widths[i]);
        talker_pose_gradient& g = gradients[i];
        g.means = out.put_floats(name + ".grad.means", n * 3), g.rotations = out.put_floats(name + ".grad.rotations", n * 4);
        g.log_scales = out.put_floats(name + ".grad.log_scales", n * 3);
        g.opacity_logits = out.put_floats(name + ".grad.opacity_logits", n);
        g.colour_logits = out.put_floats(name + ".grad.colour_logits", n * 3);
        g.change = out.put_floats(name + ".grad.change", n * widths[i]);
        if (i) {
            g.body = out.put_floats("pose.grad.body", 6), g.neck_y = out.put_floats("pose.grad.neck_y", 1);
            g.neck_log_softness = out.put_floats("pose.grad.neck_log_softness", 1);
        }
        total += n;
    }
    talker_head_motion head{in.floats("pose.head_pose"), in.floats("pose.head_rotation")};
    talker_pose_arrays posed{out.put_floats("pose.out.means", total * 3),
                             out.put_floats("pose.out.quaternions", total * 4),
                             out.put_floats("pose.out.scales", total * 3),
                             out.put_floats("pose.out.opacities", total),
                             out.put_floats("pose.out.features", total * channels),
                             channels};
    check(FUNCTION(talker_pose_forward)(sets, kSets, &head, threads, &posed), "talker_pose_forward");
    // The interface takes one type for outputs and their gradients; the latter are only read.
    auto upstream_of = [&](const char* name) { return const_cast<float*>(in.floats(std::string("pose.upstream.") + name)); };
    talker_pose_arrays upstream{upstream_of("means"),     upstream_of("quaternions"), upstream_of("scales"),
                                upstream_of("opacities"), upstream_of("features"),    channels};
    check(FUNCTION(talker_pose_backward)(sets, kSets, &head, threads, &posed, &upstream, gradients),
          "talker_pose_backward");
}

void call_loss(const Arrays& in, Arrays& out, int threads) {
    const int64_t* sizes = in.numbers("loss.sizes");  // width, height, mattes, then the box: top, bottom, left, right
    const float* weights = in.floats("loss.weights");
    int64_t width = sizes[0], height = sizes[1], mattes = sizes[2], pixels = width * height;
    std::vector<talker_plane> colours = planes_at(in.floats("loss.colours"), 3, width, height);
    std::vector<talker_plane> background = interleaved_planes_at(in.floats("loss.background"), 3, width);
    std::vector<talker_plane> target = interleaved_planes_at(in.floats("loss.target"), 3, width);
    std::vector<talker_plane> drawn = planes_at(in.floats("loss.mattes"), mattes, width, height);
    std::vector<talker_plane> regions = interleaved_planes_at(in.floats("loss.regions"), mattes, width);
    talker_picture_loss_case c{};
    c.colours = colours.data(), c.background = background.data(), c.target = target.data();
    c.alpha = {in.floats("loss.alpha"), width, 1};
    c.mattes = drawn.data(), c.regions = regions.data();
    c.matte_count = static_cast<int32_t>(mattes);
    c.width = static_cast<int32_t>(width), c.height = static_cast<int32_t>(height);
    c.box_top = static_cast<int32_t>(sizes[3]), c.box_bottom = static_cast<int32_t>(sizes[4]);
    c.box_left = static_cast<int32_t>(sizes[5]), c.box_right = static_cast<int32_t>(sizes[6]);
    c.box_weight = weights[0], c.l1_weight = weights[1], c.ssim_weight = weights[2], c.matte_weight = weights[3];
    c.threads = threads;
    check(FUNCTION(talker_picture_loss)(&c, out.put<double>("loss.out", 1), out.put_floats("loss.grad.colours", 3 * pixels),
                                        out.put_floats("loss.grad.alpha", pixels),
                                        out.put_floats("loss.grad.mattes", mattes * pixels)),
          "talker_picture_loss");
    check(FUNCTION(talker_ssim)(colours.data(), target.data(), 3, c.width, c.height, threads,
                                out.put<double>("ssim.out", 1), out.put_floats("ssim.grad", 3 * pixels)),
          "talker_ssim");
}

void call_adam(const Arrays& in, Arrays& out, int threads) {
    constexpr int kTensors = 2;
    const int64_t* counts = in.numbers("adam.counts");
    const float* factors = in.floats("adam.factors");  // step size and root scale
    talker_adam_tensor tensors[kTensors] = {};
    for (int i = 0; i < kTensors; i++) {
        std::string number = std::to_string(i);
        auto copy = [&](const std::string& what) {
            float* place = out.put_floats("adam.out." + what + number, counts[i]);
            std::memcpy(place, in.floats("adam." + what + number), counts[i] * sizeof(float));
            return place;
        };
        tensors[i].count = counts[i];
        tensors[i].parameter = copy("parameter"), tensors[i].mean = copy("mean"), tensors[i].square = copy("square");
        tensors[i].gradient = in.floats("adam.gradient" + number);
        tensors[i].step_size = factors[0], tensors[i].root_scale = factors[1];
    }
    check(FUNCTION(talker_adam)(tensors, kTensors, 0.9, 0.999, 1e-15, threads), "talker_adam");
}
