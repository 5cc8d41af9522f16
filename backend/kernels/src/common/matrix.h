// Products of small matrices, row-major, whose columns come in whole vectors of eight; as many at a time as wide.h has.
#pragma once

#include "common/wide.h"

namespace talker::TALKER_ISA {

// The left factor of a product: element (r, k) is at data[r * row + k * step], so it may be a transposed matrix.
struct LeftFactor {
    const float* data;
    int64_t row, step;
};

// Rows x Vectors of a product, held in registers: start(c) + sum over k of left(r, k) right(k, c), given to
// finish(r, c, sum). (start is the same in every row.)
template <class Floats, int Rows, int Vectors, class Start, class Finish>
TALKER_INLINE void multiply_tile(int row, int column, int depth, const LeftFactor& left, const float* right,
                                 int64_t right_row, Start start, Finish finish) {
    constexpr int kStep = sizeof(Floats) / sizeof(float);
    Floats sum[Rows][Vectors];
    for (int r = 0; r < Rows; r++)
        for (int v = 0; v < Vectors; v++) sum[r][v] = start.template at<Floats>(column + v * kStep);
    const float* a = left.data + row * left.row;
    const float* b = right + column;
    for (int k = 0; k < depth; k++, a += left.step, b += right_row) {
        Floats values[Vectors];
        for (int v = 0; v < Vectors; v++) values[v] = load_as<Floats>(b + v * kStep);
        for (int r = 0; r < Rows; r++) {
            Floats factor = all_of<Floats>(a[r * left.row]);
            for (int v = 0; v < Vectors; v++) sum[r][v] = fma(factor, values[v], sum[r][v]);
        }
    }
    for (int r = 0; r < Rows; r++)
        for (int v = 0; v < Vectors; v++) finish(row + r, column + v * kStep, sum[r][v]);
}

// Some whole vectors of columns of a product: tiles of four rows, then what is left row by row.
template <class Floats, int Vectors, class Start, class Finish>
TALKER_INLINE void multiply_columns(int rows, int column, int depth, const LeftFactor& left, const float* right,
                                    int64_t right_row, Start start, Finish finish) {
    int row = 0;
    for (; row + 4 <= rows; row += 4)
        multiply_tile<Floats, 4, Vectors>(row, column, depth, left, right, right_row, start, finish);
    for (; row < rows; row++)
        multiply_tile<Floats, 1, Vectors>(row, column, depth, left, right, right_row, start, finish);
}

// The columns from `column` on that are whole vectors of this width; returns where they end.
template <class Floats, class Start, class Finish>
TALKER_INLINE int multiply_vectors(int rows, int column, int columns, int depth, const LeftFactor& left,
                                   const float* right, int64_t right_row, Start start, Finish finish) {
    constexpr int kStep = sizeof(Floats) / sizeof(float);
    for (int vectors; (vectors = (columns - column) / kStep) > 0;) {
        if (vectors >= 5 || vectors == 3) {
            multiply_columns<Floats, 3>(rows, column, depth, left, right, right_row, start, finish);
            column += 3 * kStep;
        } else if (vectors >= 2) {
            multiply_columns<Floats, 2>(rows, column, depth, left, right, right_row, start, finish);
            column += 2 * kStep;
        } else {
            multiply_columns<Floats, 1>(rows, column, depth, left, right, right_row, start, finish);
            column += kStep;
        }
    }
    return column;
}

// What sums begin with: nothing, or a row of floats.
struct FromZero {
    template <class Floats>
    __attribute__((always_inline)) Floats at(int) const {
        return all_of<Floats>(0.0f);
    }
};
struct FromRow {
    const float* row;

    template <class Floats>
    __attribute__((always_inline)) Floats at(int column) const {
        return load_as<Floats>(row + column);
    }
};

// The whole product: `rows` x `columns` (a multiple of eight), `depth` terms each. `finish` is given Widest and f8.
template <class Widest = fw, class Start, class Finish>
TALKER_INLINE void multiply(int rows, int columns, int depth, const LeftFactor& left, const float* right,
                            int64_t right_row, Start start, Finish finish) {
    int done = multiply_vectors<Widest>(rows, 0, columns, depth, left, right, right_row, start, finish);
    if constexpr (sizeof(Widest) > sizeof(f8))
        multiply_vectors<f8>(rows, done, columns, depth, left, right, right_row, start, finish);
}

}  // namespace talker::TALKER_ISA
