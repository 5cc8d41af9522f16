// The net of a deformation field, forward and backward, a block of points at a time.
#include "fields/field.h"

#include "common/matrix.h"

namespace talker::TALKER_ISA {
namespace {

// rows x padded(outputs) = max(0, inputs x weights + bias); a NaN stays one.
void hidden_layer(int rows, int inputs, int input_row, const float* values, int outputs, const float* weights,
                  const float* bias, float* out) {
    int width = padded(outputs);
    multiply(rows, width, inputs, {values, input_row, 1}, weights, width, FromRow{bias},
             [&](int r, int c, auto sum) { store(out + r * width + c, max(all_of<decltype(sum)>(0.0f), sum)); });
}

// The gradient before a hidden layer's rectifier: rows x padded(hidden) = (upstream x weights) where the layer is open.
void through_rectifier(int rows, int depth, int upstream_row, const float* upstream, const float* weights, int hidden,
                       const float* activations, float* out) {
    int width = padded(hidden);
    multiply(rows, width, depth, {upstream, upstream_row, 1}, weights, width, FromZero{}, [&](int r, int c, auto sum) {
        using Floats = decltype(sum);
        auto open = greater(load_as<Floats>(activations + r * width + c), all_of<Floats>(0.0f));
        store(out + r * width + c, keep(sum, open));
    });
}

// Gradient of a layer's weights, outputs x padded(inputs): the sum over rows of upstream (outer product) values.
void weight_gradient(int rows, int outputs, int upstream_row, const float* upstream, int inputs, const float* values,
                     float* out) {
    int width = padded(inputs);
    multiply(outputs, width, rows, {upstream, 1, upstream_row}, values, width, FromZero{},
             [&](int r, int c, auto sum) { store(out + r * width + c, sum); });
}

void sum_rows(int rows, int width, const float* values, float* out) {
    for (int c = 0; c < width; c += kLanes) {
        f8 sum = all(0.0f);
        for (int r = 0; r < rows; r++) sum += load(values + r * width + c);
        store(out + c, sum);
    }
}

TALKER_INLINE void store_lanes(float* to, f8 values, int lanes) {
    // (A copy of known size is an instruction or two, one of any size is a call.)
    if (lanes >= kLanes)
        store(to, values);
    else if (lanes == kLanes / 2)
        std::memcpy(to, &values, kLanes / 2 * sizeof(float));
    else
        std::memcpy(to, &values, lanes * sizeof(float));
}

}  // namespace

void field_head_block(int rows, int hidden, int hidden_row, const float* values, int outputs,
                      const float* head_by_input, float* change) {
    multiply<f8>(rows, padded(outputs), hidden, {values, hidden_row, 1}, head_by_input, padded(outputs), FromZero{},
                 [&](int r, int c, f8 sum) { store_lanes(change + r * outputs + c, sum, outputs - c); });
}

void field_block(const FieldNet& net, int rows, const FieldRows& kept, float* change) {
    hidden_layer(rows, net.inputs, padded(net.inputs), kept.features, net.hidden, net.first_by_input, net.first_bias,
                 kept.first);
    hidden_layer(rows, net.hidden, padded(net.hidden), kept.first, net.hidden, net.second_by_input, net.second_bias,
                 kept.second);
    field_head_block(rows, net.hidden, padded(net.hidden), kept.second, net.outputs, net.head_by_input, change);
}

void field_block_backward(const FieldNet& net, int rows, const FieldRows& kept, const float* change_gradient,
                          float* scratch, const FieldGradient& out, float* feature_gradient) {
    int inputs = padded(net.inputs), hidden = padded(net.hidden), outputs = padded(net.outputs);
    float* upstream = scratch;
    float* by_second = upstream + int64_t{kFieldBlock} * outputs;
    float* by_first = by_second + int64_t{kFieldBlock} * hidden;
    std::memset(upstream, 0, int64_t{rows} * outputs * sizeof(float));
    for (int r = 0; r < rows; r++)
        std::memcpy(upstream + r * outputs, change_gradient + r * net.outputs, net.outputs * sizeof(float));

    weight_gradient(rows, net.outputs, outputs, upstream, net.hidden, kept.second, out.head);
    through_rectifier(rows, net.outputs, outputs, upstream, net.head, net.hidden, kept.second, by_second);
    weight_gradient(rows, net.hidden, hidden, by_second, net.hidden, kept.first, out.second);
    sum_rows(rows, hidden, by_second, out.second_bias);
    through_rectifier(rows, net.hidden, hidden, by_second, net.second, net.hidden, kept.first, by_first);
    weight_gradient(rows, net.hidden, hidden, by_first, net.inputs, kept.features, out.first);
    sum_rows(rows, hidden, by_first, out.first_bias);
    multiply(rows, inputs, net.hidden, {by_first, hidden, 1}, net.first, inputs, FromZero{},
             [&](int r, int c, auto sum) { store(feature_gradient + r * inputs + c, sum); });
}

}  // namespace talker::TALKER_ISA
