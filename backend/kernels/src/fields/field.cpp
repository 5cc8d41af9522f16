// The C interface of the deformation field; backend/kernels/field.py is its other side.
#include <cstring>
#include <vector>

#include "api.h"
#include "common/guard.h"
#include "common/thread_pool.h"
#include "common/workspace.h"
#include "fields/field.h"
#include "fields/plane_cells.h"

namespace talker {
namespace {

struct Workspace {
    Buffer<float> cells, net, sums, feature_gradients;
};

// Each thread's own, from block to block, and from call to call.
thread_local Buffer<float> block_scratch, head_memory;

constexpr int kMostWide = 4096;

bool are_widths_sound(int hidden, int outputs) {
    return hidden >= 1 && hidden <= kMostWide && outputs >= 1 && outputs <= kMostWide;
}

bool is_sound(const talker_field& f) {
    return are_sound(f.encoding) && plane_features(f.encoding) <= kMostWide && are_widths_sound(f.hidden, f.outputs);
}

int64_t block_count(const talker_field& f) { return (f.encoding.count + kFieldBlock - 1) / kFieldBlock; }

int block_rows(const talker_field& f, int64_t block) {
    int64_t left = f.encoding.count - block * kFieldBlock;
    return static_cast<int>(left < kFieldBlock ? left : kFieldBlock);
}

// Rows of zeros after `from` (rows x columns), or its transposed, from *next on; returns where they stand.
const float* pad_rows(const float* from, int rows, int columns, float** next) {
    float* to = *next;
    int width = padded(columns);
    std::memset(to, 0, int64_t{rows} * width * sizeof(float));
    for (int r = 0; r < rows; r++)
        std::memcpy(to + int64_t{r} * width, from + int64_t{r} * columns, columns * sizeof(float));
    *next += int64_t{rows} * width;
    return to;
}

const float* pad_columns(const float* from, int rows, int columns, float** next) {
    float* to = *next;
    int width = padded(rows);
    std::memset(to, 0, int64_t{columns} * width * sizeof(float));
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) to[int64_t{c} * width + r] = from[int64_t{r} * columns + c];
    *next += int64_t{columns} * width;
    return to;
}

FieldNet lay_out_net(const talker_field& f, Buffer<float>& memory, bool for_gradient) {
    FieldNet net{};
    net.inputs = static_cast<int>(plane_features(f.encoding)), net.hidden = f.hidden, net.outputs = f.outputs;
    int64_t inputs = padded(net.inputs), hidden = padded(net.hidden), outputs = padded(net.outputs);
    float* next = memory.resize(for_gradient ? hidden * (inputs + hidden + outputs)
                                             : hidden * (inputs + hidden + 2) + hidden * outputs);
    if (for_gradient) {
        net.first = pad_rows(f.first, net.hidden, net.inputs, &next);
        net.second = pad_rows(f.second, net.hidden, net.hidden, &next);
        net.head = pad_rows(f.head, net.outputs, net.hidden, &next);
    } else {
        net.first_by_input = pad_columns(f.first, net.hidden, net.inputs, &next);
        net.second_by_input = pad_columns(f.second, net.hidden, net.hidden, &next);
        net.head_by_input = pad_columns(f.head, net.outputs, net.hidden, &next);
        net.first_bias = pad_rows(f.first_bias, 1, net.hidden, &next);
        net.second_bias = pad_rows(f.second_bias, 1, net.hidden, &next);
    }
    return net;
}

// The rows of a block within what is kept of all points.
FieldRows rows_of(const talker_field& f, const FieldNet& net, float* kept, int64_t block) {
    int64_t count = f.encoding.count, first = block * kFieldBlock;
    float* second_array = kept + count * padded(net.inputs);
    float* third_array = second_array + count * padded(net.hidden);
    return {kept + first * padded(net.inputs), second_array + first * padded(net.hidden),
            third_array + first * padded(net.hidden)};
}

// Gradients of one block's sums, one after the other.
FieldGradient sums_at(const FieldNet& net, float* sums) {
    int64_t inputs = padded(net.inputs), hidden = padded(net.hidden);
    FieldGradient g{};
    g.first = sums;
    g.first_bias = g.first + net.hidden * inputs;
    g.second = g.first_bias + hidden;
    g.second_bias = g.second + net.hidden * hidden;
    g.head = g.second_bias + hidden;
    return g;
}

int64_t sums_size(const FieldNet& net) {
    int64_t inputs = padded(net.inputs), hidden = padded(net.hidden);
    return net.hidden * (inputs + hidden) + 2 * hidden + net.outputs * hidden;
}

void drop_padding(const float* from, int rows, int columns, float* to) {
    for (int r = 0; r < rows; r++)
        std::memcpy(to + int64_t{r} * columns, from + int64_t{r} * padded(columns), columns * sizeof(float));
}

// Adds up the blocks' sums in their order, into the first's.
void add_blocks(float* sums, int64_t size, int64_t blocks, int threads) {
    constexpr int64_t kPiece = 1024;
    parallel_for((size + kPiece - 1) / kPiece, threads, [&](int64_t piece) {
        int64_t begin = piece * kPiece, end = begin + kPiece < size ? begin + kPiece : size;
        for (int64_t block = 1; block < blocks; block++)
            for (int64_t i = begin; i < end; i++) sums[i] += sums[block * size + i];
    });
}

}  // namespace
}  // namespace talker

