// The C interface of posing; backend/kernels/pose.py is its other side.
#include <cmath>
#include <vector>

#include "api.h"
#include "common/guard.h"
#include "common/picture.h"
#include "common/thread_pool.h"
#include "portrait/body_motion.h"
#include "portrait/pose.h"

namespace talker {
namespace {

bool are_sound(const talker_pose_set* sets, int32_t set_count, int64_t channels) {
    if (set_count < 0 || set_count > 1024 || channels < kColours || channels > 64) return false;
    for (int32_t i = 0; i < set_count; i++) {
        int width = sets[i].change_width;
        if (sets[i].count < 0 || width < 0 || width > 12 || width % 3) return false;
    }
    return true;
}

Motion head_motion(const talker_head_motion& m) {
    Motion motion;
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) motion.rotation[i * 3 + j] = m.pose[i * 4 + j];
        motion.translation[i] = m.pose[i * 4 + 3];
    }
    for (int k = 0; k < 4; k++) motion.quaternion[k] = m.rotation[k];
    return motion;
}

PoseSet make_set(const talker_pose_set& s, const Motion& head) {
    PoseSet set{};
    set.count = s.count;
    set.means = s.means, set.rotations = s.rotations, set.log_scales = s.log_scales;
    set.opacity_logits = s.opacity_logits, set.colour_logits = s.colour_logits;
    set.change = s.change, set.change_width = s.change ? s.change_width : 0;
    set.mattes = s.mattes;
    set.head = head;
    if (!s.neck) return set;
    set.has_body = true;
    set.body = body_motion(*s.neck);
    set.neck_y = *s.neck->neck_y;
    set.neck_sharpness = std::exp(-*s.neck->neck_log_softness);
    // Of the two quaternions of the head's rotation, the one on the body's side.
    float along = 0;
    for (int k = 0; k < 4; k++) along += set.body.quaternion[k] * head.quaternion[k];
    if (along < 0)
        for (float& q : set.head.quaternion) q = -q;
    return set;
}

// The arrays of a set that comes behind `first` others'.
talker_pose_arrays arrays_at(const talker_pose_arrays& a, int64_t first) {
    return {a.means + first * 3, a.quaternions + first * 4,       a.scales + first * 3,
            a.opacities + first, a.features + first * a.channels, a.channels};
}

// A block of one set.
struct Piece {
    int32_t set;
    int64_t block;
};

std::vector<Piece> pieces_of(const std::vector<PoseSet>& sets) {
    std::vector<Piece> pieces;
    for (size_t i = 0; i < sets.size(); i++)
        for (int64_t block = 0; block * kPoseBlock < sets[i].count; block++)
            pieces.push_back({static_cast<int32_t>(i), block});
    return pieces;
}

struct Posing {
    std::vector<PoseSet> sets;
    std::vector<int64_t> first;  // of each set in the joined arrays
    std::vector<Piece> pieces;

    Posing(const talker_pose_set* from, int32_t set_count, const talker_head_motion& head) {
        int64_t next = 0;
        for (int32_t i = 0; i < set_count; i++) {
            sets.push_back(make_set(from[i], head_motion(head)));
            first.push_back(next);
            next += from[i].count;
        }
        pieces = pieces_of(sets);
    }
};

}  // namespace
}  // namespace talker

using namespace talker;

int talker_pose_forward(const talker_pose_set* sets, int32_t set_count, const talker_head_motion* head, int32_t threads,
                        const talker_pose_arrays* out) {
    if (!are_sound(sets, set_count, out->channels)) return TALKER_BAD_ARGUMENT;
    return guarded([&] {
        Posing posing(sets, set_count, *head);
        parallel_for(static_cast<int64_t>(posing.pieces.size()), thread_count(threads), [&](int64_t n) {
            Piece piece = posing.pieces[n];
            best::pose_block(posing.sets[piece.set], piece.block, arrays_at(*out, posing.first[piece.set]));
        });
        return TALKER_OK;
    });
}

int talker_pose_backward(const talker_pose_set* sets, int32_t set_count, const talker_head_motion* head,
                         int32_t threads, const talker_pose_arrays* posed, const talker_pose_arrays* gradients,
                         const talker_pose_gradient* out) {
    if (!are_sound(sets, set_count, posed->channels) || gradients->channels != posed->channels)
        return TALKER_BAD_ARGUMENT;
    return guarded([&] {
        Posing posing(sets, set_count, *head);
        std::vector<double> sums(posing.pieces.size() * kBodySums);
        parallel_for(static_cast<int64_t>(posing.pieces.size()), thread_count(threads), [&](int64_t n) {
            Piece piece = posing.pieces[n];
            const talker_pose_gradient& g = out[piece.set];
            if (!g.means) return;
            int64_t first = posing.first[piece.set];
            best::pose_block_backward(posing.sets[piece.set], piece.block, arrays_at(*posed, first),
                                      arrays_at(*gradients, first), g, sums.data() + n * kBodySums);
        });
        for (int32_t i = 0; i < set_count; i++) {
            if (!sets[i].neck || !out[i].means) continue;
            double total[kBodySums] = {};
            for (size_t n = 0; n < posing.pieces.size(); n++)
                if (posing.pieces[n].set == i)
                    for (int k = 0; k < kBodySums; k++) total[k] += sums[n * kBodySums + k];
            body_motion_backward(*sets[i].neck, total, out[i].body);
            *out[i].neck_y = static_cast<float>(total[16]);
            *out[i].neck_log_softness = static_cast<float>(-total[17]);
        }
        return TALKER_OK;
    });
}
