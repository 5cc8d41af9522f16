// This instruction set's stages, as a table for the dispatcher.
#include "kernels.h"

#define TALKER_NAME_OF(isa) #isa
#define TALKER_NAME(isa) TALKER_NAME_OF(isa)

namespace talker::TALKER_ISA {

void shade_block(const Scene&, const Camera&, int64_t, float*);
void shade_block_backward(const Scene&, const Camera&, int64_t, const TileBox*, const float*, const float*,
                          const SceneGradient&);
void project_block(const Scene&, const Camera&, int64_t, Splat*, TileBox*, uint32_t*);
void blend_tile(const Camera&, const Splat*, const TileLists&, int, const Pass&, float* const*, float*);
void blend_tile_backward(const Camera&, const Splat*, const TileLists&, int, const Pass&, const float* const*,
                         const float*, const Plane*, const Plane&, float*, int64_t);
void project_block_backward(const Scene&, const Camera&, int64_t, const TileBox*, const int32_t*, const float*, int64_t,
                            int64_t, int64_t, bool, bool, const SceneGradient&);

double ssim_band(const SsimChannel&, int, int, float*);
void ssim_gradient_band(const SsimChannel&, int, int, float*);

void read_plane(const PlanePoints&, const FeaturePlane&, int64_t, int64_t, float*);
void add_to_plane(const PlanePoints&, const FeaturePlane&, const float*);

void field_block(const FieldNet&, int, const FieldRows&, float*);
void field_block_backward(const FieldNet&, int, const FieldRows&, const float*, float*, const FieldGradient&, float*);
void field_head_block(int, int, int, const float*, int, const float*, float*);

void pose_block(const PoseSet&, int64_t, const PoseOutput&);
void pose_block_backward(const PoseSet&, int64_t, const PoseOutput&, const PoseUpstream&, const PoseGradient&, double*);

double composite_rows(const LossPicture&, int, int, float*);
void composite_rows_backward(const LossPicture&, int, int, float, float*, float*, float*);
double difference_rows(const Plane&, const Plane&, int, int, int, float, float*);

void adam_piece(const AdamTensor&, const AdamSettings&, int64_t, int64_t);
void expect_depth(const float*, float*, int64_t, int64_t, float, float);

void store_passes(const DrawnRow&, const PassScale&, int, const PassRow&);
void show_passes(const uint16_t* const*, const float*, const uint8_t*, int, uint8_t*);

extern const Kernels table;
const Kernels table = {TALKER_NAME(TALKER_ISA),
                       shade_block,
                       shade_block_backward,
                       project_block,
                       blend_tile,
                       blend_tile_backward,
                       project_block_backward,
                       ssim_band,
                       ssim_gradient_band,
                       read_plane,
                       add_to_plane,
                       field_block,
                       field_block_backward,
                       field_head_block,
                       pose_block,
                       pose_block_backward,
                       composite_rows,
                       composite_rows_backward,
                       difference_rows,
                       adam_piece,
                       expect_depth,
                       store_passes,
                       show_passes};

}  // namespace talker::TALKER_ISA
