// A deformation field: tri-plane features of points, through a net of two hidden layers, to a change of each point.
#pragma once

#include <cstdint>

#include "common/dispatch.h"

namespace talker {

// Points of a piece of work, and the unit in which gradients of the net are summed up, so that they do not depend on
// the number of threads.
constexpr int kFieldBlock = 128;

inline int padded(int width) { return (width + 7) / 8 * 8; }

// The net, laid out for the products: rows are padded with zeros to whole vectors.
struct FieldNet {
    int inputs, hidden, outputs;
    // By input: inputs x padded(hidden), hidden x padded(hidden), hidden x padded(outputs). Biases: padded(hidden).
    const float *first_by_input, *first_bias, *second_by_input, *second_bias, *head_by_input;
    // By output: hidden x padded(inputs), hidden x padded(hidden), outputs x padded(hidden). Only for gradients.
    const float *first, *second, *head;
};

// What a block of points leaves on its way: rows of padded(inputs), padded(hidden), padded(hidden) floats.
struct FieldRows {
    float *features, *first, *second;
};

// Gradients of a FieldNet, summed up over a block; laid out as by output above.
struct FieldGradient {
    float *first, *first_bias, *second, *second_bias, *head;
};

// Floats of memory that the gradient of a block needs beside its results.
inline int64_t field_scratch(const FieldNet& net) {
    return int64_t{kFieldBlock} * (padded(net.outputs) + 2 * padded(net.hidden));
}

// The net of a field for a block of points whose features are there: rows x outputs changes; and its gradients. Every
// array of the gradient is overwritten; `feature_gradient` has rows of padded(inputs).
TALKER_STAGE(void, field_block, const FieldNet&, int rows, const FieldRows& kept, float* change)
TALKER_STAGE(void, field_block_backward, const FieldNet&, int rows, const FieldRows& kept, const float* change_gradient,
             float* scratch, const FieldGradient&, float* feature_gradient)

// Its last layer by itself, from `values` in rows of `hidden_row` floats; the head is laid out as in a FieldNet.
TALKER_STAGE(void, field_head_block, int rows, int hidden, int hidden_row, const float* values, int outputs,
             const float* head_by_input, float* change)

}  // namespace talker