using namespace talker;

int64_t talker_field_kept(const talker_field* f) {
    if (!is_sound(*f)) return 0;
    return f->encoding.count * (padded(static_cast<int>(plane_features(f->encoding))) + 2 * padded(f->hidden));
}

int talker_field_forward(const talker_field* f, float* kept, float* change) {
    if (!is_sound(*f)) return TALKER_BAD_ARGUMENT;
    return guarded([&] {
        Borrowed<Workspace> memory;
        int threads = thread_count(f->encoding.threads);
        FieldNet net = lay_out_net(*f, memory->net, false);
        int64_t row = padded(net.inputs);
        std::vector<FeaturePlane> planes = lay_out_planes(f->encoding, memory->cells);
        fill_planes(planes, f->levels, f->encoding.features, threads);
        PlanePoints points = make_points(f->encoding, row);
        parallel_for(block_count(*f), threads, [&](int64_t block) {
            int64_t begin = block * kFieldBlock;
            int rows = block_rows(*f, block);
            FieldRows own = rows_of(*f, net, kept, block);
            for (const FeaturePlane& plane : planes) best::read_plane(points, plane, begin, begin + rows, kept);
            for (int r = 0; r < rows; r++)
                for (int c = net.inputs; c < row; c++) own.features[r * row + c] = 0.0f;
            best::field_block(net, rows, own, change + begin * net.outputs);
        });
        return TALKER_OK;
    });
}

int talker_field_backward(const talker_field* f, const float* kept, const float* change_gradient,
                          const talker_field_gradient* out) {
    if (!is_sound(*f)) return TALKER_BAD_ARGUMENT;
    return guarded([&] {
        Borrowed<Workspace> memory;
        int threads = thread_count(f->encoding.threads);
        FieldNet net = lay_out_net(*f, memory->net, true);
        int64_t blocks = block_count(*f), row = padded(net.inputs), size = sums_size(net);
        float* sums = memory->sums.resize((blocks ? blocks : 1) * size);
        float* feature_gradients = memory->feature_gradients.resize(f->encoding.count * row);
        if (!blocks) std::memset(sums, 0, size * sizeof(float));
        parallel_for(blocks, threads, [&](int64_t block) {
            int64_t begin = block * kFieldBlock;
            best::field_block_backward(net, block_rows(*f, block), rows_of(*f, net, const_cast<float*>(kept), block),
                                       change_gradient + begin * net.outputs, block_scratch.resize(field_scratch(net)),
                                       sums_at(net, sums + block * size), feature_gradients + begin * row);
        });
        add_blocks(sums, size, blocks, threads);
        FieldGradient total = sums_at(net, sums);
        drop_padding(total.first, net.hidden, net.inputs, out->first);
        drop_padding(total.first_bias, 1, net.hidden, out->first_bias);
        drop_padding(total.second, net.hidden, net.hidden, out->second);
        drop_padding(total.second_bias, 1, net.hidden, out->second_bias);
        drop_padding(total.head, net.outputs, net.hidden, out->head);
        std::vector<FeaturePlane> planes = lay_out_planes(f->encoding, memory->cells);
        sum_plane_gradients(planes, make_points(f->encoding, row), feature_gradients, out->levels, threads);
        return TALKER_OK;
    });
}

int talker_field_pose(const float* hidden_values, const float* head, int64_t count, int32_t hidden, int32_t outputs,
                      int32_t threads, float* change) {
    if (count < 0 || !are_widths_sound(hidden, outputs)) return TALKER_BAD_ARGUMENT;
    return guarded([&] {
        float* next = head_memory.resize(int64_t{hidden} * padded(outputs));
        const float* head_by_input = pad_columns(head, outputs, hidden, &next);
        parallel_for((count + kFieldBlock - 1) / kFieldBlock, thread_count(threads), [&](int64_t block) {
            int64_t begin = block * kFieldBlock, left = count - begin;
            int rows = static_cast<int>(left < kFieldBlock ? left : kFieldBlock);
            best::field_head_block(rows, hidden, hidden, hidden_values + begin * hidden, outputs, head_by_input,
                                   change + begin * outputs);
        });
        return TALKER_OK;
    });
}
