// Tri-planes as the kernels read them: the features of a cell side by side.
#pragma once

#include <vector>

#include "api.h"
#include "common/buffer.h"
#include "fields/planes.h"

namespace talker {

bool are_sound(const talker_planes&);

// The points of a call; a row of outputs has `row` floats, of which the planes fill the first.
PlanePoints make_points(const talker_planes&, int64_t row);

// Floats of a point's features.
inline int64_t plane_features(const talker_planes& p) { return int64_t{p.level_count} * kPlanesPerLevel * p.features; }

// The planes of all levels, in memory that `cells` keeps.
std::vector<FeaturePlane> lay_out_planes(const talker_planes&, Buffer<float>& cells);

// Fills the planes from torch's layout (3, features, size, size) by level.
void fill_planes(const std::vector<FeaturePlane>&, const float* const* levels, int features, int threads);

// Sums up every point's feature gradients in the planes, and writes them to torch's layout.
void sum_plane_gradients(const std::vector<FeaturePlane>&, const PlanePoints&, const float* gradients,
                         float* const* level_gradients, int threads);

}  // namespace talker
