// Products of small matrices, row-major, whose columns come in whole vectors.
#pragma once

#include "common/simd.h"

namespace talker::TALKER_ISA {

// The left factor of a product: element (r, k) is at data[r * row + k * step], so it may be a transposed matrix.
struct LeftFactor {
    const float* data;
    int64_t row, step;
};

// Rows x Vectors of a product, held in registers: start(r, c) + sum over k of left(r, k) right(k, c), given to
// finish(r, c, sum).
template <int Rows, int Vectors, class Start, class Finish>
TALKER_INLINE void multiply_tile(int row, int column, int depth, const LeftFactor& left, const float* right,
                                 int64_t right_row, Start start, Finish finish) {
    f8 sum[Rows][Vectors];
    for (int r = 0; r < Rows; r++)
        for (int v = 0; v < Vectors; v++) sum[r][v] = start(row + r, column + v * kLanes);
    const float* a = left.data + row * left.row;
    const float* b = right + column;
    for (int k = 0; k < depth; k++, a += left.step, b += right_row) {
        f8 values[Vectors];
        for (int v = 0; v < Vectors; v++) values[v] = load(b + v * kLanes);
        for (int r = 0; r < Rows; r++) {
            f8 factor = all(a[r * left.row]);
            for (int v = 0; v < Vectors; v++) sum[r][v] = fma(factor, values[v], sum[r][v]);
        }
    }
    for (int r = 0; r < Rows; r++)
        for (int v = 0; v < Vectors; v++) finish(row + r, column + v * kLanes, sum[r][v]);
}

// Some whole vectors of columns of a product: tiles of four rows, then what is left row by row.
template <int Vectors, class Start, class Finish>
TALKER_INLINE void multiply_columns(int rows, int column, int depth, const LeftFactor& left, const float* right,
                                    int64_t right_row, Start start, Finish finish) {
    int row = 0;
    for (; row + 4 <= rows; row += 4)
        multiply_tile<4, Vectors>(row, column, depth, left, right, right_row, start, finish);
    for (; row < rows; row++) multiply_tile<1, Vectors>(row, column, depth, left, right, right_row, start, finish);
}

// The whole product: `rows` x `columns` (a multiple of eight), `depth` terms each.
template <class Start, class Finish>
TALKER_INLINE void multiply(int rows, int columns, int depth, const LeftFactor& left, const float* right,
                            int64_t right_row, Start start, Finish finish) {
    for (int column = 0; column < columns;) {
        int vectors = (columns - column) / kLanes;
        if (vectors >= 5 || vectors == 3) {
            multiply_columns<3>(rows, column, depth, left, right, right_row, start, finish);
            column += 3 * kLanes;
        } else if (vectors >= 2) {
            multiply_columns<2>(rows, column, depth, left, right, right_row, start, finish);
            column += 2 * kLanes;
        } else {
            multiply_columns<1>(rows, column, depth, left, right, right_row, start, finish);
            column += kLanes;
        }
    }
}

}  // namespace talker::TALKER_ISA
