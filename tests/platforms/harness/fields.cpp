// Planes, and the deformation field that reads them.
#include "harness.h"

namespace {

struct Levels {
    std::vector<int32_t> sizes;
    std::vector<const float*> values;
    std::vector<float*> gradients;
    int64_t features;
};

// The levels "<name>.level0", … and places for their gradients.
Levels make_levels(const Arrays& in, Arrays& out, const std::string& name, int64_t features, int64_t count) {
    Levels levels;
    levels.features = features;
    const int32_t* sizes = in.get<int32_t>(name + ".level_sizes");
    for (int64_t l = 0; l < count; l++) {
        std::string number = std::to_string(l);
        levels.sizes.push_back(sizes[l]);
        levels.values.push_back(in.floats(name + ".level" + number));
        levels.gradients.push_back(
            out.put_floats(name + ".grad.level" + number, int64_t{3} * features * sizes[l] * sizes[l]));
    }
    return levels;
}

talker_planes make_planes(const Arrays& in, const std::string& name, const Levels& levels, int64_t count, int threads) {
    talker_planes p{};
    p.count = count, p.points = in.floats(name + ".points");
    p.low = in.floats(name + ".low"), p.high = in.floats(name + ".high");
    p.sizes = levels.sizes.data(), p.level_count = static_cast<int32_t>(levels.sizes.size());
    p.features = static_cast<int32_t>(levels.features), p.threads = threads;
    return p;
}

}  // namespace

void call_planes(const Arrays& in, Arrays& out, int threads) {
    const int64_t* sizes = in.numbers("planes.sizes");  // points, features, levels
    Levels levels = make_levels(in, out, "planes", sizes[1], sizes[2]);
    talker_planes planes = make_planes(in, "planes", levels, sizes[0], threads);
    float* outputs = out.put_floats("planes.out", sizes[0] * 3 * sizes[1] * sizes[2]);
    check(FUNCTION(talker_planes_forward)(&planes, levels.values.data(), outputs), "talker_planes_forward");
    check(FUNCTION(talker_planes_backward)(&planes, in.floats("planes.upstream"), levels.gradients.data()),
          "talker_planes_backward");
}

void call_field(const Arrays& in, Arrays& out, int threads) {
    const int64_t* sizes = in.numbers("field.sizes");  // points, features, levels, hidden, outputs
    int64_t count = sizes[0], hidden = sizes[3], outputs = sizes[4], inputs = 3 * sizes[1] * sizes[2];
    Levels levels = make_levels(in, out, "field", sizes[1], sizes[2]);
    talker_field field{};
    field.encoding = make_planes(in, "field", levels, count, threads);
    field.levels = levels.values.data();
    field.hidden = static_cast<int32_t>(hidden), field.outputs = static_cast<int32_t>(outputs);
    field.first = in.floats("field.first"), field.first_bias = in.floats("field.first_bias");
    field.second = in.floats("field.second"), field.second_bias = in.floats("field.second_bias");
    field.head = in.floats("field.head");
    std::vector<float> kept(FUNCTION(talker_field_kept)(&field));
    float* change = out.put_floats("field.out", count * outputs);
    check(FUNCTION(talker_field_forward)(&field, kept.data(), change), "talker_field_forward");
    talker_field_gradient g{};
    g.levels = levels.gradients.data();
    g.first = out.put_floats("field.grad.first", hidden * inputs);
    g.first_bias = out.put_floats("field.grad.first_bias", hidden);
    g.second = out.put_floats("field.grad.second", hidden * hidden);
    g.second_bias = out.put_floats("field.grad.second_bias", hidden);
    g.head = out.put_floats("field.grad.head", outputs * hidden);
    check(FUNCTION(talker_field_backward)(&field, kept.data(), in.floats("field.upstream"), &g), "talker_field_backward");
    check(FUNCTION(talker_field_pose)(in.floats("field.hidden_values"), field.head, count, field.hidden, field.outputs,
                                      threads, out.put_floats("field.posed", count * outputs)),
          "talker_field_pose");
}
